"""The built-in features: 31, causal, finite, free of the price level, and what docs/features.md says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_api.errors import ConfigurationError, DataError
from retrain_api.time import Interval
from retrain_trainer.data.features import built_in as features
from retrain_trainer.data.features.built_in import BUILT_IN, WARMUP_ROWS, compute, reference
from retrain_trainer.data.files.candles import Candles

ROOT = Path(__file__).parents[5]
STABLECOIN = ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet"
MINUTE = 60_000_000_000
INTERVAL = Interval.parse("1m")
NAMES = tuple(definition.name for definition in BUILT_IN)


def random_candles(seed: int, rows: int, tick: float = 0.0, quiet: float = 0.0) -> Candles:
    """A random walk; with `tick` rounded to that grid, and a share `quiet` of bars without trade or range."""
    generator = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(generator.normal(0, 0.002, rows)))
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) * (1 + generator.exponential(0.001, rows))
    low = np.minimum(open_, close) * (1 - generator.exponential(0.001, rows))
    volume = generator.exponential(3, rows)
    still = generator.random(rows) < quiet
    volume[still] = 0
    prices = [np.where(still, 50.0, column) for column in (open_, high, low, close)]
    if tick:
        prices = [np.maximum(np.round(column / tick), 1) * tick for column in prices]
    timestamps = np.arange(rows, dtype=np.int64) * MINUTE + 1_700_000_000_000_000_000
    return Candles(timestamps, *prices, volume)


candles_of_every_kind = st.builds(
    random_candles,
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(WARMUP_ROWS + 1, WARMUP_ROWS + 80),
    tick=st.sampled_from([0.0, 0.01, 0.5, 20.0]),
    quiet=st.sampled_from([0.0, 0.3, 0.95, 1.0]),
)


def over(x, values):
    """x / y, or 0 without a y above zero."""
    return x / values if values > 0 else 0.0


def plain(o, h, l, c, v, closed):  # noqa: E741
    """Every feature of the last bar, from lists of 61 bars, as docs/features.md writes it."""
    r = [math.log(c[i] / c[i - 1]) for i in range(1, 61)]  # r[-1] is the last bar's
    five = [math.log(c[i] / c[i - 5]) for i in range(5, 61)]
    d = [c[i] - c[i - 1] for i in range(1, 61)]
    spread = h[-1] - l[-1]
    now, before = r[-20:], r[-21:-1]
    squares = [x * x for x in r]

    def channel(n):
        return over(2 * (c[-1] - min(l[-n:])), max(h[-n:]) - min(l[-n:])) - (max(h[-n:]) > min(l[-n:]))

    def zscore(x, n):
        return over(x[-1] - fmean(x[-n:]), pstdev(x[-n:]))

    garman_klass = [
        math.log(h[i] / l[i]) ** 2 / 2 - (2 * math.log(2) - 1) * math.log(c[i] / o[i]) ** 2 for i in range(-20, 0)
    ]
    true_range = [max(h[i], c[i - 1]) - min(l[i], c[i - 1]) for i in range(-14, 0)]
    flow = [v[i] * over(2 * c[i] - h[i] - l[i], h[i] - l[i]) for i in range(-20, 0)]
    signed = [v[i] * ((d[i] > 0) - (d[i] < 0)) for i in range(-20, 0)]
    typical = sum(v[i] * (h[i] + l[i] + c[i]) / 3 for i in range(1, 61))
    v5, v60 = fmean(v[-5:]), fmean(v[-60:])
    angle = 2 * math.pi * (closed % (1440 * MINUTE)) / (1440 * MINUTE)
    return {
        "return_1": r[-1],
        "return_5": five[-1],
        "return_15": math.log(c[-1] / c[-16]),
        "return_60": math.log(c[-1] / c[-61]),
        "deviation_5": c[-1] / fmean(c[-5:]) - 1,
        "deviation_20": c[-1] / fmean(c[-20:]) - 1,
        "deviation_60": c[-1] / fmean(c[-60:]) - 1,
        "zscore_20": zscore(c, 20),
        "zscore_60": zscore(c, 60),
        "mean_difference_12_26": (fmean(c[-12:]) - fmean(c[-26:])) / c[-1],
        "relative_strength_14": over(sum(d[-14:]), sum(map(abs, d[-14:]))),
        "channel_14": channel(14),
        "channel_60": channel(60),
        "autocorrelation_20": over(
            sum(x * y for x, y in zip(now, before, strict=True)),
            math.sqrt(sum(x * x for x in now) * sum(x * x for x in before)),
        ),
        "variance_ratio_5_60": over(fmean(x * x for x in five), 5 * fmean(squares)) - (sum(squares) > 0),
        "volatility_20": math.sqrt(fmean(squares[-20:])),
        "volatility_60": math.sqrt(fmean(squares)),
        "volatility_ratio_5_60": over(math.sqrt(fmean(squares[-5:])), math.sqrt(fmean(squares))) - (sum(squares) > 0),
        "garman_klass_20": math.sqrt(max(0, fmean(garman_klass))),
        "range_1": math.log(h[-1] / l[-1]),
        "true_range_14": fmean(true_range) / c[-1],
        "body": over(c[-1] - o[-1], spread),
        "upper_shadow": over(h[-1] - max(o[-1], c[-1]), spread),
        "lower_shadow": over(min(o[-1], c[-1]) - l[-1], spread),
        "volume_zscore_60": zscore(v[-60:], 60),
        "volume_ratio_5_60": over(v5 - v60, v5 + v60),
        "money_flow_20": over(sum(flow), sum(v[-20:])),
        "signed_volume_20": over(sum(signed), sum(v[-20:])),
        "vwap_deviation_60": over(c[-1] * sum(v[-60:]), typical) - (typical > 0),
        "day_sin": math.sin(angle),
        "day_cos": math.cos(angle),
    }


def test_there_are_31_with_distinct_names_each_with_formula_and_source():
    assert len(BUILT_IN) == len(set(NAMES)) == 31
    assert all(definition.formula and definition.source for definition in BUILT_IN)


def test_the_document_lists_each_as_the_code_has_it():
    assert reference() in (ROOT / "docs" / "features.md").read_text(encoding="utf-8")


@settings(max_examples=60, deadline=None)
@given(candles=candles_of_every_kind)
def test_every_feature_is_its_formula(candles):
    names, values, warmup = compute(candles, INTERVAL)
    assert (names, warmup) == (NAMES, WARMUP_ROWS)
    assert values.shape == (len(candles.close), 31)
    assert values.dtype == np.float32
    assert np.isnan(values[:warmup]).all()
    for row in {WARMUP_ROWS, len(candles.close) - 1}:
        part = [column[row - 60 : row + 1].tolist() for column in list(vars(candles).values())[1:]]
        expected = plain(*part, int(candles.timestamps[row]) + MINUTE)
        actual = dict(zip(names, values[row].tolist(), strict=True))
        assert actual == pytest.approx(expected, rel=1e-5, abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(candles=candles_of_every_kind, other=candles_of_every_kind, data=st.data())
def test_bars_after_t_change_nothing_at_or_before_t(candles, other, data):
    rows = min(len(candles.close), len(other.close))
    now = data.draw(st.integers(WARMUP_ROWS, rows - 1), label="t")
    mixed = Candles(
        candles.timestamps[:rows],
        *(
            np.concatenate([getattr(candles, name)[: now + 1], 7 * getattr(other, name)[now + 1 : rows]])
            for name in ("open", "high", "low", "close", "volume")
        ),
    )
    before, after = compute(candles, INTERVAL)[1], compute(mixed, INTERVAL)[1]
    np.testing.assert_array_equal(before[: now + 1], after[: now + 1])


@settings(max_examples=40, deadline=None)
@given(candles=candles_of_every_kind, start=st.integers(1, 79), chunk=st.integers(1, 90))
def test_a_service_that_holds_the_last_bars_computes_the_same_bits(candles, start, chunk):
    start = min(start, len(candles.close) - WARMUP_ROWS - 1)
    last = Candles(*(column[start:] for column in vars(candles).values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_CHUNK", chunk)
        in_chunks = compute(last, INTERVAL)[1]
    whole = compute(candles, INTERVAL)[1]
    np.testing.assert_array_equal(in_chunks[WARMUP_ROWS:], whole[start + WARMUP_ROWS :])


@settings(max_examples=60, deadline=None)
@given(
    candles=candles_of_every_kind,
    price=st.sampled_from([1e-9, 2.0**-20, 1.0, 1e7]),
    volume=st.sampled_from([0.0, 1e-9, 1.0, 1e12]),
)
def test_finite_and_bounded_at_any_price_and_volume(candles, price, volume):
    scaled = Candles(
        candles.timestamps,
        *(price * getattr(candles, name) for name in ("open", "high", "low", "close")),
        volume * candles.volume,
    )
    values = compute(scaled, INTERVAL)[1][WARMUP_ROWS:]
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 20
    if price == 1.0 and volume > 0:
        np.testing.assert_allclose(values, compute(candles, INTERVAL)[1][WARMUP_ROWS:], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("traded", [0.0, 3.0])
def test_a_price_that_never_moves_reads_zero(traded):
    still = np.full(200, 1.0001)
    candles = Candles(np.arange(200, dtype=np.int64) * MINUTE, *[still] * 4, np.full(200, traded))
    values = compute(candles, INTERVAL)[1][WARMUP_ROWS:]
    moving = [column for column, name in enumerate(NAMES) if name not in ("day_sin", "day_cos")]
    assert np.abs(values[:, moving]).max() < 1e-12


def test_some_by_name_are_those_of_all():
    candles = random_candles(3, 100)
    names, values, warmup = compute(candles, INTERVAL, ["zscore_20", "return_1"])
    assert (names, warmup) == (("zscore_20", "return_1"), WARMUP_ROWS)
    everything = compute(candles, INTERVAL)[1]
    np.testing.assert_array_equal(values, everything[:, [NAMES.index(name) for name in names]])


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigurationError, match="zscore_21"):
        compute(random_candles(3, 100), INTERVAL, ["zscore_21"])


def test_a_file_of_warm_up_rows_only():
    _, values, warmup = compute(random_candles(3, WARMUP_ROWS), INTERVAL)
    assert warmup == len(values) == WARMUP_ROWS
    assert len(compute(random_candles(3, 0 + 1), INTERVAL)[1]) == 1


def test_missing_candle_columns_are_named():
    with pytest.raises(DataError, match="missing: high, volume") as refusal:
        compute(replace(random_candles(3, 100), high=None, volume=None), INTERVAL)
    assert refusal.value.reason == "MissingColumn"


def test_values_beyond_float32_are_refused_by_name():
    candles = random_candles(3, 100)
    with pytest.raises(DataError, match="volume_zscore_60") as refusal:
        compute(replace(candles, volume=candles.volume * 1e300), INTERVAL)
    assert refusal.value.reason == "Overflow"


@pytest.mark.skipif(not STABLECOIN.exists(), reason=f"no {STABLECOIN.name} beside the project")
def test_the_distance_to_the_mean_predicts_a_pinned_price():
    """USD1 returns to its 20-bar mean: the sign of minus deviation_20 is right for 0.80 of the next moves."""
    table = pq.read_table(STABLECOIN)
    columns = [table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    timestamps = table["timestamp"].cast("int64").to_numpy()
    values = compute(Candles(timestamps, *columns), Interval.parse("5m"), ["deviation_20"])[1][:-1, 0]
    move = np.diff(columns[3])
    told = (move != 0) & (np.arange(len(move)) > 0.7 * len(move))
    assert np.mean((values[told] < 0) == (move[told] > 0)) > 0.78
