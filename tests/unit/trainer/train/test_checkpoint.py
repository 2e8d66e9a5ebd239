"""Checkpoints in a store: the newest that is whole and ours is used, and the log says why another is not."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training_case import CPU, architecture, fit_until, same, training, training_data

from retrain_api.errors import SoftwareError
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.train import checkpoint
from retrain_trainer.train.checkpoint import (
    Checkpoint,
    Owner,
    Unusable,
    capture,
    decode,
    encode,
    remove,
    restore,
    resume,
    save,
)
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.loop import Epoch, State
from retrain_trainer.train.schedule import Patience

OWNER = Owner("k" * 16, "d" * 64)
FOLDER = "runs/default/nightly/uid/key/"
HOW = training(epochs=9)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}/", {}, 1)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def learner() -> Learner:
    """One that has some steps behind it, so that its optimiser has a state."""
    fresh = new_learner(architecture(), HOW, CPU)
    fit_until(fresh, training_data(), HOW, State(), 3)
    return fresh


def reached(finished: int, step: int = 0) -> State:
    epochs = tuple(Epoch(number, 0.7, 0.69, 0.5, 0.01) for number in range(1, finished + 1))
    return State(epochs, step, 1.25 * step, Patience(0.69, 1, finished - 1), 12.5)


def keep(store: Store, learner: Learner, *states: State, owner: Owner = OWNER) -> None:
    for state in states:
        save(store, FOLDER, capture(learner, state), owner, lambda line: None)


def names(store: Store) -> list[str]:
    return [key.removeprefix(FOLDER) for key in store.list(FOLDER)]


def fresh() -> Learner:
    return new_learner(architecture(), HOW.model_copy(update={"seed": 77}), CPU)


def resumed(store: Store, said: list[str], owner: Owner = OWNER) -> State | None:
    return resume(store, FOLDER, fresh(), owner, said.append)


def damage(store: Store, key: str) -> None:
    data = bytearray(store.read(key).data)
    data[len(data) // 2] ^= 1
    store.write(key, bytes(data))


def test_all_of_a_training_comes_back(store: Store, learner: Learner, said: list[str]) -> None:
    learner.best = {name: value + 1 for name, value in learner.best.items()}
    keep(store, learner, reached(3, 2))
    following = torch.rand(3)
    another = fresh()
    assert resume(store, FOLDER, another, OWNER, said.append) == reached(3, 2)
    assert same(another.network.state_dict(), learner.network.state_dict())
    assert same(another.best, learner.best)
    assert torch.equal(torch.rand(3), following)
    for one, other in zip(
        learner.optimiser.state_dict()["state"].values(), another.optimiser.state_dict()["state"].values(), strict=True
    ):
        assert same(one, other)
    assert said == []


def test_a_checkpoint_is_of_its_moment(learner: Learner) -> None:
    """Encoded before the next step: what the network learns later is not in it."""
    data = encode(capture(learner, reached(1)), OWNER)
    before = copy.deepcopy(learner.network.state_dict())
    with torch.no_grad():
        learner.network.head.bias.add_(1)
    assert same(dict(decode(data, OWNER).network), before)


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(store: Store, said: list[str]) -> None:
    assert resumed(store, said) is None
    assert said == []


def test_only_the_last_two_are_kept(store: Store, learner: Learner) -> None:
    keep(store, learner, reached(1), reached(2), reached(2, 7), reached(3))
    assert names(store) == ["checkpoint-00002-000000007.pt", "checkpoint-00003-000000000.pt"]


def test_the_order_is_that_of_epochs_and_steps(store: Store, learner: Learner, said: list[str]) -> None:
    keep(store, learner, reached(9), reached(10))
    assert resumed(store, said) == reached(10)
    keep(store, learner, reached(10, 9), reached(10, 10))
    assert resumed(store, said) == reached(10, 10)


def test_a_damaged_newest_gives_way_to_the_one_before(store: Store, learner: Learner, said: list[str]) -> None:
    keep(store, learner, reached(1), reached(2))
    damage(store, FOLDER + "checkpoint-00002-000000000.pt")
    assert resumed(store, said) == reached(1)
    (line,) = said
    assert "checkpoint-00002-000000000.pt is ignored: it is damaged." in line


def test_where_all_are_damaged_a_training_begins_anew_and_keeps_its_own(
    store: Store, learner: Learner, said: list[str]
) -> None:
    keep(store, learner, reached(7), reached(8))
    damage(store, FOLDER + "checkpoint-00007-000000000.pt")
    damage(store, FOLDER + "checkpoint-00008-000000000.pt")
    assert resumed(store, said) is None
    assert len(said) == 2
    keep(store, learner, reached(1))
    assert names(store) == ["checkpoint-00001-000000000.pt"]
    assert resumed(store, said) == reached(1)


def test_after_a_step_back_the_damaged_one_is_gone(store: Store, learner: Learner, said: list[str]) -> None:
    keep(store, learner, reached(3), reached(4))
    damage(store, FOLDER + "checkpoint-00004-000000000.pt")
    assert resumed(store, said) == reached(3)
    keep(store, learner, reached(3, 5))
    assert names(store) == ["checkpoint-00003-000000000.pt", "checkpoint-00003-000000005.pt"]


def with_header(data: bytes, **changes: object) -> bytes:
    line, _, body = data.partition(b"\n")
    return json.dumps(json.loads(line) | changes).encode() + b"\n" + body


@pytest.mark.parametrize(
    ("owner", "changes", "reason"),
    [
        (Owner("x" * 16, "d" * 64), {}, "it belongs to another training"),
        (Owner("k" * 16, "x" * 64), {}, "it belongs to another training"),
        (OWNER, {"format": 99}, "it has format 99, and this trainer continues from format 4"),
        (OWNER, {"sha256": "0" * 64}, "it is damaged"),
    ],
    ids=["other key", "other data", "other format", "other checksum"],
)
def test_what_is_not_ours_is_left_aside_with_the_reason(
    store: Store, learner: Learner, said: list[str], owner: Owner, changes: dict[str, object], reason: str
) -> None:
    data = with_header(encode(capture(learner, reached(2)), owner), **changes)
    store.write(FOLDER + "checkpoint-00002-000000000.pt", data)
    assert resumed(store, said) is None
    assert said == [f"Checkpoint {store.uri_of(FOLDER)}checkpoint-00002-000000000.pt is ignored: {reason}."]


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\nx", b"[]\nx", b"null\n", b"\xff\xfe\n\n", b'{"format": 1}\n'])
def test_what_is_no_checkpoint_is_damaged(data: bytes) -> None:
    with pytest.raises(Unusable, match="it is damaged"):
        decode(data, OWNER)


def test_every_cut_and_every_flipped_byte_is_seen(learner: Learner) -> None:
    data = encode(capture(learner, reached(1)), OWNER)
    for place in range(0, len(data), len(data) // 60):
        with pytest.raises(Unusable):
            decode(data[:place], OWNER)
        with pytest.raises(Unusable):
            decode(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :], OWNER)


def unfitting(kind: str, learner: Learner) -> Checkpoint:
    """A checkpoint whose last part can't be put back."""
    ours = capture(learner, reached(2))
    other = new_learner(architecture(hidden_size=5), HOW, CPU)
    match kind:
        case "network":
            return replace(ours, network=capture(other, State()).network)
        case "best":
            return replace(ours, best=other.best)
        case "optimiser":
            return replace(ours, optimiser={"state": {}, "param_groups": []})
        case _:
            return replace(ours, random={"cpu": torch.zeros(3)})


@pytest.mark.parametrize("kind", ["network", "best", "optimiser", "random"])
def test_a_learner_is_restored_whole_or_not_at_all(store: Store, learner: Learner, said: list[str], kind: str) -> None:
    save(store, FOLDER, unfitting(kind, learner), OWNER, said.append)
    untouched = fresh()
    before, random = copy.deepcopy(capture(untouched, State())), torch.get_rng_state()
    assert resume(store, FOLDER, untouched, OWNER, said.append) is None
    assert said == [
        f"Checkpoint {store.uri_of(FOLDER)}checkpoint-00002-000000000.pt is ignored: it does not fit this network."
    ]
    after = capture(untouched, State())
    assert same(dict(before.network), dict(after.network))
    assert same(dict(before.best), dict(after.best))
    assert before.optimiser == after.optimiser
    assert torch.equal(random, torch.get_rng_state())


def test_one_that_does_not_fit_gives_way_to_the_one_before(store: Store, learner: Learner, said: list[str]) -> None:
    keep(store, learner, reached(1))
    save(store, FOLDER, unfitting("random", learner), OWNER, said.append)
    another = fresh()
    assert resume(store, FOLDER, another, OWNER, said.append) == reached(1)
    assert same(another.network.state_dict(), learner.network.state_dict())


def test_all_are_removed_and_nothing_else(store: Store, learner: Learner, said: list[str]) -> None:
    keep(store, learner, reached(1), reached(2))
    store.write(FOLDER + "result.json", b"{}")
    remove(store, FOLDER, said.append)
    assert names(store) == ["result.json"]


@pytest.fixture
def undeletable(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    def refuse(self: Store, key: str) -> None:
        raise SoftwareError("DiskFailed", "The disk failed.")

    monkeypatch.setattr(type(store), "delete", refuse)


@pytest.mark.usefixtures("undeletable")
def test_no_training_fails_of_what_can_not_be_removed(store: Store, learner: Learner, said: list[str]) -> None:
    for number in range(1, 5):
        save(store, FOLDER, capture(learner, reached(number)), OWNER, said.append)
    assert len(names(store)) == 4
    assert said[-1] == "Old checkpoints could not be deleted: The disk failed."


def test_a_checkpoint_runs_no_code() -> None:
    """The bytes may come from a bucket that others write to."""

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, ("raise SystemExit('ran')",)

    import hashlib
    import io

    buffer = io.BytesIO()
    torch.save({"network": Evil()}, buffer)
    header = {"format": checkpoint.FORMAT, "sha256": hashlib.sha256(buffer.getvalue()).hexdigest()}
    data = json.dumps(header | {"train_key": OWNER.train_key, "data_sha256": OWNER.data_sha256}).encode()
    with pytest.raises(Unusable, match="it can't be read"):
        decode(data + b"\n" + buffer.getvalue(), OWNER)


def test_restore_says_where_to_go_on(learner: Learner) -> None:
    assert restore(capture(learner, reached(4, 2)), fresh()) == reached(4, 2)
