"""The other tries on the same test bars: which files are read, which count, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.publishing_case import RUN

from retrain_trainer.measure.tries import test_reuse
from retrain_trainer.measure.tries.test_reuse import OtherTries, find_and_record, overlapping, record_name
from retrain_trainer.measure.tries.try_record import Answers, TryRecord, decode
from retrain_trainer.store.base import Store, Stored
from retrain_trainer.store.file import FileStore

PERIOD = ("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")
OWN = "judged/BTC-USD/" + record_name(*PERIOD, "a" * 64)
DAYS = np.arange(64, dtype=np.uint8).reshape(8, 8) + 1
OTHER_MARKET = DAYS + 100


def other(first: str, last: str, model: str = "b") -> str:
    return "judged/BTC-USD/" + record_name(first, last, model * 64)


def test_the_name_says_which_bars_and_which_model() -> None:
    assert OWN == "judged/BTC-USD/20250617T000000Z-20250624T000000Z-aaaaaaaaaaaaaaaa.json"


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ([], 0),
        ([OWN], 0),
        ([other("2025-06-01T00:00:00Z", "2025-06-20T00:00:00Z", "a")], 0),
        ([other("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")], 1),
        ([other("2025-06-10T00:00:00Z", "2025-06-17T00:00:00Z")], 1),
        ([other("2025-06-24T00:00:00Z", "2025-07-01T00:00:00Z")], 1),
        ([other("2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z")], 1),
        ([other("2025-06-10T00:00:00Z", "2025-06-16T23:59:00Z")], 0),
        ([other("2025-06-24T00:01:00Z", "2025-07-01T00:00:00Z")], 0),
        ([other("2025-06-18T00:00:00Z", "2025-06-19T00:00:00Z", model) for model in "bcdef"], 5),
        (["judged/BTC-USD/notes.txt", "judged/", "judged/BTC-USD/20250617T000000Z.json", OWN + ".part", OWN[7:], "judged/" + OWN[15:]], 0),
    ],
)  # fmt: skip
def test_names_tell_which_tests_overlap(keys: list[str], count: int) -> None:
    assert len(overlapping(keys, OWN)) == count


moments = st.integers(0, 40).map(lambda days: datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=days))
periods = st.tuples(moments, moments).map(sorted)


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(periods, st.lists(st.tuples(periods, st.sampled_from("abcdef")), max_size=30))
def test_exactly_the_overlapping_periods_of_other_models_count(
    own: list[datetime], judged: list[tuple[list[datetime], str]]
) -> None:
    keys = [other(*map(written, period), model) for period, model in judged]
    met = [model for (first, last), model in judged if first <= own[1] and own[0] <= last and model != "a"]
    found = overlapping(keys, other(*map(written, own), "a"))
    assert sorted(one.model[0] for one in found) == sorted(met)


# Which records are tries


def record(model: str, recipe: str = "", symbol: str = "BTC-USD", days: np.ndarray | None = DAYS) -> TryRecord:
    answers = Answers(np.ones(50, dtype=np.bool_), np.arange(50) % 3 == 0) if recipe else None
    return TryRecord(symbol, model * 64, *PERIOD, recipe, answers, days if recipe else None, 0.1 if recipe else None)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def tries(store: Store, records: Sequence[TryRecord], own: TryRecord) -> OtherTries:
    for each in records:
        find_and_record(store, each, RUN)
    return find_and_record(store, own, RUN)


@pytest.mark.parametrize(
    ("name", "records", "count", "answered"),
    [
        ("nothing before", [], 0, 0),
        ("another recipe", [record("b", "r2")], 1, 1),
        ("the same recipe, trained again", [record("b", "r1")], 0, 0),
        ("another recipe, trained three times", [record(model, "r2") for model in "bcd"], 1, 1),
        ("of the previous release", [record("b"), record("c")], 2, 0),
        ("under another symbol's name", [record("b", "r2", "XBT-USD")], 1, 1),
        ("under two other names", [record("b", "r2", "XBT-USD"), record("c", "r3", "WBTC-USD")], 2, 2),
        ("another market", [record("b", "r2", "ETH-USD", OTHER_MARKET)], 0, 0),
        ("of the previous release under another name", [record("b", "", "XBT-USD")], 0, 0),
        ("this symbol from another exchange", [record("b", "r2", days=OTHER_MARKET)], 0, 0),
        ("a day corrected in between", [record("b", "r2", days=np.concatenate([OTHER_MARKET[:1], DAYS[1:]]))], 1, 1),
    ],
)
def test_a_try_is_another_recipe_on_the_same_bars(
    store: FileStore, name: str, records: list[TryRecord], count: int, answered: int
) -> None:
    found = tries(store, records, record("a", "r1"))
    assert (found.count, len(found.records), found.notes) == (count, answered, ()), name


def test_a_model_without_a_recipe_counts_every_other_model(store: FileStore) -> None:
    assert tries(store, [record("b", "r2"), record("c", "r3"), record("d")], record("a")).count == 3


def test_what_the_previous_release_recorded_of_this_model_is_replaced_by_what_says_more(store: FileStore) -> None:
    tries(store, [record("a")], record("a", "r1"))
    kept = decode(store.read(OWN).data)
    assert kept is not None and kept.recipe == "r1" and kept.answers is not None
    tries(store, [], record("a", "other"))
    again = decode(store.read(OWN).data)
    assert again is not None and again.recipe == "r1", "a whole record is never replaced"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"symbol": 1}', b"\xff\xfe", b'"text"', b"{}" * 9])
def test_a_damaged_record_counts_and_is_named(store: FileStore, damage: bytes) -> None:
    store.write(other(*PERIOD, "b"), damage)
    store.write("judged/ETH-USD/" + record_name(*PERIOD, "c" * 64), damage)
    found = tries(store, [record("d", "r2")], record("a", "r1"))
    assert (found.count, len(found.records)) == (2, 1)
    assert found.notes == ("1 damaged record of tests counted without their answers",)


@dataclass(frozen=True)
class Counting(FileStore):
    """Counts what is read."""

    reads: list[str]

    def read(self, key: str, version_id: str | None = None) -> Stored:
        self.reads.append(key)
        return super().read(key, version_id)


def test_the_cost_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_reuse, "MOST_PROBED", 5)
    monkeypatch.setattr(test_reuse, "MOST_READ", 8)
    store = Counting(tmp_path, [])
    for number in range(20):
        for market in (record("b", f"r{number}"), record("b", "r9", f"COIN{number}-USD", OTHER_MARKET)):
            each = replace(market, sha256=f"{number:064x}"[::-1])
            store.write(f"judged/{each.symbol}/{record_name(*PERIOD, each.sha256)}", each.encode(RUN))
    store.reads.clear()
    found = find_and_record(store, record("a", "own"), RUN)
    assert (found.count, len(found.records)) == (20, 8), "those that were not read count all the same"
    assert len(store.reads) == 5 + 8 + 1, "and one look at the own record"
    assert found.notes == (
        "15 periods of other symbols not compared with these test bars",
        "12 older records of tests counted without reading them",
    )


def test_copies_of_a_file_are_compared_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_reuse, "MOST_PROBED", 1)
    store = FileStore(tmp_path)
    far = replace(record("b", "r2", "AAA-USD"), first_bar="2025-06-16T00:00:00Z", days=np.concatenate([DAYS[:1], DAYS]))
    assert tries(store, [far, record("c", "r3", "ZZZ-USD")], record("a", "r1")).count == 1
