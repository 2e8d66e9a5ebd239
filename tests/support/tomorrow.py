"""The next release, made up: this one with a field of the spec that has a default, and a state, which it does not know.

tomorrow = Tomorrow.made(folder)
tomorrow.definition          # its CRD, a file
OperatorProcess(plane, namespace, folder, packages=tomorrow.packages)    # its operator
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
FIELD = "spec.training.warmupEpochs"
_EDITS = {
    "retrain_api/spec/training.py": (
        "    epochs: int = Field(",
        '    warmup_epochs: int = Field(0, ge=0, description="Made up.")\n    epochs: int = Field(',
    ),
    "retrain_api/status/run.py": ('    "Pending",\n', '    "Pending",\n    "Shelved",\n'),
}
_CRD = "import yaml; from retrain_api.schema.crd import crd; print(yaml.safe_dump(crd()))"


@dataclass(frozen=True)
class Tomorrow:
    """Its packages, as Python finds them, and the CRD that they generate."""

    packages: Path
    definition: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """In that folder."""
        packages, definition = folder / "packages", folder / "definition.yaml"
        shutil.copytree(ROOT / "operator", packages, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (before, after) in _EDITS.items():
            text = (packages / name).read_text()
            assert before in text
            (packages / name).write_text(text.replace(before, after, 1))
        environ = os.environ | {"PYTHONPATH": str(packages)}
        done = subprocess.run([sys.executable, "-c", _CRD], env=environ, check=True, capture_output=True, text=True)
        assert "warmupEpochs" in done.stdout and "Shelved" in done.stdout
        definition.write_text(done.stdout)
        return cls(packages, definition)
