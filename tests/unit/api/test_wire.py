"""Field types that several documents share, and what goes over the wire."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from retrain_api.measurement import Measurement, Metrics
from retrain_api.wire import (
    FieldError,
    Lenient,
    Strict,
    down,
    finite,
    rounded,
    rule,
    significant,
    to_wire,
    up,
    validations,
)


class Asked(Strict):
    some_number: float = 1.0
    parts: tuple[str, ...] = ()
    name: str | None = None


class Told(Lenient):
    some_number: float | None = None


def test_the_wire_is_camel_case_without_what_is_unset() -> None:
    assert to_wire(Asked()) == {"someNumber": 1.0, "parts": []}
    assert to_wire(Asked(name="x")) == {"someNumber": 1.0, "parts": [], "name": "x"}
    assert Asked.model_validate({"someNumber": 2}) == Asked(some_number=2)


def test_a_person_may_not_write_unknown_fields_and_a_program_may() -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate({"somenumber": 2})
    assert Told.model_validate({"somenumber": 2}) == Told()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_person_may_not_write_what_is_not_finite(value: float) -> None:
    with pytest.raises(ValidationError):
        Asked(some_number=value)
    assert finite(value) is significant(value) is rounded(value) is None


def test_documents_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Asked().name = "x"


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_a_measured_number_is_rounded_once_and_stays(value: float | None) -> None:
    first = Metrics(accuracy=value)
    assert first.accuracy is None or math.isfinite(first.accuracy)
    again = Metrics.model_validate_json(json.dumps(to_wire(first), allow_nan=False))
    assert again == first and to_wire(again) == to_wire(first)
    if value is not None and first.accuracy is not None:
        assert first.accuracy == pytest.approx(value, rel=1e-4)


@given(st.floats() | st.none())
def test_the_bounds_of_an_interval_are_rounded_once_and_stay(value: float | None) -> None:
    measurement = Measurement(near_bounds=((value, value, value),))
    again = Measurement.model_validate_json(json.dumps(to_wire(measurement), allow_nan=False))
    assert again == measurement


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_rounding_keeps_the_order(first: float, second: float) -> None:
    low, high = sorted([first, second])
    for function in (significant, rounded, down, up):
        less, more = function(low), function(high)
        assert less is not None and more is not None and less <= more


@given(st.floats(-1e6, 1e6), st.integers(1, 6))
def test_a_number_is_cut_to_the_side_that_is_asked_for(value: float, digits: int) -> None:
    below, above = down(value, digits), up(value, digits)
    assert below is not None and above is not None and below <= value <= above
    assert above - below <= 10.0 ** (1 - digits) * max(abs(below), abs(above))
    assert (down(below, digits), up(above, digits)) == (below, above), "what was cut once stays"


def test_rules_and_where_they_point() -> None:
    broken = rule("self.a > 0", "a must be positive", ".a")
    assert validations(broken) == {"x-kubernetes-validations": [broken]}
    assert FieldError(broken).field_path == ".a" and str(FieldError(broken)) == "a must be positive"
    assert FieldError(rule("x", "y")).field_path == ""
