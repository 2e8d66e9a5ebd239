"""When promoted models of a run of this machine can be looked at, and when that is over."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retrain_api.errors import ConfigurationError
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_api.time import Duration
from retrain_api.wire import timestamp
from retrain_cli.display.plain import PlainDisplay
from retrain_client.local.look import due, is_over, look, look_is_due, promoted_run
from retrain_client.local.state import RunFolder, open_folder
from retrain_operator.decide.observation.looks import models_key

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)
BEFORE, AFTER = "2026-11-28T02:00:00Z", "2026-11-28T04:00:00Z"
PROMOTED = {
    "state": "Promoted",
    "promotion": {"state": "Promoted", "models": [{"symbol": "BTC-USD", "uri": "file:///m/a.pt"}]},
}


def written(**spec: Any) -> RetrainRun:
    smallest = {"symbols": ["BTC-USD"], "data": {"uri": "file:///d/"}, "artifacts": {"uri": "file:///m/"}}
    head = {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun", "metadata": {"name": "nightly"}}
    return parse_run({**head, "spec": smallest | spec})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return open_folder(tmp_path, "default", "nightly")


def status(document: dict[str, Any]) -> RetrainRunStatus:
    return RetrainRunStatus.model_validate(document)


def observed(**observation: Any) -> RetrainRunStatus:
    return status(PROMOTED | {"observation": observation})


def test_a_run_is_looked_at_as_it_was_carried_out_last(folder: RunFolder) -> None:
    folder.identify(written(observation={"every": "6h"}))
    folder.write_status(status(PROMOTED))
    found = promoted_run(folder)
    assert found.spec.observation is not None and found.spec.observation.every == "6h"
    assert (found.metadata.name, found.metadata.generation, found.status.state) == ("nightly", 1, "Promoted")


def test_whoever_asks_is_answered_also_where_the_run_does_not_say_how_it_is_observed(folder: RunFolder) -> None:
    folder.identify(written())
    folder.write_status(status(PROMOTED))
    found = promoted_run(folder)
    assert found.spec.observation is not None and found.spec.observation.every == "1d"
    assert found.metadata.generation == 1, "it is the same run, and not changed for good"
    kept = folder.definition()
    assert kept is not None and kept.spec.observation is None


def test_a_look_that_is_asked_for_in_the_second_of_the_last_one_is_another_one(folder: RunFolder) -> None:
    """The Job of a look is named by its time, to the second: it would be that of the last look, and its result."""
    folder.identify(written(observation={"every": "6h"}))
    promotion = status(PROMOTED).promotion
    assert promotion is not None
    models = models_key(promotion.models)
    folder.write_status(observed(models=models, began=BEFORE, lastTime=timestamp(NOW), nextTime=AFTER))
    times = iter([NOW, NOW + timedelta(milliseconds=990), NOW + timedelta(seconds=1)])
    last = NOW + timedelta(seconds=1)
    look(folder, PlainDisplay(io.StringIO()), lambda: True, now=lambda: next(times, last))
    forward = folder.read_status().observation
    assert forward is not None and forward.next_time == timestamp(NOW + timedelta(seconds=1))


REFUSED = {
    "at work": ({"state": "Training"}, True, "nightly is at work (Training): `retrain run -f FILE` goes on with it."),
    "nothing promoted": (
        {"state": "Rejected"},
        True,
        "nightly has promoted no model (Rejected), so there is nothing to observe.",
    ),
    "of an earlier release": (
        PROMOTED,
        False,
        "An earlier release carried nightly out, and did not keep what its models need: run `retrain run -f FILE` once more.",
    ),
}


@pytest.mark.parametrize(("document", "kept", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_looked_at(folder: RunFolder, document: dict[str, Any], kept: bool, sentence: str) -> None:
    if kept:
        folder.identify(written())
    folder.write_status(status(document))
    with pytest.raises(ConfigurationError) as caught:
        promoted_run(folder)
    assert (caught.value.reason, caught.value.message) == ("NothingToObserve", sentence)


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        ({"nextTime": BEFORE}, True),
        ({"nextTime": AFTER}, False),
        ({}, False),
        ({"nextTime": BEFORE, "state": "Suspended"}, False),
    ],
)
def test_a_schedule_looks_once_the_time_of_the_look_has_come(observation: dict[str, Any], expected: bool) -> None:
    assert look_is_due(observed(**observation), NOW) is expected
    assert not look_is_due(status(PROMOTED), NOW), "it is not observed"


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        ({"state": "Held"}, True),
        ({"state": "Superseded"}, True),
        ({"state": "Holding", "nextTime": AFTER}, False),
        ({"state": "Decaying", "nextTime": AFTER}, False),
    ],
)
def test_it_is_over_once_the_time_is_or_another_model_stands(observation: dict[str, Any], expected: bool) -> None:
    assert is_over(observed(**observation)) is expected


def test_whoever_stays_looks_at_once_and_then_so_long_after_the_last_look() -> None:
    every = Duration.parse("1d")
    assert due(status(PROMOTED), every, NOW) == NOW
    assert due(observed(nextTime=BEFORE), every, NOW) == NOW
    assert due(observed(lastTime=BEFORE, nextTime=AFTER), every, NOW) == datetime(2026, 11, 29, 2, tzinfo=UTC)
