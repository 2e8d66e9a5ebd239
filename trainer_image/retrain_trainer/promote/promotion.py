"""Promotion: the evaluated bytes are copied into promoted/ first, and only then are the pointers flipped.

A trading service reads the pointers at any moment. Whatever interrupts a promotion, and wherever, each pointer must be
complete and name a model that is there. So the pointers are written last, each with one conditional write, and running a
promotion again is harmless.

A model that must be an improvement carries the champion that it was measured against. Its pointer is flipped only while
that one is in service: of two better models, the second has not been compared with the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.errors import DataError, StoreUnreachable
from retrain_api.measurement import CHAMPION_DIGITS
from retrain_api.model_times import parsed
from retrain_api.names import card_file, file_name, promoted_pointer
from retrain_api.wire import timestamp
from retrain_trainer.model.pointer import Pointed, Pointer, Promotion, read_pointer
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import Located, read_if_there

FLIPS = 8
"""Attempts to flip a pointer that somebody else keeps changing in between."""


@dataclass(frozen=True)
class Candidate:
    """A model to promote: the bytes that were evaluated, and the pointer that will name their copy.

    `champion`: the model that must be in service for that, as in PublishItem.
    """

    source: FileRef
    pointer: Pointer
    card: Mapping[str, Any]
    champion: str | None = None

    @property
    def file(self) -> str:
        """File name of the model."""
        return self.source.uri.rsplit("/", 1)[-1]


def promote(store: Store, candidates: Sequence[tuple[Candidate, Located]]) -> Promotion:
    """Copy the models that may be promoted, then flip their pointers.

    Raises DataError("ModelChanged") before any pointer is flipped when a model is not the one that was evaluated,
    and what the store raises. Running it again completes a promotion that was interrupted.
    """
    settled = {one.pointer.symbol: decide(store, one.pointer, one.champion) for one, _ in candidates}
    wanted = [(candidate, source) for candidate, source in candidates if settled[candidate.pointer.symbol] is None]
    for candidate, source in wanted:
        copy_to_promoted(store, candidate, source)
    flipped = {one.pointer.symbol: flip(store, one.pointer, one.champion) for one, _ in wanted}
    outcomes = [
        flipped.get(candidate.pointer.symbol) or settled[candidate.pointer.symbol] for candidate, _ in candidates
    ]
    return Promotion(
        tuple(outcome for outcome in outcomes if isinstance(outcome, Promoted)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, NotPromoted)),
    )


def decide(store: Store, candidate: Pointer, champion: str | None = None) -> Promoted | NotPromoted | None:
    """The outcome that today's pointer in the store already settles; None when the candidate should take its place."""
    return settled_by(candidate, read_pointer(store, candidate.symbol), champion)


def settled_by(candidate: Pointer, today: Pointed | None, champion: str | None = None) -> Promoted | NotPromoted | None:
    """The outcome that the pointer `today` settles, or None when the candidate should take its place.

    Promoted where it names the candidate already; NotPromoted where the candidate has expired, was rolled back from, was tested
    on older bars than the model promoted today (unless that one claims bars after its own promotion), or was measured against
    another champion. The last comes last, because measuring again would not cure the others. An override by a person settles all
    of them in the candidate's favour but the first: nobody could load what it put in service.
    """
    if today is not None and today.pointer.model.sha256 == candidate.model.sha256:
        return None if _expires_otherwise(candidate, today.pointer) else _promoted(today.pointer)
    if (refused := _expired(candidate)) is not None:
        return refused
    if today is None:
        return _champion_changed(candidate, None, champion)
    if candidate.override:
        return None
    if candidate.model.sha256 in today.pointer.withdrawn:
        return NotPromoted(
            symbol=candidate.symbol,
            reason=reasons.ROLLED_BACK,
            message="This model was withdrawn by a rollback; train again, or return to it with retrain rollback --to.",
        )
    if candidate.test.end < today.pointer.test.end and today.pointer.test_is_credible:
        return NotPromoted(
            symbol=candidate.symbol,
            reason=reasons.OLDER_TEST,
            message=f"It was tested on bars up to {candidate.test.last_bar}, but the model promoted today on bars up "
            f"to {today.pointer.test.last_bar}; train it again on newer data.",
        )
    return _champion_changed(candidate, today.pointer.model, champion)


def _expires_otherwise(candidate: Pointer, today: Pointer) -> bool:
    """Whether the model in service gets another expiry. One that a rollback gave stays: a person chose that model and its time."""
    return candidate.expires_at != today.expires_at and today.rolled_back is None


def _expired(candidate: Pointer) -> NotPromoted | None:
    """The refusal of a candidate whose time is over when it would be promoted.

    By the clock of the promotion, which is the one that `promotedAt` is from: whoever loads the model asks the clock, too, and a
    model as of last week that nobody may load is no model in service.
    """
    now = parsed(candidate.promoted_at)
    if now is None or candidate.expires_at is None or not candidate.is_expired(now):
        return None
    tested = timestamp(candidate.tested_end.astimezone(UTC))
    return NotPromoted(
        symbol=candidate.symbol,
        reason=reasons.EXPIRED,
        message=f"It expired at {candidate.expires_at}, before it could be promoted at {candidate.promoted_at}: promotion.expiresAfter "
        f"counts from {tested}, up to when it was tested; train it again on newer data, or set a longer promotion.expiresAfter.",
    )


def _champion_changed(candidate: Pointer, in_service: FileRef | None, champion: str | None) -> NotPromoted | None:
    """The refusal of a candidate that was measured against another `champion` than the model in service."""
    now = in_service.sha256[:CHAMPION_DIGITS] if in_service else ""
    if candidate.override or champion is None or champion == now:
        return None
    measured = (
        f"It was compared with the model {champion}" if champion else "No model was in service when it was measured"
    )
    then = "no model is in service any more; it is measured again."
    if in_service:
        then = f"{file_name(in_service.uri)} has been put in service since; it is measured again, against that one."
    return NotPromoted(
        symbol=candidate.symbol, reason=reasons.CHAMPION_CHANGED, message=f"{measured}, but {then}", champion=now
    )


def copy_to_promoted(store: Store, candidate: Candidate, source: Located) -> None:
    """Copy model and card into promoted/. Raises DataError("ModelChanged") unless the bytes are those that were evaluated."""
    with TemporaryDirectory(prefix="promote-") as folder:
        path = Path(folder) / "model.pt"
        require_sha256(source.store.download(source.key, path), candidate.source)
        _upload_once(store, f"promoted/{candidate.file}", path, candidate.source.sha256)
    card = _card(source) | dict(candidate.card)
    text = json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n"
    store.write(f"promoted/{card_file(candidate.file)}", text.encode())


def require_sha256(found: str, model: FileRef) -> None:
    """Raise DataError("ModelChanged") where a model file is not the one that was trained and evaluated."""
    if found != model.sha256:
        raise DataError(
            reasons.MODEL_CHANGED,
            f"{model.uri} has other bytes than were evaluated (sha256 {found[:12]} instead of {model.sha256[:12]}); "
            "restore that file and use `retrain retry`, or train again with a new retrain.crpbot.dev/rerun token.",
        )


def flip(store: Store, candidate: Pointer, champion: str | None = None) -> Promoted | NotPromoted:
    """Make the candidate today's model, unless a pointer written in the meantime settles the outcome.

    Each attempt is conditional on the pointer that it read, so a flip by somebody else is never overwritten unseen, and
    what is written always follows the `champion` where one is asked for.
    """
    key = promoted_pointer(candidate.symbol)
    for _ in range(FLIPS):
        today = read_pointer(store, candidate.symbol)
        settled = settled_by(candidate, today, champion)
        if settled is not None:
            return settled
        pointer = candidate if today is None else _following(candidate, today.pointer)
        try:
            store.write(key, pointer.encode(), if_match=today.etag if today else None, if_absent=today is None)
        except Conflict:
            continue
        return _promoted(pointer)
    raise StoreUnreachable(
        reasons.POINTER_CONTESTED,
        f"Others changed {store.uri_of(key)} {FLIPS} times while it was being written; see who else promotes there.",
    )


def _following(candidate: Pointer, today: Pointer) -> Pointer:
    """The pointer that replaces today's: with what it takes over from it or, of the same model, today's with another expiry."""
    if candidate.model.sha256 == today.model.sha256:
        return today.model_copy(update={"expires_at": candidate.expires_at})
    withdrawn = tuple(sha256 for sha256 in today.withdrawn if sha256 != candidate.model.sha256)
    return candidate.model_copy(update={"previous": today.as_previous(), "withdrawn": withdrawn})


def _promoted(pointer: Pointer) -> Promoted:
    previous = pointer.previous.uri if pointer.previous else None
    return Promoted(symbol=pointer.symbol, uri=pointer.model.uri, sha256=pointer.model.sha256, previous=previous)


def _upload_once(store: Store, key: str, path: Path, sha256: str) -> None:
    """Upload unless the same bytes are there; other bytes under a name that contains a digest are never overwritten."""
    if store.head(key) is None:
        store.upload(key, path)
        return
    there = path.with_name("promoted.pt")
    if store.download(key, there) != sha256:
        raise DataError(
            reasons.PROMOTED_FILE_DIFFERS,
            f"{store.uri_of(key)} exists, but its bytes are not those that its name says; move it away, then use `retrain retry`.",
        )


def _card(source: Located) -> dict[str, Any]:
    """The model card that training wrote; empty where there is none."""
    stored = read_if_there(source.store, card_file(source.key))
    return {} if stored is None else dict(json.loads(stored.data))
