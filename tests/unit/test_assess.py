"""From probabilities to a measurement: which bars count, which side of an interval is near, what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from retrain_api.measurement import METRICS
from retrain_api.schema import to_wire
from retrain_api.spec_data import Evaluation
from retrain_trainer.assess import (
    SUSPICIONS,
    Trial,
    assess,
    flat_bars,
    measurement,
    near_bounds,
    shortened,
    windows_of_test,
)
from retrain_trainer.dataset import Dataset, load_dataset
from retrain_trainer.details import EQUITY_POINTS, accuracy_by, details, equity_curve
from retrain_trainer.timeline import iso_time

LOOKBACK, HORIZON, ROWS = 5, 2, 4_000
GAP_AT = 3_700
SKILL = 0.7


def table() -> pd.DataFrame:
    """Candles with prices on a coarse grid (some bars are flat), a gap in the test part, and two features."""
    generator = np.random.default_rng(5)
    close = np.round(100 + np.cumsum(generator.normal(0, 0.05, ROWS)), 1)
    times = pd.date_range("2025-05-30T00:00:00Z", periods=ROWS, freq="1min")
    times = times[:GAP_AT].append(times[GAP_AT:] + pd.Timedelta("90min"))
    momentum, wave = generator.normal(size=ROWS), np.sin(np.arange(ROWS))
    return pd.DataFrame({"timestamp": times, "close": close, "momentum": momentum, "wave": wave})


def loaded(folder: Path, ties: str = "Drop", frame: pd.DataFrame | None = None) -> Dataset:
    path = folder / "features.parquet"
    (table() if frame is None else frame).to_parquet(path, index=False)
    return load_dataset(
        path,
        symbol="BTC-USD",
        interval="1m",
        features=None,
        horizon_bars=HORIZON,
        ties=ties,  # type: ignore[arg-type]
        validation_percent=15,
        test_percent=25,
        lookback=LOOKBACK,
    )


def trial_on(dataset: Dataset, skill: float = SKILL) -> Trial:
    """Probabilities that are right in a share `skill` of the labelled bars, and say as much."""
    ends, judged = windows_of_test(dataset, LOOKBACK)
    truth = dataset.labels.values[ends] == 1
    right = np.random.default_rng(1).random(len(ends)) < skill
    found = np.full(dataset.split.test.stop - dataset.split.test.start, np.nan)
    found[ends - dataset.split.test.start] = np.where(truth == right, skill, 1 - skill)
    return Trial(dataset, dataset.values, LOOKBACK, HORIZON, ends, judged, found)


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return trial_on(loaded(tmp_path_factory.mktemp("data")))


def test_a_window_of_the_test_holds_no_other_bars_and_no_gap_and_flat_bars_have_one(tested: Trial) -> None:
    test, labels = tested.test, tested.dataset.labels
    assert tested.ends[0] == test.start + LOOKBACK - 1
    assert not set(range(GAP_AT, GAP_AT + LOOKBACK - 1)) & set(tested.ends.tolist())
    assert {GAP_AT - 1, GAP_AT + LOOKBACK - 1} <= set(tested.ends.tolist())
    assert (labels.values[tested.judged] >= 0).all()
    assert labels.flat[tested.ends].any() and not labels.flat[tested.judged].any()


def test_the_metrics_are_of_the_labelled_bars_alone(tested: Trial) -> None:
    measured = measurement(tested, assess(tested, Evaluation()), None)
    truth = tested.dataset.labels.values[tested.judged] == 1
    right = (tested.at(tested.judged) > 0.5) == truth
    assert measured.metrics.accuracy == pytest.approx(np.mean(right), abs=1e-4)
    assert measured.bars == len(tested.judged)
    assert measured.flat_bars == int(tested.dataset.labels.flat[tested.ends].sum()) > 50
    assert measured.baselines.majority == pytest.approx(max(np.mean(truth), np.mean(~truth)), abs=1e-4)
    assert measured.trades > 100 and measured.champion is None and measured.suspicions == ()


def test_with_ties_down_flat_bars_are_judged_too(tmp_path: Path) -> None:
    tested = trial_on(loaded(tmp_path, "Down"))
    measured = measurement(tested, assess(tested, Evaluation()), None)
    assert tested.dataset.labels.flat[tested.judged].sum() == measured.flat_bars == flat_bars(tested)
    assert measured.bars == len(tested.ends) - 2 * HORIZON


def test_the_near_bound_is_on_the_side_of_failing(tested: Trial) -> None:
    measured = measurement(tested, assess(tested, Evaluation()), None)
    assert len(measured.near_bounds) == len(METRICS)
    for metric in METRICS:
        bounds = [measured.near_bound(metric, level) for level in (90, 95, 99)]
        value = measured.metrics.value(metric)
        worse = 1 if metric in ("calibrationError", "brier", "maxDrawdown") else -1
        assert value is not None and None not in bounds
        assert sorted(bounds, key=lambda bound: worse * bound) == bounds, metric
        assert worse * (bounds[1] - value) >= 0, metric


def test_what_was_not_measured_has_no_bound() -> None:
    assert near_bounds({"auc": None, "accuracy": {90: (1, 6), 95: (2, 5), 99: (3, 4)}}) == (
        (1, 2, 3),
        *[(None, None, None)] * 8,
    )


def test_fees_and_threshold_of_the_evaluation_reach_the_backtest(tested: Trial) -> None:
    free = assess(tested, Evaluation.model_validate({"backtest": {"feeBps": 0}})).backtest
    dear = assess(tested, Evaluation.model_validate({"backtest": {"feeBps": 50}})).backtest
    calm = assess(tested, Evaluation.model_validate({"backtest": {"threshold": SKILL}})).backtest
    assert free.trades == dear.trades > 0 == calm.trades
    assert free.pnl > dear.pnl


def test_a_leak_is_suspected_and_so_are_figures_that_cannot_be(tmp_path: Path) -> None:
    frame = table()
    frame["momentum"] = frame["close"].shift(-HORIZON, fill_value=frame["close"].iloc[-1]) / frame["close"] - 1
    tested = trial_on(loaded(tmp_path, frame=frame), skill=0.99)
    found = measurement(tested, assess(tested, Evaluation()), None).suspicions
    assert any("momentum" in sentence for sentence in found)
    assert any(sentence.startswith("Accuracy is 9") for sentence in found)


def test_many_suspicions_are_counted_and_each_is_bounded() -> None:
    few = shortened(tuple("x" * 400 for _ in range(10)))
    assert len(few) == SUSPICIONS + 1 and few[-1].startswith("6 more")
    assert max(map(len, few)) <= 240
    assert shortened(("one",)) == ("one",)


def test_the_details_are_json_and_say_what_was_left_out(tested: Trial) -> None:
    assessment = assess(tested, Evaluation())
    document = details(tested, assessment, Evaluation())
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    times = tested.dataset.candles.timestamps[tested.test]
    measured = measurement(tested, assessment, None)
    assert document["test"] == {
        "firstBar": iso_time(times[0]),
        "lastBar": iso_time(times[-1]),
        "rows": len(times),
        "windows": len(tested.ends),
        "bars": measured.bars,
        "accuracy": measured.metrics.accuracy,
        "calibrationError": measured.metrics.calibration_error,
        "loss": document["test"]["loss"],
    }
    # Right in a share of 0.7 and saying so: the entropy of such a coin, 0.611.
    assert document["test"]["loss"] == pytest.approx(0.611, abs=0.02)
    known = np.isfinite(tested.dataset.labels.future_return[tested.ends])
    assert document["flatShare"] == pytest.approx(flat_bars(tested) / known.sum(), rel=1e-5)
    assert sum(document["confusion"].values()) == len(tested.judged)
    assert len(document["reliability"]) == 15
    assert set(document["intervals"]) == set(METRICS)
    assert document["backtest"]["feeBps"] == 10
    assert document["gaps"] == 1 and any("gap" in warning for warning in document["warnings"])


def test_the_check_with_longer_blocks_and_the_tests_against_each_baseline_are_kept(tested: Trial) -> None:
    document = details(tested, assess(tested, Evaluation()), Evaluation())
    check = document["doubleBlock"]
    assert (check["blockBars"], check["doubleBlockBars"]) == (LOOKBACK + HORIZON, 2 * (LOOKBACK + HORIZON))
    assert set(check["intervals"]) == set(METRICS)
    low, high = check["intervals"]["accuracy"]
    assert low < document["test"]["accuracy"] < high
    assert document["against"].keys() == {"majority", "persistence", "reversal", "logistic"}
    accuracy, majority = document["test"]["accuracy"], document["against"]["majority"]
    assert majority["difference"] == pytest.approx(
        accuracy - max(document["baseRate"], 1 - document["baseRate"]), abs=1e-4
    )
    assert document["majorityPValue"] == majority["pValue"] < 0.01
    assert majority["low"] < majority["difference"] < majority["high"]


def test_a_test_too_short_for_longer_blocks_has_no_such_check(tested: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_trainer.resampling.FEWEST_BLOCKS", len(tested.probabilities) // 10)
    document = details(tested, assess(tested, Evaluation()), Evaluation())
    assert document["intervals"]["accuracy"] is not None and document["doubleBlock"]["intervals"] is None


@pytest.mark.parametrize(
    ("metric", "bound", "kept"),
    [
        ("accuracy", 0.67987, 0.679),
        ("brier", 0.24012, 0.241),
        ("sharpe", -12.345, -12.4),
        ("pnl", 0.68, 0.68),
        ("pnl", 0.0, 0.0),
    ],
)
def test_a_near_bound_is_rounded_to_the_side_of_failing(metric: str, bound: float, kept: float) -> None:
    (bounds,) = [
        one for one in near_bounds({metric: dict.fromkeys((90, 95, 99), (bound, bound))}) if one[0] is not None
    ]
    assert bounds == pytest.approx((kept,) * 3, abs=1e-9)


def test_accuracy_by_day_and_month_adds_up(tested: Trial) -> None:
    whole = assess(tested, Evaluation()).classification.accuracy
    for unit, form in (("D", "2025-06-01"), ("M", "2025-06")):
        periods = accuracy_by(tested, unit)
        assert form in {period["period"] for period in periods}
        assert [period["period"] for period in periods] == sorted(period["period"] for period in periods)
        right = sum(period["bars"] * period["accuracy"] for period in periods)
        assert right / len(tested.judged) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("bars", [1, 2, 499, 500, 501, 100_000])
def test_the_equity_curve_keeps_its_ends_and_few_points(bars: int) -> None:
    curve = equity_curve(np.arange(bars) * 60_000_000_000, np.linspace(1, 2, bars))
    assert len(curve) == min(bars, EQUITY_POINTS)
    assert curve[0]["time"] == "1970-01-01T00:00:00Z" and curve[-1]["equity"] == (1 if bars == 1 else 2)
    assert [point["time"] for point in curve] == sorted({point["time"] for point in curve})


def test_a_measurement_survives_its_way_through_the_store(tested: Trial) -> None:
    measured = measurement(tested, assess(tested, Evaluation()), None)
    wire = to_wire(measured)
    assert to_wire(type(measured).model_validate(json.loads(json.dumps(wire)))) == wire
