"""A step as a CUDA graph learns what a plain one learns; what needs no GPU of it is tried here with a recording that is none."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from support.training_case import CPU, architecture, fit_until, same, training, training_data
from torch import Tensor

from retrain_trainer.model.device import prepare
from retrain_trainer.train import graph
from retrain_trainer.train.checkpoint import Owner, capture, decode, encode, restore
from retrain_trainer.train.graph import WARM_UP, GraphedStep, recordable
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.loop import Hooks, State, fit
from retrain_trainer.train.step import StepIndex, Stepper, StepSettings, choose_settings
from retrain_trainer.train.training_data import TrainingData

BATCH = 11
"""So small that a CPU does not split it, as a GPU splits none; 120 windows make ten of them and one of ten windows."""

PLAIN, GRAPH = StepSettings(), StepSettings(graph=True)
OWNER = Owner("k" * 16, "d" * 64)
on_a_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
    pytest.mark.filterwarnings("ignore:RNN module weights are not part of single contiguous chunk"),
]
gpu = pytest.mark.parametrize("device", [pytest.param(torch.device("cuda"), marks=on_a_gpu)])


class Recorder:
    """Stands for a CUDA graph: it remembers the step, and carries it out anew at each replay."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(
        self, step: Callable[[], Tensor], generator: torch.Generator | None
    ) -> tuple[Callable[[], None], Tensor]:
        self.recorded += 1
        loss = torch.zeros(())

        def replay() -> None:
            self.replayed += 1
            loss.copy_(step())

        return replay, loss


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another take longer than such a step."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(graph, "record", found)
    return found


def learnt(settings: StepSettings) -> tuple[Learner, State]:
    how = training(batch_size=BATCH)
    learner = new_learner(architecture(layers=2), how, CPU)
    return learner, fit(learner, training_data(), how, State(), Hooks(), settings)


def test_what_is_learnt_does_not_change_by_it(recorder: Recorder) -> None:
    """Rows and learning rate of every step reach the recorded one: the cosine changes the rate each epoch."""
    expected, told = learnt(PLAIN)
    found, state = learnt(GRAPH)
    assert same(found.network.state_dict(), expected.network.state_dict())
    assert state.epochs == told.epochs


def test_one_recording_serves_all_epochs_and_the_last_batch_is_taken_plainly(recorder: Recorder) -> None:
    how, what = training(batch_size=BATCH), training_data()
    whole, rest = divmod(len(what.train_ends), BATCH)
    learnt(GRAPH)
    assert rest > 0
    assert recorder.recorded == 1
    assert recorder.replayed == how.epochs * whole - WARM_UP


def test_losses_are_kept_when_the_next_step_writes_its_own(recorder: Recorder) -> None:
    how, what = training(batch_size=BATCH, learning_rate=0.1), training_data()
    learner = new_learner(architecture(), how, CPU)
    rows = torch.from_numpy(what.train_ends[:BATCH])
    with Stepper(learner, what, how, settings=GRAPH) as stepper:
        losses = [stepper(rows, StepIndex(0, step)) for step in range(WARM_UP + 3)]
    assert len({float(loss) for loss in losses if loss is not None}) == WARM_UP + 3


def test_a_smaller_batch_is_never_recorded(recorder: Recorder) -> None:
    graphed = GraphedStep(torch.optim.Adam([torch.zeros(1)]), BATCH, None)
    for _ in range(WARM_UP + 2):
        assert graphed(torch.arange(BATCH - 1), lambda rows: rows.sum()) == 45
    assert recorder.recorded == 0


def test_the_optimiser_is_recordable_only_as_long_as_it_is_recorded() -> None:
    optimiser, rate = torch.optim.Adam([torch.zeros(1)], lr=0.25), torch.zeros(())
    before = copy.deepcopy(optimiser.state_dict())
    with recordable(optimiser, rate):
        assert optimiser.param_groups[0]["lr"] is rate
        assert optimiser.param_groups[0]["capturable"]
    assert optimiser.state_dict() == before


def test_a_step_that_cannot_be_recorded_leaves_the_optimiser_as_it_was() -> None:
    optimiser = torch.optim.Adam([torch.zeros(1)], lr=0.25)
    before = copy.deepcopy(optimiser.state_dict())
    with pytest.raises(RuntimeError, match="not permitted"), recordable(optimiser, torch.zeros(())):
        raise RuntimeError("operation not permitted when stream is capturing")
    assert optimiser.state_dict() == before


def test_a_checkpoint_looks_the_same_with_it_and_without(recorder: Recorder) -> None:
    """So what was saved with a graph goes on without, and the other way round."""
    (with_graph, state), (without, _) = learnt(GRAPH), learnt(PLAIN)
    one, other = (learner.optimiser.state_dict() for learner in (with_graph, without))
    assert one["param_groups"] == other["param_groups"]
    another = new_learner(architecture(layers=2), training(batch_size=BATCH), CPU)
    assert restore(decode(encode(capture(with_graph, state), OWNER), OWNER), another) == state
    assert same(another.network.state_dict(), without.network.state_dict())


def test_nothing_is_a_graph_before_it_was_shown_to_pay() -> None:
    assert choose_settings(CPU) == PLAIN
    assert choose_settings(torch.device("cuda")) == PLAIN


def at(device: torch.device) -> TrainingData:
    what = training_data(rows=400)
    return replace(what, features=what.features.to(device), targets=what.targets.to(device))


@gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_graph_learns_what_plain_steps_learn(device: torch.device, precision: torch.dtype) -> None:
    """Without dropout; the learning rate comes from a tensor of float32, so the last bits may differ."""
    how, what = training(batch_size=32), replace(at(device), precision=precision)
    found = []
    for settings in (PLAIN, GRAPH):
        learner = new_learner(architecture(layers=2), how, device)
        found.append([epoch.train_loss for epoch in fit(learner, what, how, State(), Hooks(), settings).epochs])
    assert found[1] == pytest.approx(found[0], rel=1e-4 if precision is torch.float32 else 5e-3)


@gpu
@pytest.mark.parametrize("own_dropout", [False, True], ids=["cudnn", "own"])
def test_dropout_differs_between_replays(device: torch.device, own_dropout: bool) -> None:
    """The same windows and, with next to no learning rate, the same weights: only what is dropped differs."""
    how, what = training(batch_size=32, learning_rate=1e-12), at(device)
    learner = new_learner(architecture(layers=3, dropout=0.35), how, device)
    learner.network.train()
    rows = torch.from_numpy(what.train_ends[:32]).to(device)
    with Stepper(learner, what, how, settings=StepSettings(True, own_dropout)) as stepper:
        losses = [stepper(rows, StepIndex(0, step)) for step in range(WARM_UP + 8)]
    assert len({round(float(loss), 6) for loss in losses[WARM_UP:] if loss is not None}) == 8


@gpu
def test_dropout_between_the_layers_differs_between_replays(device: torch.device) -> None:
    """cuDNN's own: the dropout before the head is torch's, and would hide one that repeats."""
    how, what = training(batch_size=32, learning_rate=1e-12), at(device)
    learner = new_learner(architecture(layers=3, dropout=0.35), how, device)
    learner.network.train()
    learner.network.dropout.p = 0.0
    rows = torch.from_numpy(what.train_ends[:32]).to(device)
    with Stepper(learner, what, how, settings=GRAPH) as stepper:
        losses = [stepper(rows, StepIndex(0, step)) for step in range(WARM_UP + 8)]
    assert len({round(float(loss), 6) for loss in losses[WARM_UP:] if loss is not None}) == 8


@gpu
@pytest.mark.parametrize("call", [2, 6, 9])
def test_a_deterministic_training_that_was_stopped_gives_the_same_bits_as_a_graph(
    device: torch.device, call: int
) -> None:
    """After a restart the first steps are plain ones again, where the whole training had recorded ones."""
    how, what, shape = training(batch_size=32, deterministic=True), at(device), architecture(layers=3, dropout=0.35)
    prepare(how)
    try:
        whole, stopped = (new_learner(shape, how, device) for _ in range(2))
        fit(whole, what, how, State(), Hooks(), GRAPH)
        state = fit_until(stopped, what, how, State(), call, GRAPH)
        another = new_learner(shape, how, device)
        state = restore(decode(encode(capture(stopped, state), OWNER), OWNER), another)
        fit(another, what, how, state, Hooks(), GRAPH)
        assert same(another.network.state_dict(), whole.network.state_dict())
    finally:
        torch.use_deterministic_algorithms(False)
