"""The reasons that Kubernetes' own source knows, read from its Go module: what a kubelet, the scheduler and the controllers
write into pods and Jobs.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_VERSION = re.compile(r"^KUBE_VERSION=v1\.(\d+\.\d+)$", re.MULTILINE)
FOLDERS = ("kubelet", "scheduler", "controller/job", "controller/podgc", "controller/tainteviction")
_WORD = r"(?:errors\.New\()?\"([A-Z][a-z]\w*|OutOf\w*)\""
_NAMED = re.compile(rf"^\s*(?:const |var )?(\w+)(?: +\w+)? *= {_WORD}", re.MULTILINE)
_GIVEN = re.compile(rf"^\s*(?:\w+\.)?Reason: +{_WORD}", re.MULTILINE)
_ALL_OF_FILE = ("lifecycle/predicate.go", "events/event.go")


def version() -> str:
    """Of the module: 1.34.4, as the tests' control plane is."""
    found = _VERSION.search((ROOT / "scripts" / "kube_binaries.sh").read_text())
    assert found is not None
    return found[1]


def module(name: str, version: str) -> Path:
    """Its folder, downloaded where Go does not have it yet."""
    command = ["go", "mod", "download", "-json", f"{name}@{version}"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])


def reasons(kubernetes: Path, api: Path) -> dict[str, str]:
    """Each reason with the file that has it."""
    found: dict[str, str] = {}
    for path in _sources(kubernetes):
        text = path.read_text()
        words = [word for name, word in _NAMED.findall(text) if _is_reason(path, name)] + _GIVEN.findall(text)
        found |= {word: str(path.relative_to(kubernetes)) for word in words if word not in found}
    for group in ("core/v1", "batch/v1"):
        text = (api / group / "types.go").read_text()
        found |= {word: group for name, word in _NAMED.findall(text) if re.match("(Pod|Job)Reason", name)}
    return found


def _sources(kubernetes: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((kubernetes / "pkg" / folder).rglob("*.go")):
            if not path.name.endswith("_test.go") and not {"metrics", "testing"} & set(path.parts):
                yield path


def _is_reason(path: Path, name: str) -> bool:
    return bool(re.search("[rR]eason|^Err[A-Z]|^Error[A-Z]", name)) or str(path).endswith(_ALL_OF_FILE)
