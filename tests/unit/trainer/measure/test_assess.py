"""From probabilities to a measurement: which bars count, which bound is the near one, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrain_api.gate.markets import same_market
from retrain_api.measurement import CRITERIA, METRICS, RULES
from retrain_api.spec.data import Split
from retrain_api.spec.evaluation import Evaluation
from retrain_api.time import Question, Windows
from retrain_api.wire import to_wire
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.measure.assess import (
    SUSPICIONS,
    Predictions,
    assess,
    flat_bars,
    measurement,
    near_bounds,
    shortened,
    windows_of_test,
)
from retrain_trainer.measure.document import EQUITY_POINTS, accuracy_by, equity_curve, evaluation_document

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
        question=Question.parse("1m", HORIZON, ties),  # type: ignore[arg-type]
        windows=Windows(LOOKBACK, Split(validation_percent=15, test_percent=25)),
        features=None,
    )


def predictions_on(dataset: Dataset, skill: float = SKILL) -> Predictions:
    """Probabilities that are right in a share `skill` of the labelled bars, and say as much."""
    ends, labelled = windows_of_test(dataset, LOOKBACK)
    truth = dataset.labels.values[ends] == 1
    right = np.random.default_rng(1).random(len(ends)) < skill
    found = np.full(dataset.split.test.stop - dataset.split.test.start, np.nan)
    found[ends - dataset.split.test.start] = np.where(truth == right, skill, 1 - skill)
    return Predictions(dataset, dataset.values, LOOKBACK, ends, labelled, found)


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    return predictions_on(loaded(tmp_path_factory.mktemp("data")))


def test_a_test_window_holds_only_test_bars_without_a_gap_and_may_end_at_a_flat_bar(predictions: Predictions) -> None:
    test, labels = predictions.test, predictions.dataset.labels
    assert predictions.ends[0] == test.start + LOOKBACK - 1
    assert not set(range(GAP_AT, GAP_AT + LOOKBACK - 1)) & set(predictions.ends.tolist())
    assert {GAP_AT - 1, GAP_AT + LOOKBACK - 1} <= set(predictions.ends.tolist())
    assert (labels.values[predictions.labelled] >= 0).all()
    assert labels.flat[predictions.ends].any() and not labels.flat[predictions.labelled].any()


def test_the_metrics_are_of_the_labelled_bars_alone(predictions: Predictions) -> None:
    measured = measurement(predictions, assess(predictions, Evaluation()), None)
    truth = predictions.dataset.labels.values[predictions.labelled] == 1
    right = (predictions.at(predictions.labelled) > 0.5) == truth
    assert measured.metrics.accuracy == pytest.approx(np.mean(right), abs=1e-4)
    assert measured.bars == len(predictions.labelled)
    assert measured.flat_bars == int(predictions.dataset.labels.flat[predictions.ends].sum()) > 50
    assert measured.baselines.majority == pytest.approx(max(np.mean(truth), np.mean(~truth)), abs=1e-4)
    assert measured.trades > 100 and measured.champion is None and measured.suspicions == ()


def test_with_ties_down_flat_bars_are_measured_too(tmp_path: Path) -> None:
    predictions = predictions_on(loaded(tmp_path, "Down"))
    measured = measurement(predictions, assess(predictions, Evaluation()), None)
    assert predictions.dataset.labels.flat[predictions.labelled].sum() == measured.flat_bars == flat_bars(predictions)
    assert measured.bars == len(predictions.ends) - 2 * HORIZON


def test_the_near_bound_is_on_the_side_of_failing(predictions: Predictions) -> None:
    assessment = assess(predictions, Evaluation())
    measured = measurement(predictions, assessment, None)
    assert tuple(assessment.intervals) == CRITERIA and tuple(assessment.longer) == METRICS
    assert len(measured.near_bounds) == len(CRITERIA)
    assert measured.near_bound("sharpe", 95) is measured.value("sharpe") is None, "of these few hours there is none"
    for metric in set(CRITERIA) - {"sharpe"}:
        bounds = [measured.near_bound(metric, level) for level in (90, 95, 99)]
        value = measured.value(metric)
        worse = 1 if metric in ("calibrationError", "brier", "maxDrawdown") else -1
        assert value is not None and None not in bounds
        assert sorted(bounds, key=lambda bound: worse * bound) == bounds, metric
        assert worse * (bounds[1] - value) >= 0, metric


def test_what_was_not_measured_has_no_bound() -> None:
    assert near_bounds({"auc": None, "accuracy": {90: (1, 6), 95: (2, 5), 99: (3, 4)}}) == (
        (1, 2, 3),
        *[(None, None, None)] * 9,
    )


def test_a_measurement_says_by_which_rules_it_is_judged_and_how_likely_luck_is(predictions: Predictions) -> None:
    assessment = assess(predictions, Evaluation())
    measured = measurement(predictions, assessment, None)
    assert (measured.rules, measured.few_blocks) == (RULES, None)
    assert measured.baselines.p == pytest.approx(assessment.against["majority"].p_value, rel=0.01)
    assert measured.lead == pytest.approx(assessment.against["logistic"].difference, abs=1e-4)


def test_blocks_are_counted_where_they_are_fewer_than_ten(predictions: Predictions) -> None:
    bars = len(predictions.probabilities)
    for fit in (9, 12):
        few = replace(predictions, lookback=bars // fit - HORIZON)
        measured = measurement(few, assess(few, Evaluation()), None)
        assert measured.few_blocks == (9 if fit == 9 else None)
        assert fit == 9 or measured.baselines.p is not None


def test_fees_and_threshold_of_the_evaluation_reach_the_backtest(predictions: Predictions) -> None:
    free = assess(predictions, Evaluation.model_validate({"backtest": {"feeBps": 0}})).backtest
    dear = assess(predictions, Evaluation.model_validate({"backtest": {"feeBps": 50}})).backtest
    calm = assess(predictions, Evaluation.model_validate({"backtest": {"threshold": SKILL}})).backtest
    assert free.trades == dear.trades > 0 == calm.trades
    assert free.pnl > dear.pnl


def test_a_leak_and_impossible_figures_are_suspect(tmp_path: Path) -> None:
    frame = table()
    frame["momentum"] = frame["close"].shift(-HORIZON, fill_value=frame["close"].iloc[-1]) / frame["close"] - 1
    predictions = predictions_on(loaded(tmp_path, frame=frame), skill=0.99)
    found = measurement(predictions, assess(predictions, Evaluation()), None).suspicions
    assert found[0].startswith("Column 'momentum' knows later bars (")
    assert any("Feature momentum has a correlation" in sentence for sentence in found)
    assert any(sentence.startswith("Accuracy is 9") for sentence in found)


def test_many_suspicions_are_counted_and_each_is_cut_to_length() -> None:
    few = shortened(tuple("x" * 400 for _ in range(10)))
    assert len(few) == SUSPICIONS + 1 and few[-1].startswith("6 more")
    assert max(map(len, few)) <= 240
    assert shortened(("one",)) == ("one",)


def test_the_evaluation_document_is_json_and_says_what_was_left_out(predictions: Predictions) -> None:
    assessment = assess(predictions, Evaluation())
    document = evaluation_document(predictions, assessment, Evaluation())
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    times = predictions.dataset.candles.timestamps[predictions.test]
    measured = measurement(predictions, assessment, None)
    assert document["test"] == {
        "firstBar": iso_time(times[0]),
        "lastBar": iso_time(times[-1]),
        "rows": len(times),
        "windows": len(predictions.ends),
        "bars": measured.bars,
        "accuracy": measured.metrics.accuracy,
        "calibrationError": measured.metrics.calibration_error,
        "loss": document["test"]["loss"],
    }
    # Right in a share of 0.7 and saying so: the entropy of such a coin, 0.611.
    assert document["test"]["loss"] == pytest.approx(0.611, abs=0.02)
    known = np.isfinite(predictions.dataset.labels.future_return[predictions.ends])
    assert document["flatShare"] == pytest.approx(flat_bars(predictions) / known.sum(), rel=1e-5)
    assert sum(document["confusion"].values()) == len(predictions.labelled)
    assert len(document["reliability"]) == 15
    assert set(document["intervals"]) == set(CRITERIA)
    assert document["backtest"]["feeBps"] == 10
    assert document["gaps"] == 1 and any("gap" in warning for warning in document["warnings"])


@pytest.mark.parametrize("strays", [1, LOOKBACK - 1])
def test_the_last_bar_of_the_test_is_the_last_that_was_judged_not_the_last_row(tmp_path: Path, strays: int) -> None:
    """A live bar in a file of last year: no window reaches it, and it must not keep the models of a year out."""
    frame = table()
    frame.loc[ROWS - strays :, "timestamp"] += pd.Timedelta(days=300)
    predictions = predictions_on(loaded(tmp_path, frame=frame))
    document = evaluation_document(predictions, assess(predictions, Evaluation()), Evaluation())
    assert document["test"]["lastBar"] == iso_time(predictions.dataset.candles.timestamps[-1 - strays])
    assert document["test"]["rows"] == predictions.test.stop - predictions.test.start


@pytest.mark.parametrize("said", [1.0, 0.5], ids=["always long", "never in the market"])
def test_the_document_says_whether_the_backtest_traded_through_a_jump(tmp_path: Path, said: float) -> None:
    frame = table()
    frame.loc[3_500:, "close"] /= 10
    predictions = predictions_on(loaded(tmp_path, frame=frame))
    predictions.probabilities[np.isfinite(predictions.probabilities)] = said
    document = evaluation_document(predictions, assess(predictions, Evaluation()), Evaluation())
    (jump,) = document["jumps"]
    held = said == 1.0
    assert (jump["bar"], jump["traded"]) == ("2025-06-01T10:20:00Z", held)
    assert jump["before"] / jump["after"] == pytest.approx(10, rel=0.01)
    sentences = [warning for warning in document["warnings"] if "nlikely jump" in warning]
    assert (
        "from 103.8 to 10.39 " in sentences[0]
        and "(-90.0 %) in row 3500 (2025-06-01T10:20:00Z), in the test part" in sentences[0]
    )
    if not held:
        assert sentences[1] == "Unlikely jump: the backtest held no trade over one."
        return
    assert sentences[1].startswith(
        "Unlikely jump: the backtest held a trade over 1, first at 2025-06-01T10:20:00Z; PnL is -"
    )
    free = assess(predictions, Evaluation.model_validate({"backtest": {"feeBps": 0}})).backtest
    assert free.pnl < -0.85


def test_ordinary_prices_have_no_jump(predictions: Predictions) -> None:
    document = evaluation_document(predictions, assess(predictions, Evaluation()), Evaluation())
    assert document["jumps"] == [] and not any("jump" in warning for warning in document["warnings"])


def test_the_measurement_names_its_market(tmp_path: Path, predictions: Predictions) -> None:
    measured = measurement(predictions, assess(predictions, Evaluation()), None)
    other_unit = predictions_on(loaded(tmp_path, frame=table().assign(close=table().close * 0.01)))
    copied = measurement(other_unit, assess(other_unit, Evaluation()), None)
    assert len(measured.market) == 14 and same_market(measured.market, copied.market)


def test_the_check_with_longer_blocks_and_the_tests_against_each_baseline_are_kept(predictions: Predictions) -> None:
    document = evaluation_document(predictions, assess(predictions, Evaluation()), Evaluation())
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


def test_a_test_too_short_for_longer_blocks_has_no_such_check(
    predictions: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "retrain_trainer.measure.intervals.resampling.FEWEST_BLOCKS", len(predictions.probabilities) // 10
    )
    document = evaluation_document(predictions, assess(predictions, Evaluation()), Evaluation())
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


def test_accuracy_by_day_and_month_adds_up(predictions: Predictions) -> None:
    whole = assess(predictions, Evaluation()).classification.accuracy
    for unit, form in (("D", "2025-06-01"), ("M", "2025-06")):
        periods = accuracy_by(predictions, unit)
        assert form in {period["period"] for period in periods}
        assert [period["period"] for period in periods] == sorted(period["period"] for period in periods)
        right = sum(period["bars"] * period["accuracy"] for period in periods)
        assert right / len(predictions.labelled) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("bars", [1, 2, 499, 500, 501, 100_000])
def test_the_equity_curve_keeps_its_ends_and_few_points(bars: int) -> None:
    curve = equity_curve(np.arange(bars) * 60_000_000_000, np.linspace(1, 2, bars))
    assert len(curve) == min(bars, EQUITY_POINTS)
    assert curve[0]["time"] == "1970-01-01T00:00:00Z" and curve[-1]["equity"] == (1 if bars == 1 else 2)
    assert [point["time"] for point in curve] == sorted({point["time"] for point in curve})


def test_a_measurement_survives_its_way_through_the_store(predictions: Predictions) -> None:
    measured = measurement(predictions, assess(predictions, Evaluation()), None)
    wire = to_wire(measured)
    assert to_wire(type(measured).model_validate(json.loads(json.dumps(wire)))) == wire
