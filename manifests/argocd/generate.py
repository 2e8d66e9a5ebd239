"""Writes argocd-cm.yaml, the patch that carries the Lua scripts beside it: `make generate`.

With --check it writes nothing and ends with 1 where the file differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
PATCH = HERE / "argocd-cm.yaml"
KINDS = {
    "retrain.crpbot.dev_RetrainRun": (HERE, ("suspend", "resume", "retry", "rerun", "approve", "reject")),
    "retrain.crpbot.dev_RetrainSchedule": (HERE / "schedule", ("trigger", "suspend", "resume")),
}
"""Of each kind, where its scripts are, and its actions in the order in which they are shown."""

_HEAD = """\
# Generated from the Lua scripts beside it by `make generate`; do not edit.
# kubectl patch configmap argocd-cm -n argocd --patch-file manifests/argocd/argocd-cm.yaml
"""


class _Script(str):
    """Written as a literal block, so that people can read it."""


class _Dumper(yaml.SafeDumper):
    """Knows how to write a script."""


_Dumper.add_representer(_Script, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def generated() -> str:
    """Content of the patch."""
    data: dict[str, object] = {}
    for kind, (folder, names) in KINDS.items():
        data[f"resource.customizations.health.{kind}"] = _Script((folder / "health.lua").read_text())
        data[f"resource.customizations.actions.{kind}"] = _Script(_dump(_actions(folder / "actions", names)))
    metadata = {"name": "argocd-cm", "namespace": "argocd"}
    return _HEAD + _dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _actions(folder: Path, names: tuple[str, ...]) -> dict[str, object]:
    scripts = {name: _Script((folder / f"{name}.lua").read_text()) for name in ("discovery", *names)}
    definitions = [{"name": name, "action.lua": scripts[name]} for name in names]
    return {"discovery.lua": scripts["discovery"], "definitions": definitions}


def _dump(document: dict[str, object]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120)


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    stale = not PATCH.exists() or PATCH.read_text() != generated()
    if stale and "--check" not in arguments:
        PATCH.write_text(generated())
    if stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {PATCH.name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
