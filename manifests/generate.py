"""Writes what `retrain manifests` prints, operator/retrain_cli/manifests/, from what kubectl builds here: `make generate`.

Needs kubectl: that in the variable KUBECTL, else that of the tests, else the one on the PATH. Where there is none nothing is written.
tests/api/test_overlays.py holds the files against the kubectl of the tests; 1.32 of one cloud's SDK panics over an overlay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from retrain_cli.commands.install.manifests import BASE, OVERLAYS

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "operator" / "retrain_cli" / "manifests"


def place(name: str) -> Path:
    """The folder of the kustomization with a name."""
    return HERE / name if name in (BASE, "approval") else HERE / "overlays" / name


def tested() -> str | None:
    """The kubectl that the tests have downloaded, of the newest release."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = sorted((cache / "retrain-operator").glob("kube-v*/kubectl"))
    return str(found[-1]) if found else None


def main() -> int:
    """Write each file."""
    kubectl = os.environ.get("KUBECTL") or tested() or shutil.which("kubectl")
    if kubectl is None:
        print("kubectl is not here: operator/retrain_cli/manifests stays as it is")
        return 0
    for name in (BASE, *OVERLAYS):
        built = subprocess.run([kubectl, "kustomize", str(place(name))], capture_output=True, text=True)
        if built.returncode != 0:
            print(f"{kubectl} can't build {place(name)}; name another one in KUBECTL", file=sys.stderr)
            return 1
        (BUILT / f"{name}.yaml").write_text(built.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
