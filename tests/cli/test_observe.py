"""`retrain observe`: promoted models are looked at when somebody asks, and the exit code says what came of it."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.local_run import LocalRun, until
from support.local_schedule import LocalSchedule

OBSERVED = {"observation": {"every": "1d"}}
LONG_AGO = "2026-01-01T00:00:00Z"
FALLEN = {"observe": {"finds": {"accuracy": 0.5, "peak": 5.0, "wealth": 4.5}}}


def looks(local: LocalRun) -> list[dict[str, Any]]:
    return local.journal("observe", "looks")


@pytest.fixture
def promoted(local: LocalRun) -> LocalRun:
    """A run that is promoted and observed."""
    local.spec = OBSERVED
    done = local.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Observed: nobody has looked yet.\n" in done.stdout
    assert "To see how they do: retrain observe nightly" in done.stdout
    return local


def observe(local: LocalRun, *more: str, **script: Any) -> Any:
    local.script = script
    local.write()
    local.environ["PYTHONPATH"] = trainers_path()
    return local.command("observe", "nightly", *more)


def trainers_path() -> str:
    return LocalSchedule(Path()).environ["PYTHONPATH"]


def test_a_run_ends_as_it_would_unobserved_and_each_look_is_a_command_of_its_own(promoted: LocalRun) -> None:
    assert looks(promoted) == []
    first = observe(promoted)
    assert (first.returncode, first.stderr) == (0, "")
    assert "nightly: Promoted\nObserved: Holding since " in first.stdout
    assert "  BTC-USD  Holding  500   70 %   71 %      1 of 20\n" in first.stdout
    second = observe(promoted, "--json", **FALLEN)
    assert second.returncode == 3
    document = json.loads(second.stdout)
    assert (document["kind"], document["observation"]["state"]) == ("RunStatus", "Decaying")
    assert [line["symbols"] for line in looks(promoted)] == [["BTC-USD"], ["BTC-USD"]]
    shown = promoted.command("status", "nightly").stdout
    assert "Observed: Decaying since " in shown and "retrain rollback BTC-USD --artifacts " in shown
    status = promoted.status()
    status["observation"] |= {"lastTime": LONG_AGO, "nextTime": LONG_AGO}
    (promoted.state / "status.json").write_text(json.dumps(status))
    again = promoted.run()
    assert again.returncode == 0 and again.stdout.startswith("Nothing to do: nightly ended")
    assert len(looks(promoted)) == 2
    assert promoted.status()["observation"] == status["observation"], (
        "a run that nobody looked at for long is as it was"
    )


def test_a_look_that_fails_is_said_and_one_that_was_stopped_goes_on(promoted: LocalRun) -> None:
    failed = observe(promoted, observe={"codes": [65]})
    assert failed.returncode == 1
    assert "Observed: Unobserved" in failed.stdout and "Ends with 65" in failed.stdout
    promoted.script = {"observe": {"hold": "start"}}
    promoted.write()
    process = promoted.start_command("observe", "nightly", "--every", "1h")
    assert process.stdout is not None
    until(lambda: "Next look: " in process.stdout.readline(), "the first look was made")  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert len(promoted.journal("observe", "start")) == 1, "the last look was less than an hour ago"
    status = promoted.status()
    status["observation"]["lastTime"] = LONG_AGO
    (promoted.state / "status.json").write_text(json.dumps(status))
    process = promoted.start_command("observe", "nightly", "--every", "1h")
    until(lambda: promoted.journal("observe", "holds"), "the look is at work")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 130
    assert "Stopped; what was judged so far is kept." in out
    promoted.let_go()
    assert observe(promoted).returncode == 0
    (made,) = {line["as_of"] for line in looks(promoted)}
    assert promoted.status()["observation"]["lastTime"] == made, "the look that was broken off, and no other"


def test_a_run_that_promoted_nothing_has_nothing_to_look_at(local: LocalRun) -> None:
    local.spec = OBSERVED | {"promotion": {"policy": "Never"}}
    assert local.run().returncode == 0
    done = observe(local)
    assert done.returncode == 2
    assert done.stderr == "retrain: nightly has promoted no model (Passed), so there is nothing to observe.\n"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--every", "30m"), "an hour, 1h, is the least"),
        (("--every", "often"), "must be a number and m, h or d"),
        (("--every", "1d", "--json"), "--json prints one document; leave --every out."),
    ],
)
def test_an_option_that_can_not_be_is_one_sentence(local: LocalRun, given: tuple[str, ...], sentence: str) -> None:
    local.write()
    done = local.command("observe", "nightly", *given)
    assert done.returncode == 2
    assert sentence in done.stderr and done.stderr.count("\n") == 1


def test_a_schedule_looks_at_what_its_runs_have_promoted_when_that_is_due_and_retrains_what_decays(
    tmp_path: Path,
) -> None:
    weekly = LocalSchedule(tmp_path, spec=OBSERVED, fields={"whenDecaying": "Retrain"})
    try:
        weekly.created(LONG_AGO)
        done = weekly.once()
        assert done.returncode == 0, done.stdout + done.stderr
        (name,) = weekly.slots()
        assert len(looks(weekly)) == 1, "at once after the promotion"
        assert weekly.once().returncode == 0
        assert len(looks(weekly)) == 1, "the next one is not due"
        path = weekly.runs / name / "status.json"
        status = json.loads(path.read_text())
        status["observation"]["nextTime"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        path.write_text(json.dumps(status))
        weekly.script = {"observe": FALLEN["observe"] | {"of": name}}
        later = weekly.once()
        assert later.returncode == 0
        assert f"{name}:\nObserved: Decaying since " in later.stdout
        assert (len(looks(weekly)), weekly.trainings()) == (3, 2), (
            "one run out of turn, and the first look at its model"
        )
        (made,) = (path.parent.name for path in weekly.runs.glob("weekly-decay-*/status.json"))
        assert f"{made}: Promoted\n" in later.stdout
        assert weekly.once().returncode == 0
        assert (len(looks(weekly)), weekly.trainings()) == (3, 2)
    finally:
        weekly.clean_up()


TOLD = {"notify": [{"name": "my-phone", "secretName": "phone"}]}


def test_people_are_told_before_the_run_ends_at_the_url_of_their_variable_and_no_other_task_sees_it(
    local: LocalRun,
) -> None:
    url = "json://receiver.example/token-of-mine"
    local.spec, local.environ = OBSERVED | TOLD, {"RETRAIN_NOTIFY_MY_PHONE_URL": url}
    local.script = {
        who: {"shows": ["RETRAIN_NOTIFY_MY_PHONE_URL", "RETRAIN_NOTIFY_URL"]} for who in ("BTC-USD", "publish")
    }
    done = local.run()
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = local.journal("notify", "tells")
    assert (told["receiver"], told["title"], told["url"]) == ("my-phone", "nightly: Promoted", url)
    for line in [*local.journal("BTC-USD", "start"), *local.journal("publish", "start")]:
        assert not any(line["environment"][name] for name in ("RETRAIN_NOTIFY_MY_PHONE_URL", "RETRAIN_NOTIFY_URL"))
    kept = "".join(path.read_text() for path in local.state.rglob("*") if path.is_file())
    assert "token-of-mine" not in kept + done.stdout + done.stderr
    assert observe(local, **FALLEN).returncode == 3
    assert [line["title"] for line in local.journal("notify", "tells")] == ["nightly: Promoted", "nightly: Decaying"]


def test_without_the_variable_it_is_said_once_which_one_is_missing(local: LocalRun) -> None:
    local.spec = TOLD
    done = local.run()
    assert done.returncode == 0, "a receiver that can't be told changes nothing of the run"
    sentence = "RETRAIN_NOTIFY_MY_PHONE_URL has its Apprise URL"
    assert done.stdout.count(f"[notify] BadReceiver: On this machine my-phone is told where {sentence}") == 1
    assert "my-phone was not told of Promoted: BadReceiver: " in done.stdout
    again = local.run()
    assert again.stdout.startswith("Nothing to do: ") and "[notify]" not in again.stdout
    local.environ = {"RETRAIN_NOTIFY_MY_PHONE_URL": "json://receiver.example/"}
    assert local.command("retry", "nightly").returncode == 0
    assert local.run().returncode == 0
    assert [line["title"] for line in local.journal("notify", "tells")] == ["nightly: Promoted"]
