"""The status says up to when each model has learnt, was chosen and was tested, and the run how old its learning is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.planning import Cluster, passing
from support.results import TIMES

from retrain_api.documents.results import EvaluateResult, TrainResult
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import to_wire

NONE = dict.fromkeys(TIMES)
WIRE = {
    "trainedUntil": "2025-06-08T12:16:00Z",
    "knownUntil": "2025-06-16T06:16:00Z",
    "testedUntil": "2025-06-24T00:00:00Z",
}


class Dated(Cluster):
    """A cluster whose trainings and measurements have these times."""

    until: Mapping[str, str | None] = {}
    measured: Mapping[str, str | None] = NONE

    def _result(self, part: Any) -> Any:
        found = super()._result(part)
        if isinstance(found, TrainResult) and part.symbol in self.until:
            first = self.until[part.symbol]
            return found.model_copy(update=NONE if first is None else {"trained_until": first})
        return found.model_copy(update=self.measured) if isinstance(found, EvaluateResult) else found


def finished(symbols: int, until: dict[int, str | None], measured: Mapping[str, str | None] = NONE) -> RetrainRunStatus:
    """The status of an ended run; `until` gives the trainedUntil of some of its symbols, by their place."""
    names = ["BTC-USD", *(f"COIN{number}-USD" for number in range(1, symbols))]
    cluster = Dated.of(symbols=names)
    cluster.until, cluster.measured = {names[place]: time for place, time in until.items()}, measured
    return cluster.to_the_end().status


def trained_condition(status: RetrainRunStatus) -> str:
    return next(one.message for one in status.conditions if one.type == "Trained")


@pytest.mark.parametrize(
    ("symbols", "until", "oldest", "said"),
    [
        (1, {}, "2025-06-08T12:16:00Z", "The weights end 15 days before the last bar."),
        (
            3,
            {1: "2024-11-21T06:00:00Z"},
            "2024-11-21T06:00:00Z",
            "The oldest weights (COIN1-USD) end 215 days before the last bar.",
        ),
        (
            3,
            {0: None, 2: None},
            "2025-06-08T12:16:00Z",
            "The oldest weights (COIN1-USD) end 15 days before the last bar.",
        ),
        (1, {0: None}, None, ""),
    ],
)
def test_a_run_says_how_old_its_oldest_weights_are(
    symbols: int, until: dict[int, str | None], oldest: str | None, said: str
) -> None:
    status = finished(symbols, until)
    assert (status.trained_until, trained_condition(status)) == (oldest, said)


@pytest.mark.parametrize(
    ("symbols", "shown"), [(1, WIRE), (16, WIRE), (17, {"trainedUntil": WIRE["trainedUntil"]}), (64, {})]
)
def test_each_symbol_has_its_times_and_of_many_the_first(symbols: int, shown: dict[str, str]) -> None:
    results = [to_wire(entry.result) for entry in finished(symbols, {}).symbols if entry.result]
    assert len(results) == symbols
    for result in results:
        assert {name: result[name] for name in WIRE if name in result} == (
            shown or {"trainedUntil": WIRE["trainedUntil"]}
        )


def test_a_suspect_model_has_the_first_alone_and_ready_says_it_short() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.measurements = {"BTC-USD": passing().model_copy(update={"suspicions": ("Too good",)})}
    status = cluster.to_the_end().status
    (entry,) = status.symbols
    assert entry.result and [*filter(None, dict(entry.result.times).values())] == [WIRE["trainedUntil"]]
    ready = next(one.message for one in status.conditions if one.type == "Ready")
    assert status.state == "AwaitingApproval" and status.message.startswith(f"{ready}, judged by")


def test_the_times_of_a_model_of_an_earlier_release_come_with_its_measurement() -> None:
    status = finished(1, {0: None}, TIMES)
    (entry,) = status.symbols
    assert entry.result and entry.result.times.model_dump(by_alias=True) == WIRE
    assert status.trained_until == WIRE["trainedUntil"]
