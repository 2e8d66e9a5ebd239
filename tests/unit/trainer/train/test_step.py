"""A step in parts: the gradients of the whole batch, the same bits whoever is first, and dropout that never repeats."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from support.training_case import CPU, architecture, same, training, training_data

from retrain_trainer.model.network import Architecture, DirectionLSTM
from retrain_trainer.train import step as module
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.step import StepIndex, Stepper, seed_of

DROPOUT = architecture(layers=3, dropout=0.35)
START = StepIndex(0, 0)


Split = Callable[[int], None]


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> Split:
    """Parts of so many windows at most."""
    monkeypatch.setattr(module, "SMALLEST_PART", 1000)
    return lambda windows: monkeypatch.setattr(module, "PART", windows)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """With so many threads of torch's."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def one_step(shape: Architecture, windows: int = 50) -> tuple[float, Learner]:
    """Loss of one step on fresh weights, and the learner after it."""
    how, what = training(batch_size=windows), training_data()
    learner = new_learner(shape, how, CPU)
    learner.network.train()
    with Stepper(learner, what, how) as stepper:
        loss = stepper(torch.from_numpy(what.train_ends[:windows]), START)
    assert loss is not None
    return float(loss), learner


def gradients(learner: Learner) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in learner.network.named_parameters() if value.grad is not None}


@pytest.mark.parametrize(
    ("batch", "parts"), [(1, 1), (31, 1), (32, 2), (50, 2), (64, 2), (65, 3), (128, 4), (2048, 64)]
)
def test_a_batch_is_split_by_its_size(batch: int, parts: int) -> None:
    how = training(batch_size=batch)
    assert Stepper(new_learner(architecture(), how, CPU), training_data(), how).pieces(batch) == parts


@pytest.mark.parametrize(
    ("available", "batch", "count"), [(1, 128, 1), (2, 128, 2), (8, 128, 4), (8, 32, 2), (8, 8, 1)]
)
def test_there_are_no_more_threads_than_parts(
    available: int, batch: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: available)
    how = training(batch_size=batch)
    assert Stepper(new_learner(architecture(), how, CPU), training_data(), how).workers.count == count


@pytest.mark.parametrize("largest", [25, 17, 8])
def test_parts_have_the_gradient_of_the_whole(largest: int, threads: int, split: Split) -> None:
    """50 windows make 2 parts, 3 and 7, not all of one size: a part counts by its windows."""
    split(50)
    loss, whole = one_step(architecture(layers=2))
    split(largest)
    found, learner = one_step(architecture(layers=2))
    assert found == pytest.approx(loss, rel=1e-6)
    for name, value in gradients(whole).items():
        torch.testing.assert_close(gradients(learner)[name], value, rtol=1e-5, atol=1e-7)


def test_what_a_step_holds_does_not_grow_with_the_batch(
    threads: int, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(8)
    seen: list[int] = []
    compute = Stepper.loss
    monkeypatch.setattr(
        Stepper, "loss", lambda self, rows, at, part: (seen.append(len(rows)), compute(self, rows, at, part))[1]
    )
    one_step(architecture(layers=2))
    assert sorted(seen) == [7] * 6 + [8]


def test_the_number_of_threads_changes_no_bit() -> None:
    """A training that goes on where more processors are free gives the same model."""
    before, found = torch.get_num_threads(), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        found.append(one_step(DROPOUT, windows=100)[1].network.state_dict())
    torch.set_num_threads(before)
    assert same(found[0], found[1])
    assert same(found[0], found[2])


def test_a_request_to_stop_is_met_in_the_middle_of_a_step(threads: int, split: Split) -> None:
    split(8)
    how, what = training(batch_size=50), training_data()
    learner = new_learner(DROPOUT, how, CPU)
    before = copy.deepcopy(learner.network.state_dict())
    with Stepper(learner, what, how, stop=lambda: True) as stepper:
        assert stepper(torch.from_numpy(what.train_ends[:50]), START) is None
    assert same(before, learner.network.state_dict())
    assert not learner.optimiser.state_dict()["state"]


def test_who_is_first_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain = one_step(DROPOUT)
    compute, order = Stepper.loss, itertools.count()

    def slow(self: Stepper, rows: torch.Tensor, at: StepIndex, part: int) -> torch.Tensor:
        if part == 0:
            time.sleep(0.2)
        next(order)
        return compute(self, rows, at, part)

    monkeypatch.setattr(Stepper, "loss", slow)
    _, disturbed = one_step(DROPOUT)
    assert next(order) == 2
    assert same(plain.network.state_dict(), disturbed.network.state_dict())


def test_random_numbers_drawn_elsewhere_change_no_bit() -> None:
    """A restart needs no state of a generator."""
    _, plain = one_step(DROPOUT)
    how, what = training(batch_size=50), training_data()
    learner = new_learner(DROPOUT, how, CPU)
    learner.network.train()
    torch.rand(17)
    with Stepper(learner, what, how) as stepper:
        stepper(torch.from_numpy(what.train_ends[:50]), START)
    assert same(plain.network.state_dict(), learner.network.state_dict())


def test_every_part_of_every_step_has_its_own_numbers() -> None:
    places = itertools.product(range(3), range(4), range(5), range(2))
    seeds = [seed_of(seed, StepIndex(epoch, step), part) for seed, epoch, step, part in places]
    assert len(set(seeds)) == 3 * 4 * 5 * 2
    assert all(0 <= seed < 2**63 for seed in seeds)


def windows(count: int = 64, features: int = 3) -> torch.Tensor:
    return torch.randn(count, 5, features, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layer_by_layer_is_what_torch_does_inside(layers: int, bidirectional: bool) -> None:
    torch.manual_seed(0)
    network = DirectionLSTM(architecture(layers=layers, bidirectional=bidirectional)).train()
    assert torch.equal(network(windows()), network(windows(), torch.Generator()))


def test_in_evaluation_nothing_is_dropped() -> None:
    torch.manual_seed(0)
    network = DirectionLSTM(DROPOUT).eval()
    assert torch.equal(network(windows()), network(windows(), torch.Generator()))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    network = DirectionLSTM(replace(DROPOUT, dropout=0.35)).train()
    dropped = network._drop(torch.ones(400, 500), torch.Generator().manual_seed(4))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.35, abs=0.005)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.65])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dropout", [0.000001, 0.5, 0.9, 0.99999999])
def test_any_share_can_be_dropped(dropout: float, kind: torch.dtype) -> None:
    """Of any number of values, each on its own: four are drawn at a time."""
    network = DirectionLSTM(replace(DROPOUT, dropout=dropout)).train()
    kept = network._drop(torch.ones(50_001, 3, dtype=kind), torch.Generator().manual_seed(4)) != 0
    assert float(kept.float().mean()) == pytest.approx(1 - dropout, abs=0.005)
    both = (kept[:-1] & kept[1:]).float().mean()
    assert float(both) == pytest.approx((1 - dropout) ** 2, abs=0.005)


def test_layers_and_head_are_dropped_alike_by_torch_and_by_us() -> None:
    """Mean and spread of the logits over many masks, beside torch's own dropout."""
    torch.manual_seed(0)
    network = DirectionLSTM(replace(DROPOUT, hidden_size=16)).train()
    many = windows(1).expand(20_000, -1, -1)
    with torch.no_grad():
        ours, theirs = network(many, torch.Generator().manual_seed(2)), network(many)
    assert float(ours.mean()) == pytest.approx(float(theirs.mean()), abs=5 * float(theirs.std()) / 20_000**0.5)
    assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.05)
