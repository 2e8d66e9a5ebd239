"""`retrain gate replay`: the recorded verdict from the recorded measurements, or another one by other bars."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.publishing_case import measured

from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.wire import to_wire
from retrain_cli.commands.results import gate as gate_command
from retrain_cli.inputs.results_file import parse_results

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
ACCURACIES = (0.71, 0.69, None)
"""Two pass, and one was never measured."""


def document(gate: dict[str, Any] | None = None) -> dict[str, Any]:
    """A results.json as the publish Job writes it."""
    spec = RetrainRunSpec.model_validate(
        {
            "symbols": list(SYMBOLS),
            "data": {"uri": "file:///data/"},
            "artifacts": {"uri": "file:///models/"},
            **({"gate": gate} if gate else {}),
        }
    )
    measurements = [None if accuracy is None else measured(accuracy) for accuracy in ACCURACIES]
    candidates = [
        Candidate(symbol, measurement, "its training failed: no file")
        for symbol, measurement in zip(SYMBOLS, measurements, strict=True)
    ]
    judgement = judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement)
    items = [
        {"symbol": symbol, "verdict": judgement.model(symbol).verdict}
        | ({"measurement": to_wire(measurement)} if measurement else {})
        for symbol, measurement in zip(SYMBOLS, measurements, strict=True)
    ]
    return {
        "schemaVersion": 1,
        "run": {"namespace": "default", "name": "nightly", "uid": "u"},
        "writtenAt": "2026-11-24T12:00:00Z",
        "spec": to_wire(spec),
        "items": items,
        "judgement": to_wire(judgement),
    }


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., str]:
    def write(content: Any) -> str:
        path = tmp_path / "results.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def replay(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    gate_command.add_arguments(parser)
    return gate_command.run(parser.parse_args(["replay", *arguments]))


def test_the_same_gate_gives_the_same_verdict(results: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    """To the word: also of the model that was never measured."""
    assert replay(results(document())) == 0
    out = capsys.readouterr().out
    assert out.startswith("nightly: Pass, Acceptable. 2 of 3 models pass (BTC-USD, ETH-USD), 2 required, judged by ")
    assert "  SOL-USD: Error\n      its training failed: no file\n" in out
    assert out.endswith("The same as recorded at 2026-11-24T12:00:00Z.\n")


def test_it_is_read_from_a_store_too(results: Callable[..., str]) -> None:
    assert replay(f"file://{results(document())}") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "verdict"),
    [
        (["--set", "accuracy=0.7"], 3, "Fail, NeedsMoreWork. 1 of 3"),
        (["--set", "accuracy=0.7", "--min-passed", "1"], 0, "Pass, Acceptable. 1 of 3"),
        (["--min-passed", "3"], 3, "Error, NeedsMoreWork. 2 of 3"),
        (["--set", "calibrationError=0.03"], 3, "Fail, NeedsMoreWork. 0 of 3"),
        (["--set", "sharpe=2"], 3, "Fail, NeedsMoreWork. 0 of 3"),
        (["--confidence", "99"], 3, "Inconclusive"),
        (["--max-luck", "5"], 3, "Inconclusive"),
    ],
)
def test_other_bars_give_another_verdict_beside_the_recorded_one(
    results: Callable[..., str], capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, verdict: str
) -> None:
    assert replay(results(document()), *arguments) == code
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"nightly: {verdict}")
    assert last.startswith("Recorded at 2026-11-24T12:00:00Z: Pass, Acceptable. 2 of 3")


def test_a_changed_file_is_detected(results: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    changed = document()
    changed["items"][0]["measurement"]["metrics"]["accuracy"] = 0.5
    assert replay(results(changed)) == 1
    assert "This is not the recorded verdict" in capsys.readouterr().err


def test_json_is_the_judgement_alone(results: Callable[..., str], capsys: pytest.CaptureFixture[str]) -> None:
    content = document()
    replay(results(content), "-o", "json")
    assert json.loads(capsys.readouterr().out) == content["judgement"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "accuracy"], "--set accuracy: write METRIC=VALUE, such as accuracy=0.7."),
        (["--set", "accuracy=high"], "--set accuracy=high: write METRIC=VALUE"),
        (["--set", "speed=1"], "--set speed=1: there is no metric speed; write one of accuracy, calibrationError, f1"),
        (["--set", "accuracy=70%"], "--set accuracy=70%: accuracy is a share: write 0.7 for 70 %."),
        (["--set", "accuracy=70"], "--set accuracy=70: accuracy is a share: write 0.7 for 70 %."),
        (["--set", "accuracy=nan"], "--set accuracy=nan: accuracy is a share, from 0 to 1."),
        (["--set", "f1=0.6", "--set", "f1=0.7"], "--set f1=0.7: f1 is given twice."),
        (["--min-passed", "4"], "spec.gate.minPassed: minPassed must not be greater than the number of symbols."),
    ],
)
def test_an_invalid_bar_is_one_sentence(results: Callable[..., str], arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        replay(results(document()), *arguments)
    assert words in caught.value.message


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"run": {"name": 1}}', "# Report"])
def test_another_file_is_one_sentence(results: Callable[..., str], content: str) -> None:
    with pytest.raises(DataError, match=r"is not the results\.json of a run"):
        replay(results(content))


def test_a_missing_file_is_one_sentence() -> None:
    with pytest.raises(NotFoundError, match="nowhere cannot be read: No such file"):
        replay("nowhere")


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_bar_never_lets_more_pass(one: float, other: float) -> None:
    recorded = parse_results(json.dumps(document()), "here")
    low, high = sorted((one, other))
    passed = [
        gate_command.judge_again(
            recorded, gate_command.with_bars(recorded.spec["gate"], [f"accuracy={bar}"], {"minPassed": 1})
        ).passed
        for bar in (low, high)
    ]
    assert passed[0] >= passed[1]
