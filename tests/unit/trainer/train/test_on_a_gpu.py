"""What holds on a CPU holds on a GPU: run on both where there is one, and on the CPU alone elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from support.training_case import CPU, architecture, fit_until, same, training, training_data

from retrain_trainer.model.device import choose_device, prepare
from retrain_trainer.model.inference import in_float32, logits
from retrain_trainer.train.checkpoint import Owner, capture, decode, encode, restore
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.loop import Hooks, State, fit
from retrain_trainer.train.step import StepIndex, Stepper
from retrain_trainer.train.training_data import TrainingData

GPU = pytest.param(
    "GPU",
    marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")],
)
# Layer by layer cuDNN copies the weights together at every call, and torch says so. It costs a few small copies.
pytestmark = pytest.mark.filterwarnings("ignore:RNN module weights are not part of single contiguous chunk")
DROPOUT = architecture(layers=3, dropout=0.35)
SAME_BITS = training(epochs=3, batch_size=32, seed=9, deterministic=True)
OWNER = Owner("k" * 16, "d" * 64)


@pytest.fixture(params=["CPU", GPU])
def device(request: pytest.FixtureRequest) -> torch.device:
    return choose_device(request.param)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def no_tf32() -> Iterator[None]:
    """Training in float32 is TF32 on a GPU, as torch has it; gradients to compare are computed without."""
    with in_float32():
        yield


def training_data_at(device: torch.device) -> TrainingData:
    what = training_data()
    return replace(what, features=what.features.to(device), targets=what.targets.to(device))


def gradients_at(device: torch.device) -> dict[str, torch.Tensor]:
    """Of one step without dropout, from the same weights."""
    how, what = training(batch_size=40), training_data_at(device)
    learner = new_learner(architecture(layers=2), how, device)
    with Stepper(learner, what, how) as stepper:
        stepper(torch.from_numpy(what.train_ends[:40]).to(device), StepIndex(0, 0))
    return {name: value.grad.cpu() for name, value in learner.network.named_parameters() if value.grad is not None}


@pytest.mark.usefixtures("no_tf32")
def test_a_step_has_the_gradients_of_the_cpu(device: torch.device) -> None:
    expected = gradients_at(CPU)
    found = gradients_at(device)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5)


def test_logits_are_those_of_the_cpu(device: torch.device) -> None:
    what = training_data_at(device)
    network = new_learner(DROPOUT, training(), device).network
    expected = logits(
        new_learner(DROPOUT, training(), CPU).network, training_data().features, what.train_ends, what.lookback
    )
    assert logits(network, what.features, what.train_ends, what.lookback) == pytest.approx(expected, abs=1e-4)


def losses_of_two_steps(device: torch.device) -> tuple[float, float]:
    """Losses of the same windows with the same weights at two moments: only dropout differs."""
    how, what = training(batch_size=40, learning_rate=1e-12), training_data_at(device)
    learner = new_learner(DROPOUT, how, device)
    learner.network.train()
    rows = torch.from_numpy(what.train_ends[:40]).to(device)
    with Stepper(learner, what, how) as stepper:
        first, second = stepper(rows, StepIndex(0, 0)), stepper(rows, StepIndex(0, 1))
    assert first is not None
    assert second is not None
    return float(first), float(second)


def test_dropout_differs_from_step_to_step(device: torch.device) -> None:
    first, second = losses_of_two_steps(device)
    assert abs(first - second) > 1e-4


def restarted(learner: Learner, state: State, device: torch.device) -> tuple[Learner, State]:
    """From the checkpoint's bytes alone, with other random numbers drawn in between."""
    data = encode(capture(learner, state), OWNER)
    torch.manual_seed(999)
    torch.rand(17, device=device)
    another = new_learner(DROPOUT, SAME_BITS, device)
    return another, restore(decode(data, OWNER), another)


@pytest.mark.parametrize("call", [2, 4, 6])
def test_a_deterministic_training_that_was_stopped_gives_the_same_bits(device: torch.device, call: int) -> None:
    prepare(SAME_BITS)
    what = training_data_at(device)
    whole = new_learner(DROPOUT, SAME_BITS, device)
    fit(whole, what, SAME_BITS, State(), Hooks())
    learner = new_learner(DROPOUT, SAME_BITS, device)
    learner, state = restarted(learner, fit_until(learner, what, SAME_BITS, State(), call), device)
    fit(learner, what, SAME_BITS, state, Hooks())
    assert same(learner.network.state_dict(), whole.network.state_dict())
    assert same(learner.best, whole.best)
