"""From a file to what a model learns from: features, labels, split, and the warnings a person reads."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.features.built_in import BUILT_IN
from retrain_trainer.data.features.feature_table import make_feature_table

CANDLES = ("open", "high", "low", "close", "volume")
NAMES = tuple(definition.name for definition in BUILT_IN)
FIRST = pd.Timestamp("2025-05-04T00:00:00Z")
INTERVAL = Interval.parse("1m")
SETTINGS = {
    "symbol": "BTC-USD",
    "question": Question(INTERVAL, 2, "Drop"),
    "windows": Windows(5, Split()),
    "features": None,
}


def candles(rows: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(11)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.002, rows)))
    open_ = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(FIRST, periods=rows, freq="1min"),
            "open": open_,
            "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999,
            "close": close,
            "volume": generator.exponential(3, rows),
        }
    )


def with_own_features(rows: int = 400) -> pd.DataFrame:
    return candles(rows).assign(momentum=np.cos(np.arange(rows) / 9), wave=np.sin(np.arange(rows)))


def load(folder: Path, table: pd.DataFrame, **changes) -> Dataset:
    path = folder / "features_BTC-USD_1m_latest.parquet"
    table.to_parquet(path, index=False)
    return load_dataset(path, **{**SETTINGS, **changes})


def refusal(folder: Path, table: pd.DataFrame, **changes) -> DataError:
    with pytest.raises(DataError) as caught:
        load(folder, table, **changes)
    return caught.value


def test_the_file_is_opened_once(tmp_path, monkeypatch):
    """Its footer may be megabytes in a file of many row groups."""
    opened, open_file = [], pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda *given, **named: opened.append(given) or open_file(*given, **named))
    load(tmp_path, candles().assign(symbol="BTC-USD"))
    assert len(opened) == 1


class TestWhichFeatures:
    def test_candles_alone_get_the_built_in_set_and_lose_the_warm_up(self, tmp_path):
        dataset = load(tmp_path, candles())
        assert dataset.names == NAMES
        assert dataset.values.shape == (340, 31)
        assert dataset.values.dtype == np.float32
        assert dataset.values.flags.c_contiguous
        assert np.isfinite(dataset.values).all()
        assert (dataset.rows, dataset.first_bar, dataset.last_bar) == (
            340,
            "2025-05-04T01:00:00Z",
            "2025-05-04T06:39:00Z",
        )
        np.testing.assert_array_equal(dataset.candles.close, candles()["close"][60:])
        assert len(dataset.labels.values) == len(dataset.candles.timestamps) == 340
        assert dataset.split.test.stop == 340

    def test_columns_of_its_own_are_the_features_and_no_row_is_cut(self, tmp_path):
        dataset = load(tmp_path, with_own_features())
        assert dataset.names == ("momentum", "wave")
        assert (dataset.rows, dataset.first_bar) == (400, "2025-05-04T00:00:00Z")

    def test_built_in_and_candle_columns_by_name_in_the_order_asked(self, tmp_path):
        dataset = load(tmp_path, candles(), features=["volume", "zscore_20", "close", "return_1"])
        everything = load(tmp_path, candles())
        assert dataset.names == ("volume", "zscore_20", "close", "return_1")
        assert dataset.values.flags.c_contiguous
        for column, name in ((1, "zscore_20"), (3, "return_1")):
            np.testing.assert_array_equal(dataset.values[:, column], everything.values[:, NAMES.index(name)])
        np.testing.assert_array_equal(dataset.values[:, 0], candles()["volume"][60:].to_numpy(np.float32))

    def test_candle_columns_alone_need_no_warm_up(self, tmp_path):
        assert load(tmp_path, candles()[["timestamp", "close"]], features=["close"]).rows == 400

    def test_built_in_features_are_computed_beside_own_ones(self, tmp_path):
        dataset = load(tmp_path, with_own_features(), features=["wave", "zscore_20"])
        assert (dataset.names, dataset.own, dataset.computed) == (("wave", "zscore_20"), ("wave",), ("zscore_20",))
        np.testing.assert_array_equal(dataset.values[:, 0], with_own_features()["wave"][60:].to_numpy(np.float32))
        everything = load(tmp_path, candles())
        np.testing.assert_array_equal(dataset.values[:, 1], everything.values[:, NAMES.index("zscore_20")])

    def test_a_wrong_name_for_a_candle_file_lists_near_built_in_ones(self, tmp_path):
        error = refusal(tmp_path, candles(), features=["zscore_21"])
        assert "'zscore_20'" in error.message

    @pytest.mark.parametrize("column", ["open", "volume"])
    def test_a_candle_file_without_a_candle_column(self, tmp_path, column):
        error = refusal(tmp_path, candles().drop(columns=column))
        assert error.reason == "MissingColumn"
        assert f"missing: {column}. " in error.message

    def test_a_feature_file_made_from_candles_trains_on_the_same_numbers(self, tmp_path):
        computed = load(tmp_path, candles())
        table = make_feature_table(tmp_path / "features_BTC-USD_1m_latest.parquet", INTERVAL)
        assert tuple(table.column_names) == ("timestamp", *CANDLES, *NAMES)
        stored = load(tmp_path, table.to_pandas())
        assert stored.names == computed.names
        np.testing.assert_array_equal(stored.values, computed.values)
        np.testing.assert_array_equal(stored.candles.timestamps, computed.candles.timestamps)
        assert (stored.split, stored.first_bar, stored.last_bar) == (
            computed.split,
            computed.first_bar,
            computed.last_bar,
        )

    def test_a_feature_table_keeps_the_other_columns(self, tmp_path):
        own = with_own_features().assign(body=np.arange(400.0) % 7, venue="spot")
        load(tmp_path, own)
        table = make_feature_table(tmp_path / "features_BTC-USD_1m_latest.parquet", INTERVAL)
        assert tuple(table.column_names) == ("timestamp", *CANDLES, *NAMES, "momentum", "wave", "venue")
        assert table.num_rows == 340
        for name in ("momentum", "wave", "body", "venue"):
            assert table[name].to_pylist() == own[name][60:].tolist()


class TestWhatIsReported:
    def test_the_bytes_are_pinned(self, tmp_path):
        dataset = load(tmp_path, candles())
        content = (tmp_path / "features_BTC-USD_1m_latest.parquet").read_bytes()
        assert dataset.sha256 == hashlib.sha256(content).hexdigest()

    def test_gaps_are_counted_and_described(self, tmp_path):
        dataset = load(tmp_path, with_own_features().drop(index=[100, 200, 201, 202]))
        assert dataset.gaps == 2
        (warning,) = dataset.warnings
        assert "2 gaps in time, 4 bars missing, the longest 3 bars after 2025-05-04T03:19:00Z" in warning

    def test_a_file_without_gaps_needs_no_words(self, tmp_path):
        dataset = load(tmp_path, with_own_features())
        assert (dataset.gaps, dataset.warnings, dataset.dropped) == (0, (), ())

    def test_constant_features_are_left_out_with_a_warning(self, tmp_path):
        table = with_own_features().assign(steady=3.0)
        dataset = load(tmp_path, table)
        assert (dataset.names, dataset.dropped) == (("momentum", "wave"), ("steady",))
        assert dataset.values.flags.c_contiguous
        assert "steady" in dataset.warnings[0]

    def test_constant_is_judged_on_the_train_rows_alone(self, tmp_path):
        late = np.where(np.arange(400) > 350, 1.0, 0.0)
        assert load(tmp_path, with_own_features().assign(late=late)).dropped == ("late",)
        early = np.where(np.arange(400) < 50, 1.0, 0.0)
        assert load(tmp_path, with_own_features().assign(early=early)).dropped == ()

    def test_daily_bars_lose_the_time_of_day(self, tmp_path):
        daily = candles().assign(timestamp=pd.date_range(FIRST, periods=400, freq="1D"))
        assert load(tmp_path, daily, question=Question.parse("1d", 2, "Drop")).dropped == ("day_sin", "day_cos")

    def test_without_any_trade_the_volume_features_are_left_out(self, tmp_path):
        dataset = load(tmp_path, candles().assign(volume=0.0))
        volume = (
            "volume_zscore_60",
            "volume_ratio_5_60",
            "money_flow_20",
            "signed_volume_20",
            "vwap_deviation_60",
        )
        assert dataset.dropped == volume


class TestRefused:
    def test_all_features_constant(self, tmp_path):
        error = refusal(tmp_path, candles().assign(one=1.0, two=2.0), features=["one", "two"])
        assert (error.reason, "one, two" in error.message) == ("AllConstant", True)

    @pytest.mark.parametrize(
        ("close", "ties", "word"),
        [
            (np.linspace(10, 20, 400), "Drop", "are up"),
            (np.linspace(20, 10, 400), "Drop", "are not up"),
            (np.full(400, 10.0), "Down", "are not up"),
        ],
    )
    def test_train_labels_of_one_class(self, tmp_path, close, ties, word):
        table = with_own_features().assign(close=close, high=30.0, low=5.0)
        error = refusal(tmp_path, table, question=Question(INTERVAL, 2, ties))
        assert error.reason == "OneClass"
        assert word in error.message

    def test_nothing_but_flat_bars(self, tmp_path):
        table = with_own_features().assign(close=10.0, high=30.0, low=5.0)
        error = refusal(tmp_path, table)
        assert (error.reason, "train" in error.message) == ("NoWindows", True)

    def test_no_window_in_a_part_full_of_gaps(self, tmp_path):
        table = with_own_features(500).drop(index=range(390, 500, 3))
        error = refusal(tmp_path, table)
        assert (error.reason, "test" in error.message) == ("NoWindows", True)

    def test_too_few_rows_counts_what_is_left_after_the_warm_up(self, tmp_path):
        error = refusal(tmp_path, candles(90))
        assert error.reason == "TooFewRows"
        assert "30 usable rows" in error.message
        assert "at least 47 are needed" in error.message

    @pytest.mark.parametrize("rows", [0, 1, 60])
    def test_not_even_a_warm_up(self, tmp_path, rows):
        assert refusal(tmp_path, candles(rows) if rows else candles(1).iloc[:0]).reason == "TooFewRows"

    def test_the_fewest_rows_that_are_said_to_be_needed_are_enough(self, tmp_path):
        assert load(tmp_path, with_own_features(47)).rows == 47


def test_columns_are_read_one_by_one_and_not_kept_twice(tmp_path):
    """Peak of the arrays alive in a load, as numpy tells tracemalloc, against the size of the features."""
    rows = 60_000
    noise = np.random.default_rng(0).normal(size=(31, rows))
    table = candles(rows).assign(**{f"feature_{column}": values for column, values in enumerate(noise)})
    load(tmp_path, table)
    tracemalloc.start()
    dataset = load_dataset(tmp_path / "features_BTC-USD_1m_latest.parquet", **SETTINGS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * dataset.values.nbytes


def test_the_table_can_be_written_and_read_back(tmp_path):
    candles().to_parquet(tmp_path / "candles.parquet", index=False)
    pq.write_table(make_feature_table(tmp_path / "candles.parquet", INTERVAL), tmp_path / "features.parquet")
    assert str(pq.read_schema(tmp_path / "features.parquet").field("timestamp").type) == "timestamp[ns, tz=UTC]"
