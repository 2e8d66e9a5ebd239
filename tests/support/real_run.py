"""`retrain run` with the real trainer, as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from retrain_api.status.run import RetrainRunStatus


def run_document(name: str, folder: Path, artifacts: Path, **spec: Any) -> dict[str, Any]:
    """A run of a small model on the CPU."""
    fields: dict[str, Any] = {
        "data": {"uri": f"file://{folder}/", "filename": "candles_{symbol}_{interval}.parquet"},
        "artifacts": {"uri": f"file://{artifacts}/"},
        "train": {"device": "CPU"},
        "preflight": "Never",
    }
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": name},
        "spec": fields | spec,
    }


def start(folder: Path, document: Mapping[str, Any], threads: int = 1, **environ: str) -> subprocess.Popen[str]:
    """Start `retrain run` on a document; its state is in `folder`/state, and `environ` is added to ours."""
    path = folder / f"{document['metadata']['name']}.yaml"
    path.write_text(yaml.safe_dump(dict(document)))
    return subprocess.Popen(
        [sys.executable, "-m", "retrain_cli.main", "run", "-f", str(path), "--state-dir", str(folder / "state")],
        env={**os.environ, **environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def status_of(folder: Path, name: str) -> RetrainRunStatus:
    """The status that a run left."""
    return RetrainRunStatus.model_validate(json.loads((folder / "state/default" / name / "status.json").read_text()))
