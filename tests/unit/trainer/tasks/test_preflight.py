"""A preflight says of each symbol what would stop its training: data, store, age, and nothing new."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.training_case import RUN, candle_table

from retrain_api.documents.encoding import MESSAGE_LIMIT, encode_message
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import PreflightResult, Refusal
from retrain_api.documents.tasks import PREFLIGHT_SYMBOLS, PreflightItem, PreflightTask
from retrain_api.errors import CredentialsError, StoreUnreachable
from retrain_api.names import judged_folder, promoted_pointer
from retrain_api.spec.data import Label, Split
from retrain_trainer.measure.tries.test_reuse import record_name
from retrain_trainer.measure.tries.try_record import TryRecord
from retrain_trainer.model.pointer import Pointer, TestPeriod
from retrain_trainer.store.file import FileStore
from retrain_trainer.store.probe import PROBED
from retrain_trainer.tasks import preflight
from retrain_trainer.tasks.preflight import Clock

FIRST = pd.Timestamp("2025-05-30T00:00:00Z")
ROWS = 700
CLOSED = FIRST + pd.Timedelta(minutes=ROWS)
"""When the last of the bars closes."""
RECIPE = "b" * 16


def later(**ahead: int) -> pd.Timestamp:
    return CLOSED + pd.Timedelta(**ahead)


def text(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Case:
    """A folder of data and one of artifacts, a clock, and what happens when somebody waits."""

    root: Path
    time: pd.Timestamp = CLOSED
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "data").mkdir()
        self.put()

    @property
    def store(self) -> FileStore:
        return FileStore(self.root / "artifacts")

    def put(self, symbol: str = "BTC-USD", rows: int = ROWS) -> None:
        table = candle_table(max(rows, ROWS)).head(rows)
        table.to_parquet(self.root / "data" / f"{symbol}.parquet", index=False)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += pd.Timedelta(seconds=seconds)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def task(self, *symbols: str, **changes: Any) -> PreflightTask:
        items = tuple(
            PreflightItem(
                symbol=symbol,
                train_key="a" * 16,
                recipe=RECIPE,
                data_uri=f"file://{self.root}/data/{symbol}.parquet",
            )
            for symbol in symbols or ("BTC-USD",)
        )
        task = PreflightTask(
            run=RUN,
            artifacts_uri=self.store.uri,
            preflight_key="c" * 16,
            items=items,
            interval="1m",
            label=Label(),
            split=Split(),
            lookback_bars=20,
        )
        return task.model_copy(update=changes)

    def result(self, task: PreflightTask, index: str = "0") -> PreflightResult:
        clock = Clock(lambda: self.time.value, self.sleep)
        return preflight.run(task, {"JOB_COMPLETION_INDEX": index}, self.log.append, clock)

    def refusals(self, *symbols: str, **changes: Any) -> tuple[Refusal, ...]:
        return self.result(self.task(*symbols, **changes)).refused

    def measured(self, last: pd.Timestamp, recipe: str = RECIPE, symbol: str = "BTC-USD") -> None:
        """Record that a model was measured up to the bar `last`."""
        first = text(last - pd.Timedelta(minutes=100))
        record = TryRecord(symbol, f"{abs(hash((last, recipe))):064x}", first, text(last), recipe)
        key = judged_folder(symbol) + record_name(first, text(last), record.sha256)
        self.store.write(key, record.encode(RUN))

    def promoted(self, last: pd.Timestamp) -> None:
        pointer = Pointer(
            symbol="BTC-USD",
            model=FileRef(uri=self.store.uri + "x.pt", sha256="d" * 64),
            run=RUN,
            test=TestPeriod(first_bar=text(FIRST), last_bar=text(last)),
            promoted_at=text(CLOSED),
        )
        self.store.write(promoted_pointer("BTC-USD"), pointer.encode())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_what_a_training_would_take_is_not_stopped(case: Case) -> None:
    assert case.result(case.task()) == PreflightResult(preflight_key="c" * 16)


def test_each_symbol_has_its_own_line(case: Case) -> None:
    case.put("ETH-USD", rows=100)
    first, second = case.refusals("BTC-USD", "ETH-USD", "SOL-USD")
    assert (first.symbol, first.reason, first.skipped) == ("ETH-USD", "TooFewRows", False)
    assert (second.symbol, second.reason) == ("SOL-USD", "ObjectNotFound")
    assert "SOL-USD.parquet does not exist" in second.message


def test_an_index_looks_at_its_eight_symbols(case: Case) -> None:
    symbols = [f"S{number:02}-USD" for number in range(PREFLIGHT_SYMBOLS + 3)]
    task = case.task(*symbols)
    assert [one.symbol for one in case.result(task, "0").refused] == symbols[:PREFLIGHT_SYMBOLS]
    assert [one.symbol for one in case.result(task, "1").refused] == symbols[PREFLIGHT_SYMBOLS:]


def test_eight_refusals_fit_one_message(case: Case) -> None:
    task = case.task(*(f"S{number:02}-USD" for number in range(PREFLIGHT_SYMBOLS)))
    assert len(encode_message(case.result(task)).encode()) <= MESSAGE_LIMIT


def test_window_and_lengths_of_the_split_are_asked_for(case: Case) -> None:
    assert case.refusals(window="11h", split=Split(test="2h")) == ()
    [found] = case.refusals(window="2d")
    assert found.reason == "WindowNotCovered"
    [found] = case.refusals(split=Split(test="11h"))
    assert found.reason == "TooFewRows"


# Age


@pytest.mark.parametrize(
    ("as_of", "max_age", "stale"),
    [
        (later(minutes=120), "2h", False),
        (later(minutes=121), "2h", True),
        (later(minutes=121), None, False),
        (later(days=3), "3d", False),
        (later(days=3, seconds=1), "3d", True),
    ],
)
def test_the_age_is_counted_from_the_close_of_the_newest_bar(
    case: Case, as_of: pd.Timestamp, max_age: str | None, stale: bool
) -> None:
    case.time = later(days=30)  # waiting for a node, or for a GPU, makes no file stale
    found = case.refusals(as_of=text(as_of), max_age=max_age)
    assert [one.reason for one in found] == ["DataStale"] * stale


@pytest.mark.parametrize("days", [-400, 400])
def test_a_node_whose_clock_leaps_changes_nothing(case: Case, days: int) -> None:
    case.time = later(days=days)
    assert case.refusals(as_of=text(later(minutes=1)), max_age="1h") == ()


def test_without_a_time_of_its_own_the_age_is_that_at_the_look(case: Case) -> None:
    case.time = later(hours=2, minutes=5)
    [found] = case.refusals(max_age="2h")
    assert found.message == (
        "The newest bar of BTC-USD.parquet closed at 2025-05-30T11:40:00Z, which is 2 hours and 5 minutes before "
        "2025-05-30T13:45:00Z, and data.maxAge is 2h; look at what writes the file."
    )


def test_a_bar_that_is_still_forming_makes_no_file_fresh(case: Case) -> None:
    table = candle_table(ROWS + 1).drop(index=range(ROWS - 200, ROWS))
    table.to_parquet(case.root / "data" / "BTC-USD.parquet", index=False)
    case.time = later(seconds=30)
    [found] = case.refusals(max_age="1h")
    assert "closed at 2025-05-30T08:20:00Z" in found.message


# New bars


@pytest.mark.parametrize(
    ("measured", "promoted", "least", "skipped"),
    [
        (None, None, 10, False),
        (None, 1, 10, False),  # a new recipe is never skipped
        (1, None, 1, True),
        (1, None, 0, False),
        (11, None, 10, False),
        (10, None, 10, True),
        (100, 5, 10, True),
        (5, 100, 10, True),
        (100, 50, 10, False),
    ],
)
def test_a_symbol_with_too_few_bars_after_the_last_used_one_is_skipped(
    case: Case, measured: int | None, promoted: int | None, least: int, skipped: bool
) -> None:
    """The numbers are of bars from the last used one to the end, both counted."""
    if measured is not None:
        case.measured(CLOSED - pd.Timedelta(minutes=measured))
    if promoted is not None:
        case.promoted(CLOSED - pd.Timedelta(minutes=promoted))
    found = case.refusals(min_new_bars=least)
    assert [(one.reason, one.skipped) for one in found] == [("NoNewBars", True)] * skipped


def test_the_sentence_has_the_figures(case: Case) -> None:
    case.measured(CLOSED - pd.Timedelta(minutes=4))
    [found] = case.refusals(min_new_bars=10)
    assert found.message == (
        "BTC-USD.parquet has 3 closed bars after 2025-05-30T11:36:00Z, the last one that the newest measured model of this recipe "
        "used, and data.minNewBars is 10."
    )


def test_the_newest_of_the_same_recipe_counts(case: Case) -> None:
    for minutes in range(60, 90):
        case.measured(CLOSED - pd.Timedelta(minutes=minutes))
    for minutes in range(1, 30):
        case.measured(CLOSED - pd.Timedelta(minutes=minutes), recipe="e" * 16)
    assert case.refusals(min_new_bars=59) == ()
    assert [one.reason for one in case.refusals(min_new_bars=60)] == ["NoNewBars"]


def test_a_damaged_pointer_is_for_publishing_to_tell(case: Case) -> None:
    case.measured(CLOSED - pd.Timedelta(minutes=60))
    case.store.write(promoted_pointer("BTC-USD"), b"{")
    assert case.refusals(min_new_bars=5) == ()


# Waiting


def test_data_that_is_late_is_waited_for(case: Case) -> None:
    case.time = later(hours=2)
    case.put("ETH-USD", rows=690)
    case.meanwhile = [lambda: None, lambda: case.put(rows=800), lambda: case.put("ETH-USD", rows=760)]
    assert case.refusals("BTC-USD", "ETH-USD", as_of=text(case.time), max_age="1h", wait_for="30m") == ()
    assert case.slept == [60, 60, 60]
    late = [line for line in case.log if line.startswith("Late: ")]
    assert late == [
        "Late: ETH-USD and 1 more; newest bar closed 2025-05-30T11:30:00Z; waiting until 2025-05-30T14:10:00Z",
        "Late: ETH-USD and 1 more; newest bar closed 2025-05-30T11:30:00Z; waiting until 2025-05-30T14:10:00Z",
        "Late: ETH-USD and 0 more; newest bar closed 2025-05-30T11:30:00Z; waiting until 2025-05-30T14:10:00Z",
    ]


def test_new_bars_are_waited_for(case: Case) -> None:
    case.measured(CLOSED - pd.Timedelta(minutes=1))
    case.time = later(hours=1)
    case.meanwhile = [lambda: case.put(rows=705)]
    assert case.refusals(min_new_bars=5, wait_for="10m") == ()


def test_the_wait_ends(case: Case) -> None:
    case.time = later(hours=2)
    [found] = case.refusals(as_of=text(case.time), max_age="1h", wait_for="3m")
    assert found.reason == "DataStale"
    assert sum(case.slept) == 180


@pytest.mark.parametrize("changes", [{}, {"wait_for": "30m"}])
def test_what_no_bar_mends_is_not_waited_for(case: Case, changes: dict[str, Any]) -> None:
    case.put(rows=100)
    assert [one.reason for one in case.refusals(max_age="1h", **changes)] == ["TooFewRows"]
    assert case.slept == []


# The store


def test_a_store_is_probed_once_a_month(case: Case) -> None:
    case.refusals()
    assert json.loads(case.store.read(PROBED).data) == {
        "location": case.store.uri,
        "probedAt": "2025-05-30T11:40:00Z",
    }
    assert case.store.list("") == [PROBED]
    for days, probed in ((10, False), (19, False), (2, True), (1, False)):
        case.time += pd.Timedelta(days=days)
        case.log.clear()
        case.refusals()
        assert any("was probed" in line for line in case.log) is probed


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"location": "s3://other/", "probedAt": "2025-05-30T11:00:00Z"}'])
def test_a_record_that_says_nothing_is_written_anew(case: Case, data: bytes) -> None:
    case.store.write(PROBED, data)
    case.refusals()
    assert json.loads(case.store.read(PROBED).data)["location"] == case.store.uri


def test_a_store_that_can_not_be_written_stops_every_symbol_here(case: Case) -> None:
    (case.root / "artifacts").write_text("a file where a folder should be")
    found = case.refusals("BTC-USD", "ETH-USD")
    assert [(one.symbol, one.reason) for one in found] == [("BTC-USD", "NotWritable"), ("ETH-USD", "NotWritable")]


def test_a_store_whose_conditions_are_ignored_stops_every_symbol(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = FileStore.write
    monkeypatch.setattr(FileStore, "write", lambda store, key, data, **_: honest(store, key, data))
    found = case.refusals("BTC-USD", "ETH-USD")
    assert [(one.symbol, one.reason) for one in found] == [("BTC-USD", "UnsafeStore"), ("ETH-USD", "UnsafeStore")]
    assert case.store.list("") == []


def test_a_store_in_which_nothing_may_be_deleted_stops_nobody(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any) -> None:
        raise CredentialsError("AccessDenied", "The credentials do not allow that.")

    monkeypatch.setattr(FileStore, "delete", denied)
    assert case.refusals() == ()
    assert PROBED in case.store.list("")


def test_a_store_that_is_away_stops_nobody(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnreachable("StoreUnreachable", "away")

    monkeypatch.setattr(FileStore, "read_range", away)
    with pytest.raises(StoreUnreachable):
        case.refusals()


def test_it_never_loads_torch() -> None:
    code = "import sys, retrain_trainer.tasks.preflight; sys.exit('torch' in sys.modules)"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environ).returncode == 0
