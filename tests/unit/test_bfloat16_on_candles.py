"""On real candles, what is computed in bfloat16 decides as float32 does; where the chip lacks it torch emulates it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from retrain_api.documents import TrainTask
from retrain_api.spec_data import Label, Model, Split, Training
from retrain_trainer.calibrate import fit as calibrated
from retrain_trainer.calibrate import probability
from retrain_trainer.inference import forward, logits
from retrain_trainer.metrics import classify
from retrain_trainer.model import Architecture
from retrain_trainer.train import Hooks, Problem, State, fit, new_learner
from retrain_trainer.training_data import load_material, problem_on
from support.training_case import CPU, RUN

ROOT = Path(__file__).resolve().parents[2]
CASES = [
    (ROOT / "examples" / "data" / "candles_BTC-USD_1m.parquet", "1m", 15),
    (ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet", "5m", 1),
]
LOOKBACK, HIDDEN = 20, 16


def learnt(path: Path, interval: str, horizon: int) -> tuple[Problem, torch.nn.Module]:
    """A small model after one epoch in bfloat16."""
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
    problem = problem_on(load_material(task, path), task, CPU, torch.bfloat16)
    learner = new_learner(Architecture(problem.features.shape[1], HIDDEN, 1, 0.1, True), task.training, CPU)
    fit(learner, problem, task.training, State(), Hooks())
    return problem, learner.network.eval()


@torch.inference_mode()
def in_bfloat16(network: torch.nn.Module, problem: Problem) -> NDArray[np.float64]:
    parts = torch.from_numpy(problem.validation_ends).split(512)
    found = [forward(network, problem.features, part, LOOKBACK, torch.bfloat16) for part in parts]  # type: ignore[arg-type]
    return torch.cat(found).double().numpy()


@pytest.mark.parametrize(("path", "interval", "horizon"), CASES, ids=["BTC, 15 bars", "USD1, 1 bar"])
def test_decisions_and_metrics_are_those_of_float32(path: Path, interval: str, horizon: int) -> None:
    """Fewer than one decision in 200 is another one; the gate's metrics move by less than their standard error."""
    if not path.exists():
        pytest.skip(f"{path.name} may not be copied into the project and is not beside it")
    problem, network = learnt(path, interval, horizon)
    labels = problem.targets[torch.from_numpy(problem.validation_ends)].numpy().astype(np.int8)
    exact = logits(network, problem.features, problem.validation_ends, LOOKBACK)  # type: ignore[arg-type]
    coarse = in_bfloat16(network, problem)
    assert not np.array_equal(exact, coarse)
    calibration = calibrated(exact, labels, problem.weight, "Platt")
    one, other = probability(calibration, exact), probability(calibration, coarse)
    assert np.mean((one > 0.5) != (other > 0.5)) < 0.005
    before, after = classify(one, labels, 15), classify(other, labels, 15)
    error = np.sqrt(before.accuracy * (1 - before.accuracy) / len(labels))
    assert abs(before.accuracy - after.accuracy) < error
    assert abs(before.calibration_error - after.calibration_error) < error
