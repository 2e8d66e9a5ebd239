"""`retrain schedule status`, `trigger` and `resume` against a real API server and operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import retrain
from support.documents import read_document
from support.fates import Fates, fails
from support.kubelet import Kubelet
from support.schedule_life import RARELY, Schedules


@pytest.fixture
def user(schedules: Schedules) -> str:
    """A service account that may look at schedules of the namespace and annotate them."""
    schedules.kubectl("create", "serviceaccount", "ann")
    rule = ("--verb=get,patch", "--resource=retrainschedules.retrain.crpbot.dev,retrainruns.retrain.crpbot.dev")
    schedules.kubectl("create", "role", "answering", *rule)
    schedules.kubectl(
        "create", "rolebinding", "answering", "--role=answering", f"--serviceaccount={schedules.namespace}:ann"
    )
    return f"system:serviceaccount:{schedules.namespace}:ann"


def test_a_trigger_makes_one_run_for_each_token(schedules: Schedules, tmp_path: Path, user: str) -> None:
    schedules.create("nightly", schedule=RARELY)
    words = ("schedule", "trigger", "nightly", "-n", schedules.namespace, "--token", "monday")
    said = retrain(schedules.plane, tmp_path, user, *words)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == (
        f"nightly makes one run now. The operator acts on it: kubectl -n {schedules.namespace} get rts nightly -w\n"
    )
    schedules.until_recent("nightly", "Promoted")
    assert retrain(schedules.plane, tmp_path, user, *words).returncode == 0
    assert retrain(schedules.plane, tmp_path, user, *words[:-2]).returncode == 0
    schedules.until_recent("nightly", "Promoted", "Promoted")
    assert len(schedules.ever_made()) == 2


def test_a_paused_one_goes_on(schedules: Schedules, kubelet: Kubelet, tmp_path: Path, user: str) -> None:
    kubelet.fate = Fates(train=lambda _: fails(65))
    schedules.create("nightly", schedule=RARELY, pauseAfterFailures=1)
    where = ("nightly", "-n", schedules.namespace)
    assert retrain(schedules.plane, tmp_path, user, "schedule", "trigger", *where).returncode == 0
    schedules.until_state("nightly", "Paused")
    shown = retrain(schedules.plane, tmp_path, user, "schedule", "status", *where)
    assert shown.stdout.startswith("nightly: Paused\n") and "Next: paused" in shown.stdout
    said = retrain(schedules.plane, tmp_path, user, "schedule", "resume", *where)
    assert (said.returncode, said.stderr) == (0, "")
    schedules.until_state("nightly", "Active")


def test_what_the_status_shows_is_what_the_server_has(schedules: Schedules, tmp_path: Path, user: str) -> None:
    schedules.create("nightly", schedule=RARELY)
    status = schedules.until_state("nightly", "Active")
    where = ("nightly", "-n", schedules.namespace, "--json")
    document = retrain(schedules.plane, tmp_path, user, "schedule", "status", *where).stdout
    shown = read_document(document, "ScheduleStatus", *status)
    assert (shown["name"], shown["namespace"], shown["state"]) == ("nightly", schedules.namespace, "Active")
    assert [one["reason"] for one in shown["conditions"]] == [one["reason"] for one in status["conditions"]]


def test_one_that_is_not_there_or_not_ours_is_a_sentence(schedules: Schedules, tmp_path: Path, user: str) -> None:
    where = ("-n", schedules.namespace)
    missing = retrain(schedules.plane, tmp_path, user, "schedule", "status", "weekly", *where)
    assert missing.returncode == 1
    assert 'retrainschedules.retrain.crpbot.dev "weekly" not found' in missing.stderr
    schedules.create("nightly", schedule=RARELY)
    refused = retrain(schedules.plane, tmp_path, "someone", "schedule", "trigger", "nightly", *where)
    assert refused.returncode == 1
    assert 'User "someone" cannot get resource "retrainschedules"' in refused.stderr
    hint = retrain(schedules.plane, tmp_path, user, "status", "nightly", *where)
    assert hint.returncode == 1
    assert "nightly is a schedule, not a run: `retrain schedule status nightly` shows it" in hint.stderr
