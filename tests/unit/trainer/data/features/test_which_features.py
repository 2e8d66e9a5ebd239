"""What is learnt from is never a guess: which columns are features, which are left out and why, and what the one line says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrain_api.errors import DataError
from retrain_api.spec.data import Split
from retrain_api.time import Interval, Question, Windows
from retrain_trainer.data.columns.column_names import known_from_dumps
from retrain_trainer.data.columns.column_values import only_grows
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.features.built_in import BUILT_IN

NAMES = tuple(definition.name for definition in BUILT_IN)
ROWS = 500
INTERVAL = Interval.parse("1h")


def candles(rows: int = ROWS) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.003, rows)))
    opened = np.append(100.0, close[:-1])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=rows, freq="1h", tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.001,
            "low": np.minimum(opened, close) * 0.999,
            "close": close,
            "volume": generator.lognormal(2, 1, rows),
        }
    )


WAVE = np.sin(np.arange(ROWS) / 8)
MILLISECONDS = 1_704_067_200_000 + 3_600_000 * np.arange(ROWS)


def kline() -> dict[str, Any]:
    """What a kline download has beside the candles."""
    bars = candles()
    return {
        "close_time": MILLISECONDS + 3_599_999,
        "quote_asset_volume": bars.volume * bars.close,
        "number_of_trades": (bars.volume * 20).astype(int),
        "taker_buy_base_asset_volume": bars.volume / 2,
        "taker_buy_quote_asset_volume": bars.volume * bars.close / 2,
        "ignore": 0,
    }


def load(folder: Path, table: pd.DataFrame, **changes: Any) -> Dataset:
    path = folder / "features_BTC-USD_1h_latest.parquet"
    table.to_parquet(path, index=False)
    settings: dict[str, Any] = {
        "symbol": "BTC-USD",
        "question": Question(INTERVAL, 6, "Drop"),
        "windows": Windows(5, Split()),
        "features": None,
    }
    return load_dataset(path, **(settings | changes))


def refusal(folder: Path, table: pd.DataFrame, **changes: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(folder, table, **changes)
    assert "\n" not in caught.value.message
    return caught.value


def why(dataset: Dataset) -> dict[str, str]:
    return {one.name: one.why for one in dataset.left_out}


class TestNoColumnTakesTheBuiltInFeaturesAwayUnsaid:
    def test_a_kline_dump_learns_what_its_candles_alone_would(self, tmp_path):
        dataset, alone = load(tmp_path, candles().assign(**kline())), load(tmp_path, candles())
        assert dataset.names == alone.names == NAMES
        np.testing.assert_array_equal(dataset.values, alone.values)
        assert why(dataset) == {
            "close_time": "a time",
            "quote_asset_volume": "the volume in another unit",
            "number_of_trades": "a count of trades",
            "taker_buy_base_asset_volume": "the volume of takers",
            "taker_buy_quote_asset_volume": "the volume of takers",
            "ignore": "a filler",
        }
        assert dataset.feature_line.startswith(
            "31 features: all 31 built in. No column of its own is used; left out: close_time (a time), "
        )

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("index", np.arange(ROWS)),
            ("Unnamed: 0", np.arange(ROWS, dtype=float)),
            ("bar_nr", np.arange(ROWS)),
            ("bar_nr", np.arange(ROWS, dtype=float)),
            ("newest_first", np.arange(ROWS)[::-1].copy()),
            ("settled", MILLISECONDS),
            ("settled", MILLISECONDS // 1000),
            ("settled", MILLISECONDS * 1_000_000),
            ("settled", pd.to_datetime(MILLISECONDS, unit="ms")),
            ("days_since_launch", np.arange(ROWS) // 24),
            ("steady", np.full(ROWS, 3.5)),
            ("listed", np.full(ROWS, True)),
            ("blank", np.full(ROWS, np.nan)),
            ("nothing", [None] * ROWS),
            ("late_constant", np.r_[np.full(20, np.nan), np.full(ROWS - 20, 2.0)]),
            ("venue", ["spot"] * ROWS),
            ("session", ["asia", "europe"] * (ROWS // 2)),
            ("Close", candles().close),
        ],
    )
    def test_a_column_that_is_no_feature_is_left_out_by_name(self, tmp_path, name, values):
        dataset, alone = load(tmp_path, candles().assign(**{name: values})), load(tmp_path, candles())
        assert dataset.names == alone.names == NAMES
        np.testing.assert_array_equal(dataset.values, alone.values)
        assert list(why(dataset)) == [name]
        assert f"{name} ({why(dataset)[name]})" in dataset.feature_line

    def test_of_several_columns_the_honest_ones_are_used_and_the_rest_is_named(self, tmp_path):
        dataset = load(tmp_path, candles().assign(**kline(), funding=WAVE))
        assert (dataset.names, dataset.own, dataset.computed) == (("funding",), ("funding",), ())
        assert dataset.rows == ROWS
        assert set(why(dataset)) == set(kline())
        assert dataset.feature_line.startswith(
            "1 feature: 1 of the file's own (funding). data.builtIn: true would add the 31 built-in ones. Left out: close_time"
        )

    @pytest.mark.parametrize("flag", [True, 1, 1.0])
    def test_a_flag_is_a_feature_even_where_it_is_raised_once(self, tmp_path, flag):
        raised = np.where(np.arange(ROWS) > 100, flag, type(flag)(0))
        assert load(tmp_path, candles().assign(listed=raised)).names == ("listed",)

    def test_what_varies_only_in_rows_that_are_cut_is_constant(self, tmp_path):
        early = np.where(np.arange(ROWS) < 40, WAVE, 0.0)
        dataset = load(tmp_path, candles().assign(early=early, funding=WAVE), built_in=True)
        assert dataset.names == ("funding", *NAMES)
        assert why(dataset) == {"early": "constant over the train rows"}

    def test_what_is_constant_cuts_no_row(self, tmp_path):
        late = np.r_[np.full(200, np.nan), np.full(ROWS - 200, 1.0)]
        dataset = load(tmp_path, candles().assign(late=late, funding=WAVE))
        assert (dataset.names, dataset.rows) == (("funding",), ROWS)

    def test_a_file_without_volume_says_what_it_has_instead(self, tmp_path):
        table = candles().drop(columns="volume").assign(quoteVolume=WAVE + 2)
        error = refusal(tmp_path, table)
        assert error.reason == "MissingColumn"
        assert "missing: volume" in error.message
        assert "Not used: quoteVolume (the volume in another unit)." in error.message

    def test_what_could_not_be_computed_is_not_offered(self, tmp_path):
        table = candles()[["timestamp", "close"]].assign(funding=WAVE)
        assert load(tmp_path, table).feature_line == "1 feature: 1 of the file's own (funding)."

    def test_a_column_that_is_named_is_used_whatever_its_name_and_said_if_it_only_grows(self, tmp_path):
        dataset = load(tmp_path, candles().assign(**kline()), features=["close_time", "number_of_trades"])
        assert dataset.names == ("close_time", "number_of_trades")
        assert [warning for warning in dataset.warnings if "only grows" in warning and "'close_time'" in warning]


class TestBuiltIn:
    def test_own_and_built_in_by_name(self, tmp_path):
        dataset = load(tmp_path, candles().assign(funding=WAVE), features=["return_1", "zscore_20", "funding"])
        alone = load(tmp_path, candles())
        assert dataset.names == ("return_1", "zscore_20", "funding")
        for column, name in enumerate(dataset.names[:2]):
            np.testing.assert_array_equal(dataset.values[:, column], alone.values[:, NAMES.index(name)])
        np.testing.assert_array_equal(dataset.values[:, 2], WAVE[60:].astype(np.float32))
        assert "1 of the file's own (funding); 2 built in (return_1, zscore_20)" in dataset.feature_line

    def test_all_of_them_beside_what_the_file_has(self, tmp_path):
        dataset = load(tmp_path, candles().assign(funding=WAVE, index=np.arange(ROWS)), built_in=True)
        assert dataset.names == ("funding", *NAMES)
        assert dataset.values.flags.c_contiguous
        assert np.isfinite(dataset.values).all()
        assert dataset.feature_line == (
            "32 features: 1 of the file's own (funding); all 31 built in. Left out: index (a row number)."
        )

    def test_all_of_them_beside_those_named(self, tmp_path):
        table = candles().assign(funding=WAVE, other=WAVE**2)
        dataset = load(tmp_path, table, features=["zscore_20", "funding"], built_in=True)
        rest = tuple(name for name in NAMES if name != "zscore_20")
        assert dataset.names == ("zscore_20", "funding", *rest)

    def test_a_column_of_the_file_takes_the_place_of_the_built_in_one(self, tmp_path):
        dataset = load(tmp_path, candles().assign(body=WAVE), built_in=True)
        assert dataset.names == ("body", *(name for name in NAMES if name != "body"))
        assert dataset.own == ("body",)
        np.testing.assert_array_equal(dataset.values[:, 0], WAVE[60:].astype(np.float32))

    def test_on_candles_alone_it_changes_nothing(self, tmp_path):
        assert load(tmp_path, candles(), built_in=True).names == NAMES

    def test_false_computes_none(self, tmp_path):
        assert load(tmp_path, candles().assign(funding=WAVE), built_in=False).names == ("funding",)
        for table in (candles(), candles().assign(**kline()), candles().assign(steady=1.0)):
            error = refusal(tmp_path, table, built_in=False)
            assert (error.reason, "data.builtIn is false" in error.message) == ("MissingFeature", True)
        error = refusal(tmp_path, candles().assign(funding=WAVE), features=["funding", "return_1"], built_in=False)
        assert (error.reason, "data.builtIn is false" in error.message) == ("MissingFeature", True)


class TestNumbersAsText:
    @pytest.mark.parametrize(
        "values",
        [
            [f"{value:.9f}" for value in WAVE],
            [f"{value:e}" for value in WAVE],
            ["", "nan", *(f"{value}" for value in WAVE[2:])],
            [f"{value:.2f}%" for value in WAVE],
            [f"{10_000 + value:,.2f}" for value in WAVE],
            pd.Categorical([f"{value:.1f}" for value in WAVE]),
        ],
    )
    def test_are_refused_by_name(self, tmp_path, values):
        for table in (candles().assign(momentum=values), candles().assign(momentum=values, funding=WAVE)):
            for changes in ({}, {"built_in": True}, {"features": ["momentum"]}):
                error = refusal(tmp_path, table, **changes)
                assert error.reason == "NotNumeric"
                assert "Column 'momentum'" in error.message
                assert "numbers as text" in error.message

    def test_are_no_matter_where_other_columns_are_named(self, tmp_path):
        table = candles().assign(momentum=[str(value) for value in WAVE], funding=WAVE)
        assert load(tmp_path, table, features=["funding"]).names == ("funding",)

    def test_and_what_an_exchange_sends_as_text_is_left_out_by_name(self, tmp_path):
        table = candles().assign(quote_volume=[str(value) for value in WAVE], ignore="0")
        assert load(tmp_path, table).names == NAMES

    def test_decimals_are_numbers(self, tmp_path):
        dataset = load(tmp_path, candles().assign(funding=[Decimal(f"{value:.6f}") for value in WAVE]))
        assert dataset.names == ("funding",)


class TestRowsWithoutAValue:
    def blank(self, rows: int) -> np.ndarray:
        return np.r_[np.full(rows, np.nan), WAVE[rows:]]

    def test_at_the_start_are_cut_and_said(self, tmp_path):
        dataset = load(tmp_path, candles().assign(mean_14=self.blank(13), funding=WAVE))
        assert (dataset.names, dataset.rows) == (("mean_14", "funding"), ROWS - 13)
        assert dataset.first_bar == "2024-01-01T13:00:00Z"
        np.testing.assert_array_equal(dataset.values[:, 1], WAVE[13:].astype(np.float32))
        (warning,) = dataset.warnings
        assert "The first 13 rows are cut" in warning
        assert "'mean_14' has no value before row 13" in warning

    @pytest.mark.parametrize(("blank", "cut"), [(13, 60), (100, 100)])
    def test_and_the_warm_up_are_cut_once(self, tmp_path, blank, cut):
        dataset = load(tmp_path, candles().assign(mean=self.blank(blank)), built_in=True)
        assert dataset.rows == ROWS - cut
        assert np.isfinite(dataset.values).all()

    @pytest.mark.parametrize(
        ("row", "value", "what"), [(200, np.nan, "NaN"), (0, np.inf, "infinite"), (ROWS - 1, -np.inf, "infinite")]
    )
    def test_elsewhere_and_infinite_values_are_refused(self, tmp_path, row, value, what):
        funding = WAVE.copy()
        funding[row] = value
        error = refusal(tmp_path, candles().assign(funding=funding))
        assert error.reason == "NotFinite"
        assert f"'funding' of features_BTC-USD_1h_latest.parquet is {what} in" in error.message

    def test_so_many_that_too_few_are_left_name_the_column(self, tmp_path):
        error = refusal(tmp_path, candles().assign(funding=WAVE, late=self.blank(480)))
        assert error.reason == "TooFewRows"
        assert "Column 'late' has no value in the first 480 rows" in error.message

    def test_a_named_column_without_any_is_refused(self, tmp_path):
        error = refusal(tmp_path, candles().assign(blank=np.nan), features=["blank", "return_1"])
        assert (error.reason, "'blank'" in error.message) == ("NotFinite", True)


@pytest.mark.parametrize("built_in", [None, True])
def test_an_evaluation_finds_the_split_of_the_training_by_the_names_in_the_model(tmp_path, built_in):
    """Were the rows cut for columns that are not used in the end, the test part would hold rows that were trained on."""
    steady = np.r_[np.full(150, np.nan), np.full(ROWS - 150, 1.0)]
    grows = np.r_[np.full(120, np.nan), np.arange(ROWS - 120)]
    mean = np.r_[np.full(70, np.nan), WAVE[70:]]
    table = candles().assign(steady=steady, bar_nr=grows, mean=mean, **kline())
    trained = load(tmp_path, table, built_in=built_in)
    assert trained.own == ("mean",)
    evaluated = load(tmp_path, table, features=trained.names)
    assert (evaluated.names, evaluated.split, evaluated.first_bar) == (trained.names, trained.split, trained.first_bar)
    assert evaluated.rows == ROWS - 70
    np.testing.assert_array_equal(evaluated.values, trained.values)


@given(
    columns=st.lists(
        st.tuples(
            st.integers(0, 90),
            st.sampled_from(["wave", "constant", "grows", "late", "text", "flag"]),
        ),
        max_size=4,
    ),
    built_in=st.sampled_from([None, True]),
)
def test_whatever_the_columns_the_names_in_the_model_give_the_training_again(tmp_path_factory, columns, built_in):
    kinds: dict[str, Any] = {
        "wave": WAVE,
        "constant": np.full(ROWS, 1.0),
        "grows": np.arange(ROWS, dtype=float),
        "late": np.where(np.arange(ROWS) > ROWS - 40, WAVE, 0.0),
        "flag": (np.arange(ROWS) % 7 == 0).astype(float),
    }
    made: dict[str, Any] = {
        f"own_{number}": ["spot"] * ROWS if kind == "text" else np.where(np.arange(ROWS) < blank, np.nan, kinds[kind])
        for number, (blank, kind) in enumerate(columns)
    }
    folder, table = tmp_path_factory.mktemp("columns"), candles().assign(**made)
    trained = load(folder, table, built_in=built_in)
    evaluated = load(folder, table, features=trained.names)
    assert (evaluated.names, evaluated.split, evaluated.first_bar) == (trained.names, trained.split, trained.first_bar)
    np.testing.assert_array_equal(evaluated.values, trained.values)
    assert set(trained.own) | {one.name for one in trained.left_out} == set(made)


KNOWN = """close_time / Close time / closeTime / CloseTime / open_time / Open Time / date / Datetime / unix / timestamp_ms / ts
quote_asset_volume / Quote asset volume / quoteVolume / quote_volume / quoteAssetVolume / Volume USDT / volume_usd / turnover
number_of_trades / Number of trades / numberOfTrades / num_trades / trades / Trades / tradecount / trade_count / count / Count
taker_buy_base_asset_volume / Taker buy base asset volume / taker buy base / takerBuyBaseAssetVolume / taker_buy_quote_volume
tb_base_av / Taker buy quote / taker_buy_volume / ignore / Ignore / IGNORE / unused / confirm
Unnamed: 0 / Unnamed: 0.1 / index / Index / level_0 / row_number / # / id
Adj Close / adj_close / adjClose / Adjusted Close / Dividends / dividends / Stock Splits / stock_splits / Capital Gains
Open / HIGH / Close / Volume / vwap / VWAP / t / kline_open_time / candle_close_time / period_start / average / wap / avgPrice
barCount / bar_count / hasGaps / homeNotional / foreign_notional / lastSize / volume_traded / unadjustedVolume / uClose / fOpen
prev_closing_price / preclose / prevClose / Previous Close / rtype / instrument_id / publisher_id / txn"""

OWN = """funding / funding_rate / open_interest / momentum / rsi / RSI_14 / ema_20 / volume_ratio / volume_ma / close_ma / hour / vol
time_of_day / day_of_week / taker_buy_ratio / trade_imbalance / buy_volume / spread / signal / index_price / count_up / date_sin
long_short_ratio / fear_greed / bid_ask_imbalance / atr / obv / macd / low_volatility / open_gap / 资金费率
change_rate / pct_chg / close_lag_1 / lag / moving_average / avg_spread / uptrend / flow / fvolatility / last_return / period"""


def words(text: str) -> list[str]:
    return [name.strip() for line in text.splitlines() for name in line.split(" / ")]


@pytest.mark.parametrize("name", words(KNOWN))
def test_known_from_dumps_in_any_spelling(name):
    assert known_from_dumps(name) is not None


@pytest.mark.parametrize("name", [*words(OWN), *NAMES])
def test_a_feature_of_ones_own_is_not_mistaken_for_a_dumps_column(name):
    assert known_from_dumps(name) is None


@given(arrays(np.float32, st.integers(3, 40), elements=st.floats(-1e6, 1e6, width=32)))
def test_sorted_values_only_grow_and_are_recognised_backwards_too(values):
    in_order = np.sort(values)
    expected = len(np.unique(values)) > 2
    assert only_grows(in_order) is only_grows(in_order[::-1]) is expected


def test_a_dictionary_of_text_a_view_and_bytes_are_text_too(tmp_path):
    table = pa.Table.from_pandas(candles(), preserve_index=False)
    texts = pa.array([f"{value:.2f}" for value in WAVE])
    path = tmp_path / "text.parquet"
    kinds = (
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.binary(),
        pa.large_binary(),
    )
    for kind in kinds:
        pq.write_table(table.append_column("momentum", texts.cast(kind)), path)
        with pytest.raises(DataError, match=r"'momentum' .* numbers as text"):
            load_dataset(
                path,
                symbol="BTC-USD",
                question=Question(INTERVAL, 6, "Drop"),
                windows=Windows(5, Split()),
                features=None,
            )


def test_bytes_that_are_no_text_are_left_out(tmp_path):
    dataset = load(tmp_path, candles().assign(blob=[bytes([255, row % 256]) for row in range(ROWS)]))
    assert dataset.names == NAMES and why(dataset) == {"blob": "binary, no numbers"}
