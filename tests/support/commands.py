"""`retrain` as a person starts it, with the kubeconfig of a user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.control_plane import PATIENCE, ControlPlane


def retrain(plane: ControlPlane, folder: Path, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder, to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RETRAIN_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "retrain_cli.main", *arguments],
        cwd=folder,
        env=clean | {"KUBECONFIG": str(plane.kubeconfig(user))},
        text=True,
        capture_output=True,
        timeout=PATIENCE,
    )
