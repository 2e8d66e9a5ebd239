"""The training loop: equal to plain torch, best weights kept, and the same bits wherever it was stopped."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.training_case import (
    CPU,
    LOOKBACK,
    architecture,
    constant,
    fit_until,
    same,
    stop_at,
    trained,
    training,
    training_data,
)

from retrain_api.errors import ConfigurationError
from retrain_api.spec.training import EarlyStopping, Scheduler, Training
from retrain_trainer.model.device import choose_precision
from retrain_trainer.model.inference import logits
from retrain_trainer.train import loop as training_loop
from retrain_trainer.train import step
from retrain_trainer.train.checkpoint import Owner, capture, decode, encode, restore
from retrain_trainer.train.learner import Adam, Learner, new_learner
from retrain_trainer.train.loop import Hooks, State, Stopped, fit, order_of
from retrain_trainer.train.training_data import TrainingData


class PlainTorch:
    """The training of the plan with torch's own modules, loss written out, gradient clipped by hand."""

    def __init__(self, what: TrainingData, how: Training) -> None:
        torch.manual_seed(how.seed)
        self.what, self.how = what, how
        self.lstm = torch.nn.LSTM(3, 4, 1, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(8, 1)
        self.parameters = [*self.lstm.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=how.learning_rate, weight_decay=how.weight_decay)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(self.optimiser, 10, 2, 1e-6)
        self.clipped = 0

    def logits(self, ends: Any) -> torch.Tensor:
        windows = torch.stack([self.what.features[end - LOOKBACK + 1 : end + 1] for end in ends])
        outputs, _ = self.lstm(windows)
        # The backward direction has read the whole window at its first bar.
        final = torch.cat([outputs[:, -1, :4], outputs[:, 0, 4:]], dim=1)
        return self.head(final)[:, 0]

    def loss(self, ends: Any) -> torch.Tensor:
        found, y = self.logits(ends), self.what.targets[torch.as_tensor(ends)]
        logsigmoid = torch.nn.functional.logsigmoid
        return -(self.what.weight * y * logsigmoid(found) + (1 - y) * logsigmoid(-found)).mean()

    def epoch(self, number: int) -> tuple[float, float, float]:
        """Train loss, validation loss and learning rate of an epoch (from 0)."""
        rate, total = self.optimiser.param_groups[0]["lr"], 0.0
        order = self.what.train_ends[order_of(self.how, number, len(self.what.train_ends)).numpy()]
        for ends in np.split(order, range(self.how.batch_size, len(order), self.how.batch_size)):
            self.optimiser.zero_grad()
            loss = self.loss(ends)
            loss.backward()
            self.clip()
            self.optimiser.step()
            total += loss.item() * len(ends)
        self.scheduler.step()
        with torch.no_grad():
            return total / len(order), self.loss(self.what.validation_ends).item(), rate

    def clip(self) -> None:
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
        if norm > 1.0:
            self.clipped += 1
            for gradient in gradients:
                gradient /= norm


@pytest.mark.parametrize("parts", [1, 2])
def test_it_is_the_training_of_the_plan(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a batch is split or not. Twelve epochs, over the restart before epoch 11, with a weight that makes gradients long enough to be clipped."""
    monkeypatch.setattr(step, "SMALLEST_PART", 16 // parts)
    what, how = training_data(weight=20.0), training(epochs=12, batch_size=16, weight_decay=0.01)
    plain = PlainTorch(what, how)
    learner = new_learner(architecture(), how, CPU)
    for name, value in {**plain.lstm.state_dict(prefix="lstm."), **plain.head.state_dict(prefix="head.")}.items():
        assert torch.equal(learner.network.state_dict()[name], value), f"{name} begins otherwise"
    after: list[dict[str, torch.Tensor]] = []
    state = fit(
        learner, what, how, State(), Hooks(epoch=lambda _: after.append(copy.deepcopy(learner.network.state_dict())))
    )
    for epoch, (found, weights) in enumerate(zip(state.epochs, after, strict=True)):
        expected = plain.epoch(epoch)
        seen = (found.train_loss, found.validation_loss, found.learning_rate)
        assert seen == pytest.approx(expected, rel=1e-4), f"epoch {epoch + 1}"
        if epoch == 0:
            for name, value in plain.lstm.state_dict(prefix="lstm.").items():
                torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-6)
    assert plain.clipped > 20


def test_the_logged_rate_is_the_one_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []
    adam_step = Adam.step

    def spy(self: Adam, *more: Any) -> Any:
        used.append(self.param_groups[0]["lr"])
        return adam_step(self, *more)

    monkeypatch.setattr(Adam, "step", spy)
    how = training(epochs=4, batch_size=1000, scheduler=Scheduler(t0=2, t_mult=1))
    _, state = trained(training_data(), how)
    assert used == [epoch.learning_rate for epoch in state.epochs]
    assert len(set(used)) == 2


def test_validation_accuracy_is_that_of_the_probability() -> None:
    """The weight moves the border between up and not up: ln(weight), not 0."""
    what, how = training_data(weight=3.0), training(epochs=2)
    learner, state = trained(what, how)
    found = logits(learner.network, what.features, what.validation_ends, LOOKBACK)
    up = what.targets[torch.from_numpy(what.validation_ends)].numpy() == 1
    assert state.epochs[-1].validation_accuracy == np.mean((found > math.log(3.0)) == up)
    assert np.mean((found > math.log(3.0)) == up) != np.mean((found > 0) == up)


def test_every_window_is_seen_once_an_epoch_in_another_order() -> None:
    orders = [order_of(training(seed=4), epoch, 50) for epoch in range(3)]
    assert all(order.sort().values.tolist() == list(range(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 3
    assert torch.equal(orders[1], order_of(training(seed=4), 1, 50))
    assert not torch.equal(orders[1], order_of(training(seed=5), 1, 50))


def test_the_best_weights_are_kept_and_not_the_last() -> None:
    """Noise is soon learnt by heart: the validation loss falls, then climbs."""
    what = training_data(seed=2)
    how = training(epochs=30, learning_rate=0.05, batch_size=8, scheduler=constant())
    learner, state = trained(what, how)
    best, last = state.patience.best_epoch, state.finished
    assert last == 30
    assert 1 <= best < last
    assert state.patience.best_loss == min(epoch.validation_loss for epoch in state.epochs)
    assert not same(learner.best, learner.network.state_dict())
    at_best, _ = trained(what, how.model_copy(update={"epochs": best}))
    assert same(learner.best, at_best.network.state_dict())


@pytest.mark.parametrize("t0", [1, 10])
@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (3, 4), (0, 6)])
def test_it_stops_after_patience_whatever_the_schedule(t0: int, patience: int, epochs: int) -> None:
    """A learning rate that moves next to nothing, so that no epoch gains minDelta on the first; with t0 1 every epoch restarts."""
    stopping = EarlyStopping(patience=patience, min_delta=0.001)
    how = training(
        epochs=6, learning_rate=1e-9, scheduler=Scheduler(t0=t0, t_mult=1, eta_min=0), early_stopping=stopping
    )
    _, state = trained(training_data(), how)
    assert state.finished == epochs


@pytest.mark.parametrize("bad", ["train", "validation"])
def test_a_loss_that_is_not_finite_stops_the_run(bad: str) -> None:
    what = training_data()
    features = what.features.clone()
    features[5 if bad == "train" else -5] = float("inf")
    with pytest.raises(ConfigurationError, match=r"loss of epoch 1 .*learningRate") as caught:
        trained(replace(what, features=features), training())
    assert caught.value.reason == "LossNotFinite"


RESUMED = training(epochs=4, batch_size=32, seed=9, early_stopping=EarlyStopping(patience=2, min_delta=0.001))
DROPOUT = architecture(layers=2, dropout=0.3)
OWNER = Owner("k" * 16, "d" * 64)


def as_restarted(learner: Learner, state: State, how: Training) -> tuple[Learner, State]:
    """What a new process has, from nothing but the checkpoint's bytes."""
    data = encode(capture(learner, state), OWNER)
    torch.manual_seed(999)
    torch.rand(17)
    another = new_learner(DROPOUT, how, CPU)
    return another, restore(decode(data, OWNER), another)


def without_time(state: State) -> State:
    return replace(state, seconds=0.0)


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[Learner, State]:
    return trained(training_data(), RESUMED, DROPOUT)


@settings(max_examples=12, deadline=None)
@given(calls=st.lists(st.integers(0, 25), min_size=1, max_size=3))
def test_a_training_that_was_stopped_gives_the_same_bits(
    uninterrupted: tuple[Learner, State], calls: list[int]
) -> None:
    """Stopped at any question, in the middle of epochs and of validations, three times at most; with dropout."""
    learner, state = new_learner(DROPOUT, RESUMED, CPU), State()
    for call in calls:
        state = fit_until(learner, training_data(), RESUMED, state, call)
        learner, state = as_restarted(learner, state, RESUMED)
    state = fit(learner, training_data(), RESUMED, state, Hooks())
    whole, whole_state = uninterrupted
    assert same(learner.best, whole.best)
    assert same(learner.network.state_dict(), whole.network.state_dict())
    assert without_time(state) == without_time(whole_state)


@pytest.mark.parametrize(
    ("call", "finished", "steps"),
    [(0, 0, 0), (1, 0, 1), (3, 0, 3), (4, 0, 4), (5, 1, 0), (7, 1, 2)],
    ids=["at once", "after a step", "before the last step", "before validation", "between epochs", "in epoch 2"],
)
@pytest.mark.usefixtures("two_threads")
def test_it_stops_where_it_is_asked(call: int, finished: int, steps: int) -> None:
    """120 train windows are 4 steps of 32, each in two parts side by side, and the validation asks once."""
    learner = new_learner(architecture(), RESUMED, CPU)
    with pytest.raises(Stopped) as stopped:
        fit(learner, training_data(), RESUMED, State(), Hooks(stop=stop_at(call)))
    assert (stopped.value.state.finished, stopped.value.state.step) == (finished, steps)


def test_time_adds_up_over_restarts() -> None:
    learner = new_learner(architecture(), RESUMED, CPU)
    state = fit(learner, training_data(), RESUMED, State(seconds=1000.0), Hooks())
    assert 1000 < state.seconds < 1100


def test_a_finished_training_is_not_trained_on(uninterrupted: tuple[Learner, State]) -> None:
    learner, state = copy.deepcopy(uninterrupted)
    before = copy.deepcopy(learner.network.state_dict())
    assert fit(learner, training_data(), RESUMED, state, Hooks()) == state
    assert same(before, learner.network.state_dict())


@pytest.mark.parametrize(("seed", "alike"), [(9, True), (10, False)])
def test_the_seed_decides_the_bits(uninterrupted: tuple[Learner, State], seed: int, alike: bool) -> None:
    learner, _ = trained(training_data(), RESUMED.model_copy(update={"seed": seed}), DROPOUT)
    assert same(learner.best, uninterrupted[0].best) is alike


def test_progress_comes_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by 0.3 s each time it is read."""
    clock = itertools.count()
    monkeypatch.setattr(training_loop, "time", SimpleNamespace(monotonic=lambda: next(clock) * 0.3))
    told: list[tuple[int, int, int, float]] = []
    trained(training_data(), training(epochs=2, batch_size=4), hooks=Hooks(step=lambda *line: told.append(line)))
    assert {epoch for epoch, *_ in told} == {1, 2}
    assert {total for _, _, total, _ in told} == {120}
    done = [windows for epoch, windows, *_ in told if epoch == 1]
    assert done == sorted(set(done))
    assert 0 < len(done) < 120 / 4
    assert all(rate > 0 for *_, rate in told)


def test_bfloat16_learns_the_same() -> None:
    """Auto takes it where the chip computes it; a tiny task is learnt almost the same way."""
    exact, coarse = (
        trained(replace(training_data(), precision=precision), training(epochs=5))[1]
        for precision in (torch.float32, torch.bfloat16)
    )
    assert exact.epochs[-1].train_loss < exact.epochs[0].train_loss
    differences = [
        abs(one.validation_loss - other.validation_loss) for one, other in zip(exact.epochs, coarse.epochs, strict=True)
    ]
    assert 0 < max(differences) < 0.02
    auto = choose_precision("Auto", CPU)
    _, state = trained(replace(training_data(), precision=auto), training(epochs=5))
    expected = coarse if auto is torch.bfloat16 else exact
    assert without_time(state) == without_time(expected)
