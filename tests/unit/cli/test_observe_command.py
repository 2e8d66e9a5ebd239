"""`retrain observe`: what it says of a run on a cluster, and how it stays and looks again on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from retrain_api.errors import SoftwareError
from retrain_api.status.run import RetrainRunStatus
from retrain_api.time import Duration
from retrain_api.wire import timestamp
from retrain_cli.commands.runs import observe
from retrain_client.local.run import LocalRun
from retrain_client.local.state import RunFolder, open_folder

START = datetime(2026, 11, 28, 3, tzinfo=UTC)


class OnACluster:
    """A run that the operator observes."""

    name, namespace = "nightly", "team"

    def __init__(self, **observation: Any) -> None:
        observed = {"observation": observation} if observation else {}
        self.status = RetrainRunStatus.model_validate({"state": "Promoted", **observed})


CLUSTER: dict[str, tuple[dict[str, Any], int, str]] = {
    "is looked at again": (
        {"state": "Holding", "lastTime": timestamp(START), "nextTime": "2026-11-29T03:00:00Z"},
        0,
        "the operator looks by itself, next at 2026-11-29 03:00 UTC. After a look that failed, `retrain retry nightly` looks at once.",
    ),
    "decays": ({"state": "Decaying", "nextTime": "2026-11-29T03:00:00Z"}, 3, "Observed: Decaying"),
    "is over": ({"state": "Held"}, 0, "It is on a cluster, and the operator looks at it no more."),
    "is not observed": ({}, 0, "It is on a cluster, and not observed: set spec.observation, such as {every: 1d}."),
}


@pytest.mark.parametrize(("observation", "code", "said"), CLUSTER.values(), ids=CLUSTER)
def test_on_a_cluster_there_is_nothing_to_start(
    observation: dict[str, Any],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(observe, "named_run", lambda args: OnACluster(**observation))
    assert observe.run(argparse.Namespace(every=None, json=False)) == code
    out = capsys.readouterr().out
    assert out.startswith("nightly: Promoted\n") and said in out


class Machine:
    """A clock that goes on while somebody waits, and looks that end as they are told to."""

    def __init__(self, folder: RunFolder, *ends: str) -> None:
        self.folder, self.ends, self.now, self.looked = folder, list(ends), START, list[datetime]()
        self.requested = False

    def sleep(self, _: float) -> None:
        self.now += timedelta(minutes=10)

    def look(self, folder: RunFolder, *_: Any) -> RetrainRunStatus:
        self.looked.append(self.now)
        end = self.ends.pop(0)
        if end == "locked":
            raise SoftwareError("RunIsLocked", "Another `retrain run` is working on this run.")
        self.requested = end == "stopped"
        following = {} if end == "Superseded" else {"nextTime": timestamp(self.now + timedelta(days=1))}
        observation = {"state": end.replace("stopped", "Holding"), "lastTime": timestamp(self.now), **following}
        found = RetrainRunStatus.model_validate({"state": "Promoted", "observation": observation})
        folder.write_status(found)
        return found


Follow = Callable[..., tuple[int, Machine]]


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """`retrain observe nightly --every 1d`, with looks that end so."""

    def carried_out(*ends: str, last: datetime | None = None) -> tuple[int, Machine]:
        folder = open_folder(tmp_path, "default", "nightly")
        if last is not None:
            observation = {"state": "Holding", "lastTime": timestamp(last), "nextTime": timestamp(last)}
            folder.write_status(RetrainRunStatus.model_validate({"state": "Promoted", "observation": observation}))
        machine = Machine(folder, *ends)
        monkeypatch.setattr(observe, "look", machine.look)
        monkeypatch.setattr(observe, "_now", lambda: machine.now)
        monkeypatch.setattr("time.sleep", machine.sleep)
        found = LocalRun(folder, "nightly", folder.read_status())
        return observe._follow(found, Duration.parse("1d"), machine), machine  # type: ignore[arg-type]

    return carried_out


def test_it_looks_each_day_until_another_model_stands(follow: Follow) -> None:
    code, machine = follow("Holding", "Decaying", "Superseded")
    assert code == 0
    assert machine.looked == [START, START + timedelta(days=1), START + timedelta(days=2)]


def test_started_again_it_looks_when_it_would_have(follow: Follow, capsys: pytest.CaptureFixture[str]) -> None:
    _, machine = follow("Superseded", last=START - timedelta(hours=20))
    assert machine.looked == [START + timedelta(hours=4)]
    assert "Next look: 2026-11-28 07:00 UTC\n" in capsys.readouterr().out


def test_a_day_that_was_missed_is_made_up_for_at_once(follow: Follow) -> None:
    _, machine = follow("Superseded", last=START - timedelta(days=9))
    assert machine.looked == [START]


def test_where_another_command_works_on_the_run_it_tries_again_soon(
    follow: Follow, capsys: pytest.CaptureFixture[str]
) -> None:
    _, machine = follow("locked", "Superseded")
    assert machine.looked == [START, START + timedelta(minutes=10)]
    assert "Another `retrain run` is working on this run.\n" in capsys.readouterr().out


def test_a_look_that_is_stopped_ends_it(follow: Follow) -> None:
    code, machine = follow("Holding", "stopped")
    assert (code, len(machine.looked)) == (130, 2)
