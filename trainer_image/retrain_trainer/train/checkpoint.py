"""Checkpoints in the artifacts store: one after every epoch, and one in the middle of an epoch on a request to stop.

A checkpoint is one file: a line of JSON with its owner and the sha256 of what follows, then torch's bytes. The store only
writes whole files; the checksum detects damage that happens later.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

import torch

from retrain_api.errors import RetrainError
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there

from .learner import Learner, random_state, restore_random_state
from .loop import Epoch, State
from .schedule import Patience

FORMAT = 4
"""Increased whenever older checkpoints would continue differently; those are then ignored."""

KEPT = 2
_NAME = "checkpoint-"

Log = Callable[[str], None]


@dataclass(frozen=True)
class Owner:
    """The training that a checkpoint belongs to. Another key, or other data, is another training."""

    train_key: str
    data_sha256: str


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot of a training: torch's tensors and random state, and the progress."""

    network: Mapping[str, Any]
    optimiser: Mapping[str, Any]
    best: Mapping[str, Any]
    random: Mapping[str, Any]
    state: State


class Unusable(Exception):
    """The reason why a checkpoint is not used, as part of a sentence."""


def capture(learner: Learner, state: State) -> Checkpoint:
    """The current state of the training. Encode it before the next step: the tensors are not copied."""
    random = random_state(device_of(learner))
    return Checkpoint(learner.network.state_dict(), learner.optimiser.state_dict(), learner.best, random, state)


def restore(checkpoint: Checkpoint, learner: Learner) -> State:
    """Restore weights, optimiser and random state, and return the state to continue from.

    Raises Unusable where they do not fit the learner, which is left unchanged.
    """
    before = copy.deepcopy(capture(learner, checkpoint.state))
    try:
        _put(checkpoint, learner)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError):
        _put(before, learner)
        raise Unusable("it does not fit this network") from None
    return checkpoint.state


def _put(checkpoint: Checkpoint, learner: Learner) -> None:
    device = device_of(learner)
    # The best weights are loaded first, to prove that they fit the network, too.
    for weights in (checkpoint.best, checkpoint.network):
        learner.network.load_state_dict(dict(weights))
    learner.optimiser.load_state_dict(dict(checkpoint.optimiser))
    learner.best = {name: value.to(device) for name, value in checkpoint.best.items()}
    restore_random_state(dict(checkpoint.random), device)


def device_of(learner: Learner) -> torch.device:
    """The device of the learner's weights."""
    return next(learner.network.parameters()).device


def encode(checkpoint: Checkpoint, owner: Owner) -> bytes:
    """The file's bytes."""
    buffer = BytesIO()
    parts = {name: dict(getattr(checkpoint, name)) for name in ("network", "optimiser", "best", "random")}
    torch.save(parts | {"state": asdict(checkpoint.state)}, buffer)
    body = buffer.getvalue()
    return json.dumps({"format": FORMAT, "sha256": sha256(body).hexdigest(), **asdict(owner)}).encode() + b"\n" + body


def decode(data: bytes, owner: Owner) -> Checkpoint:
    """The checkpoint in `data`. Raises Unusable where it is damaged, has another format, or belongs to another training."""
    line, _, body = data.partition(b"\n")
    try:
        header = json.loads(line)
        version, checksum = header["format"], header["sha256"]
    except (ValueError, KeyError, TypeError):
        raise Unusable("it is damaged") from None
    if version != FORMAT:
        raise Unusable(f"it has format {version}, and this trainer continues from format {FORMAT}")
    if checksum != sha256(body).hexdigest():
        raise Unusable("it is damaged")
    if (header.get("train_key"), header.get("data_sha256")) != (owner.train_key, owner.data_sha256):
        raise Unusable("it belongs to another training")
    try:
        return _unpacked(torch.load(BytesIO(body), weights_only=True, map_location="cpu"))
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise Unusable(f"it can't be read ({type(error).__name__})") from None


def _unpacked(content: Mapping[str, Any]) -> Checkpoint:
    plain = dict(content["state"])
    epochs = tuple(Epoch(**entry) for entry in plain.pop("epochs"))
    state = State(epochs=epochs, patience=Patience(**plain.pop("patience")), **plain)
    return Checkpoint(content["network"], content["optimiser"], content["best"], content["random"], state)


def save(store: Store, folder: str, checkpoint: Checkpoint, owner: Owner, log: Log) -> None:
    """Write a checkpoint into `folder`, and delete all others but the one before it.

    Those of later epochs are deleted, too: the training would have continued from them if they were usable.
    """
    state = checkpoint.state
    key = f"{folder}{_NAME}{state.finished:05d}-{state.step:09d}.pt"
    store.write(key, encode(checkpoint, owner))
    remove(store, folder, log, upto=key)


def resume(store: Store, folder: str, learner: Learner, owner: Owner, log: Log) -> State | None:
    """Continue from the newest usable checkpoint. Returns its state, or None; the log says why others are ignored."""
    for key in reversed(store.list(folder + _NAME)):
        stored = read_if_there(store, key)
        if stored is None:
            continue
        try:
            return restore(decode(stored.data, owner), learner)
        except Unusable as reason:
            log(f"Checkpoint {store.uri_of(key)} is ignored: {reason}.")
    return None


def remove(store: Store, folder: str, log: Log, upto: str = "") -> None:
    """Delete all checkpoints but the last two up to `upto`. A failure is logged and does not fail the training."""
    try:
        keys = store.list(folder + _NAME)
        kept = [key for key in keys if key <= upto][-KEPT:]
        for key in keys:
            if key not in kept:
                store.delete(key)
    except RetrainError as error:
        log(f"Old checkpoints could not be deleted: {error.message}")
