"""Promotion: the evaluated bytes are put beside the others, and only then the pointers are flipped.

Whatever is interrupted, and wherever, a trading service reads a pointer that is whole and names a model that is
there: the pointers are the last thing written, each with one conditional write. Doing it all again is harmless.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api.documents import FileRef, NotPromoted, Promoted
from retrain_api.errors import DataError, StoreUnreachable
from retrain_api.names import card_file, promoted_pointer

from .locate import Located, read_if_there
from .pointer import Pointed, Pointer, read_pointer
from .store import Conflict, Store

FLIPS = 8
"""Times a pointer is read again when somebody else has changed it in between."""


@dataclass(frozen=True)
class Candidate:
    """A model to promote: the bytes that were evaluated, and the pointer that shall name their copy."""

    source: FileRef
    pointer: Pointer
    card: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Name of the model file."""
        return self.source.uri.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Promotion:
    """What became of the candidates."""

    promoted: tuple[Promoted, ...] = ()
    not_promoted: tuple[NotPromoted, ...] = ()


def promote(store: Store, candidates: Sequence[tuple[Candidate, Located]]) -> Promotion:
    """Copy the models that may be promoted, then flip their pointers.

    Raises DataError("ModelChanged") before any pointer is flipped when a model is not the one that was evaluated,
    and what the store raises; running it again finishes what was begun.
    """
    settled = {candidate.pointer.symbol: decide(store, candidate.pointer) for candidate, _ in candidates}
    wanted = [(candidate, source) for candidate, source in candidates if settled[candidate.pointer.symbol] is None]
    for candidate, source in wanted:
        place(store, candidate, source)
    flipped = {candidate.pointer.symbol: flip(store, candidate.pointer) for candidate, _ in wanted}
    outcomes = [
        flipped.get(candidate.pointer.symbol) or settled[candidate.pointer.symbol] for candidate, _ in candidates
    ]
    return Promotion(
        tuple(outcome for outcome in outcomes if isinstance(outcome, Promoted)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, NotPromoted)),
    )


def decide(store: Store, candidate: Pointer) -> Promoted | NotPromoted | None:
    """What is settled by today's pointer alone; None when the candidate should take its place."""
    return settled_by(candidate, read_pointer(store, candidate.symbol))


def settled_by(candidate: Pointer, today: Pointed | None) -> Promoted | NotPromoted | None:
    """Already promoted, rolled back from or tested on older bars than today's (not promoted), or None: go on."""
    if today is None:
        return None
    if today.pointer.model.sha256 == candidate.model.sha256:
        return _promoted(today.pointer)
    if candidate.override:
        return None
    if candidate.model.sha256 in today.pointer.withdrawn:
        return NotPromoted(
            symbol=candidate.symbol,
            reason="RolledBack",
            message="This very model was rolled back from; train again, or go back to it with retrain rollback --to.",
        )
    if candidate.test.end < today.pointer.test.end:
        return NotPromoted(
            symbol=candidate.symbol,
            reason="OlderTest",
            message=f"It was tested on bars up to {candidate.test.last_bar}, and the model promoted today on bars up "
            f"to {today.pointer.test.last_bar}; train it again on newer data.",
        )
    return None


def place(store: Store, candidate: Candidate, source: Located) -> None:
    """Put model and card into promoted/; the bytes are those that were evaluated, or DataError."""
    with TemporaryDirectory(prefix="promote-") as folder:
        path = Path(folder) / "model.pt"
        require_sha256(source.store.download(source.key, path), candidate.source)
        _put(store, f"promoted/{candidate.file}", path, candidate.source.sha256)
    card = _card(source) | dict(candidate.card)
    text = json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n"
    store.write(f"promoted/{card_file(candidate.file)}", text.encode())


def require_sha256(found: str, model: FileRef) -> None:
    """Raises DataError("ModelChanged") where a model file is not the one that was trained and evaluated."""
    if found != model.sha256:
        raise DataError(
            "ModelChanged",
            f"{model.uri} has other bytes than were evaluated (sha256 {found[:12]} instead of {model.sha256[:12]}); "
            "restore that file, or train again with a new retrain.crpbot.dev/rerun token.",
        )


def flip(store: Store, candidate: Pointer) -> Promoted | NotPromoted:
    """Make the candidate today's model, unless a pointer written meanwhile settles it otherwise."""
    key = promoted_pointer(candidate.symbol)
    for _ in range(FLIPS):
        today = read_pointer(store, candidate.symbol)
        settled = settled_by(candidate, today)
        if settled is not None:
            return settled
        pointer = candidate if today is None else candidate.model_copy(update=_following(candidate, today.pointer))
        try:
            store.write(key, pointer.encode(), if_match=today.etag if today else None, if_absent=today is None)
        except Conflict:
            continue
        return _promoted(pointer)
    raise StoreUnreachable(
        "PointerContested",
        f"{store.uri_of(key)} was changed by others {FLIPS} times while it was to be written; try again later.",
    )


def _following(candidate: Pointer, today: Pointer) -> dict[str, Any]:
    """What a pointer takes over from the one that it replaces."""
    withdrawn = tuple(sha256 for sha256 in today.withdrawn if sha256 != candidate.model.sha256)
    return {"previous": today.as_previous(), "withdrawn": withdrawn}


def _promoted(pointer: Pointer) -> Promoted:
    previous = pointer.previous.uri if pointer.previous else None
    return Promoted(symbol=pointer.symbol, uri=pointer.model.uri, sha256=pointer.model.sha256, previous=previous)


def _put(store: Store, key: str, path: Path, sha256: str) -> None:
    """Upload unless the same bytes are there; other bytes under a name made of a digest are not overwritten."""
    if store.head(key) is None:
        store.upload(key, path)
        return
    there = path.with_name("promoted.pt")
    if store.download(key, there) != sha256:
        raise DataError(
            "PromotedFileDiffers",
            f"{store.uri_of(key)} is there with other bytes than its name says; move it away, then run again.",
        )


def _card(source: Located) -> dict[str, Any]:
    """The training's model card; empty where there is none."""
    stored = read_if_there(source.store, card_file(source.key))
    return {} if stored is None else dict(json.loads(stored.data))
