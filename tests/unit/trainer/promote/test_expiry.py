"""A model is good for `promotion.expiresAfter` from the end of its test: then it is not promoted, and a rollback begins anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import measured, publish_item, publish_task, put_evaluation

from retrain_api.documents.results import PublishResult
from retrain_api.errors import DataError
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

SYMBOL = "BTC-USD"
TIMES = {
    "trainedUntil": "2025-06-01T00:00:00Z",
    "knownUntil": "2025-06-12T00:00:00Z",
    "testedUntil": "2025-06-24T00:16:00Z",
}
"""The last bar of the tests here opens at midnight, and a horizon of 15 minutes later its outcome is decided."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "artifacts").mkdir()
    return open_store(f"file://{tmp_path}/artifacts/", {}, 1)


def published(
    store: Store, now: str, after: str | None, version: int = 1, times: dict[str, str] = TIMES, **changes: Any
) -> PublishResult:
    item = publish_item(store, SYMBOL, measured(0.7), version=version)
    item = item.model_copy(update={"evaluation": put_evaluation(store, SYMBOL, item.data.last_bar, **times)})
    key = f"{version}{now}{after}"
    task = publish_task(store, [item], expires_after=after, publish_key=key, number=version, **changes)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    return publish(task, store, locator(store, task.artifacts_uri, {}), at, lambda line: None)


def today(store: Store) -> Pointer:
    pointed = read_pointer(store, SYMBOL)
    assert pointed is not None
    return pointed.pointer


def card(store: Store) -> Any:
    return json.loads(store.read(today(store).model.uri.removeprefix(store.uri).replace(".pt", ".json")).data)


@pytest.mark.parametrize(
    ("times", "after", "expires"),
    [
        (TIMES, "21d", "2025-07-15T00:16:00Z"),
        (TIMES, "36h", "2025-06-25T12:16:00Z"),
        (TIMES, "90m", "2025-06-24T01:46:00Z"),
        (TIMES, None, None),
        # As the first release measured it.
        ({}, "21d", "2025-07-15T00:00:00Z"),
        ({}, None, None),
        ({"testedUntil": "some day"}, "21d", "2025-07-15T00:00:00Z"),
    ],
)
def test_it_counts_from_the_end_of_the_test(
    store: Store, times: dict[str, str], after: str | None, expires: str | None
) -> None:
    assert published(store, "2025-06-24T01:00:00", after, times=times).promoted
    pointer = today(store)
    assert pointer.expires_at == expires
    known = times if times == TIMES else {}
    assert {name: pointer.model_dump(by_alias=True)[name] for name in TIMES} == {
        name: known.get(name) for name in TIMES
    }
    assert {name: card(store).get(name) for name in TIMES} == {name: known.get(name) for name in TIMES}
    written = json.loads(store.read(f"promoted/{SYMBOL}.json").data)
    assert ("expiresAt" in written, "testedUntil" in written) == (expires is not None, bool(known))


@pytest.mark.parametrize(("now", "promoted"), [("2025-06-25T00:15:59", True), ("2025-06-25T00:16:00", False)])
def test_an_expired_candidate_is_not_promoted(store: Store, now: str, promoted: bool) -> None:
    result = published(store, now, "1d")
    assert bool(result.promoted) is promoted
    if not promoted:
        (refused,) = result.not_promoted
        assert refused.reason == "Expired"
        assert refused.message == (
            "It expired at 2025-06-25T00:16:00Z, before it could be promoted at 2025-06-25T00:16:00Z: promotion.expiresAfter "
            "counts from 2025-06-24T00:16:00Z, up to when it was tested; train it again on newer data, or set a longer "
            "promotion.expiresAfter."
        )
        assert store.list("promoted/") == []


def test_an_override_does_not_put_in_service_what_nobody_may_load(store: Store) -> None:
    assert published(store, "2025-07-01T00:00:00", "1d", override=True, approved_by="ada").not_promoted


def test_an_expired_candidate_leaves_the_model_in_service_alone(store: Store) -> None:
    published(store, "2025-06-24T01:00:00", None)
    before = store.read(f"promoted/{SYMBOL}.json").data
    published(store, "2025-07-01T00:00:00", "1d", version=2)
    assert store.read(f"promoted/{SYMBOL}.json").data == before


def test_another_expires_after_changes_the_expiry_of_the_model_in_service_and_nothing_else(store: Store) -> None:
    published(store, "2025-06-24T01:00:00", None)
    published(store, "2025-06-24T01:00:00", "21d", version=2)
    before = today(store)
    assert published(store, "2025-06-24T09:00:00", "30d", version=2).promoted
    assert today(store) == before.model_copy(update={"expires_at": "2025-07-24T00:16:00Z"})
    assert published(store, "2025-06-25T09:00:00", None, version=2).promoted
    assert today(store) == before.model_copy(update={"expires_at": None})


@pytest.mark.parametrize(
    ("first", "asked", "expires"),
    [
        ("21d", None, "2025-07-31T09:00:00Z"),
        ("21d", "3d", "2025-07-13T09:00:00Z"),
        (None, "3d", "2025-07-13T09:00:00Z"),
        (None, None, None),
    ],
)
def test_a_rollback_begins_anew_with_the_times_of_the_card(
    store: Store, first: str | None, asked: str | None, expires: str | None
) -> None:
    """The first time of the model gone back to is over by then."""
    published(store, "2025-06-24T01:00:00", first)
    published(store, "2025-06-24T02:00:00", None, version=2, times={})
    pointer = roll_back(store, SYMBOL, None, "ada", "bad fills", "2025-07-10T09:00:00Z", asked)
    assert pointer == today(store)
    assert pointer.expires_at == expires
    assert pointer.times.model_dump(by_alias=True) == TIMES


def test_what_a_person_rolled_back_to_keeps_the_time_that_they_gave_it(store: Store) -> None:
    published(store, "2025-06-24T01:00:00", "1d")
    published(store, "2025-06-24T02:00:00", "1d", version=2)
    pointer = roll_back(store, SYMBOL, None, "ada", "bad fills", "2025-07-10T09:00:00Z", "3d")
    assert published(store, "2025-07-11T00:00:00", "1d").promoted
    assert today(store) == pointer


@pytest.mark.parametrize("field", ["expiresAt", "testedUntil"])
def test_a_pointer_whose_time_is_none_is_damaged(store: Store, field: str) -> None:
    published(store, "2025-06-24T01:00:00", "1d")
    key = f"promoted/{SYMBOL}.json"
    store.write(key, json.dumps(json.loads(store.read(key).data) | {field: "soon"}).encode())
    with pytest.raises(DataError) as caught:
        read_pointer(store, SYMBOL)
    assert caught.value.reason == "BadPointer"
