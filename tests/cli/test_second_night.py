"""The same command again, on the next night: it says that nothing is to do, or trains anew where it is asked to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.local_run import LocalRun

FILE = ("-f", "retrain.yaml")


def trainings(local: LocalRun) -> int:
    return len(local.journal("BTC-USD", "done"))


@pytest.mark.parametrize(
    ("script", "code", "state"), [({}, 0, "Promoted"), ({"evaluate 0": {"accuracy": 0.6}}, 3, "Rejected")]
)
def test_a_finished_run_says_so_first_and_ends_as_it_did(
    local: LocalRun, script: dict[str, Any], code: int, state: str
) -> None:
    local.script = script
    first = local.run()
    assert not first.stdout.startswith("Nothing to do")
    again = local.run()
    assert again.stdout.splitlines()[0].startswith("Nothing to do: nightly ended ")
    assert f" ago, {state}. " in again.stdout.splitlines()[0]
    assert (first.returncode, again.returncode) == (code, code)
    assert trainings(local) == 1


def test_a_cron_job_can_be_told_that_nothing_was_done(local: LocalRun) -> None:
    assert local.run(*FILE, "--fail-if-done").returncode == 0
    assert local.run(*FILE, "--fail-if-done").returncode == 5


def test_json_says_whether_it_ran(local: LocalRun) -> None:
    assert json.loads(local.run(*FILE, "--json").stdout)["ran"] is True
    again = local.run(*FILE, "--json")
    assert json.loads(again.stdout)["ran"] is False
    assert again.stderr.startswith("Nothing to do: ")


def test_rerun_trains_anew_each_time(local: LocalRun) -> None:
    local.run()
    for count in (2, 3):
        assert "Nothing to do" not in local.run(*FILE, "--rerun").stdout
        assert trainings(local) == count
    assert "Nothing to do" in local.run().stdout
    assert trainings(local) == 3


def test_a_token_trains_once(local: LocalRun) -> None:
    """A date, say: however often the command is started that night."""
    local.run(*FILE, "--rerun", "2026-11-28")
    assert "Nothing to do" in local.run(*FILE, "--rerun", "2026-11-28").stdout
    assert trainings(local) == 1
    local.run(*FILE, "--rerun", "2026-11-29")
    assert trainings(local) == 2


def test_rerun_is_a_command_too(local: LocalRun) -> None:
    local.run()
    said = local.command("rerun", "nightly")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "nightly is trained anew. Run the same `retrain run -f FILE` again to carry it out.\n"
    local.run()
    assert trainings(local) == 2
    local.command("rerun", "nightly", "--token", "monday")
    local.run()
    local.command("rerun", "nightly", "--token", "monday")
    assert "Nothing to do" in local.run().stdout
    assert trainings(local) == 3


def test_a_token_in_the_file_counts_too(local: LocalRun) -> None:
    local.run(*FILE, "--rerun", "mine")
    local.annotations = {"retrain.crpbot.dev/rerun": "theirs"}
    local.run()
    assert trainings(local) == 2
    assert "Nothing to do" in local.run().stdout


def test_a_rerun_that_was_stopped_goes_on_without_being_asked_again(local: LocalRun) -> None:
    local.run()
    local.script = {"BTC-USD": {"codes": [0, 65]}}
    failed = local.run(*FILE, "--rerun")
    assert failed.returncode == 1
    local.script = {}
    assert local.command("retry", "nightly").returncode == 0
    assert local.run().returncode == 0
    assert trainings(local) == 2
