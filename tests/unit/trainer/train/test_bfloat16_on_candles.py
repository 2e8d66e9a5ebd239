"""On real candles, what is computed in bfloat16 decides as float32 does; where the chip lacks it torch emulates it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.training_case import CPU, RUN

from retrain_api.documents.tasks import TrainTask
from retrain_api.spec.data import Label, Split
from retrain_api.spec.training import Model, Training
from retrain_trainer.measure.figures.metrics import classify
from retrain_trainer.model.calibration import fit as calibrated
from retrain_trainer.model.calibration import probability
from retrain_trainer.model.inference import forward, logits
from retrain_trainer.model.network import Architecture
from retrain_trainer.train.learner import new_learner
from retrain_trainer.train.loop import Hooks, State, fit
from retrain_trainer.train.training_data import TrainingData, prepare_file, training_data_on

ROOT = Path(__file__).resolve().parents[4]
CASES = [
    (ROOT / "examples" / "data" / "candles_BTC-USD_1m.parquet", "1m", 15),
    (ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet", "5m", 1),
]
LOOKBACK, HIDDEN = 20, 16
LEARNT = 25_000
"""Train windows: emulated bfloat16 is slow, and after 8,000 every probability of the calibrated model is the same."""


def learnt(path: Path, interval: str, horizon: int) -> tuple[TrainingData, torch.nn.Module]:
    """A small model after one epoch in bfloat16, over the newest train windows."""
    task = TrainTask(
        run=RUN,
        artifacts_uri="file:///nowhere/",
        symbol="BTC-USD",
        train_key="a" * 16,
        data_uri=f"file://{path}",
        interval=interval,
        label=Label(horizon_bars=horizon),
        split=Split(),
        model=Model(hidden_size=HIDDEN, layers=1, lookback_bars=LOOKBACK),
        training=Training(epochs=1, batch_size=256),
        device="CPU",
    )
    whole = training_data_on(prepare_file(task, path), task, CPU, torch.bfloat16)
    training_data = replace(whole, train_ends=whole.train_ends[-LEARNT:])
    learner = new_learner(Architecture(training_data.features.shape[1], HIDDEN, 1, 0.1, True), task.training, CPU)
    fit(learner, training_data, task.training, State(), Hooks())
    return training_data, learner.network.eval()


@torch.inference_mode()
def in_bfloat16(network: torch.nn.Module, training_data: TrainingData) -> NDArray[np.float64]:
    parts = torch.from_numpy(training_data.validation_ends).split(512)
    found = [forward(network, training_data.features, part, LOOKBACK, torch.bfloat16) for part in parts]  # type: ignore[arg-type]
    return torch.cat(found).double().numpy()


@pytest.mark.parametrize(("path", "interval", "horizon"), CASES, ids=["BTC, 15 bars", "USD1, 1 bar"])
def test_decisions_and_metrics_are_those_of_float32(path: Path, interval: str, horizon: int) -> None:
    """Fewer than one decision in 200 is another one; the gate's metrics move by less than their standard error."""
    if not path.exists():
        pytest.skip(f"{path.name} may not be copied into the project and is not beside it")
    training_data, network = learnt(path, interval, horizon)
    labels = training_data.targets[torch.from_numpy(training_data.validation_ends)].numpy().astype(np.int8)
    exact = logits(network, training_data.features, training_data.validation_ends, LOOKBACK)  # type: ignore[arg-type]
    coarse = in_bfloat16(network, training_data)
    assert not np.array_equal(exact, coarse)
    calibration = calibrated(exact, labels, training_data.weight, "Platt")
    one, other = probability(calibration, exact), probability(calibration, coarse)
    assert 0.2 < np.mean(one > 0.5) < 0.8, "the model does not decide"
    assert np.mean((one > 0.5) != (other > 0.5)) < 0.005
    before, after = classify(one, labels, 15), classify(other, labels, 15)
    error = np.sqrt(before.accuracy * (1 - before.accuracy) / len(labels))
    assert abs(before.accuracy - after.accuracy) < error
    assert abs(before.calibration_error - after.calibration_error) < error
