"""The task of a training that is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retrain_api.documents import RunRef, TrainTask
from retrain_api.spec_data import Label, Model, Split, Training


def train_task(file: Path, folder: Path, **fields: Any) -> TrainTask:
    """One symbol of `file` on the CPU, artifacts below `folder`; all defaults but for the `fields`."""
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
