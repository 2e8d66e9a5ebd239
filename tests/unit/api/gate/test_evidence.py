"""A verdict takes evidence: few trades, few bars and what luck explains let nothing through, and no suspicion hides a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.gate.evidence import FEWEST_BLOCKS, FEWEST_TRADES, LUCK, OF_TRADES
from retrain_api.gate.judgement import JudgedModel
from retrain_api.gate.verdict import Candidate, judge, judge_model
from retrain_api.measurement import CRITERIA, LOWER_IS_BETTER, RULES, Baselines, Champion, Measurement, Metrics
from retrain_api.spec.gate import Criterion, Gate
from retrain_api.status.symbol import SymbolResult
from retrain_api.wire import to_wire

FIGURES = Metrics(
    accuracy=0.7,
    calibration_error=0.01,
    f1=0.67,
    auc=0.75,
    brier=0.2,
    win_rate=1.0,
    pnl=0.01,
    sharpe=3.0,
    max_drawdown=0.0,
)
BARS = {
    "accuracy": 0.6,
    "calibrationError": 0.05,
    "f1": 0.6,
    "auc": 0.6,
    "brier": 0.25,
    "winRate": 0.6,
    "pnl": 0.0,
    "sharpe": 1.0,
    "maxDrawdown": 0.05,
    "leadOverLogistic": 0.05,
}
"""Bars that FIGURES clear."""


def measured(**parts: Any) -> Measurement:
    """Far from luck; `parts` replace whole parts of it."""
    whole = {
        "metrics": FIGURES,
        "baselines": Baselines(majority=0.51, persistence=0.5, reversal=0.5, logistic=0.6, p=0.001),
        "bars": 6_423,
        "trades": 400,
        "near_bounds": tuple((bar, bar, bar) for bar in BARS.values()),
        "rules": RULES,
    }
    return Measurement.model_validate(whole | parts)


def bars(*metrics: str, **gate: Any) -> Gate:
    """A gate with the bars of these metrics."""
    side = {metric: "atMost" if metric in LOWER_IS_BETTER else "atLeast" for metric in metrics}
    return Gate.model_validate(
        {"criteria": [{"metric": metric, side[metric]: BARS[metric]} for metric in metrics], **gate}
    )


def judged(measurement: Measurement, gate: Gate | None = None, improvement: bool = False) -> JudgedModel:
    return judge_model(gate or bars("accuracy"), Candidate("BTC-USD", measurement), improvement)


def test_a_model_with_evidence_passes_every_criterion() -> None:
    assert tuple(BARS) == CRITERIA
    for confidence in (None, 95):
        assert judged(measured(), bars(*CRITERIA, confidencePercent=confidence)).verdict == "Pass"


# Trades


@pytest.mark.parametrize("metric", sorted(OF_TRADES))
@pytest.mark.parametrize(
    ("trades", "words"),
    [(0, "no trade is"), (1, "1 trade is"), (2, "2 trades are"), (FEWEST_TRADES - 1, "29 trades are")],
)
@pytest.mark.parametrize("confidence", [None, 95])
def test_a_criterion_on_few_trades_is_inconclusive(
    metric: str, trades: int, words: str, confidence: int | None
) -> None:
    model = judged(measured(trades=trades), bars("accuracy", metric, confidencePercent=confidence))
    name = {"winRate": "win rate", "pnl": "PnL", "sharpe": "Sharpe ratio", "maxDrawdown": "maximum drawdown"}[metric]
    assert (model.verdict, model.meets) == ("Inconclusive", False)
    assert model.bare_reasons() == (f"{words} too few to judge {name} by (30 needed)",)


@pytest.mark.parametrize("metric", sorted(OF_TRADES))
def test_thirty_trades_are_enough(metric: str) -> None:
    assert judged(measured(trades=FEWEST_TRADES), bars(metric)).verdict == "Pass"


def test_a_miss_in_few_trades_is_no_evidence_either() -> None:
    figures = FIGURES.model_copy(update={"pnl": -0.2, "win_rate": 0.0})
    model = judged(measured(trades=2, metrics=figures), bars("accuracy", "winRate", "pnl"))
    assert model.verdict == "Inconclusive"
    assert model.bare_reasons() == ("2 trades are too few to judge win rate and PnL by (30 needed)",)


def test_a_model_that_never_trades_is_judged_by_the_rest() -> None:
    never = measured(trades=0, metrics=Metrics(accuracy=0.7, pnl=0.0))
    assert judged(never, bars("accuracy")).verdict == "Pass"
    assert judged(never, bars("accuracy", "pnl")).verdict == "Inconclusive"
    low = judged(never.model_copy(update={"metrics": Metrics(accuracy=0.55, pnl=0.0)}), bars("accuracy", "pnl"))
    assert low.verdict == "Fail" and "accuracy 55.0 % is 5.0 points below 60 %" in low.reasons[0]


# Blocks


@pytest.mark.parametrize("metric", CRITERIA)
@pytest.mark.parametrize("blocks", [0, 1, 4, FEWEST_BLOCKS - 1])
def test_a_criterion_on_few_blocks_is_inconclusive(metric: str, blocks: int) -> None:
    few = measured(few_blocks=blocks, bars=400, near_bounds=(), baselines=Baselines(majority=0.51, logistic=0.6))
    for confidence in (None, 99):
        model = judged(few, bars(metric, confidencePercent=confidence))
        assert model.verdict == "Inconclusive"
        assert model.bare_reasons() == (
            f"the 400 test bars are only {blocks} block{'s' * (blocks != 1)} of bars that depend on each other, and a "
            "criterion takes 10",
        )


def test_few_blocks_do_not_save_a_model_that_the_majority_beats() -> None:
    model = judged(measured(few_blocks=4, baselines=Baselines(majority=0.7)))
    assert model.verdict == "Fail"


# What could not be measured


def test_a_criterion_on_what_is_not_measured_is_inconclusive() -> None:
    model = judged(measured(metrics=Metrics(accuracy=0.7)), bars("accuracy", "sharpe", "auc"))
    assert model.verdict == "Inconclusive"
    assert model.bare_reasons() == (
        "Sharpe ratio is n/a: it takes 20 days of test bars, and returns that vary",
        "AUC could not be measured",
    )


# Luck


@pytest.mark.parametrize(
    ("accuracy", "p", "verdict", "reason"),
    [
        (0.5074, 0.5, "Inconclusive", "accuracy 50.74 % is 0.02 points above the majority baseline, 50.7 %, which may be luck (p = 0.5, and less than 0.05 is asked for)"),
        (0.53, 0.05, "Inconclusive", "accuracy 53.0 % is 2.3 points above the majority baseline, 50.7 %, which may be luck (p = 0.05, and less than 0.05 is asked for)"),
        (0.53, 0.0499, "Pass", ""),
        (0.53, None, "Inconclusive", "accuracy 53.0 % is 2.3 points above the majority baseline, 50.7 %, and there are too few bars to tell that from luck"),
        (0.50724, 0.5, "Fail", "accuracy 50.7 % does not beat the majority baseline, 50.7 %"),
        (0.49, 0.99, "Fail", "accuracy 49 % does not beat the majority baseline, 50.7 %"),
    ],
    ids=["by one bar", "at 5 %", "below 5 %", "not known", "equal", "behind"],
)  # fmt: skip
@pytest.mark.parametrize("confidence", [None, 90, 95])
def test_beating_the_majority_takes_more_than_luck(
    accuracy: float, p: float | None, verdict: str, reason: str, confidence: int | None
) -> None:
    figures = FIGURES.model_copy(update={"accuracy": accuracy})
    model = judged(
        measured(metrics=figures, baselines=Baselines(majority=0.50724, p=p)), bars("f1", confidencePercent=confidence)
    )
    assert (model.verdict, model.bare_reasons()) == (verdict, (reason,) if reason else ())


def champion(difference: float | None, p: float | None) -> Measurement:
    note = None if difference is not None else "40 bars are left"
    return measured(
        champion=Champion(sha256="c" * 12, bars=6_000, accuracy=0.69, difference=difference, p=p, note=note)
    )


@pytest.mark.parametrize(
    ("difference", "p", "verdict", "reason"),
    [
        (0.0002, 0.4, "Inconclusive", "it is 0.02 points more accurate than the model promoted today on 6,000 common bars, which may be luck (p = 0.4, and less than 0.05 is asked for)"),
        (0.01, 0.05, "Inconclusive", "it is 1.0 points more accurate than the model promoted today on 6,000 common bars, which may be luck (p = 0.05, and less than 0.05 is asked for)"),
        (0.01, None, "Inconclusive", "it is 1.0 points more accurate than the model promoted today on 6,000 common bars, and there are too few bars to tell that from luck"),
        (0.01, 0.049, "Pass", ""),
        (0.0, 0.6, "Fail", "it is not more accurate than the model promoted today (0.0 points below it on 6000 common bars)"),
        (-0.01, 0.9, "Fail", "it is not more accurate than the model promoted today (1.0 points below it on 6000 common bars)"),
        (None, None, "Inconclusive", "it can't be compared with the model promoted today (40 bars are left)"),
    ],
)  # fmt: skip
def test_an_improvement_takes_more_than_luck(
    difference: float | None, p: float | None, verdict: str, reason: str
) -> None:
    model = judged(champion(difference, p), improvement=True)
    assert (model.verdict, model.bare_reasons()) == (verdict, (reason,) if reason else ())
    assert judged(champion(difference, p), improvement=False).verdict == "Pass"


# The lead over the logistic regression


@pytest.mark.parametrize(
    ("logistic", "verdict", "reason"),
    [
        (0.65, "Pass", ""),
        (0.6501, "Fail", "lead over the logistic regression 4.99 points is 0.01 points below 5 points"),
        (0.9, "Fail", "lead over the logistic regression -20.0 points is 25.0 points below 5 points"),
        (None, "Inconclusive", "lead over the logistic regression could not be measured"),
    ],
)
def test_the_lead_over_the_logistic_regression(logistic: float | None, verdict: str, reason: str) -> None:
    model = judged(measured(baselines=Baselines(majority=0.5, logistic=logistic, p=0.001)), bars("leadOverLogistic"))
    assert (model.verdict, model.bare_reasons()) == (verdict, (reason,) if reason else ())


def test_the_interval_of_the_lead_decides_where_a_confidence_is_asked_for() -> None:
    near = tuple((0.04, 0.03, 0.02) for _ in CRITERIA)
    model = judged(measured(near_bounds=near), bars("leadOverLogistic", confidencePercent=95))
    assert model.verdict == "Inconclusive"
    assert model.bare_reasons()[0] == (
        "95 % interval of lead over the logistic regression reaches 3.0 points, below 5 points"
    )


# Suspicions

LEAK = "Accuracy is 99.0 %, above 97 %. Real prices do not allow that; look for a feature that leaks the future."


def test_a_suspicion_never_hides_a_failure() -> None:
    figures = FIGURES.model_copy(update={"accuracy": 0.99})
    constant = measured(metrics=figures, baselines=Baselines(majority=0.99, p=0.5), suspicions=(LEAK,))
    model = judged(constant)
    assert (model.verdict, model.meets) == ("Suspect", False)
    assert model.reasons == (
        "BTC-USD fails and is suspect: accuracy 99 % does not beat the majority baseline, 99 %",
        f"BTC-USD fails and is suspect: {LEAK}",
    )
    assert model.bare_reasons() == ("accuracy 99 % does not beat the majority baseline, 99 %", LEAK)
    judgement = judge(bars("accuracy"), 1, [Candidate("BTC-USD", constant)])
    assert (judgement.verdict, judgement.passed) == ("Fail", 0)
    assert "BTC-USD fails and is suspect: accuracy 99 % does not beat the majority" in judgement.summary


def test_what_is_suspect_alone_reads_as_before() -> None:
    model = judged(measured(suspicions=(LEAK,)))
    assert (model.verdict, model.meets, model.reasons) == ("Suspect", True, (f"BTC-USD is suspect: {LEAK}",))


def test_what_a_suspect_leaves_open_is_said_after_what_makes_it_suspect() -> None:
    model = judged(measured(suspicions=(LEAK,), trades=3), bars("accuracy", "pnl"))
    assert (model.verdict, model.meets) == ("Suspect", False)
    assert model.bare_reasons() == (LEAK, "3 trades are too few to judge PnL by (30 needed)")


# Laws


@given(
    st.sets(st.sampled_from(CRITERIA), min_size=1),
    st.integers(0, 60),
    st.none() | st.integers(0, 9),
    st.none() | st.floats(0, 1),
    st.booleans(),
)
def test_whatever_passes_has_evidence(
    metrics: set[str], trades: int, blocks: int | None, p: float | None, improvement: bool
) -> None:
    baselines = Baselines(majority=0.51, logistic=0.6, p=p)
    compared = Champion(sha256="c" * 12, bars=6_000, difference=0.01, p=p)
    model = measured(trades=trades, few_blocks=blocks, baselines=baselines, champion=compared)
    verdict = judged(model, bars(*sorted(metrics)), improvement).verdict
    enough = blocks is None and p is not None and p < LUCK and (trades >= FEWEST_TRADES or not metrics & OF_TRADES)
    # A p-value is stored with three digits, towards failing.
    assert verdict == ("Pass" if enough and model.baselines.p < LUCK else "Inconclusive")


@given(st.sampled_from(CRITERIA), st.integers(0, 60), st.none() | st.integers(0, 9), st.none() | st.floats(0, 1))
def test_less_evidence_never_helps(metric: str, trades: int, blocks: int | None, p: float | None) -> None:
    """Against the same figures with all the evidence there can be."""
    for bar in (BARS[metric], -1.0 if metric not in LOWER_IS_BETTER else 2.0, 2.0):
        side = "at_most" if metric in LOWER_IS_BETTER else "at_least"
        gate = Gate(criteria=(Criterion.model_validate({"metric": metric, side: bar}),))
        little = measured(trades=trades, few_blocks=blocks, baselines=Baselines(majority=0.51, logistic=0.6, p=p))
        if judged(little, gate).verdict == "Pass":
            assert judged(measured(), gate).verdict == "Pass"


# Measurements that were not made by an evaluation


def test_a_measurement_made_now_is_judged_by_todays_rules_and_a_stored_one_by_its_own() -> None:
    made = Measurement(metrics=FIGURES, trades=2)
    assert made.rules == RULES
    document = to_wire(SymbolResult(metrics=made.model_copy(update={"rules": RULES})))
    older = {"metrics": {name: part for name, part in document["metrics"].items() if name != "rules"}}
    for known, rules in ((document, RULES), (older, None)):
        for read in (SymbolResult.model_validate_json(json.dumps(known)), SymbolResult.model_validate(known)):
            assert read.metrics is not None and read.metrics.rules == rules


def test_figures_of_no_test_are_judged_by_themselves() -> None:
    example = Measurement(metrics=Metrics(accuracy=0.712), baselines=Baselines(majority=0.52))
    assert judged(example).verdict == "Pass"
    assert judged(example.model_copy(update={"bars": 6_423})).verdict == "Inconclusive"
