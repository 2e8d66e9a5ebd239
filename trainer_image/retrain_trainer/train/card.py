"""The model card: JSON beside the model file that documents where the model comes from, for people and auditors."""

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

from retrain_api.documents.references import DataPin
from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.wire import to_wire
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.pinning import as_document
from retrain_trainer.model.file import ModelFile

from .loop import State

REVISION = "RETRAIN_REVISION"
"""Set in the image to the git revision that it was built from."""
_SOURCE = Path(__file__).parents[3]


def model_card(
    task: TrainTask,
    dataset: Dataset,
    pin: DataPin,
    model: ModelFile,
    state: State,
    result: TrainResult,
    environ: Mapping[str, str],
    leaks: Mapping[str, Any],
) -> str:
    """The card as JSON; `leaks` is what was found of later bars in the columns."""
    card = {
        "schemaVersion": 1,
        "symbol": task.symbol,
        "model": to_wire(result.model),
        "run": to_wire(task.run),
        "trainKey": task.train_key,
        "data": as_document(pin)
        | {"interval": str(dataset.question.interval), "gaps": dataset.gaps, "warnings": list(result.warnings)},
        "restated": to_wire(result.restated) if result.restated else None,
        "split": periods(dataset),
        **to_wire(result.times),
        "label": to_wire(task.label),
        "architecture": asdict(model.network.architecture) | {"lookbackBars": model.lookback},
        "features": list(model.features),
        "droppedFeatures": list(dataset.dropped),
        "featureSet": feature_set(dataset, result),
        **leaks,
        "training": to_wire(task.training) | dict(model.training),
        "calibration": asdict(model.calibration),
        "epochs": [asdict(epoch) for epoch in state.epochs],
        "durationSeconds": round(state.seconds, 1),
        "resumedEpochs": result.resumed_epochs,
        "hardware": hardware(task.device),
        "versions": versions() | {"revision": revision(environ)},
    }
    return json.dumps(card, indent=2, allow_nan=False) + "\n"


def feature_set(dataset: Dataset, result: TrainResult) -> dict[str, Any]:
    """What was learnt from, whose it is, and what was left out."""
    return {
        "sentence": dataset.feature_line,
        "digest": result.features.digest if result.features else None,
        "own": list(dataset.own),
        "builtIn": list(dataset.computed),
        "leftOut": [{"name": one.name, "reason": one.why} for one in dataset.left_out],
    }


def periods(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """First bar, last bar and number of rows of each part."""
    times = dataset.candles.timestamps

    def part(rows: slice) -> dict[str, Any]:
        first, last = iso_time(times[rows.start]), iso_time(times[rows.stop - 1])
        return {"firstBar": first, "lastBar": last, "rows": rows.stop - rows.start}

    split = dataset.split
    return {"train": part(split.train), "validation": part(split.validation), "test": part(split.test)}


def hardware(device: str) -> dict[str, str]:
    """The hardware that trained the model, without the machine's name."""
    if device == "GPU" and torch.cuda.is_available():
        return {"device": torch.cuda.get_device_name(), "machine": platform.machine()}
    return {
        "device": "CPU",
        "machine": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }


def versions() -> dict[str, str]:
    """Versions of the software that trained the model."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    try:
        return {"retrain": version("retrain-operator")} | found
    except PackageNotFoundError:
        return found


def revision(environ: Mapping[str, str], source: Path = _SOURCE) -> str | None:
    """The git revision of the trainer: the image's, or that of the checkout it runs from; None elsewhere.

    A revision with uncommitted changes ends in `-dirty`.
    """
    stated = environ.get(REVISION)
    if stated and stated != "unknown":
        return stated
    if not (source / ".git").exists():  # the environment may be inside another project's checkout
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
