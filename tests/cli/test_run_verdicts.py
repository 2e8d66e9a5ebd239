"""How `retrain run` ends: exit code, words and files for each verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.documents import read_document
from support.local_run import LocalRun

from retrain_api.errors import ERRORS_BY_EXIT_CODE

THREE = ["BTC-USD", "ETH-USD", "SOL-USD"]
LOSES = {"accuracy": 0.6}


@pytest.mark.parametrize(
    ("spec", "script", "code", "state", "said"),
    [
        ({}, {}, 0, "Promoted", ["Promoted by gate:", "BTC-USD: Pass", "accuracy 71 % (majority 52 %)"]),
        ({"promotion": {"policy": "Never"}}, {}, 0, "Passed", ["Nothing was promoted: promotion.policy is Never."]),
        (
            {},
            {"evaluate 0": LOSES},
            3,
            "Rejected",
            ["BTC-USD: Fail", "accuracy 60.0 % is 8.0 points below 68 %", "Nothing was promoted."],
        ),
        ({"promotion": {"policy": "Manual"}}, {}, 4, "AwaitingApproval", ["The promotion needs a person's approval."]),
        ({}, {"BTC-USD": {"codes": [65]}}, 1, "Failed", ["BTC-USD: Failed", "Ends with 65."]),
        ({"suspend": True}, {}, 0, "Suspended", ["Set spec.suspend to false to continue."]),
    ],
)
def test_each_verdict_has_its_exit_code(
    local: LocalRun, spec: dict[str, Any], script: dict[str, Any], code: int, state: str, said: list[str]
) -> None:
    local.spec, local.script = spec, script
    ended = local.run()
    assert ended.returncode == code, ended.stderr
    assert local.status()["state"] == state
    assert f"nightly: {state}" in ended.stdout
    assert [words for words in said if words not in ended.stdout] == []
    assert ended.stderr == ""


def test_two_of_three_are_promoted_and_the_third_says_why_not(local: LocalRun) -> None:
    local.spec = {"symbols": THREE}
    local.script = {"evaluate 2": LOSES}
    ended = local.run()
    assert ended.returncode == 0
    closing = ended.stdout.split("nightly: Promoted")[1]
    assert "SOL-USD: Fail" in closing
    assert "      accuracy 60.0 % is 8.0 points below 68 %" in closing
    assert [model["symbol"] for model in local.status()["promotion"]["models"]] == THREE[:2]
    assert local.journal("publish", "publishes")[0]["promotes"] == THREE[:2]


def test_the_summary_comes_once_after_all_trainings_and_before_the_evaluation(local: LocalRun) -> None:
    local.spec = {"symbols": THREE}
    lines = local.run().stdout.splitlines()
    summary = lines.index("Training Summary")
    assert lines.count("Training Summary") == 1
    assert [line.split(",")[0] for line in lines[summary + 1 : summary + 5]] == [
        "  BTC-USD: 11.2 minutes",
        "  ETH-USD: 11.2 minutes",
        "  SOL-USD: 11.2 minutes",
        "  Total: 33.6 minutes of training",
    ]
    assert lines[summary + 4].endswith(" minutes on the clock")
    assert summary > max(index for index, line in enumerate(lines) if "Epoch 2/2" in line)
    assert summary < next(index for index, line in enumerate(lines) if line.startswith("Evaluating"))


def test_an_approval_of_exactly_these_models_promotes_them_without_new_work(local: LocalRun) -> None:
    local.spec = {"promotion": {"policy": "Manual"}}
    waits = local.run()
    digest = local.status()["gate"]["digest"]
    assert f'retrain.crpbot.dev/approve: "{digest} by YOUR NAME: YOUR REASON"' in waits.stdout
    assert local.journal("publish", "publishes")[0]["promotes"] == []

    local.annotations = {"retrain.crpbot.dev/approve": "0123456789abcdef by Ada: sure"}
    assert local.run().returncode == 4, "an approval of other models approves nothing"

    local.annotations = {"retrain.crpbot.dev/approve": f"{digest} by Ada: looks right"}
    ended = local.run()
    assert ended.returncode == 0, ended.stdout
    assert "Promoted by Ada: looks right:" in ended.stdout
    assert len(local.journal("BTC-USD", "start")) == len(local.journal("evaluate 0", "start")) == 1
    assert [line["promotes"] for line in local.journal("publish", "publishes")] == [[], ["BTC-USD"]]


def test_a_finished_run_is_told_again_and_nothing_is_done_again(local: LocalRun) -> None:
    first, done, status = local.run(), local.journal(), local.status()
    again = local.run()
    assert (again.returncode, local.journal(), local.status()) == (0, done, status)
    assert again.stdout.split("nightly:")[1] == first.stdout.split("nightly:")[1]


def test_a_changed_gate_judges_anew_and_trains_nothing(local: LocalRun) -> None:
    assert "Training Summary" in local.run().stdout
    local.spec = {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.9}]}}
    ended = local.run()
    assert ended.returncode == 3
    assert "Training Summary" not in ended.stdout, "nothing was trained now"
    assert len(local.journal("BTC-USD", "start")) == len(local.journal("evaluate 0", "start")) == 1
    assert local.status()["observedGeneration"] == 2


def test_a_changed_training_trains_again(local: LocalRun) -> None:
    assert local.run().returncode == 0
    local.spec = {"training": {"epochs": 3}}
    assert local.run().returncode == 0
    assert len(local.journal("BTC-USD", "start")) == 2


def test_a_time_to_live_is_not_waited_for(local: LocalRun) -> None:
    local.spec = {"jobTTLSecondsAfterFinished": 86_400}
    assert local.run().returncode == 0
    assert list((local.state / "jobs").glob("*.json"))


def test_json_is_the_status_alone_and_all_words_go_to_stderr(local: LocalRun) -> None:
    ended = local.run("-f", "retrain.yaml", "--json")
    assert ended.returncode == 0
    own = {"namespace": "default", "name": "nightly", "ran": True}
    assert read_document(ended.stdout, "RunStatus", *local.status()) == own | local.status()
    assert "[BTC-USD] Epoch 1/2" in ended.stderr
    assert "nightly: Promoted" in ended.stderr


def test_a_run_from_standard_input_is_the_same_run(local: LocalRun) -> None:
    local.write()
    text = (local.folder / "retrain.yaml").read_text()
    assert local.run("-f", "-", given=text).returncode == 0
    assert local.run().returncode == 0
    assert len(local.journal("BTC-USD", "start")) == 1


def test_locations_are_meant_from_where_the_file_lies(local: LocalRun) -> None:
    local.write()
    (local.folder / "runs").mkdir()
    text = (local.folder / "retrain.yaml").read_text().replace("file://./models/", "file://../models/")
    (local.folder / "runs" / "moved.yaml").write_text(text)
    assert local.run("-f", "runs/moved.yaml", "--state-dir", "elsewhere", write=False).returncode == 0
    assert local.journal("publish", "done")
    assert (local.folder / "elsewhere" / "default" / "nightly" / "status.json").exists()
    assert not local.state.exists()


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["-f", "missing.yaml"], None, "retrain: missing.yaml does not exist"),
        (["-f", "bad.yaml"], "a: [", "retrain: bad.yaml line 1"),
        (["-f", "bad.yaml"], "kind: Secret", "retrain: bad.yaml has no RetrainRun"),
        (["-f", "bad.yaml"], "kind: RetrainRun\nspec: {symbols: []}", "retrain: bad.yaml: "),
        (
            ["-f", "retrain.yaml", "--state-dir", "/dev/null"],
            None,
            "retrain: /dev/null/default/nightly cannot be created",
        ),
    ],
)
def test_wrong_input_is_a_sentence_and_exit_2(
    local: LocalRun, arguments: list[str], text: str | None, said: str
) -> None:
    if text is not None:
        (local.folder / "bad.yaml").write_text(text)
    ended = local.run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)
    assert all(line.startswith("retrain: ") for line in ended.stderr.splitlines())
    assert not local.state.exists(), "nothing was begun"


def test_no_file_is_a_usage_error(local: LocalRun) -> None:
    ended = local.run("--json")
    assert ended.returncode == 2
    assert "-f/--file" in ended.stderr


def test_a_state_that_can_not_be_read_is_a_sentence_and_exit_1(local: LocalRun) -> None:
    assert local.run().returncode == 0
    (local.state / "status.json").write_text("{")
    ended = local.run()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("is not JSON; move it away and run the same command again.\n")
    (local.state / "status.json").unlink()
    assert local.run().returncode == 0, "its Jobs still know what they did"
    assert len(local.journal("BTC-USD", "start")) == 1


@pytest.mark.parametrize("code", sorted(ERRORS_BY_EXIT_CODE))
def test_an_exit_code_of_a_training_means_what_it_means_on_a_cluster(local: LocalRun, code: int) -> None:
    permanent = code in (64, 65, 66, 71, 77, 78)
    local.script = {"BTC-USD": {"codes": [code]}}
    ended = local.run()
    assert ended.returncode == (1 if permanent else 0), ended.stdout
    assert len(local.journal("BTC-USD", "start")) == (1 if permanent else 2)
    (job,) = [json.loads(path.read_text()) for path in (local.state / "jobs").glob("*-train-*.json")]
    assert job["indexes"][0]["failures"] == (0 if code == 75 else 1)


def test_a_killed_training_is_tried_again_and_the_log_of_each_start_is_kept(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"codes": [-9], "says": ["WARNING feature volume is constant and was dropped"]}}
    ended = local.run()
    assert ended.returncode == 0
    assert ended.stdout.count("[BTC-USD] WARNING feature volume is constant and was dropped") == 2
    assert len(list((local.state / "logs").glob("*-train-*"))) == 2


def test_retries_end_where_the_limit_says(local: LocalRun) -> None:
    local.spec = {"train": {"device": "CPU", "backoffLimit": 1}}
    local.script = {"BTC-USD": {"codes": [70, 70, 70]}}
    ended = local.run()
    assert ended.returncode == 1
    assert len(local.journal("BTC-USD", "start")) == 2
    assert "Ends with 70." in ended.stdout


def test_a_model_that_can_not_be_measured_does_not_stop_the_others(local: LocalRun) -> None:
    local.spec = {"symbols": THREE, "gate": {"minPassed": 2}}
    local.script = {"evaluate 1": {"codes": [65]}}
    ended = local.run()
    assert ended.returncode == 0
    states = {entry["symbol"]: entry["state"] for entry in local.status()["symbols"]}
    assert states == {"BTC-USD": "Evaluated", "ETH-USD": "Failed", "SOL-USD": "Evaluated"}


def test_a_symbol_beyond_help_ends_the_others_and_does_not_hang(local: LocalRun) -> None:
    local.spec = {"symbols": ["BTC-USD", "ETH-USD"]}
    local.script = {"BTC-USD": {"codes": [65]}, "ETH-USD": {"hold": "epoch 2"}}
    ended = local.run()
    assert ended.returncode == 1
    states = {entry["symbol"]: entry["state"] for entry in local.status()["symbols"]}
    assert states == {"BTC-USD": "Failed", "ETH-USD": "Stopped"}
    assert not local.journal("ETH-USD", "done")


def test_secrets_reach_the_task_and_no_file_of_the_run(local: LocalRun) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIASEEN", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    data = {f"RETRAIN_DATA_{name}": f"{value}-data" for name, value in keys.items()}
    local.environ = keys | data | {"RETRAIN_TASK": "not this one"}
    local.spec = {
        "data": {"uri": "file://./data/", "credentials": {"secretName": "data"}},
        "credentials": {"secretName": "aws"},
    }
    local.script = {"BTC-USD": {"shows": [*keys, *data]}}
    ended = local.run()
    assert ended.returncode == 0
    seen = local.journal("BTC-USD", "start")[0]["environment"]
    assert {name: seen[name] for name in keys | data} == keys | data
    kept = [path.read_text() for path in local.state.rglob("*") if path.is_file()]
    assert kept
    assert not any("hush-hush" in text for text in [*kept, ended.stdout, ended.stderr])
