"""A schedule on this machine over weeks that an injected clock makes: sleeping laptops, restarts, and crashes between two writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.local_run import TESTS
from support.local_schedule import LocalSchedule

from retrain_api.run import RetrainRun
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_cli.inputs.locations import resolve_template
from retrain_cli.inputs.run_file import load_schedule
from retrain_client.local.folder import StateFolder
from retrain_client.local.jobs import JobRecord
from retrain_client.local.schedules.children import Children
from retrain_client.local.schedules.executor import ScheduleExecutor
from retrain_client.local.schedules.folder import open_schedule_folder

SATURDAYS = [f"weekly-2026{day}0300" for day in ("1128", "1205", "1212", "1219", "1226")]


class Silent:
    """Remembers what ended, and shows nothing."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.over: list[str] = []

    def run(self, run: RetrainRun) -> _SilentRun:
        """Nothing of it is shown."""
        return _SilentRun()

    def ended(self, run: RetrainRun) -> None:
        """A run rests."""
        self.over.append(run.metadata.name)

    def looked(self, run: RetrainRun) -> None:
        """Its models were looked at."""

    def status(self, status: RetrainScheduleStatus) -> None:
        """A new status."""

    def say(self, text: str) -> None:
        """A line."""
        self.said.append(text)

    def tick(self, now: datetime) -> None:
        """Time has passed."""


class _SilentRun:
    def line(self, job: JobRecord, index: int, text: str) -> None:
        """A line of a log."""

    def status(self, status: RetrainRunStatus) -> None:
        """A new status."""

    def tick(self) -> None:
        """Time has passed."""


class Week:
    """The folder, a clock that stands where a test puts it, and one command after the other."""

    def __init__(self, local: LocalSchedule) -> None:
        self.local, self.now, self.display = local, "2026-11-25T12:00:00Z", Silent()

    def start(self) -> ScheduleExecutor:
        """`retrain schedule run`, started."""
        self.local.write()
        schedule = resolve_template(load_schedule(self.local.folder / "schedule.yaml"), self.local.folder)
        state = self.local.folder / ".retrain"
        folder = open_schedule_folder(state, "default", schedule.metadata.name)
        return ScheduleExecutor(schedule, folder, state, self.display, lambda: False, self.clock)

    def clock(self) -> datetime:
        """The time it is."""
        return datetime.fromisoformat(self.now).astimezone(UTC)

    def at(self, now: str, executor: ScheduleExecutor | None = None) -> RetrainScheduleStatus:
        """What is due at that time, by a command that stayed or by a new one."""
        self.now = now
        return (executor or self.start()).work(once=True)


@pytest.fixture
def week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Week]:
    path = [str(TESTS / "support" / "fake_trainer"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    local = LocalSchedule(tmp_path, spec={"promotion": {"policy": "Never"}})
    yield Week(local)
    local.clean_up()


@pytest.mark.parametrize("stays", [True, False], ids=["one command", "a new command each time"])
def test_each_saturday_has_its_run_and_a_laptop_that_slept_makes_up_for_the_newest(week: Week, stays: bool) -> None:
    executor = week.start() if stays else None
    week.at("2026-11-25T12:00:00Z", executor)
    assert week.local.slots() == []
    week.at("2026-11-28T02:59:59Z", executor)
    assert week.local.slots() == []
    week.at("2026-11-28T03:00:00Z", executor)
    assert week.local.slots() == SATURDAYS[:1]
    status = week.at("2026-12-21T09:00:00Z", executor)
    assert week.local.slots() == [SATURDAYS[0], SATURDAYS[3]]
    assert (status.last_schedule_time, status.next_time) == ("2026-12-19T03:00:00Z", "2026-12-26T03:00:00Z")
    week.at("2026-12-26T03:00:01Z", executor)
    assert week.local.slots() == [SATURDAYS[0], SATURDAYS[3], SATURDAYS[4]]
    assert week.display.over == [SATURDAYS[0], SATURDAYS[3], SATURDAYS[4]], "each was carried out once"


def test_a_slot_that_is_too_late_is_let_go(week: Week) -> None:
    week.local.fields = {"startingDeadlineSeconds": 3600}
    week.at("2026-11-25T12:00:00Z")
    week.at("2026-11-28T04:00:01Z")
    assert week.local.slots() == []
    assert any(line.startswith("SlotMissed: ") for line in week.display.said)


def test_an_edit_of_the_file_counts_as_a_generation_and_touches_no_run(week: Week) -> None:
    week.at("2026-11-25T12:00:00Z")
    first = week.at("2026-11-28T03:00:00Z")
    manifest = (week.local.runs / SATURDAYS[0] / "manifest.json").read_text()
    week.local.spec |= {"training": {"epochs": 3}}
    second = week.at("2026-11-28T03:10:00Z")
    assert (first.observed_generation, second.observed_generation) == (1, 2)
    assert (week.local.runs / SATURDAYS[0] / "manifest.json").read_text() == manifest


def test_what_is_stored_between_two_writes_is_enough_to_go_on(week: Week) -> None:
    """Killed after the promise, after the manifest, and after the run took its identity: always the same run."""
    week.at("2026-11-25T12:00:00Z")
    week.now = "2026-11-28T03:00:00Z"
    executor = week.start()
    executor.due_at = executor.clock()
    assert executor._reconcile()
    promised = json.loads((week.local.state / "schedule.json").read_text())
    assert promised["pending"]["name"] == SATURDAYS[0]
    children = Children(week.local.folder / ".retrain", executor.schedule)
    (child,) = children.all()
    assert not (week.local.runs / SATURDAYS[0] / "run.json").exists()
    week.at("2026-11-28T03:00:10Z")
    (after,) = children.all()
    assert (after.uid, after.status.state) == (child.uid, "Passed")
    assert json.loads((week.local.runs / SATURDAYS[0] / "run.json").read_text())["uid"] == child.uid


def test_asked_to_stop_when_the_status_says_that_a_run_has_ended_it_says_so_too(week: Week) -> None:
    """A run's result is written before it is shown; who stops it for what they read must not miss the line."""
    week.at("2026-11-25T12:00:00Z")
    week.now = "2026-11-28T03:00:00Z"
    executor = week.start()

    def read() -> bool:
        executor.due_at = executor.clock()  # a plan at every turn, as when another run comes to rest
        return bool(executor.schedule.status.recent)

    executor.stopping = read
    status = executor.work()
    assert [(one.run, one.state) for one in status.recent] == [(SATURDAYS[0], "Passed")]
    assert (week.display.over, executor.left) == ([SATURDAYS[0]], [])


@pytest.fixture
def failing(week: Week) -> Week:
    """A schedule that pauses after its first run, which fails, and that tells somebody."""
    week.local.fields = {"pauseAfterFailures": 1, "notify": [{"name": "my-phone", "secretName": "telegram"}]}
    week.local.script = {"BTC-USD": {"codes": [78]}}
    week.at("2026-11-25T12:00:00Z")
    return week


URL = "json://127.0.0.1:9/token-7"


def test_it_tells_people_by_a_process_that_alone_has_the_url(failing: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRAIN_NOTIFY_MY_PHONE_URL", URL)
    status = failing.at("2026-11-28T03:00:00Z")
    failing.at("2026-11-28T09:00:00Z")
    (line,) = failing.local.journal("notify", "tells")
    assert (line["receiver"], line["title"], line["url"]) == ("my-phone", "weekly: Paused", URL)
    assert status.notified is not None and status.notified[0].key == "1-Paused"
    assert not list((failing.local.state / "told" / "jobs").glob("*")), "what is read is deleted"
    kept = [path.read_text() for path in (failing.local.folder / ".retrain").rglob("*") if path.is_file()]
    assert kept and not any("token-7" in text for text in kept)


def test_without_the_variable_it_says_once_which_one_it_is(failing: Week) -> None:
    status = failing.at("2026-11-28T03:00:00Z")
    failing.at("2026-11-28T09:00:00Z")
    said = [line for line in failing.display.said if line.startswith("NotTold: ")]
    assert len(said) == 1 and "RETRAIN_NOTIFY_MY_PHONE_URL" in said[0]
    assert status.notified is not None and status.notified[0].pending == "1-Paused"
    assert failing.local.journal("notify", "start") == []


def test_whoever_was_being_told_when_it_was_stopped_is_told_by_the_next_command(
    failing: Week, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRAIN_NOTIFY_MY_PHONE_URL", URL)
    failing.local.script["notify"] = {"hold": "start"}
    failing.now = "2026-11-28T03:00:00Z"
    executor = failing.start()
    executor.stopping = lambda: bool(failing.local.journal("notify", "holds"))
    executor.work()
    assert failing.local.journal("notify", "tells") == []
    failing.local.script = {}
    status = failing.at("2026-11-28T03:10:00Z")
    assert len(failing.local.journal("notify", "tells")) == 1
    assert status.notified is not None and status.notified[0].key == "1-Paused"


WRITE = StateFolder._write


class Killed(BaseException):
    """As by kill -9: nothing catches it."""


@pytest.mark.slow
def test_killed_after_any_write_of_its_own_it_makes_the_slot_once(tmp_path: Path, week: Week) -> None:
    """What is not written yet is what the next command begins with, so a kill before a write is one after the write before."""
    for count in range(1, 30):
        local = LocalSchedule(tmp_path / str(count), spec={"promotion": {"policy": "Never"}})
        local.folder.mkdir()
        again = Week(local)
        written = 0

        def counting(folder: StateFolder, name: str, data: Any, last: int = count) -> None:
            nonlocal written
            WRITE(folder, name, data)
            written += name in ("schedule.json", "schedule-identity.json", "manifest.json", "run.json")
            if written == last:
                raise Killed

        killed = False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StateFolder, "_write", counting)
            try:
                for now in ("2026-11-25T12:00:00Z", "2026-11-28T03:00:00Z"):
                    again.at(now)
            except Killed:
                killed = True
        again.at("2026-11-28T03:00:20Z")
        status = again.at("2026-11-28T03:00:40Z")
        assert local.slots() == [SATURDAYS[0]], count
        assert [one.run for one in status.recent] == [SATURDAYS[0]], count
        # Not its ends are counted: a training that ended a moment before the kill ends again, without an epoch.
        assert [line["epoch"] for line in local.journal("BTC-USD", "epoch")] == [1, 2], count
        local.clean_up()
        if not killed:
            break
    else:
        pytest.fail("it wrote without an end")
    assert count > 6, "a promise, a manifest, an identity and a status or two"


def test_only_its_own_records_are_forgotten(week: Week) -> None:
    week.at("2026-11-25T12:00:00Z")
    week.at("2026-11-28T03:00:00Z")
    executor = week.start()
    own = week.local.runs / SATURDAYS[0]
    (own / "notes.txt").write_text("somebody's")
    (child,) = executor.children.all()
    assert not executor.children.forget(child.name, "another uid")
    assert executor.children.forget(child.name, child.uid)
    assert [path.name for path in own.iterdir()] == ["notes.txt"]
    assert not executor.children.forget(child.name, child.uid)


def test_tokens_of_the_file_and_of_a_command_hide_each_other_never(week: Week) -> None:
    executor = week.start()
    written = executor.written
    assert executor.schedule.trigger is None
    executor.folder.write_answer("retrain.crpbot.dev/trigger", "mine")
    in_file = written.model_copy(
        update={
            "metadata": written.metadata.model_copy(update={"annotations": {"retrain.crpbot.dev/trigger": "theirs"}})
        }
    )
    answered = executor.folder.answered(executor.schedule, in_file)
    assert answered.trigger == "theirs mine"
