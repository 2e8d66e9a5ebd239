"""The last net's sentence: where it happened in our code, and nothing of what another library says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.time import Interval
from retrain_api.unforeseen import place_of, unforeseen, wants_tracebacks


def met(problem: BaseException) -> BaseException:
    try:
        raise problem
    except BaseException as error:
        return error


def within_ours() -> BaseException:
    try:
        Interval.parse(None)  # type: ignore[arg-type]
    except Exception as error:
        return error
    raise AssertionError("it was taken")


def test_the_place_is_the_last_line_of_ours() -> None:
    module, _, line = place_of(within_ours()).partition(":")
    assert module == "retrain_api.time" and line.isdigit()


def test_of_a_group_it_is_that_of_its_first_failure() -> None:
    assert place_of(met(ExceptionGroup("some", [within_ours(), ValueError()]))).startswith("retrain_api.time:")


@given(st.text())
def test_no_word_of_the_exception_is_in_the_sentence(words: str) -> None:
    said = unforeseen("Counting", met(ValueError(words)))
    assert (
        said == "Counting failed in a way that has no name yet, at no line of ours: please report it, with that place."
    )


@pytest.mark.parametrize(
    ("level", "wanted"), [("debug", True), ("DEBUG", True), ("info", False), ("", False), (None, False)]
)
def test_tracebacks_are_for_the_level_debug(level: str | None, wanted: bool) -> None:
    assert wants_tracebacks({} if level is None else {"LOG_LEVEL": level}) is wanted
