"""Learning rate and early stopping: against torch's scheduler, and against tables made by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.spec.training import EarlyStopping, Scheduler
from retrain_trainer.train.schedule import Patience, exhausted, learning_rate, observe


def rates_of_torch(highest: float, t0: int, t_mult: int, eta_min: float, epochs: int) -> list[float]:
    """Of every epoch, with torch's scheduler stepped once after each."""
    optimiser = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=highest)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, t0, t_mult, eta_min)
    rates = []
    for _ in range(epochs):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


def test_the_default_is_that_of_the_plan() -> None:
    """CosineAnnealingWarmRestarts(10, 2, 1e-6): restarts before epochs 11, 31 and 71."""
    found = [learning_rate(Scheduler(), 0.001, epoch) for epoch in range(150)]
    assert found == pytest.approx(rates_of_torch(0.001, 10, 2, 1e-6, 150), rel=1e-9, abs=1e-15)
    assert [epoch for epoch, rate in enumerate(found) if rate == 0.001] == [0, 10, 30, 70]


@given(
    highest=st.floats(1e-5, 1),
    t0=st.integers(1, 12),
    t_mult=st.integers(1, 4),
    eta_min=st.floats(0, 1e-3),
)
def test_every_rate_is_that_of_torch(highest: float, t0: int, t_mult: int, eta_min: float) -> None:
    scheduler = Scheduler(t0=t0, t_mult=t_mult, eta_min=eta_min)
    found = [learning_rate(scheduler, highest, epoch) for epoch in range(40)]
    assert found == pytest.approx(rates_of_torch(highest, t0, t_mult, eta_min, 40), rel=1e-6, abs=1e-12)


def test_a_constant_rate_stays() -> None:
    assert {learning_rate(Scheduler(type="Constant"), 0.003, epoch) for epoch in range(50)} == {0.003}


def course(losses: list[float], patience: int, min_delta: float) -> tuple[int, int]:
    """Epochs run and best epoch (from 1) of a training with these validation losses."""
    reached = Patience()
    for epoch, loss in enumerate(losses, 1):
        reached = observe(reached, epoch, loss, min_delta)
        if exhausted(reached, EarlyStopping(patience=patience, min_delta=min_delta)):
            return epoch, reached.best_epoch
    return len(losses), reached.best_epoch


@pytest.mark.parametrize(
    ("losses", "patience", "min_delta", "epochs", "best"),
    [
        pytest.param([0.7, 0.6, 0.61, 0.62, 0.5], 2, 0.0, 4, 2, id="stops after two epochs without improvement"),
        pytest.param([0.7, 0.71, 0.6, 0.61, 0.5], 2, 0.0, 5, 5, id="an improvement begins the count again"),
        pytest.param([0.7, 0.7, 0.7], 2, 0.0, 3, 1, id="the same loss is no improvement"),
        pytest.param([0.7, 0.6995, 0.699], 2, 0.01, 3, 3, id="less than minDelta stops it, and is kept"),
        pytest.param([1.0, 0.5, 0.75, 0.5], 3, 0.5, 4, 2, id="exactly minDelta stops it, and is kept"),
        pytest.param([0.7, 0.696, 0.692, 0.688, 0.684], 3, 0.01, 5, 5, id="small improvements add up"),
        pytest.param([0.7] * 30, 0, 0.0, 30, 1, id="patience 0 never stops"),
        pytest.param([0.7], 1, 0.0, 1, 1, id="the first epoch is always the best so far"),
        pytest.param([0.7, 0.8], 1, 0.0, 2, 1, id="patience 1"),
        pytest.param([0.7 - 0.002 * k for k in range(27)] + [0.66] * 9, 7, 0.001, 34, 27, id="the plan's own example"),
        pytest.param([0.69] * 8 + [0.1] * 9, 7, 0.001, 8, 1, id="stops in the eighth epoch, before the first restart"),
        pytest.param([0.7] * 6 + [0.6] * 10, 7, 0.001, 14, 7, id="the count goes on over the restart before epoch 11"),
    ],
)
def test_early_stopping(losses: list[float], patience: int, min_delta: float, epochs: int, best: int) -> None:
    assert course(losses, patience, min_delta) == (epochs, best)


@given(losses=st.lists(st.floats(0.1, 2), min_size=1, max_size=40), patience=st.integers(1, 6))
def test_the_weights_of_the_lowest_loss_are_kept_whatever_min_delta_says(losses: list[float], patience: int) -> None:
    epochs, best = course(losses, patience, 0.05)
    assert best == 1 + losses.index(min(losses[:epochs]))


@given(losses=st.lists(st.floats(0.1, 2), min_size=1, max_size=40), patience=st.integers(1, 6))
def test_it_stops_only_after_patience_epochs_that_gained_no_more_than_min_delta(
    losses: list[float], patience: int
) -> None:
    epochs, _ = course(losses, patience, 0.05)
    if epochs < len(losses):
        before, last = losses[: epochs - patience], losses[epochs - patience : epochs]
        assert min(last) >= min(before) - 0.05
