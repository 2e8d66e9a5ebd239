"""The record of a model on its test bars: a bit for each bar, and digests that say which bars they were."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.publishing_case import RUN

from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.measure.tries.try_record import Answers, TryRecord, aligned, decode, digests_of, same_bars

MINUTE = 60_000_000_000
START = 20_000 * 86_400_000_000_000 + 22 * 60 * MINUTE
TIMES = START + MINUTE * np.arange(6_000)
CLOSE = np.random.default_rng(3).lognormal(size=6_000)


def record(first: int = 1_000, stop: int = 6_000, close: Any = CLOSE, times: Any = TIMES, seed: int = 0) -> TryRecord:
    """A model's record on rows `first` to `stop` of a file of so many rows."""
    rng = np.random.default_rng(seed)
    judged = rng.random(stop - first) < 0.9
    answers = Answers(judged, rng.random(judged.sum()) < 0.5)
    days = digests_of(times[:stop], close[:stop], slice(first, stop))
    return TryRecord("BTC-USD", "a" * 64, iso_time(times[first]), iso_time(times[stop - 1]), "r1", answers, days, 0.1)


def test_a_record_is_read_as_it_was_written() -> None:
    written = record()
    read = decode(written.encode(RUN))
    assert read is not None and read.answers is not None and written.answers is not None
    assert (read.answers.judged == written.answers.judged).all() and (read.answers.right == written.answers.right).all()
    assert (read.days == written.days).all()
    assert (read.symbol, read.recipe, read.sharpe, read.last_bar) == ("BTC-USD", "r1", 0.1, written.last_bar)


def test_the_answers_of_6500_bars_take_800_bytes() -> None:
    right = np.random.default_rng(0).random(6_500) < 0.5
    with_answers = TryRecord("A-USD", "a" * 64, "2025-06-17T00:00:00Z", "2025-06-21T00:00:00Z", "r1")
    bare = len(with_answers.encode(RUN))
    whole = replace(with_answers, answers=Answers(np.ones(6_500, dtype=np.bool_), right))
    assert len(json.loads(whole.encode(RUN))["right"]) * 3 // 4 in range(812, 816)
    assert len(whole.encode(RUN)) - bare < 1_200, "as text"


def test_what_the_previous_release_wrote_is_read() -> None:
    old = {"symbol": "BTC-USD", "sha256": "b" * 64, "firstBar": "2025-06-17T00:00:00Z"}
    read = decode(json.dumps(old | {"lastBar": "2025-06-24T00:00:00Z", "run": "r", "namespace": "n"}).encode())
    assert read == TryRecord("BTC-USD", "b" * 64, "2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")


BOMB = b64encode(zlib.compress(bytes(50_000_000))).decode()


@pytest.mark.parametrize(
    ("field", "value", "lost"),
    [
        ("rows", -1, "answers"), ("rows", 10**12, "answers"), ("rows", "many", "answers"), ("rows", None, "answers"),
        ("judged", "!!", "answers"), ("judged", "AAAA", "answers"), ("judged", BOMB, "answers"), ("judged", 5, "answers"),
        ("right", "AAAA", "answers"), ("right", "", "answers"), ("right", [1], "answers"),
        ("days", "AAAA", "days"), ("days", "", "days"), ("days", 7, "days"),
        ("sharpe", "high", "sharpe"), ("sharpe", float("nan"), "sharpe"), ("sharpe", [], "sharpe"),
        ("recipe", 5, "recipe"), ("recipe", None, "recipe"),
    ],
)  # fmt: skip
def test_a_damaged_field_reads_as_if_it_were_absent(field: str, value: Any, lost: str) -> None:
    read = decode(json.dumps(json.loads(record().encode(RUN)) | {field: value}).encode())
    assert read is not None
    parts = {name: getattr(read, name) for name in ("answers", "days", "sharpe", "recipe")}
    absent = {name for name, part in parts.items() if part is None or (name == "recipe" and not part)}
    assert absent == {lost}


@pytest.mark.parametrize("field", ["symbol", "sha256", "firstBar", "lastBar"])
def test_a_record_without_its_bars_is_none(field: str) -> None:
    document = json.loads(record().encode(RUN))
    del document[field]
    assert decode(json.dumps(document).encode()) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = decode(data)
    assert found is None or found.symbol


# Which bars


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("the same file", record(), True),
        ("a file with fewer bars at its end", record(500, 4_000), True),
        ("a file that ends within the same day", record(1_000, 5_990), True),
        ("other closes", record(close=CLOSE * 1.0001), False),
        ("the same closes an hour later", record(times=TIMES + 60 * MINUTE), False),
        ("one day of four corrected", record(close=np.where(np.arange(6_000) == 3_000, 1.0, CLOSE)), True),
        ("no digests", TryRecord("BTC-USD", "b" * 64, iso_time(TIMES[0]), iso_time(TIMES[-1])), None),
        ("only one day in common, of which the other has a part", record(100, 1_300), None),
    ],
)
def test_digests_tell_whether_the_bars_are_the_same(name: str, other: TryRecord, same: bool | None) -> None:
    assert same_bars(record(), other) is same, name
    assert same_bars(other, record()) is same, name


def test_two_tests_within_a_day_are_the_same_only_where_they_end_together() -> None:
    assert same_bars(record(200, 900), record(300, 900)) is True
    assert same_bars(record(200, 900), record(300, 901)) is None


@pytest.mark.parametrize(("first", "stop"), [(1_000, 6_000), (500, 4_000), (2_000, 6_000), (2_500, 3_000), (0, 1_000)])
def test_answers_are_found_at_their_bars(first: int, stop: int) -> None:
    other, test = record(first, stop), slice(1_000, 6_000)
    assert other.answers is not None
    judged, right = np.zeros(6_000, dtype=np.bool_), np.zeros(6_000, dtype=np.bool_)
    judged[first:stop] = other.answers.judged
    right[np.flatnonzero(judged)] = other.answers.right
    found = aligned(other, TIMES, test)
    assert found is not None
    assert (found[0] == judged[test]).all() and (found[1] == right[test]).all()


def test_answers_from_before_the_file_begins_are_found_by_their_last_bar() -> None:
    found = aligned(record(500, 5_000), TIMES[700:], slice(300, 5_300))
    whole = aligned(record(500, 5_000), TIMES, slice(1_000, 6_000))
    assert found is not None and whole is not None
    assert (found[0] == whole[0]).all() and (found[1] == whole[1]).all()


@pytest.mark.parametrize(
    "other",
    [
        record(times=np.delete(TIMES, 2_000), stop=5_999),
        record(times=TIMES + MINUTE // 2),
        TryRecord("BTC-USD", "b" * 64, iso_time(TIMES[0]), iso_time(TIMES[-1])),
    ],
    ids=["a bar is missing", "other times", "no answers"],
)
def test_answers_that_fit_no_bars_are_not_placed(other: TryRecord) -> None:
    assert aligned(other, TIMES, slice(1_000, 6_000)) is None
