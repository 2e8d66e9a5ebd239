"""Writes the CustomResourceDefinitions and the field reference from the models: `make generate`.

With --check it writes nothing and ends with 1 where a file differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from retrain_api.schema.reference import reference
from retrain_cli.display.definition import every_definition

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Content of each generated file."""
    definitions = {ROOT / "crds" / f"{plural}.yaml": text for plural, text in every_definition().items()}
    return definitions | {ROOT / "docs" / "reference.md": reference()}


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
