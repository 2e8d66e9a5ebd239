"""The task of a training to be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retrain_api.documents.references import RunRef
from retrain_api.documents.tasks import TrainTask
from retrain_api.spec.data import Label, Split
from retrain_api.spec.training import EarlyStopping, Model, Training


def train_task(file: Path, folder: Path, **fields: Any) -> TrainTask:
    """Trains one symbol of `file` on the CPU, with artifacts below `folder` and all defaults except the `fields`."""
    settled = {
        "run": RunRef(namespace="bench", name="bench", uid="0"),
        "artifacts_uri": f"file://{folder}/artifacts/",
        "symbol": "BTC-USD",
        "train_key": "0" * 16,
        "data_uri": f"file://{file}",
        "interval": "1m",
        "label": Label(),
        "split": Split(),
        "model": Model(),
        "training": Training(),
        "device": "CPU",
    }
    return TrainTask(**settled | fields)


def until_stopped(batch: int) -> Training:
    """A training that is still going on when it is asked to stop, however fast it is or soon it overfits."""
    return Training(batch_size=batch, epochs=10_000, early_stopping=EarlyStopping(patience=0))
