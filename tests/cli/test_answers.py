"""Answers to a run of this machine: the next `retrain run` carries them out, without a word in the YAML file."""

from __future__ import annotations

import json

import pytest
from support.local_run import LocalRun

MANUAL = {"promotion": {"policy": "Manual"}}
LOSES = {"evaluate 0": {"accuracy": 0.6}}


def test_what_is_approved_is_promoted_by_the_next_run(local: LocalRun) -> None:
    local.spec = MANUAL
    assert "retrain approve nightly --reason 'YOUR REASON'" in local.run().stdout
    said = local.command("approve", "nightly", "--reason", "looks right")
    assert (said.returncode, said.stderr) == (0, "")
    assert "  BTC-USD: Pass   accuracy 71 % (majority 52 %)" in said.stdout
    assert said.stdout.endswith("by ada: looks right. Run the same `retrain run -f FILE` again to carry it out.\n")
    ended = local.run()
    assert ended.returncode == 0 and "Promoted by ada: looks right:" in ended.stdout
    again = local.command("approve", "nightly", "--reason", "still right")
    assert again.returncode == 2
    assert again.stderr == "retrain: nightly is not waiting for an answer; its state is Promoted.\n"


def test_what_is_rejected_is_rejected_by_the_next_run(local: LocalRun) -> None:
    local.spec = MANUAL
    local.run()
    assert local.command("reject", "nightly", "--reason", "too risky").returncode == 0
    ended = local.run()
    assert ended.returncode == 3 and local.status()["promotion"]["by"] == "ada: too risky"


def test_an_override_promotes_what_fails_and_says_so(local: LocalRun) -> None:
    local.script = LOSES
    assert local.run().returncode == 3
    refused = local.command("approve", "nightly", "--reason", "a trial")
    assert refused.returncode == 2 and "To promote against the gate: --override." in refused.stderr
    assert local.command("approve", "nightly", "--override", "--reason", "a trial").returncode == 0
    ended = local.run()
    assert ended.returncode == 0
    assert "BTC-USD promoted by override, not by the gate: ada: a trial." in ended.stdout
    assert local.status()["promotion"]["override"] is True


def test_an_answer_to_an_older_judgement_is_left_aside_and_told_of(local: LocalRun) -> None:
    local.spec = MANUAL
    local.run()
    local.command("approve", "nightly", "--reason", "looks right")
    local.spec = MANUAL | {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.5}]}}
    for _ in range(2):
        ended = local.run()
        assert ended.returncode == 4
        now = f"now: {local.status()['gate']['digest']}"
        assert f"ada: looks right) approves a judgement that has changed; {now}" in ended.stdout
    shown = local.command("approve", "nightly", "--reason", "still right", "--dry-run")
    assert f"approves a judgement that has changed; {now}" in shown.stdout


def test_a_run_that_is_nowhere_is_one_sentence(local: LocalRun) -> None:
    said = local.command("approve", "nightly", "--reason", "looks right")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("retrain: No run nightly in namespace default was found in .retrain;")


def test_a_kubeconfig_that_is_none_is_one_sentence(local: LocalRun) -> None:
    local.folder.joinpath("config").write_text("{}")
    said = local.command("approve", "nightly", "--reason", "looks right", "--kubeconfig", "config")
    assert said.returncode == 2 and said.stderr.startswith("retrain: The kubeconfig names no cluster: ")
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("content", ["[]", '{"retrain.crpbot.dev/approve": 1}'])
def test_answers_that_are_none_are_one_sentence(local: LocalRun, content: str) -> None:
    local.run()
    (local.state / "answers.json").write_text(content)
    said = local.run()
    assert said.returncode == 1 and "answers.json is not annotations of a run; move it away" in said.stderr
    json.loads((local.state / "status.json").read_text())


def test_two_runs_are_compared_and_a_run_tells_its_history(local: LocalRun) -> None:
    local.run()
    told = local.command("history", "nightly")
    assert told.returncode == 0 and "Pass, Ideal: 1 of 1 models pass" in told.stdout, told.stderr
    assert "Promoted by gate at " in told.stdout
    compared = local.command("compare", "nightly", "nightly")
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.startswith("BTC-USD\n") and "nightly (2)" in compared.stdout
