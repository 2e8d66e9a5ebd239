"""The gate: verdicts, their reasons to the letter, and the laws they obey."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.gate.confidence import bars_to_settle
from retrain_api.gate.judgement import JudgedModel, Judgement
from retrain_api.gate.verdict import Candidate, judge, judge_model
from retrain_api.measurement import CRITERIA, LOWER_IS_BETTER, METRICS, RULES, Baselines, Champion, Measurement, Metrics
from retrain_api.spec.gate import Criterion, Gate
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.symbol import SymbolResult
from retrain_api.wire import to_wire

ORIGINAL = {"BTC-USD": (0.712, 0.038), "ETH-USD": (0.694, 0.042), "SOL-USD": (0.668, 0.049)}
"""Accuracy and calibration error of the original plan's example."""


def measurement(accuracy: float | None = 0.71, error: float | None = 0.04, **parts: Any) -> Measurement:
    """With evidence enough; `parts` replace whole parts of it."""
    whole = {
        "metrics": Metrics(accuracy=accuracy, calibration_error=error),
        "baselines": Baselines(majority=0.52, p=0.001),
        "trades": 600,
        "rules": RULES,
    }
    return Measurement(**(whole | parts))


def judged(model: Measurement | None, improvement: bool = False, **gate: Any) -> JudgedModel:
    return judge_model(Gate.model_validate(gate), Candidate("SOL-USD", model), improvement)


def judge_all(models: dict[str, tuple[float, float]], required: int = 2) -> Judgement:
    return judge(Gate(), required, [Candidate(symbol, measurement(*figures)) for symbol, figures in models.items()])


# The original plan's example


def test_the_original_example_promotes_btc_and_eth() -> None:
    judgement = judge_all(ORIGINAL)
    assert [(model.symbol, model.verdict) for model in judgement.models] == [
        ("BTC-USD", "Pass"),
        ("ETH-USD", "Pass"),
        ("SOL-USD", "Fail"),
    ]
    assert (judgement.verdict, judgement.outcome, judgement.passed, judgement.required) == ("Pass", "Acceptable", 2, 2)
    assert judgement.model("SOL-USD").reasons == ("SOL-USD fails: accuracy 66.8 % is 1.2 points below 68 %",)
    assert judgement.summary == (
        "2 of 3 models pass (BTC-USD, ETH-USD), 2 required, judged by accuracy >= 68 % and calibrationError <= 5 %; "
        "SOL-USD fails: accuracy 66.8 % is 1.2 points below 68 %"
    )


@pytest.mark.parametrize(
    ("accuracies", "outcome", "verdict"),
    [
        ((0.712, 0.694, 0.68), "Ideal", "Pass"),
        ((0.712, 0.694, 0.668), "Acceptable", "Pass"),
        ((0.712, 0.66, 0.668), "NeedsMoreWork", "Fail"),
        ((0.6, 0.6, 0.6), "NeedsMoreWork", "Fail"),
    ],
    ids=[
        "all pass",
        "enough pass",
        "too few pass",
        "none passes",
    ],
)
def test_its_three_outcomes(accuracies: tuple[float, ...], outcome: str, verdict: str) -> None:
    judgement = judge_all({symbol: (value, 0.04) for symbol, value in zip(ORIGINAL, accuracies, strict=True)})
    assert (judgement.outcome, judgement.verdict) == (outcome, verdict)


@pytest.mark.parametrize(("symbols", "required"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (43, 29), (64, 43)])
def test_two_thirds_must_pass_rounded_up(symbols: int, required: int) -> None:
    document = {
        "symbols": [f"COIN{number}-USD" for number in range(symbols)],
        "data": {"uri": "s3://bucket/"},
        "artifacts": {"uri": "s3://bucket/"},
    }
    assert RetrainRunSpec.model_validate(document).required == required
    assert RetrainRunSpec.model_validate(document | {"gate": {"minPassed": 1}}).required == 1


# Margins and reasons

CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"accuracy": 0.668}, {"metric": "accuracy", "atLeast": 0.68}, "accuracy 66.8 % is 1.2 points below 68 %"),
    ({"accuracy": 0.6799}, {"metric": "accuracy", "atLeast": 0.68}, "accuracy 67.99 % is 0.01 points below 68 %"),
    ({"accuracy": 0.67999}, {"metric": "accuracy", "atLeast": 0.68}, "accuracy 67.999 % is 0.001 points below 68 %"),
    ({"accuracy": 0.6}, {"metric": "accuracy", "atLeast": 0.6824}, "accuracy 60.0 % is 8.2 points below 68.24 %"),
    (
        {"calibration_error": 0.061},
        {"metric": "calibrationError", "atMost": 0.05},
        "calibration error 6.1 % is 1.1 points above 5 %",
    ),
    ({"f1": 0.5}, {"metric": "f1", "atLeast": 0.6}, "F1 0.500 is 0.100 below 0.6"),
    ({"auc": 0.55}, {"metric": "auc", "atLeast": 0.6}, "AUC 0.550 is 0.050 below 0.6"),
    ({"brier": 0.25}, {"metric": "brier", "atMost": 0.2}, "Brier score 0.250 is 0.050 above 0.2"),
    ({"win_rate": 0.45}, {"metric": "winRate", "atLeast": 0.5}, "win rate 45.0 % is 5.0 points below 50 %"),
    ({"pnl": -0.02}, {"metric": "pnl", "atLeast": 0}, "PnL -2.0 % is 2.0 points below 0 %"),
    ({"sharpe": -1.5}, {"metric": "sharpe", "atLeast": 1}, "Sharpe ratio -1.500 is 2.500 below 1"),
    (
        {"max_drawdown": 0.3},
        {"metric": "maxDrawdown", "atMost": 0.2},
        "maximum drawdown 30.0 % is 10.0 points above 20 %",
    ),
    ({}, {"metric": "sharpe", "atLeast": 1}, "Sharpe ratio could not be measured"),
]


@pytest.mark.parametrize(("figures", "criterion", "sentence"), CASES)
def test_why_a_criterion_is_missed(figures: dict[str, Any], criterion: dict[str, Any], sentence: str) -> None:
    for rules in (None, RULES) if figures else (None,):
        model = judged(Measurement(metrics=Metrics(**figures), trades=600, rules=rules), criteria=[criterion])
        # Of a Sharpe ratio two decimals are measured since rules 2.
        words = sentence.replace("-1.500 is 2.500", "-1.50 is 2.50") if rules else sentence
        assert (model.verdict, model.reasons) == ("Fail", (f"SOL-USD fails: {words}",))


def test_every_metric_is_in_these_cases() -> None:
    assert {criterion["metric"] for _, criterion, _ in CASES} == set(METRICS)


@pytest.mark.parametrize(
    ("value", "criterion", "margin", "met"),
    [
        (0.712, {"atLeast": 0.68}, 0.032, True),
        (0.68, {"atLeast": 0.68}, 0.0, True),
        (0.668, {"atLeast": 0.68}, -0.012, False),
    ],
)
def test_margins(value: float, criterion: dict[str, float], margin: float, met: bool) -> None:
    (one,) = judged(measurement(value), criteria=[{"metric": "accuracy"} | criterion]).criteria
    assert one.margin == pytest.approx(margin) and one.met is met and one.bound == 0.68 and one.value == value


def test_every_missed_criterion_is_a_reason() -> None:
    assert judged(measurement(0.6, 0.1)).reasons == (
        "SOL-USD fails: accuracy 60.0 % is 8.0 points below 68 %",
        "SOL-USD fails: calibration error 10.0 % is 5.0 points above 5 %",
    )


# Baselines, champion, confidence, suspicion


@pytest.mark.parametrize("bar", [0.0, 0.3, 0.5, 0.72, 0.9])
@pytest.mark.parametrize("majority", [0.5, 0.52, 0.72, 0.9, 1.0])
def test_a_constant_model_fails_by_name_whatever_the_threshold(bar: float, majority: float) -> None:
    constant = measurement(majority, 0.0, baselines=Baselines(majority=majority))
    model = judged(constant, criteria=[{"metric": "accuracy", "atLeast": bar}])
    assert model.verdict == "Fail" and not model.meets
    assert any("does not beat the majority baseline" in reason for reason in model.reasons)


def test_the_majority_sentence() -> None:
    model = judged(measurement(0.715, baselines=Baselines(majority=0.72)))
    assert model.reasons == ("SOL-USD fails: accuracy 71.5 % does not beat the majority baseline, 72 %",)


CHAMPION = Champion(sha256="a" * 64, bars=9000, accuracy=0.7, difference=0.01, p=0.001)


@pytest.mark.parametrize(
    ("champion", "asked", "verdict", "reason"),
    [
        (None, True, "Pass", ""),
        (CHAMPION, True, "Pass", ""),
        (
            CHAMPION.model_copy(update={"difference": -0.012}),
            True,
            "Fail",
            "it is not more accurate than the model promoted today (1.2 points below it on 9000 common bars)",
        ),
        (
            CHAMPION.model_copy(update={"difference": 0.0}),
            True,
            "Fail",
            "it is not more accurate than the model promoted today (0.0 points below it on 9000 common bars)",
        ),
        (
            CHAMPION.model_copy(update={"difference": None, "note": "no common bars"}),
            True,
            "Inconclusive",
            "it can't be compared with the model promoted today (no common bars)",
        ),
        (CHAMPION.model_copy(update={"difference": -0.5}), False, "Pass", ""),
    ],
    ids=[
        "no champion",
        "better",
        "worse",
        "equal",
        "not comparable",
        "worse, but not asked for",
    ],
)
def test_improvement_on_the_champion(champion: Champion | None, asked: bool, verdict: str, reason: str) -> None:
    model = judged(measurement(champion=champion), asked)
    assert model.verdict == verdict
    assert [text.split(": ", 1)[1] for text in model.reasons] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("confidence", "bounds", "verdict", "reason"),
    [
        (None, (), "Pass", ""),
        (90, ((0.69, 0.675, 0.66), (0.04, 0.05, 0.06)), "Pass", ""),
        (95, ((0.69, 0.675, 0.66), (0.04, 0.05, 0.06)), "Inconclusive", "95 % interval of accuracy reaches 67.5 %, below 68 %"),
        (99, ((0.7, 0.7, 0.7), (0.04, 0.05, 0.06)), "Inconclusive", "99 % interval of calibration error reaches 6.0 %, above 5 %"),
        (90, ((0.7, 0.7, 0.7), (None, None, None)), "Inconclusive", "90 % interval of calibration error was not measured"),
        (90, ((0.7, 0.7, 0.7),), "Inconclusive", "90 % interval of calibration error was not measured"),
        (90, ((0.679, 0.6, 0.6), (0.05, 0.05, 0.05)), "Inconclusive", "90 % interval of accuracy reaches 67.9 %, below 68 %"),
    ],
    ids=[
        "nothing asked for",
        "both bounds clear the bars",
        "the lower bound of 95 % misses",
        "the upper bound of 99 % misses",
        "a bound is missing",
        "a metric has no bounds",
        "the near bound counts, not the far one",
    ],
)  # fmt: skip
def test_confidence(confidence: int | None, bounds: Any, verdict: str, reason: str) -> None:
    model = judged(measurement(near_bounds=bounds), **({"confidencePercent": confidence} if confidence else {}))
    assert (model.verdict, model.reasons) == (verdict, (f"SOL-USD is inconclusive: {reason}",) if reason else ())


@pytest.mark.parametrize(
    ("value", "near", "bar", "bars", "more"),
    [
        # Half an interval of 0.02 must become 0.01: four times the bars.
        (0.69, 0.67, 0.68, 9_000, 27_000),
        (0.04, 0.06, 0.05, 9_000, 27_000),
        # 10,000 * (2.5 ** 2 - 1) = 52,500, and with two digits no fewer.
        (0.7, 0.65, 0.68, 10_000, 53_000),
        (0.69, 0.6799, 0.68, 9_000, 190),
        (0.69, 0.679999999, 0.68, 9_000, 1),
        (0.68, 0.67, 0.68, 9_000, None),
        (0.680001, 0.67, 0.68, 9_000, None),
    ],
)
def test_how_many_more_bars_would_settle_it(value: float, near: float, bar: float, bars: int, more: int | None) -> None:
    assert bars_to_settle(value, near, bar, bars) == more


ACCURACY, AUC = {"metric": "accuracy", "atLeast": 0.68}, {"metric": "auc", "atLeast": 0.5}
OPEN = "95 % interval of accuracy reaches 67.0 %, below 68 %"


@pytest.mark.parametrize(
    ("accuracy", "criteria", "reasons"),
    [
        (0.69, [ACCURACY], [OPEN, "about 27,000 more test bars would settle it"]),
        (0.68, [ACCURACY], [OPEN, "it is too close to the bar for any number of test bars to settle"]),
        # What takes most bars decides: 9,000 * (0.06 ** 2 / 0.02 ** 2 - 1).
        (0.69, [ACCURACY, {"metric": "f1", "atLeast": 0.58}], [OPEN, "95 % interval of F1 reaches 0.540, below 0.58", "about 72,000 more test bars would settle it"]),
        # More bars are another PnL.
        (0.69, [{"metric": "pnl", "atLeast": 0}], ["95 % interval of PnL reaches -2.0 %, below 0 %"]),
        (0.69, [ACCURACY, AUC], [OPEN, "95 % interval of AUC was not measured"]),
    ],
    ids=[
        "so many bars",
        "no number of bars",
        "the most bars decide",
        "more bars are another figure",
        "a missing interval",
    ],
)  # fmt: skip
def test_what_is_inconclusive_says_what_would_settle_it(
    accuracy: float, criteria: list[Any], reasons: list[str]
) -> None:
    bounds = {"accuracy": (0.67,) * 3, "pnl": (-0.02,) * 3, "f1": (0.54,) * 3}
    model = Measurement(
        metrics=Metrics(accuracy=accuracy, pnl=0.1, auc=0.6, f1=0.6),
        near_bounds=tuple(bounds.get(metric, (None,) * 3) for metric in METRICS),
        bars=9_000,
        trades=600,
    )
    found = judged(model, criteria=criteria, confidencePercent=95)
    assert found.verdict == "Inconclusive" and list(found.bare_reasons()) == reasons


@given(st.floats(0.51, 0.99), st.floats(1e-4, 0.3), st.floats(1e-4, 0.3), st.integers(100, 200_000))
def test_with_that_many_more_bars_the_interval_clears_the_bar(
    value: float, half: float, margin: float, bars: int
) -> None:
    """And with a tenth fewer bars in all it does not, so the number is not merely large."""
    if half <= margin:
        return
    more = bars_to_settle(value, value - half, value - margin, bars)
    if more is None:
        assert bars * (half / margin) ** 2 > 9e7
        return
    assert half * math.sqrt(bars / (bars + more)) <= margin * (1 + 1e-6)
    assert more < 20 or half * math.sqrt(bars / (bars + more * 0.9)) > margin * (1 - 1e-6)


@pytest.mark.parametrize(
    ("model", "gate", "verdict", "meets"),
    [
        (None, {}, "Error", False),
        (measurement(suspicions=("too good",)), {}, "Suspect", True),
        (measurement(0.5, suspicions=("too good",)), {}, "Suspect", False),
        (measurement(suspicions=("too good",)), {"confidencePercent": 95}, "Suspect", False),
        (measurement(0.5), {"confidencePercent": 95}, "Fail", False),
        (measurement(), {"confidencePercent": 95}, "Inconclusive", False),
        (measurement(), {}, "Pass", True),
    ],
    ids=[
        "no measurement",
        "too good, above the bars",
        "too good, below the bars",
        "too good and uncertain",
        "below the bars and uncertain",
        "above the bars and uncertain",
        "above the bars",
    ],
)
def test_the_first_verdict_that_holds(model: Measurement | None, gate: Any, verdict: str, meets: bool) -> None:
    result = judged(model, **gate)
    assert (result.verdict, result.meets) == (verdict, meets)


def test_what_was_never_measured_says_why() -> None:
    (model,) = judge(Gate(), 1, [Candidate("BTC-USD", None, "no GPU here")]).models
    assert model.reasons == ("BTC-USD has no verdict: no GPU here",)


@pytest.mark.parametrize(
    ("verdicts", "required", "expected"),
    [
        ("Pass Pass Fail", 2, "Pass"),
        ("Pass Error Error", 2, "Error"),
        ("Pass Error Fail", 2, "Fail"),
        ("Pass Fail Fail", 2, "Fail"),
        ("Pass Inconclusive Fail", 2, "Inconclusive"),
        ("Pass Suspect Fail", 2, "Suspect"),
        ("Pass Suspect Inconclusive", 2, "Inconclusive"),
        ("Suspect Suspect Inconclusive", 3, "Suspect"),
        ("Error Error Error", 2, "Error"),
        ("Pass", 1, "Pass"),
    ],
)
def test_the_verdict_on_the_run(verdicts: str, required: int, expected: str) -> None:
    figures = {
        "Pass": measurement(near_bounds=((0.7,) * 3, (0.05,) * 3)),
        "Fail": measurement(0.5),
        "Inconclusive": measurement(),
        "Suspect": measurement(suspicions=("too good",), near_bounds=((0.7,) * 3, (0.05,) * 3)),
        "Error": None,
    }
    candidates = [Candidate(f"S{number}-USD", figures[verdict]) for number, verdict in enumerate(verdicts.split())]
    judgement = judge(Gate(confidence_percent=95), required, candidates)
    assert [model.verdict for model in judgement.models] == verdicts.split()
    assert judgement.verdict == expected


def test_suspects_that_miss_the_bar_make_no_quorum() -> None:
    candidates = [Candidate(f"S{number}-USD", measurement(0.5, suspicions=("too good",))) for number in range(3)]
    assert judge(Gate(), 2, candidates).verdict == "Fail"


# Laws

numbers = st.floats(-2, 2) | st.sampled_from([0.05, 0.68, 0.0, 1.0])
anything = numbers | st.none() | st.sampled_from([math.nan, math.inf, -math.inf])
ORDER = ("Fail", "Inconclusive", "Pass")


@st.composite
def criteria(draw: st.DrawFn, metrics: tuple[str, ...] = CRITERIA) -> tuple[Criterion, ...]:
    chosen = draw(st.lists(st.sampled_from(metrics), min_size=1, unique=True))
    side = {metric: "at_most" if metric in LOWER_IS_BETTER else "at_least" for metric in chosen}
    return tuple(Criterion.model_validate({"metric": metric, side[metric]: draw(numbers)}) for metric in chosen)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    fields = {name: draw(anything) for name in Metrics.model_fields}
    bounds = tuple(tuple(draw(anything) for _ in range(3)) for _ in CRITERIA)
    shares = st.floats(0, 1) | st.none()
    baselines = Baselines(majority=draw(shares), logistic=draw(shares), p=draw(shares))
    evidence = {"rules": draw(st.sampled_from([None, RULES])), "trades": draw(st.integers(0, 60))}
    evidence["few_blocks"] = draw(st.none() | st.integers(0, 9))
    return Measurement.model_validate(
        {"metrics": Metrics(**fields), "near_bounds": bounds, "baselines": baselines} | evidence
    )


gates = st.builds(Gate, criteria=criteria(), confidence_percent=st.sampled_from([None, 90, 95, 99]))


@given(gates, measurements(), st.sampled_from(METRICS), st.floats(0, 1))
def test_a_better_metric_never_turns_a_pass_into_a_fail(gate: Gate, model: Measurement, metric: str, by: float) -> None:
    field = next(name for name, info in Metrics.model_fields.items() if info.alias == metric)
    value = getattr(model.metrics, field)
    if value is None:
        return
    better = value - by if metric in LOWER_IS_BETTER else value + by
    improved = model.model_copy(update={"metrics": Metrics(**(dict(model.metrics) | {field: better}))})
    before, after = (judge_model(gate, Candidate("BTC-USD", each)).verdict for each in (model, improved))
    assert ORDER.index(after) >= ORDER.index(before)


@given(gates, measurements(), st.floats(0, 1))
def test_raising_a_bar_never_turns_a_fail_into_a_pass(gate: Gate, model: Measurement, by: float) -> None:
    first, *rest = gate.criteria
    bound = first.bound - by if first.metric in LOWER_IS_BETTER else first.bound + by
    side = "at_most" if first.metric in LOWER_IS_BETTER else "at_least"
    stricter = gate.model_copy(
        update={"criteria": (Criterion.model_validate({"metric": first.metric, side: bound}), *rest)}
    )
    before, after = (judge_model(each, Candidate("BTC-USD", model)).verdict for each in (gate, stricter))
    assert ORDER.index(after) <= ORDER.index(before)


@given(criteria(METRICS))
def test_values_at_the_bar_pass(bars: tuple[Criterion, ...]) -> None:
    at_the_bar = Metrics.model_validate({each.metric: each.bound for each in bars})
    rounded = tuple(
        Criterion.model_validate(
            {
                "metric": each.metric,
                ("atMost" if each.metric in LOWER_IS_BETTER else "atLeast"): at_the_bar.value(each.metric),
            }
        )
        for each in bars
    )
    model = Measurement(metrics=at_the_bar, trades=600)
    assert judge_model(Gate(criteria=rounded), Candidate("BTC-USD", model)).verdict == "Pass"


@pytest.mark.parametrize(
    ("metric", "bar", "missed"),
    [
        ("accuracy", 0.68, 0.679996),
        ("winRate", 0.5, 0.4999999),
        ("pnl", 0.0, -1e-9),
        ("pnl", -0.1, -0.1000004),
        ("calibrationError", 0.05, 0.0500001),
        ("maxDrawdown", 0.2, 0.2000004),
    ],
)
def test_a_figure_that_misses_its_bar_fails_also_where_rounding_would_reach_it(
    metric: str, bar: float, missed: float
) -> None:
    criterion = {"metric": metric, "atMost" if metric in LOWER_IS_BETTER else "atLeast": bar}
    gate = Gate.model_validate({"criteria": [criterion]})
    for value, verdict in ((missed, "Fail"), (bar, "Pass")):
        model = Measurement(metrics=Metrics.model_validate({metric: value}), trades=600)
        assert judge_model(gate, Candidate("BTC-USD", model)).verdict == verdict
        assert judge_model(gate, Candidate("BTC-USD", Measurement.model_validate(to_wire(model)))).verdict == verdict


@pytest.mark.parametrize(
    ("metric", "bar", "missed"), [("accuracy", 0.68, 0.67996), ("calibrationError", 0.05, 0.05004)]
)
def test_a_bound_that_misses_its_bar_leaves_it_open(metric: str, bar: float, missed: float) -> None:
    side = "atMost" if metric in LOWER_IS_BETTER else "atLeast"
    gate = Gate.model_validate({"criteria": [{"metric": metric, side: bar}], "confidencePercent": 95})
    for bound, verdict in ((missed, "Inconclusive"), (bar, "Pass")):
        near = tuple((bound,) * 3 if each == metric else (None,) * 3 for each in METRICS)
        value = bar * (0.9 if side == "atMost" else 1.1)
        model = Measurement(metrics=Metrics.model_validate({metric: value}), near_bounds=near)
        assert judge_model(gate, Candidate("BTC-USD", model)).verdict == verdict


def test_an_accuracy_that_only_rounding_lifts_above_the_majority_does_not_beat_it() -> None:
    model = Measurement.model_validate({"metrics": {"accuracy": 0.700004}, "baselines": {"majority": 0.700001}})
    assert (
        judge_model(Gate(criteria=(Criterion(metric="accuracy", at_least=0.5),)), Candidate("BTC-USD", model)).verdict
        == "Fail"
    )


@given(gates, measurements())
def test_the_wire_has_no_nan_and_changes_no_verdict(gate: Gate, model: Measurement) -> None:
    judgement = judge(gate, 1, [Candidate("BTC-USD", model)])
    json.dumps(to_wire(judgement), allow_nan=False)
    text = json.dumps(to_wire(SymbolResult(metrics=model)), allow_nan=False)
    read = SymbolResult.model_validate_json(text).metrics
    assert judge(gate, 1, [Candidate("BTC-USD", read)]) == judgement


@given(st.integers(0, 64), st.integers(1, 64))
def test_more_passing_models_never_worsen_the_run(passing: int, required: int) -> None:
    def verdict(good: int) -> tuple[str, str]:
        models = {f"C{n}-USD": (0.7 if n < good else 0.5, 0.04) for n in range(64)}
        judgement = judge_all(models, required)
        return judgement.verdict, judgement.outcome

    order = ["Fail", "Pass"], ["NeedsMoreWork", "Acceptable", "Ideal"]
    before, after = verdict(passing), verdict(min(64, passing + 1))
    assert all(scale.index(late) >= scale.index(early) for scale, early, late in zip(order, before, after, strict=True))


# Several models and one suspicion


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"suspicions": ("Column 'x' knows later bars.",)}, "are suspect: Column 'x' knows later bars"),
        (
            {"suspicions": ("Column 'x' knows later bars.",), "baselines": Baselines(majority=0.8)},
            "fail and are suspect: accuracy 71 % does not beat the majority baseline, 80 %",
        ),
    ],
    ids=["suspect", "fail and are suspect"],
)
def test_models_that_one_suspicion_is_of_are_named_together(parts: dict[str, Any], why: str) -> None:
    markets = {"BTC-USD": "a" * 14, "ETH-USD": "b" * 14, "SOL-USD": "c" * 14}
    candidates = [Candidate(symbol, measurement(market=market, **parts)) for symbol, market in markets.items()]
    assert judge(Gate(), 2, candidates).summary.endswith(f"; BTC-USD, ETH-USD and SOL-USD {why}")
    older = [
        Candidate(each.symbol, measurement(market=markets[each.symbol], **parts, rules=None)) for each in candidates
    ]
    assert "BTC-USD, ETH-USD and SOL-USD " not in judge(Gate(), 2, older).summary
