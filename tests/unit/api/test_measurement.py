"""The list of metrics stands in one place, and whatever has to name them all again agrees with it."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from retrain_api.measurement import CRITERIA, LEAD, LOWER_IS_BETTER, METRICS, Metric, Metrics
from retrain_api.spec.gate import Criterion


def test_criteria_are_the_metrics_and_the_lead() -> None:
    assert get_args(Metric) == CRITERIA == (*METRICS, LEAD)


def test_a_measurement_has_a_field_for_each_metric() -> None:
    assert tuple(field.alias for field in Metrics.model_fields.values()) == METRICS


@pytest.mark.parametrize("metric", CRITERIA)
def test_a_criterion_takes_the_bound_on_the_side_of_the_metric(metric: str) -> None:
    right, wrong = ("atMost", "atLeast") if metric in LOWER_IS_BETTER else ("atLeast", "atMost")
    assert Criterion.model_validate({"metric": metric, right: 0.02}).metric == metric
    with pytest.raises(ValidationError, match="every other metric takes atLeast"):
        Criterion.model_validate({"metric": metric, wrong: 0.02})


def test_the_rule_of_the_api_server_names_the_metrics_that_are_better_lower() -> None:
    (rule,) = [
        rule["rule"] for rule in Criterion.model_json_schema()["x-kubernetes-validations"] if " in [" in rule["rule"]
    ]
    named = rule.partition(" in [")[2].partition("]")[0]
    assert {name.strip("'") for name in named.split(", ")} == LOWER_IS_BETTER
