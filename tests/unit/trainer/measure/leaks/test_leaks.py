"""What a dataset's leaks mean to a person: a suspicion, a warning, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.measure.leaks.find import Leaks, find_leaks

DATA = Path(__file__).resolve().parents[5] / "examples" / "data" / "candles_BTC-USD_1m.parquet"


def bars(rows: int) -> pd.DataFrame:
    return pd.read_parquet(DATA).tail(rows).reset_index(drop=True)


def loaded(folder: Path, table: pd.DataFrame) -> Dataset:
    path = folder / "features.parquet"
    table.to_parquet(path, index=False)
    question, windows = Question.parse("1m", 15, "Drop"), Windows(10, Split(validation_percent=15, test_percent=15))
    return load_dataset(path, symbol="BTC-USD", question=question, windows=windows, features=None)


def leaks_of(folder: Path, table: pd.DataFrame) -> Leaks:
    dataset = loaded(folder, table)
    return find_leaks(dataset, dataset.values)


def with_columns(table: pd.DataFrame) -> pd.DataFrame:
    honest = table.close / table.close.rolling(20, min_periods=1).mean()
    five = table.close.groupby(np.arange(len(table)) // 5).transform("last") / table.close
    return table.assign(honest=honest, close_5m=five)


def test_a_column_that_knows_later_bars_is_a_suspicion_and_stands_in_the_documents(tmp_path: Path) -> None:
    found = leaks_of(tmp_path, with_columns(bars(4_000)))
    assert found.suspicions[0].startswith("Column 'close_5m' knows later bars (") and found.warnings == ()
    document = json.loads(json.dumps(found.as_document(), allow_nan=False))
    assert [column["name"] for column in document["lookAhead"]["columns"]] == ["close_5m", "honest"]
    short = found.reference()
    assert (short.column, short.suspects) == ("close_5m", 1) and short.next_share and short.next_share > 0.2
    assert short.next_share == round(short.next_share, 3), "three digits"


def test_the_built_in_features_are_measured_too(tmp_path: Path) -> None:
    found = leaks_of(tmp_path, bars(4_000))
    assert found.look_ahead.measured and len(found.look_ahead.readings) == 31
    assert (found.suspicions, found.warnings) == ((), ())


def test_too_few_rows_are_a_warning_where_a_column_is_the_files_own(tmp_path: Path) -> None:
    (warning,) = leaks_of(tmp_path, with_columns(bars(1_000))).warnings
    assert (
        "the 2 columns of the file's own know later bars was not measured" in warning and "2,000 train rows" in warning
    )
    built_in = leaks_of(tmp_path, bars(1_000))
    assert (built_in.suspicions, built_in.warnings, built_in.look_ahead.measured) == ((), (), False)
    assert (built_in.reference().rows, built_in.reference().column) == (0, None)


def test_the_same_bars_twice_are_a_suspicion(tmp_path: Path) -> None:
    half = bars(2_000)
    twice = pd.concat([half, half], ignore_index=True)
    twice["timestamp"] = pd.date_range(half.timestamp.iloc[0], periods=len(twice), freq="1min")
    found = leaks_of(tmp_path, twice)
    (copied,) = found.suspicions
    assert copied.startswith("Copied bars: ") and found.warnings == ()


@pytest.mark.parametrize(("name", "warned"), [("closeNext", True), ("FUTURE_15", True), ("y", True), ("honest", False)])
def test_a_column_whose_name_says_target_is_a_warning_of_the_dataset(tmp_path: Path, name: str, warned: bool) -> None:
    table = bars(1_000)
    table[name] = np.random.default_rng(0).standard_normal(len(table))
    sentences = [line for line in loaded(tmp_path, table).warnings if "something to be predicted" in line]
    assert ([name in line for line in sentences] == [True]) is warned
