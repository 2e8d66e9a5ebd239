"""What the operator's metrics say of promoted models: how they do, how old their learning is, and whether people are told."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from support.bodies import run_body
from support.still import Still

from retrain_api.status.notified import Notified
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.controller.metrics import Metrics
from retrain_operator.state.cache import Cache

NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
PAST, SOON = "2026-11-28T03:00:00Z", "2026-11-28T05:00:00Z"
PREFIXES = ("retrain_promoted", "retrain_observation", "retrain_looks", "retrain_notifications")


def lines(metrics: Metrics) -> dict[str, float]:
    """Each line about promoted models that is not 0."""
    found = [line.rsplit(" ", 1) for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {
        name: float(value)
        for name, value in found
        if name.startswith(PREFIXES) and "_created" not in name and float(value)
    }


def read(*statuses: dict[str, Any], leads: bool = True) -> dict[str, float]:
    cache, metrics = Cache(), Metrics()
    for number, status in enumerate(statuses):
        body = run_body(uid=f"r-{number}", name=f"r-{number}")
        cache.put("runs", body | {"status": {"state": "Promoted"} | status})
    metrics.observe(Still(), Still(), cache, lambda: leads, clock=lambda: NOW)
    return lines(metrics)


def observed(*symbols: tuple[str, float], state: str = "Holding", **fields: Any) -> dict[str, Any]:
    """The status of a run whose models do like this; of each the state and the wealth of the bet against it."""
    named = [{"symbol": f"S{n}", "state": how, "wealth": wealth} for n, (how, wealth) in enumerate(symbols)]
    observation = {"state": state, "symbols": named, "nextTime": SOON} | fields
    return {"trainedUntil": "2026-11-27T04:00:00Z", "observation": observation}


def test_promoted_models_are_counted_by_how_they_do() -> None:
    found = read(observed(("Holding", 1.0), ("Decaying", 30.0)), observed(("Holding", 0.5)), {})
    assert found == {
        'retrain_promoted_models{state="Holding"}': 2.0,
        'retrain_promoted_models{state="Decaying"}': 1.0,
        "retrain_promoted_wealth_ratio": 0.75,
        "retrain_promoted_learning_age_seconds": 86400.0,
    }


def test_a_model_whose_place_a_newer_one_took_is_counted_no_more() -> None:
    before = observed(("Superseded", 90.0), ("Superseded", 2.0), state="Superseded", nextTime=None)
    assert read(before) == {}


def test_the_leader_alone_counts_them() -> None:
    assert read(observed(("Decaying", 30.0), nextTime=PAST), leads=False) == {}


OVERDUE = {
    "the look is to come": ({"nextTime": SOON}, 0.0),
    "it should have been made an hour ago": ({"nextTime": PAST}, 3600.0),
    "none is to come": ({"nextTime": None}, 0.0),
    "somebody suspended the run": ({"nextTime": PAST, "state": "Suspended"}, 0.0),
}


@pytest.mark.parametrize(("fields", "late"), OVERDUE.values(), ids=OVERDUE)
def test_a_look_that_should_have_been_made_is_overdue(fields: dict[str, Any], late: float) -> None:
    assert read(observed(("Holding", 1.0), **fields)).get("retrain_observation_overdue_seconds", 0.0) == late


def test_learning_counts_while_somebody_looks_at_what_came_of_it() -> None:
    over = observed(("Held", 1.0), state="Held", nextTime=None) | {"trainedUntil": "2025-01-01T00:00:00Z"}
    found = read(over, observed(("Holding", 1.0)))
    assert found["retrain_promoted_learning_age_seconds"] == 86400.0


def test_a_run_that_no_release_wrote_like_that_does_no_harm() -> None:
    found = read({"observation": {"state": "Dreaming", "symbols": [{"symbol": "S", "state": "Dreaming"}]}})
    assert found == {}


def counted(*observations: ObservationStatus | None) -> dict[str, float]:
    metrics = Metrics()
    statuses = [RetrainRunStatus(observation=one) for one in observations]
    for before, after in pairwise(statuses):
        metrics.wrote(before, after)
    return lines(metrics)


def test_each_look_is_counted_once_when_it_is_over() -> None:
    first, failed = ObservationStatus(key="1"), ObservationStatus(key="1", failed_key="2")
    third = ObservationStatus(key="3")
    assert counted(None, first, first, failed, failed, third) == {
        'retrain_looks_total{result="Read"}': 2.0,
        'retrain_looks_total{result="Failed"}': 1.0,
    }


ADDED = Notified(name="phone", key="2-Promoted")
TOLD = Notified(name="phone", key="3-Decaying", at=PAST)
FAILED = Notified(name="phone", key="3-Decaying", at=PAST, pending="4-Held", failed_key="4-Held-1")


@pytest.mark.parametrize("status", [RetrainRunStatus, RetrainScheduleStatus])
def test_each_notification_is_counted_once_when_it_is_over(
    status: type[RetrainRunStatus | RetrainScheduleStatus],
) -> None:
    metrics = Metrics()
    life = [status(notified=notified) for notified in (None, (ADDED,), (TOLD,), (TOLD,), (FAILED,), (FAILED,))]
    for before, after in pairwise(life):
        wrote: Any = metrics.wrote if isinstance(after, RetrainRunStatus) else metrics.wrote_schedule
        wrote(before, after)
    assert lines(metrics) == {
        'retrain_notifications_total{result="Told"}': 1.0,
        'retrain_notifications_total{result="Failed"}': 1.0,
    }
