"""A preflight refuses what a training would refuse, in its words, from the footer of the file; and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from retrain_api.errors import RetrainError
from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows, duration
from retrain_trainer.data.dataset import load_dataset
from retrain_trainer.data.files.footer import times_by_footer
from retrain_trainer.data.files.parquet import open_parquet, open_parts
from retrain_trainer.data.preflight import Demand, closed_bars, usable_bars
from retrain_trainer.store import range_file
from retrain_trainer.store.file import FileStore

MINUTE = 60_000_000_000
START = np.datetime64("2025-05-04T00:00", "ns").astype(np.int64)
NOW = int(START + 10_000 * MINUTE)
DEMAND = Demand(Question.parse("1m", 3, "Drop"), Windows(5, Split()))


def times(rows: int, gaps: tuple[tuple[int, int], ...] = ()) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Minutes, of which so many are missing before a row."""
    found = START + np.arange(rows, dtype=np.int64) * MINUTE
    for row, missing in gaps:
        found[row:] += missing * MINUTE
    return found


def candles(opens: np.ndarray[Any, np.dtype[np.int64]], seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = len(opens)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, rows)))
    return pd.DataFrame(
        {
            "timestamp": opens.astype("datetime64[ns]"),
            "open": close * np.exp(random.normal(0, 1e-4, rows)),
            "high": close * 1.002,
            "low": close * 0.998,
            "close": close,
            "volume": random.exponential(10, rows),
        }
    )


def written(table: pd.DataFrame | pa.Table, folder: Path, **options: Any) -> Path:
    table = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(table, folder / "x.parquet", **({"row_group_size": 100} | options))
    return folder / "x.parquet"


@dataclass
class Counted(io.BytesIO):
    """A file in memory that counts what is read of it."""

    data: bytes

    def __post_init__(self) -> None:
        super().__init__(self.data)
        self.taken: list[int] = []

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken.append(len(found))
        return found


def outcome(attempt: Callable[[], object]) -> tuple[str, str] | None:
    try:
        attempt()
    except RetrainError as error:
        return error.reason, error.message
    return None


def preflight(path: Path, demand: Demand = DEMAND, until: int = NOW) -> tuple[str, str] | None:
    return outcome(lambda: closed_bars(FileStore(path.parent), path.name, "BTC-USD", demand, until, NOW))


def training(path: Path, demand: Demand = DEMAND, until: int = NOW) -> tuple[str, str] | None:
    return outcome(
        lambda: load_dataset(
            path,
            symbol="BTC-USD",
            question=demand.question,
            windows=demand.windows,
            features=demand.features,
            built_in=demand.built_in,
            now=NOW,
            until=until,
        )
    )


# Times from the footer


def unit(kind: str, zone: str | None = None) -> Callable[[pd.DataFrame], pa.Table]:
    def cast(table: pd.DataFrame) -> pa.Table:
        plain = pa.Table.from_pandas(table, preserve_index=False)
        column = plain.column("timestamp").cast(pa.timestamp("ns")).cast(pa.timestamp(kind))
        return plain.set_column(0, "timestamp", column.cast(pa.timestamp(kind, zone)))

    return cast


def indexed(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table.set_index("timestamp").rename_axis("when"))


def whole(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(table, preserve_index=False)


FORMS: dict[str, tuple[Callable[[pd.DataFrame], pa.Table], dict[str, Any]]] = {
    "seconds": (unit("s"), {}),
    "milliseconds": (unit("ms"), {}),
    "microseconds": (unit("us"), {}),
    "nanoseconds": (unit("ns"), {}),
    "nanoseconds in UTC": (unit("ns", "UTC"), {}),
    "milliseconds in New York": (unit("ms", "America/New_York"), {}),
    "the format of 2013": (whole, {"version": "1.0"}),
    "96 bits": (whole, {"use_deprecated_int96_timestamps": True}),
    "no statistics": (whole, {"write_statistics": False}),
    "statistics of closes alone": (whole, {"write_statistics": ["close"]}),
    "no dictionary": (whole, {"use_dictionary": False}),
    "a delta encoding": (whole, {"use_dictionary": False, "column_encoding": {"timestamp": "DELTA_BINARY_PACKED"}}),
    "pages with an index": (whole, {"write_page_index": True, "data_page_version": "2.0"}),
    "compressed": (whole, {"compression": "zstd"}),
    "one row group": (whole, {"row_group_size": 10_000}),
    "times in the index": (indexed, {}),
    "no Arrow schema": (whole, {"store_schema": False}),
}


@pytest.mark.parametrize("gaps", [(), ((150, 7),), ((200, 3),), ((0, 5), (310, 1), (399, 100))], ids=str)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_footer_tells_the_times_that_the_file_has(
    tmp_path: Path, form: str, gaps: tuple[tuple[int, int], ...]
) -> None:
    cast, options = FORMS[form]
    path = written(cast(candles(times(400, gaps))), tmp_path, **options)
    file = open_parquet(path)
    found = times_by_footer(file, Interval.parse("1m"))
    assert found.tolist() == times(400, gaps).tolist()
    assert preflight(path) == training(path) is None


@pytest.mark.parametrize(
    ("gaps", "groups"),
    [((), 0), (((100, 5),), 0), (((150, 5),), 1), (((150, 5), (160, 5)), 1), (((150, 5), (390, 1)), 2)],
    ids=str,
)
def test_only_row_groups_whose_statistics_show_a_gap_are_read(
    tmp_path: Path, gaps: tuple[tuple[int, int], ...], groups: int
) -> None:
    path = written(candles(times(400, gaps)), tmp_path, compression="none", use_dictionary=False)
    source = Counted(path.read_bytes())
    file = open_parts(source, "x.parquet")
    opened = len(source.taken)
    times_by_footer(file, Interval.parse("1m"))
    assert len(source.taken) - opened == groups
    assert sum(source.taken[opened:]) <= groups * 1_200


# The same sentence as the training's

FAULTS: dict[str, Callable[[pd.DataFrame], pd.DataFrame | pa.Table]] = {
    "no timestamp": lambda table: table.drop(columns="timestamp"),
    "no close": lambda table: table.drop(columns="close"),
    "no open for the built-in features": lambda table: table.drop(columns="open"),
    "times as numbers": lambda table: table.assign(timestamp=table["timestamp"].astype("int64")),
    "times as text": lambda table: table.assign(timestamp=table["timestamp"].astype(str)),
    "closes as text": lambda table: table.assign(close=table["close"].astype(str)),
    "volume of no kind": lambda table: table.assign(volume="much"),
    "a time that is missing": lambda table: table.assign(timestamp=table["timestamp"].where(table.index != 170)),
    "a time twice": lambda table: pd.concat([table, table.tail(1)]),
    "row groups out of order": lambda table: pd.concat([table[200:], table[:200]]),
    "newest first": lambda table: table.iloc[::-1],
    "bars of another interval": lambda table: table.iloc[::5],
    "a bar off the grid": lambda table: table.assign(
        timestamp=table["timestamp"].where(table.index < 170, table["timestamp"] + pd.Timedelta(seconds=30))
    ),
    "a bar of the future": lambda table: table.assign(
        timestamp=table["timestamp"].where(table.index != len(table) - 1, pd.Timestamp("2035-01-01"))
    ),
    "too few rows for the features": lambda table: table.head(50),
    "too few rows for the split": lambda table: table.head(90),
    "no row": lambda table: table.head(0),
    "closed each eighth minute": lambda table: table.assign(
        timestamp=table["timestamp"] + pd.to_timedelta(table.index // 7, "min")
    ),
    "a time before 1677": lambda table: pa.Table.from_pandas(table, preserve_index=False).set_column(
        0, "timestamp", pa.array([-(10**10), *range(399)], pa.timestamp("s"))
    ),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_refused_with_the_sentence_of_the_training(tmp_path: Path, fault: str) -> None:
    path = written(FAULTS[fault](candles(times(400))), tmp_path)
    found = preflight(path)
    assert found is not None
    assert found == training(path)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"timestamp,close\n1,2\n", b"PAR1" + bytes(100), b"PAR1" + bytes(40) + b"PAR1"]
)
def test_what_is_no_parquet_is_refused_with_the_sentence_of_the_training(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    found = preflight(tmp_path / "x.parquet")
    assert found is not None
    assert found == training(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("features", "built_in"),
    [(["nothing"], None), (["clsoe"], None), (["note"], None), (["momentum_5"], False), (None, False)],
    ids=str,
)
def test_features_that_can_not_be_are_refused_with_the_sentence_of_the_training(
    tmp_path: Path, features: list[str] | None, built_in: bool | None
) -> None:
    path = written(candles(times(400)).assign(note="text"), tmp_path)
    demand = replace(DEMAND, features=features, built_in=built_in)
    found = preflight(path, demand)
    assert found is not None
    assert found == training(path, demand)


def test_text_that_a_training_would_look_into_is_not_read(tmp_path: Path) -> None:
    path = written(candles(times(400)).assign(note=[f"text {row}" for row in range(400)]), tmp_path)
    source = Counted(path.read_bytes())
    file = open_parts(source, "x.parquet")
    opened = len(source.taken)
    usable_bars(file, DEMAND, NOW, NOW)
    assert source.taken[opened:] == []


def test_bars_that_had_not_closed_are_no_bars(tmp_path: Path) -> None:
    path = written(candles(times(400)), tmp_path)
    until = int(START + 200 * MINUTE + 1)
    found = closed_bars(FileStore(tmp_path), "x.parquet", "BTC-USD", DEMAND, until, NOW)
    assert found is not None
    assert found.tolist() == times(200).tolist()
    short = int(START + 100 * MINUTE)
    assert preflight(path, until=short) == training(path, until=short)
    assert (preflight(path, until=short) or "")[0] == "TooFewRows"


OWN = st.sampled_from(["", "own", "late own", "text", "constant"])


def with_own(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    random = np.random.default_rng(7).normal(size=len(table))
    columns: dict[str, Any] = {
        "own": random,
        "late own": np.where(np.arange(len(table)) < 40, np.nan, random),
        "text": ["x", "y"] * (len(table) // 2) + ["x"] * (len(table) % 2),
        "constant": np.ones(len(table)),
    }
    return table.assign(mine=columns[kind]) if kind else table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    rows=st.integers(0, 420),
    gaps=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)), max_size=12).map(tuple),
    swapped=st.none() | st.integers(0, 300),
    dropped=st.sampled_from([(), ("volume",), ("open", "high"), ("close",)]),
    own=OWN,
    features=st.sampled_from([None, ("mine",), ("close", "volume"), ("mine", "momentum_5"), ("nothing",)]),
    built_in=st.sampled_from([None, True, False]),
    lookback=st.integers(2, 40),
    interval=st.sampled_from(["1m", "2m"]),
    group=st.sampled_from([1, 7, 100, 1_000]),
    closed=st.integers(0, 800),
    statistics=st.booleans(),
    window=st.sampled_from([None, "2h", "6h"]),
    split=st.sampled_from([Split(), Split(test="1h"), Split(validation="30m", test="25m")]),
)
@example(400, (), None, (), "late own", None, None, 20, "1m", 100, 800, True, None, Split())
@example(400, (), 5, (), "", None, None, 3, "1m", 100, 800, True, "5h", Split())
@example(400, ((300, 60),), None, (), "", None, None, 3, "1m", 100, 800, True, "6h", Split())
def test_what_a_training_takes_is_never_refused(
    tmp_path: Path,
    rows: int,
    gaps: tuple[tuple[int, int], ...],
    swapped: int | None,
    dropped: tuple[str, ...],
    own: str,
    features: tuple[str, ...] | None,
    built_in: bool | None,
    lookback: int,
    interval: str,
    group: int,
    closed: int,
    statistics: bool,
    window: str | None,
    split: Split,
) -> None:
    opens = times(rows, gaps)
    if swapped is not None and swapped + 1 < rows:
        opens[[swapped, swapped + 1]] = opens[[swapped + 1, swapped]]
    table = with_own(candles(opens), own).drop(columns=list(dropped))
    path = written(table, tmp_path, row_group_size=group, write_statistics=statistics)
    windows = Windows(lookback, split, duration(window))
    demand = Demand(Question.parse(interval, 3, "Drop"), windows, features, built_in)
    until = int(START + closed * MINUTE)
    found, expected = preflight(path, demand, until), training(path, demand, until)
    if found is not None:
        assert expected is not None
        # Rows that have no value, and rows that are out of order within a row group, only the training sees.
        if own != "late own" and swapped is None:
            assert found == expected


# Files that change


@pytest.fixture
def _short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_file, "TAIL_BYTES", 4_096)


@pytest.mark.usefixtures("_short_tail")
def test_a_file_that_is_replaced_each_time_is_not_refused(tmp_path: Path) -> None:
    path = written(candles(times(400, ((150, 5),))), tmp_path)
    data = path.read_bytes()

    class Restless(FileStore):
        def read_range(self, *args: Any) -> Any:
            found = super().read_range(*args)
            (tmp_path / "new").write_bytes(data)
            (tmp_path / "new").replace(path)
            return found

    assert closed_bars(Restless(tmp_path), "x.parquet", "BTC-USD", DEMAND, NOW, NOW) is None


@pytest.mark.usefixtures("_short_tail")
def test_a_file_that_is_replaced_once_is_read_anew(tmp_path: Path) -> None:
    path = written(candles(times(400, ((150, 5),))), tmp_path)
    (tmp_path / "later").mkdir()
    later = written(candles(times(500, ((150, 5),))), tmp_path / "later")

    class Replaced(FileStore):
        def read_range(self, *args: Any) -> Any:
            found = super().read_range(*args)
            if later.exists():
                later.replace(path)
            return found

    found = closed_bars(Replaced(tmp_path), "x.parquet", "BTC-USD", DEMAND, NOW, NOW)
    assert found is not None
    assert found.tolist() == times(500, ((150, 5),)).tolist()


def test_a_missing_file_is_told_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n")
    found = preflight(tmp_path / "x.parquet")
    assert found is not None
    assert "x.csv lies beside it" in found[1]
