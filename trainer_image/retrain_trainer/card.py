"""The model card: where a model comes from, for people and auditors. JSON beside the model file."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from retrain_api.documents import DataPin, TrainResult, TrainTask
from retrain_api.schema import to_wire

from .dataset import Dataset
from .model_file import ModelFile
from .pinning import as_document
from .timeline import iso_time
from .train import State

REVISION = "RETRAIN_REVISION"
"""Set in the image: the git revision it was built from."""
_SOURCE = Path(__file__).parents[2]


def model_card(
    task: TrainTask,
    dataset: Dataset,
    pin: DataPin,
    model: ModelFile,
    state: State,
    result: TrainResult,
    environ: Mapping[str, str],
) -> str:
    """The card's JSON."""
    card = {
        "schemaVersion": 1,
        "symbol": task.symbol,
        "model": to_wire(result.model),
        "run": to_wire(task.run),
        "trainKey": task.train_key,
        "data": as_document(pin)
        | {"interval": task.interval, "gaps": dataset.gaps, "warnings": list(dataset.warnings)},
        "split": periods(dataset),
        "label": to_wire(task.label),
        "architecture": asdict(model.network.architecture) | {"lookbackBars": model.lookback},
        "features": list(model.features),
        "droppedFeatures": list(dataset.dropped),
        "training": to_wire(task.training) | dict(model.training),
        "calibration": asdict(model.calibration),
        "epochs": [asdict(epoch) for epoch in state.epochs],
        "durationSeconds": round(state.seconds, 1),
        "resumedEpochs": result.resumed_epochs,
        "hardware": hardware(task.device),
        "versions": versions() | {"revision": revision(environ)},
    }
    return json.dumps(card, indent=2, allow_nan=False) + "\n"


def periods(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """First and last bar and rows of each part."""
    times = dataset.candles.timestamps

    def part(rows: slice) -> dict[str, Any]:
        first, last = iso_time(times[rows.start]), iso_time(times[rows.stop - 1])
        return {"firstBar": first, "lastBar": last, "rows": rows.stop - rows.start}

    split = dataset.split
    return {"train": part(split.train), "validation": part(split.validation), "test": part(split.test)}


def hardware(device: str) -> dict[str, str]:
    """What it was computed on, without the name of the machine."""
    if device == "GPU" and torch.cuda.is_available():
        return {"device": torch.cuda.get_device_name(), "machine": platform.machine()}
    return {
        "device": "CPU",
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }


def versions() -> dict[str, str]:
    """What computed it."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    try:
        return {"retrain": version("retrain-operator")} | found
    except PackageNotFoundError:
        return found


def revision(environ: Mapping[str, str], source: Path = _SOURCE) -> str | None:
    """The git revision of the trainer: what the image says, or that of the checkout it runs from; None elsewhere.

    A checkout with changes that are in no commit ends in `-dirty`.
    """
    stated = environ.get(REVISION)
    if stated and stated != "unknown":
        return stated
    if not (source / ".git").exists():  # another project's checkout may hold our environment
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
