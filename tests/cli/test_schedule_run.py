"""`retrain schedule run`: what is due is done once, whatever happens to the command, and the exit code says what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.documents import read_document
from support.local_run import until
from support.local_schedule import LocalSchedule

PROVEN = {"walkForward": {"slots": 2, "minPassed": 1}}
WITH_TEST = {"split": {"validation": "2d", "test": "2d"}}
FAILS = {"BTC-USD": {"codes": [65, 65, 65, 65, 65]}}


@pytest.fixture
def weekly(tmp_path: Path) -> Iterator[LocalSchedule]:
    """Saturdays at three, of runs that pass and are promoted."""
    schedule = LocalSchedule(tmp_path)
    yield schedule
    schedule.clean_up()


@pytest.fixture
def missed(weekly: LocalSchedule) -> LocalSchedule:
    """A schedule that was started long ago, and has missed its slots since."""
    weekly.created("2026-01-01T00:00:00Z")
    return weekly


def test_a_new_schedule_has_nothing_to_do_before_its_first_slot(weekly: LocalSchedule) -> None:
    done = weekly.once()
    assert (done.returncode, done.stderr, weekly.trainings()) == (0, "", 0)
    assert weekly.status()["state"] == "Active"
    assert "weekly: Active\n  The next run is made on Sat " in done.stdout
    assert done.stdout.endswith("Status: .retrain/default/weekly/schedule.json\n")


def test_of_many_missed_slots_the_newest_is_made_up_for_once(missed: LocalSchedule) -> None:
    done = missed.once()
    assert (done.returncode, done.stderr) == (0, "")
    (name,) = missed.slots()
    assert f"{name}: Promoted\n" in done.stdout
    manifest = json.loads((missed.runs / name / "manifest.json").read_text())
    assert manifest["spec"]["data"]["until"] == missed.status()["lastScheduleTime"]
    assert missed.status()["recent"][0]["run"] == name
    again = missed.once()
    assert (again.returncode, missed.slots(), missed.trainings()) == (0, [name], 1)


@pytest.mark.parametrize(
    ("spec", "script", "code", "state"),
    [
        ({}, {}, 0, "Promoted"),
        ({"promotion": {"policy": "Never"}}, {}, 0, "Passed"),
        ({}, {"evaluate 0": {"accuracy": 0.6}}, 3, "Rejected"),
        ({"promotion": {"policy": "Manual"}}, {}, 4, "AwaitingApproval"),
        ({}, {"BTC-USD": {"codes": [65]}}, 1, "Failed"),
        ({"preflight": "Always"}, {"preflight": {"refuses": {"BTC-USD": "NoNewBars"}}}, 0, "Skipped"),
    ],
)
def test_the_exit_code_is_that_of_the_newest_slot(
    missed: LocalSchedule, spec: dict[str, Any], script: dict[str, Any], code: int, state: str
) -> None:
    missed.spec, missed.script = spec, script
    done = missed.once()
    assert done.returncode == code, done.stdout + done.stderr
    assert missed.status()["recent"][0]["state"] == state


def test_a_proof_comes_first_and_then_the_slot_that_was_missed(missed: LocalSchedule) -> None:
    missed.fields, missed.spec = PROVEN, WITH_TEST
    done = missed.once()
    assert done.returncode == 0, done.stdout + done.stderr
    proof = missed.status()["walkForward"]
    assert (proof["state"], proof["passed"], len(missed.replays()), len(missed.slots())) == ("Proven", 2, 2, 1)
    order = [line["promotes"] for line in missed.journal("publish", "publishes")]
    assert order == [[], [], ["BTC-USD"]], "a replay promotes nothing"
    assert "Proof: Proven, 2 of 2 replays pass" in done.stdout


def test_a_recipe_that_does_not_hold_ends_with_3_and_its_runs_wait_for_a_person(weekly: LocalSchedule) -> None:
    weekly.fields, weekly.spec, weekly.script = PROVEN, WITH_TEST, {"evaluate 0": {"accuracy": 0.6}}
    assert weekly.once().returncode == 3
    assert weekly.status()["state"] == "Unproven"
    assert weekly.once().returncode == 0, "nothing was due"
    weekly.script = {}
    assert weekly.command("schedule", "trigger", "weekly").returncode == 0
    assert weekly.once().returncode == 4, "what Automatic would promote waits"


def test_replays_are_at_work_together_and_each_line_names_its_own(weekly: LocalSchedule) -> None:
    weekly.fields = {"walkForward": {"slots": 2, "minPassed": 1, "parallelism": 2}}
    weekly.spec, weekly.script = WITH_TEST, {"BTC-USD": {"hold": "start", "says": ["WARNING 3 gaps in time"]}}
    process = weekly.stays()
    until(lambda: len(weekly.journal("BTC-USD", "holds")) == 2, "both are at work")
    weekly.let_go()
    until(lambda: weekly.status()["walkForward"]["state"] == "Proven", "the proof")
    process.send_signal(signal.SIGINT)
    code, said = weekly.ended(process)
    assert code == 130
    marks = {line.partition(" | ")[0] for line in said.splitlines() if "3 gaps in time" in line}
    assert len(marks) == 2 and all(mark.startswith("replay of 20") for mark in marks)
    assert said.count(": Passed, 1 of 1 models pass") == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_same_command_goes_on_where_it_was_ended(missed: LocalSchedule, how: signal.Signals) -> None:
    missed.script = {"BTC-USD": {"hold": "epoch 2"}}
    process = missed.stays()
    until(lambda: missed.journal("BTC-USD", "holds"), "the second epoch")
    process.send_signal(how)
    code, said = missed.ended(process)
    if how != signal.SIGKILL:
        assert code == 130
        stopped, reached, how = said.splitlines()[-3:]
        assert stopped == "Stopped; everything done so far is kept:"
        assert reached.endswith("03:00: BTC-USD has 1 of 2 epochs")
        assert how == "The same command goes on from there."
    before = missed.slots()
    missed.let_go()
    done = missed.once()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (len(before), missed.slots(), missed.trainings()) == (1, before, 1)


def test_it_is_killed_after_the_promise_and_before_the_run(missed: LocalSchedule) -> None:
    """The status names what is about to be made; the next command makes exactly that."""
    missed.once()
    (name,) = missed.slots()
    status = missed.status()
    slot = status["lastScheduleTime"]
    shutil.rmtree(missed.runs / name)
    status |= {"pending": {"slot": slot, "name": name}, "active": [], "recent": []}
    del status["lastScheduleTime"]
    (missed.state / "schedule.json").write_text(json.dumps(status))
    assert missed.once().returncode == 0
    assert missed.slots() == [name] and "pending" not in missed.status()


def test_a_run_that_somebody_deleted_is_not_made_again(missed: LocalSchedule) -> None:
    missed.script = {"BTC-USD": {"hold": "start"}}
    process = missed.stays()
    until(lambda: missed.journal("BTC-USD", "holds"), "the training")
    process.send_signal(signal.SIGINT)
    missed.ended(process)
    (name,) = missed.slots()
    shutil.rmtree(missed.runs / name)
    assert missed.once().returncode == 0
    assert (missed.slots(), missed.status()["recent"][0]["state"]) == ([], "Deleted")


def test_two_commands_never_work_on_one_schedule(missed: LocalSchedule) -> None:
    missed.script = {"BTC-USD": {"hold": "start"}}
    missed.stays()
    until(lambda: missed.journal("BTC-USD", "holds"), "the training")
    second = missed.once()
    assert second.returncode == 1
    assert second.stderr.startswith("retrain: Another `retrain schedule run` (process ")


def test_a_trigger_makes_one_run_now_also_where_the_command_is_at_work(weekly: LocalSchedule) -> None:
    weekly.once()
    said = weekly.command("schedule", "trigger", "weekly", "--token", "monday")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("weekly makes one run now. A `retrain schedule run` that is at work acts on it")
    assert weekly.once().returncode == 0
    assert len(weekly.slots()) == 1
    weekly.command("schedule", "trigger", "weekly", "--token", "monday")
    assert weekly.once().returncode == 0
    assert len(weekly.slots()) == 1, "each token is acted upon once"
    process = weekly.stays()
    until(lambda: (weekly.state / "schedule.lock").read_text() == str(process.pid), "it is at work")
    weekly.command("schedule", "trigger", "weekly")
    until(lambda: len(weekly.status()["recent"]) == 2, "the second run")
    process.send_signal(signal.SIGINT)
    assert weekly.ended(process)[0] == 130


def test_too_many_failures_pause_it_until_somebody_says_go_on(missed: LocalSchedule) -> None:
    missed.fields, missed.script = {"pauseAfterFailures": 1}, FAILS
    assert missed.once().returncode == 1
    assert missed.status()["state"] == "Paused"
    assert missed.once().returncode == 1, "cron says it each time"
    assert "retrain schedule resume weekly" in missed.status()["message"]
    said = missed.command("schedule", "resume", "weekly")
    assert said.stdout.startswith("weekly goes on. ")
    assert missed.once().returncode == 0
    assert missed.status()["state"] == "Active"


def test_an_approval_is_carried_out(missed: LocalSchedule) -> None:
    missed.spec = {"promotion": {"policy": "Manual"}}
    assert missed.once().returncode == 4
    (name,) = missed.slots()
    said = missed.command("approve", name, "--reason", "looks right")
    assert said.returncode == 0, said.stderr
    assert "`retrain schedule run` carries it out, for weekly" in said.stdout
    done = missed.once()
    assert done.returncode == 0, done.stdout + done.stderr
    assert missed.status()["recent"][0]["result"] == "Promoted 1/1"
    assert missed.trainings() == 1


def test_a_name_that_is_taken_is_left_alone_and_said(missed: LocalSchedule) -> None:
    missed.once()
    (name,) = missed.slots()
    shutil.rmtree(missed.runs / name)
    shutil.rmtree(missed.state)
    missed.created("2026-01-01T00:00:00Z")
    (missed.runs / name).mkdir()
    (missed.runs / name / "status.json").write_text('{"state": "Rejected"}')
    done = missed.once()
    ready = {one["type"]: one["reason"] for one in missed.status()["conditions"]}
    assert ready["Stalled"] == "NameTaken", done.stdout
    assert (missed.slots(), missed.trainings()) == ([], 1)
    shutil.rmtree(missed.runs / name)
    assert missed.once().returncode == 0
    assert missed.slots() == [name]


def test_limits_forget_a_run_here_and_leave_its_models(missed: LocalSchedule) -> None:
    missed.fields = {"runsHistoryLimit": 1}
    missed.spec = {"promotion": {"policy": "Never"}}
    missed.once()
    (first,) = missed.slots()
    missed.command("schedule", "trigger", "weekly")
    done = missed.once()
    (second,) = missed.slots()
    assert second != first
    assert f"{first} is forgotten (" in done.stdout and "its models and report stay." in done.stdout
    assert not (missed.runs / first).exists()
    assert missed.world.is_dir() and missed.journal("publish", "done")


def test_json_is_the_status_alone(missed: LocalSchedule) -> None:
    done = missed.once("--json")
    own = {"namespace": "default", "name": "weekly"}
    assert read_document(done.stdout, "ScheduleStatus", *missed.status()) == own | missed.status()
    assert "Epoch 1/2" in done.stderr


def test_status_is_what_the_command_said(missed: LocalSchedule) -> None:
    missed.fields, missed.spec = PROVEN, WITH_TEST
    ended = missed.once()
    said = missed.command("schedule", "status", "weekly")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("weekly: Active\n")
    assert said.stdout.partition("Proof:")[2].partition("Status:")[0] in ended.stdout
    document = missed.command("schedule", "status", "weekly", "--json").stdout
    assert read_document(document, "ScheduleStatus", *missed.status())["state"] == "Active"


def test_names_of_schedules_and_runs_are_told_apart(missed: LocalSchedule) -> None:
    missed.once()
    (name,) = missed.slots()
    hint = missed.command("status", "weekly")
    assert hint.returncode == 1
    assert hint.stderr.startswith("retrain: weekly is a schedule, not a run: `retrain schedule status weekly` shows it")
    assert missed.command("status", name).stdout.startswith(f"{name}: Promoted\n")
    unknown = missed.command("schedule", "status", "daily")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith(
        "retrain: No schedule daily in namespace default was found in .retrain; it holds weekly"
    )
    assert missed.command("run", "-f", "schedule.yaml").stderr == (
        "retrain: schedule.yaml: it is a RetrainSchedule, not a RetrainRun; `retrain schedule run -f schedule.yaml` carries it out.\n"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"schedule": "0 3 * *"}, "spec.schedule"),
        ({"timeZone": "Mars/Base"}, "Mars/Base"),
        (PROVEN, "split.test"),
    ],
)
def test_a_wrong_schedule_is_a_sentence_or_a_state_and_never_a_loop(
    weekly: LocalSchedule, fields: dict[str, Any], said: str
) -> None:
    weekly.fields = fields
    done = weekly.once()
    assert done.returncode in (1, 2)
    assert said in done.stdout + done.stderr
    assert weekly.trainings() == 0


def test_nothing_of_it_is_left_running(missed: LocalSchedule) -> None:
    missed.script = {"BTC-USD": {"hold": "start"}}
    process = missed.stays()
    until(lambda: missed.journal("BTC-USD", "holds"), "the training")
    process.kill()
    missed.ended(process)
    pid = missed.journal("BTC-USD", "start")[0]["pid"]
    until(lambda: not os.path.exists(f"/proc/{pid}") or missed.journal("BTC-USD", "stopped"), "it saves and ends")
