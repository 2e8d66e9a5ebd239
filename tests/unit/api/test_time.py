"""Texts become values once: lengths of time, and what a model predicts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from retrain_api.documents.references import RunRef
from retrain_api.documents.tasks import TrainTask
from retrain_api.errors import ConfigurationError
from retrain_api.spec.data import Label, Split
from retrain_api.spec.training import Model, Training
from retrain_api.time import Duration, Interval, Question, Windows

MINUTE = 60_000_000_000


@pytest.mark.parametrize(
    ("text", "minutes"), [("1m", 1), ("15m", 15), ("1h", 60), ("4h", 240), ("1d", 1440), ("12h", 720)]
)
def test_an_interval_knows_its_length_and_its_text(text: str, minutes: int) -> None:
    interval = Interval.parse(text)
    assert (interval.nanoseconds, str(interval)) == (minutes * MINUTE, text)


@pytest.mark.parametrize("text", ["", "m", "0m", "01m", "1s", "1M", "1 m", "-1m", "1.5h", "1m\n", "\u0661m", "10000m"])
def test_no_other_text_is_an_interval(text: str) -> None:
    with pytest.raises(ConfigurationError, match="1m, 4h or 1d") as refusal:
        Interval.parse(text)
    assert refusal.value.reason == "BadInterval"


@pytest.mark.parametrize(
    ("text", "length"),
    [("90m", timedelta(minutes=90)), ("36h", timedelta(hours=36)), ("180d", timedelta(days=180))],
)
def test_a_duration_can_be_added_to_a_time(text: str, length: timedelta) -> None:
    duration = Duration.parse(text)
    assert (duration.as_timedelta, str(duration)) == (length, text)


def test_the_longest_duration_fits_an_int64_of_nanoseconds() -> None:
    longest = Duration.parse("99999d")
    assert longest.nanoseconds < 2**63
    assert longest.as_timedelta == timedelta(days=99_999)


@pytest.mark.parametrize("text", ["", "d", "0d", "01d", "1w", "P1D", "1.5d", "1d\n", "100000d"])
def test_no_other_text_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="90m, 36h or 180d"):
        Duration.parse(text)


def test_lengths_are_equal_when_they_last_equally_long() -> None:
    assert Interval.parse("60m") == Interval.parse("1h") != Interval.parse("1m")
    assert hash(Interval.parse("60m")) == hash(Interval.parse("1h"))
    assert Duration.parse("24h") == Duration.parse("1d")


def test_a_duration_is_no_interval() -> None:
    assert Interval.parse("1h") != Duration.parse("1h")


@pytest.mark.parametrize(
    "other", [Question.parse("5m", 15, "Drop"), Question.parse("1m", 3, "Drop"), Question.parse("1m", 15, "Down")]
)
def test_a_question_differs_by_each_of_its_parts(other: Question) -> None:
    assert other != Question.parse("1m", 15, "Drop")


def test_a_question_says_what_it_asks_and_how_long_the_answer_takes() -> None:
    question = Question.parse("4h", 3, "Down")
    assert str(question) == "3 bars of 4h ahead with ties: Down"
    assert question.horizon_nanoseconds == 12 * 60 * MINUTE


def task(interval: str = "4h") -> TrainTask:
    return TrainTask(
        run=RunRef(namespace="default", name="run", uid="1"),
        artifacts_uri="file:///a/",
        symbol="BTC-USD",
        train_key="k",
        data_uri="file:///d",
        interval=interval,
        label=Label(horizon_bars=3, ties="Down"),
        split=Split(validation_percent=10, test_percent=20),
        model=Model(lookback_bars=7),
        training=Training(),
        device="CPU",
    )


def test_a_task_gives_its_fields_as_values_and_keeps_them_on_the_wire() -> None:
    assert task().question == Question.parse("4h", 3, "Down")
    assert task().windows == Windows(7, Split(validation_percent=10, test_percent=20))
    assert task().model_dump(by_alias=True, include={"interval", "label"}) == {
        "interval": "4h",
        "label": {"horizonBars": 3, "ties": "Down"},
    }


def test_a_task_with_an_interval_that_is_none_is_refused_where_it_is_read() -> None:
    with pytest.raises(ConfigurationError, match="Interval '4x'"):
        _ = task("4x").question
