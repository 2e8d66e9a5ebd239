"""`gate.maxLuckPercent`: Inconclusive where luck explains the accuracy with more than that, and nothing where it is unset."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from retrain_api.gate.judgement import JudgedModel
from retrain_api.gate.verdict import Candidate, judge_model
from retrain_api.measurement import RULES, Baselines, Measurement, Metrics
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire

FIVE = {"maxLuckPercent": 5}


def judged(gate: dict[str, Any], **parts: Any) -> JudgedModel:
    whole: dict[str, Any] = {
        "metrics": Metrics(accuracy=0.71, calibration_error=0.04),
        "baselines": Baselines(majority=0.52, p=0.001),
        "rules": RULES,
    }
    return judge_model(Gate.model_validate(gate), Candidate("BTC-USD", Measurement(**(whole | parts))))


@pytest.mark.parametrize(
    ("gate", "parts", "verdict", "words"),
    [
        ({}, {"luck": 0.9, "judged_before": 500}, "Pass", None),
        ({}, {}, "Pass", None),
        (FIVE, {"luck": 0.012}, "Pass", None),
        (FIVE, {"luck": 0.05, "judged_before": 3}, "Pass", None),
        (FIVE, {"luck": 0.051, "judged_before": 0}, "Inconclusive",
         "luck explains its accuracy with 5.1 %, above maxLuckPercent 5"),
        (FIVE, {"luck": 0.4, "judged_before": 1}, "Inconclusive",
         "luck explains its accuracy with 40 %, above maxLuckPercent 5, after 1 other try"),
        (FIVE, {"luck": 1.0, "judged_before": 1_500}, "Inconclusive",
         "luck explains its accuracy with 100 %, above maxLuckPercent 5, after 1,500 other tries"),
        ({"maxLuckPercent": 50}, {"luck": 0.4}, "Pass", None),
        (FIVE, {"judged_before": 500}, "Inconclusive",
         "what luck explains of its accuracy was not measured, and maxLuckPercent is 5"),
        (FIVE, {"rules": None}, "Inconclusive",
         "what luck explains of its accuracy was not measured, and maxLuckPercent is 5"),
        (FIVE, {"luck": 0.4, "metrics": Metrics(accuracy=0.6, calibration_error=0.04)}, "Fail", "accuracy 60.0 % is 8.0 points below 68 %"),
    ],
)  # fmt: skip
def test_the_verdict_and_its_reason(
    gate: dict[str, Any], parts: dict[str, Any], verdict: str, words: str | None
) -> None:
    found = judged(gate, **parts)
    assert found.verdict == verdict
    assert found.bare_reasons() == ((words,) if words else ())
    assert found.meets is (verdict == "Pass")


@pytest.mark.parametrize("wrong", [0, 51, 2.5, "5 %", -1])
def test_it_is_a_whole_number_of_percent(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Gate.model_validate({"maxLuckPercent": wrong})


@pytest.mark.parametrize(
    ("value", "stored"), [(0.01234, 0.013), (0.05001, 0.051), (1.0, 1.0), (float("nan"), None), (3e-9, 3e-9)]
)
def test_it_is_stored_with_two_digits_towards_failing(value: float, stored: float | None) -> None:
    assert to_wire(Measurement(luck=value)).get("luck") == stored
    assert Measurement.model_validate(to_wire(Measurement(luck=value))).luck == stored
