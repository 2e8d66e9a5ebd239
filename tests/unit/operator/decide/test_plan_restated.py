"""Data that was rewritten since an earlier training: a condition that warns, and stops nothing."""

from __future__ import annotations

import json

import pytest
from support import results
from support.planning import Cluster, trained

from retrain_api.documents.encoding import MESSAGE_LIMIT, encode_message
from retrain_api.documents.references import Restated
from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.status.condition import Condition
from retrain_api.wire import to_wire
from retrain_operator.decide.run.training import RESTATED_TOLD

HINT = Restated(day="2026-11-20", column="hint", as_of="2026-11-27T12:00:00Z")
LATE = HINT.model_copy(update={"column": "close", "late": True})


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Restated]:
    """What the training of a symbol finds."""
    known: dict[str, Restated] = {}

    def result(task: TrainTask) -> TrainResult:
        return trained(task).model_copy(update={"restated": known.get(task.symbol)})

    monkeypatch.setattr(results, "trained", result)
    return known


def condition(cluster: Cluster) -> Condition | None:
    return next((one for one in cluster.run.status.conditions if one.type == "DataRestated"), None)


def test_a_condition_names_symbol_day_and_column_and_stops_nothing(found: dict[str, Restated]) -> None:
    found["ETH-USD"] = HINT
    cluster = Cluster.of()
    assert cluster.to_the_end().status.state == "Promoted"
    told = condition(cluster)
    assert told is not None
    assert (told.status, told.reason) == ("True", "DataRestated")
    assert told.message.endswith("first on: ETH-USD 2026-11-20 hint.")


@pytest.mark.parametrize("one", [None, LATE])
def test_without_it_or_with_late_corrections_there_is_none(found: dict[str, Restated], one: Restated | None) -> None:
    found.update({"ETH-USD": one} if one else {})
    cluster = Cluster.of()
    cluster.to_the_end()
    assert condition(cluster) is None


def test_it_goes_with_the_next_training(found: dict[str, Restated]) -> None:
    found["ETH-USD"] = HINT
    cluster = Cluster.of()
    cluster.to_the_end()
    found.clear()
    cluster.edit(training={"seed": 2})
    cluster.to_the_end()
    assert condition(cluster) is None


def test_a_status_of_64_symbols_names_the_first_few(found: dict[str, Restated]) -> None:
    names = [f"COIN{number}-USD" for number in range(64)]
    found.update(dict.fromkeys(names, HINT.model_copy(update={"column": "c" * 200})))
    cluster = Cluster.of(symbols=names)
    status = cluster.to_the_end().status
    told = [one.symbol for one in status.symbols if one.result and one.result.restated]
    assert told == names[:RESTATED_TOLD]
    message = next(one.message for one in status.conditions if one.type == "DataRestated")
    assert len(message) <= 1024
    without = [to_wire(one) | {"result": {**to_wire(one)["result"], "restated": None}} for one in status.symbols[:8]]
    more = len(json.dumps([to_wire(one) for one in status.symbols[:8]])) - len(json.dumps(without))
    assert more + len(message) < 1_500


def test_the_message_of_a_training_still_fits() -> None:
    result = TrainResult.model_validate(
        {
            "symbol": "BTC-USD",
            "trainKey": "a" * 16,
            "model": {"uri": "s3://b/" + "m" * 1_000, "sha256": "a" * 64},
            "data": {
                "uri": "s3://b/" + "d" * 1_000,
                "sha256": "d" * 64,
                "versionId": "v" * 64,
                "firstBar": "2025-05-04T00:00:00Z",
                "lastBar": "2025-06-24T00:00:00Z",
                "rows": 73139,
                "rowsSha256": "e" * 64,
                "firstRow": "2025-05-04T00:00:00Z",
                "lastRow": "2025-06-24T00:00:00Z",
            },
            "epochs": 34,
            "bestEpoch": 27,
            "durationSeconds": 671.5,
            "restated": to_wire(HINT) | {"column": "c" * 500},
            "warnings": ["w" * 2_000],
        }
    )
    assert len(encode_message(result).encode()) <= MESSAGE_LIMIT
