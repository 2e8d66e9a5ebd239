"""Writes the CustomResourceDefinition and the field reference from the models: `make generate`.

With --check it writes nothing and ends with 1 where a file differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from retrain_api.schema.crd import crd
from retrain_api.schema.reference import reference

ROOT = Path(__file__).resolve().parent.parent
_HEAD = "# Generated from the models in operator/retrain_api by `make generate`; do not edit.\n"


class _Plain(yaml.SafeDumper):
    """Without anchors: kubectl would read them, people would not."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def generated() -> dict[Path, str]:
    """Content of each generated file."""
    text = yaml.dump(crd(), Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)
    return {
        ROOT / "crds" / "retrainruns.yaml": _HEAD + text,
        ROOT / "docs" / "reference.md": reference(),
    }


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}")
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
