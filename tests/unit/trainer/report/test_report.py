"""The report says what the numbers say, in words that any reader understands."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import measured
from support.report_case import DOCUMENT, SYMBOLS, facts, original

from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import Baselines, Champion, Measurement, Metrics
from retrain_api.spec.gate import Criterion, Gate
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import Previous, Promotion, TestPeriod
from retrain_trainer.report.advice import RULES
from retrain_trainer.report.html import page
from retrain_trainer.report.sections import render
from retrain_trainer.report.text import plain
from retrain_trainer.report.value import value
from retrain_trainer.tasks.publish import results_document


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def row(text: str, title: str, name: str) -> list[str]:
    line = next(line for line in section(text, title).splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_verdict_comes_first_with_its_class_and_each_models_reason() -> None:
    text = render(facts(original()))
    head = text.split("\n## ")[0]
    assert head.startswith("# Retraining report 3: default/nightly\n")
    assert (
        "**Pass, Acceptable** (enough models pass, though not all): 2 of 3 models pass (BTC-USD and ETH-USD), 2 required."
        in head
    )
    assert "- BTC-USD passes.\n- ETH-USD passes.\n- SOL-USD fails: accuracy 66.8 % is 1.2 points below 68 %." in head


@pytest.mark.parametrize(
    ("accuracies", "head"),
    [
        ((0.70, 0.70, 0.70), "**Pass, Ideal** (every model passes): 3 of 3"),
        ((0.70, 0.70, 0.60), "**Pass, Acceptable** (enough models pass, though not all): 2 of 3"),
        ((0.70, 0.60, 0.60), "**Fail, NeedsMoreWork** (too few models pass): 1 of 3"),
        ((0.60, 0.60, 0.60), "**Fail, NeedsMoreWork** (too few models pass): 0 of 3"),
    ],
)
def test_the_class_of_the_outcome(accuracies: tuple[float, ...], head: str) -> None:
    assert head in render(facts(dict(zip(SYMBOLS, map(measured, accuracies), strict=True))))


def test_the_lineage_names_the_predictions_that_every_figure_follows_from() -> None:
    named = {"predictions": {"uri": "s3://bucket/runs/predictions.parquet", "sha256": "e" * 64}}
    text = section(render(facts(original(), document=named)), "Lineage")
    line = "- Predictions of BTC-USD: `s3://bucket/runs/predictions.parquet`; `retrain verify` computes every figure again from them"
    assert line in text
    assert "Predictions of" not in render(facts(original()))  # measured by a release that kept none


def test_each_judged_value_stands_beside_its_margin_and_a_miss_is_bold() -> None:
    text = render(facts(original() | {"BTC-USD": measured(0.513, 0.07), "ETH-USD": measured(0.68, 0.05)}))
    assert row(text, "Models", "BTC-USD")[1:4] == [
        "Fail",
        "**51.3 %** (16.7 points below 68 %)",
        "**7.0 %** (2.0 points above 5 %)",
    ]
    assert row(text, "Models", "ETH-USD")[2:4] == ["68.0 % (exactly 68 %)", "5.0 % (exactly 5 %)"]
    assert row(text, "Models", "SOL-USD")[4:] == ["0.6", "50 %", "10 %", "1", "20 %", "10,000", "600"]


def test_a_criterion_outside_the_usual_columns_gets_one() -> None:
    gate = Gate(criteria=(Criterion(metric="auc", at_least=0.75),))
    text = render(facts(original(), gate=gate))
    assert "| AUC |" in section(text, "Models")
    assert "**0.700** (0.050 below 0.75)" in row(text, "Models", "BTC-USD")
    assert row(text, "Models", "BTC-USD")[2] == "71.2 %"


def test_a_model_that_broke_is_named_and_has_no_numbers() -> None:
    text = render(facts(original() | {"SOL-USD": None}))
    assert row(text, "Models", "SOL-USD") == ["SOL-USD", "Error", *["-"] * 9]
    assert "SOL-USD has no verdict: its training failed: the loss is not finite." in text
    steps = section(text, "Next steps")
    # Applying the same run anew would do nothing: the failure is remembered.
    assert "**Nothing to judge**: SOL-USD. Fix the cause named above, then use `retrain retry " in steps


def test_a_report_without_any_model_is_still_a_report() -> None:
    text = render(facts(dict.fromkeys(SYMBOLS)))
    assert "No model was measured." in text and "No model was trained" in text
    assert "BTC-USD, ETH-USD and SOL-USD" in section(text, "Next steps")


def test_one_market_under_three_names_is_told_first_and_counts_once() -> None:
    text = render(facts({symbol: measured(0.72, market="A" * 14) for symbol in SYMBOLS}))
    assert "3 of 3 models pass (BTC-USD, ETH-USD and SOL-USD) and count as 1, 2 required." in text
    assert "- BTC-USD, ETH-USD and SOL-USD move together bar for bar, so they are one market." in text
    assert text.index("one market") < text.index("BTC-USD passes.")


USD1 = Measurement(
    metrics=Metrics(accuracy=0.86, calibration_error=0.03, pnl=-0.99),
    baselines=Baselines(majority=0.52, persistence=0.2, reversal=0.85, logistic=0.87),
    bars=5_000,
    trades=4_000,
)


@pytest.mark.parametrize(
    ("accuracy", "rules", "pnl", "trades", "said"),
    [
        (0.86, (0.52, 0.2, 0.85, 0.87), -0.99, 4000, "an unfitted rule does as well or better (the price returns to its 20-bar mean: 85 %, the model 86 %)"),
        (0.86, (0.52, 0.85, 0.2, 0.87), -0.99, 4000, "an unfitted rule does as well or better (the last move continues: 85 %"),
        (0.88, (0.52, 0.5, 0.85, 0.87), 0.1, 40, "a logistic regression on the same features does as well or better (87 %"),
        (0.90, (0.52, 0.5, 0.85, 0.87), 0.1, 40, "accuracy 90 % is 3.0 points above the best baseline"),
        (0.52, (0.52, 0.5, 0.5, 0.5), 0.1, 40, "no skill: always predicting the more frequent class is right as often (52 %)"),
        (0.52, (0.50, None, None, None), 0.1, 40, "accuracy 52 % is 2.0 points above the best baseline"),
        (0.52, (None, None, None, None), 0.1, 40, "without a baseline to compare with"),
        (None, (0.52, 0.5, 0.5, 0.5), 0.1, 40, "its accuracy was not measured"),
        (0.90, (0.52, 0.5, 0.5, 0.5), -0.99, 4000, "after fees of 10 bps a fill, nothing is left (PnL -99 % over 4,000 trades)"),
        (0.90, (0.52, 0.5, 0.5, 0.5), 0.0, 40, "nothing is left"),
        (0.90, (0.52, 0.5, 0.5, 0.5), 0.1, 40, "something is left (PnL 10 % over 40 trades)"),
        (0.90, (0.52, 0.5, 0.5, 0.5), 0.0, 0, "the backtest made no trade"),
        (0.90, (0.52, 0.5, 0.5, 0.5), None, 0, "the backtest was not measured"),
    ],
)  # fmt: skip
def test_what_a_model_is_worth(
    accuracy: float | None, rules: tuple[float | None, ...], pnl: float | None, trades: int, said: str
) -> None:
    names = ("majority", "persistence", "reversal", "logistic")
    measurement = Measurement(
        metrics=Metrics(accuracy=accuracy, pnl=pnl),
        baselines=Baselines(**dict(zip(names, rules, strict=True))),
        trades=trades,
    )
    assert said in value("X-USD", measurement, 10)


def test_the_report_on_a_passing_stablecoin_says_what_the_model_is_worth() -> None:
    text = render(facts({"USD1-USDT": USD1}))
    assert row(text, "What the models are worth", "USD1-USDT")[1:] == [
        "86 %",
        "52 %",
        "20 %",
        "85 %",
        "87 %",
        "+34.0 points",
    ]
    assert "an unfitted rule does as well or better" in text and "nothing is left" in text
    assert "**A rule without training does as well**: USD1-USDT (reversal 85 %, the model 86 %)" in text
    assert "**Nothing is left after fees**" in text


def test_what_was_promoted_and_why_the_rest_was_not() -> None:
    promotion = Promotion(
        (Promoted(symbol="BTC-USD", uri="s3://m/promoted/new.pt", sha256="f" * 64),),
        (NotPromoted(symbol="ETH-USD", reason="OlderTest", message="It was tested on older bars."),),
    )
    text = section(render(facts(original(), promotion=promotion)), "Promotion")
    assert f"| BTC-USD | `s3://m/promoted/BTC-USD.json` | `s3://m/promoted/new.pt` | `{'f' * 64}` |" in text
    assert "ETH-USD was not promoted: It was tested on older bars." in text
    assert "SOL-USD was not promoted: its verdict is Fail." in text


@pytest.mark.parametrize(
    ("accuracy", "policy", "why"),
    [
        (0.6, "Automatic", "the verdict on the run is Fail"),
        (0.7, "Never", "spec.promotion.policy is Never."),
        (0.7, "Manual", "it is waiting for approval, or was not approved."),
    ],
)
def test_why_a_model_that_passes_is_not_promoted(accuracy: float, policy: str, why: str) -> None:
    measurements = original() | {"ETH-USD": measured(accuracy)}
    text = render(facts(measurements, promotion=Promotion(), spec={"promotion": {"policy": policy}}))
    assert f"BTC-USD was not promoted: {why}" in section(text, "Promotion")


def test_before_the_promotion_the_report_does_not_claim_one() -> None:
    assert "had not been carried out when this report was written" in section(render(facts(original())), "Promotion")


def test_old_against_new() -> None:
    champion = Champion(sha256="0" * 64, bars=9_000, accuracy=0.7, difference=0.012)
    old = Previous(
        uri="s3://m/promoted/old.pt",
        sha256="0" * 64,
        metrics=Metrics(accuracy=0.69, pnl=0.2),
        test=TestPeriod(first_bar="2025-05-01", last_bar="2025-05-31"),
    )
    noted = measured(0.6, champion=Champion(sha256="0" * 64, note="its label is another"))
    measurements = {"BTC-USD": measured(0.712, champion=champion), "ETH-USD": noted}
    text = section(render(facts(measurements, before={"BTC-USD": old, "ETH-USD": None})), "Old against new")
    assert "| BTC-USD | old | `old.pt` | 69 % | - | 20 % | 2025-05-31 |" in text
    assert "| BTC-USD | new | `lstm_BTC-USD.pt` | 71.2 % | 4 % | 10 % | 2025-06-24T00:00:00Z |" in text
    assert "| ETH-USD | old | none |" in text
    assert (
        "BTC-USD, on the same 9,000 bars: the model promoted until now reads 70 %, and the new one differs by +1.2 points."
        in text
    )
    assert "ETH-USD: no comparison on the same bars (its label is another)." in text


def test_the_documentation_names_every_cause_of_a_next_step() -> None:
    text = Path(__file__).parents[4].joinpath("docs/report.md").read_text()
    table = text.split("## Next steps")[1].split("##")[0]
    causes = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    assert causes == list(dict.fromkeys(rule.cause for rule in RULES))


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0.003, 0.021), "the new one differs by +1.2 points (95 % interval +0.3 points to +2.1 points)."),
        ((-0.004, 0.028), "(95 % interval -0.4 points to +2.8 points, so the two can't be told apart)."),
    ],
)
def test_the_comparison_with_the_old_model_has_an_interval(bounds: tuple[float, float], words: str) -> None:
    champion = Champion(sha256="0" * 12, bars=9_000, accuracy=0.7, difference=0.012, low=bounds[0], high=bounds[1])
    text = section(render(facts({"BTC-USD": measured(0.712, champion=champion)})), "Old against new")
    assert words in text


def test_the_named_baseline_is_compared_too() -> None:
    compared = {"sha256": "0" * 64, "bars": 9_000, "accuracy": 0.3, "difference": 0.41, "note": "it may have learnt"}
    text = render(facts({"BTC-USD": measured(0.712)}, document={"baseline": compared}))
    assert "promotion.baseline reads 30 %, and the new one differs by +41.0 points; it may have learnt." in text
    text = render(facts({"BTC-USD": measured(0.712)}, document={"baseline": {"sha256": "", "note": "it is gone"}}))
    assert "BTC-USD: no comparison with promotion.baseline (it is gone)." in text


# What was learnt

LEARNT_NOTHING = {"training": {"validationLoss": 0.6952}, "validation": {"baseRateLoss": 0.6931}}
NOTHING = "validation loss 0.6952, and 0.6931 for always answering the share of ups"


def test_that_a_model_has_learnt_nothing_is_the_first_thing_said_of_it_and_the_first_next_step() -> None:
    given = facts({"BTC-USD": measured(0.52)}, document=LEARNT_NOTHING)
    text = render(given)
    assert section(text, "Models").lstrip().startswith(f"- **BTC-USD has learnt nothing**: {NOTHING}.")
    assert section(text, "Next steps").lstrip().startswith(f"- **It has learnt nothing**: BTC-USD ({NOTHING}).")
    card = page(given, {}).split('<article class="card" aria-labelledby="BTC-USD">')[1]
    assert re.search(r"<li>(.*?)</li>", card, re.DOTALL)[1].startswith("<strong>It has learnt nothing</strong>")


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        ({"validationLoss": 0.69}, {"baseRateLoss": 0.6931}),
        ({"validationLoss": 0.6931}, {"baseRateLoss": 0.6931}),
        ({}, {"baseRateLoss": 0.6931}),
        ({"validationLoss": 0.7}, {}),
        ({"validationLoss": 0.7}, None),
    ],
    ids=["below", "equal", "no loss", "measured by an older release", "no validation"],
)
def test_it_is_not_said_otherwise(training: Any, validation: Any) -> None:
    document = {"training": training, "validation": validation}
    assert "learnt nothing" not in render(facts({"BTC-USD": measured(0.52)}, document=document))


# Rules and evidence


def test_the_report_says_what_was_judged_by_older_rules() -> None:
    older = measured(0.7).model_copy(update={"rules": None})
    said = "BTC-USD was measured by an earlier release and is judged by its rules."
    assert said in render(facts({"BTC-USD": older})) and said not in render(facts({"BTC-USD": measured(0.7)}))


def test_a_sharpe_ratio_of_too_few_days_is_not_available() -> None:
    few = measured(0.7)
    few = few.model_copy(update={"metrics": few.metrics.model_copy(update={"sharpe": None})})
    assert "n/a" in row(render(facts({"BTC-USD": few})), "Models", "BTC-USD")


# How certain the figures are

UNCERTAINTY: dict[str, Any] = {
    "intervals": {
        "accuracy": {"95": [0.50, 0.54]},
        "calibrationError": {"95": [0.01, 0.03]},
        "pnl": {"95": [-0.2, 0.1]},
    },
    "majorityPValue": 0.012,
    "against": {
        "majority": {"difference": 0.012, "low": 0.001, "high": 0.02, "pValue": 0.012},
        "persistence": {"difference": -0.03, "low": None, "high": None, "pValue": None},
        "reversal": {"difference": 0.001, "low": -0.01, "high": 0.01, "pValue": 0.4504},
        "logistic": None,
    },
    "baseRate": 0.497,
    "test": DOCUMENT["test"] | {"bars": 10_000, "accuracy": 0.52},
    "validation": {"bars": 10_000, "accuracy": 0.53, "calibrationError": 0.01, "loss": 0.69},
    "doubleBlock": {"blockBars": 75, "doubleBlockBars": 150, "intervals": {"accuracy": [0.499, 0.541]}},
    "reliability": [
        {"low": 0.4, "high": 0.5, "count": 0, "meanProbability": None, "observedShare": None},
        {"low": 0.5, "high": 0.6, "count": 4_000, "meanProbability": 0.55, "observedShare": 0.521},
    ],
    "accuracyByDay": [{"period": "2025-06-17", "bars": 1_300, "accuracy": 0.51}],
    "accuracyByMonth": [{"period": "2025-06", "bars": 10_000, "accuracy": 0.52}],
}


def sure(measurement: Measurement | None = None, **document: Any) -> str:
    text = render(facts({"BTC-USD": measurement or measured(0.52)}, document=UNCERTAINTY | document))
    return section(text, "How certain the figures are")


def test_intervals_are_shown_with_the_expected_calibration_error_and_the_class_balance() -> None:
    text = render(facts({"BTC-USD": measured(0.52)}, document=UNCERTAINTY))
    cells = row(text, "How certain the figures are", "BTC-USD")
    assert cells[1:] == ["50 % to 54 %", "1 % to 3 %", "1 %", "-20 % to 10 %", "53 %", "49.7 %"]


def test_the_model_is_tested_against_each_baseline() -> None:
    line = "| BTC-USD | +1.2 points (p = 0.012) | -3.0 points | +0.1 points (p = 0.450) | - |"
    assert line in sure()


def test_the_calibration_curve_has_counts_and_leaves_empty_bins_out() -> None:
    text = sure()
    assert "<details><summary>BTC-USD: calibration curve and accuracy over time</summary>" in text
    assert "| 50 % to 60 % | 4,000 | 55 % | 52.1 % |" in text and "40 % to 50 %" not in text


def test_accuracy_is_by_day_and_over_a_longer_time_by_month() -> None:
    assert "| 2025-06-17 | 1,300 | 51 % |" in sure()
    many = [{"period": f"2025-06-{day:02}", "bars": 1, "accuracy": 0.5} for day in range(32)]
    assert "| 2025-06 | 10,000 | 52 % |" in sure(accuracyByDay=many)


NOT_FOR_SURE = "does not beat the majority significantly"
FURTHER_APART = "further apart than luck explains"
WIDER = "so the wider one is nearer the truth"
LUCK = {"tries": 12, "pValue": 0.02, "realityCheck": 0.21, "luck": 1.0, "luckiest": 0.534, "deflatedSharpe": 0.0001}
LONGER = {"blockBars": 75, "doubleBlockBars": 150}


@pytest.mark.parametrize(
    ("measurement", "document", "words", "told"),
    [
        ({}, {"majorityPValue": 0.21}, NOT_FOR_SURE, True),
        ({}, {"majorityPValue": 0.05}, NOT_FOR_SURE, False),
        ({}, {"majorityPValue": 0.0001}, "by chance with a probability below 0.001", True),
        ({"baselines": Baselines(majority=0.53)}, {"majorityPValue": 0.9}, NOT_FOR_SURE, False),
        ({"judged_before": 7}, {}, "BTC-USD: 7 other models were measured on these test bars before; trying until one passes", True),
        ({"judged_before": 1}, {}, "BTC-USD: 1 other model was measured on", True),
        ({"judged_before": 0}, {}, "no other model was measured on these test bars before", True),
        ({}, {"luck": LUCK}, "the luckiest of 12 models without skill would read an accuracy of 53.4 % on these test bars, and be right as "
         "often as this one with a probability of 0.210 (White's reality check); over all tries, those to come included, luck "
         "explains it with a probability above 0.999", True),
        ({}, {"luck": LUCK | {"tries": 1, "luck": 0.2}}, "a model without skill would be right as often with a probability of 0.020; over all tries, "
         "those to come included, luck explains it with a probability of 0.200", True),
        ({}, {"luck": LUCK}, "Sharpe ratio is truly above that of the luckiest of 12 models without skill with a probability below 0.001", True),
        ({}, {"luck": LUCK | {"tries": 1}}, "its Sharpe ratio is truly above zero with a probability", True),
        ({}, {"luck": LUCK | {"deflatedSharpe": None}}, "Sharpe ratio is truly above", False),
        ({}, {"luck": LUCK | {"pValue": None, "luck": None}}, "luck explains it", False),
        ({}, {"luck": None}, "luck explains it", False),
        ({}, {"validation": {"bars": 10_000, "accuracy": 0.56}}, "56 % of the validation bars and on 52 % of the test bars", True),
        ({}, {"validation": {"bars": 10_000, "accuracy": 0.48}}, FURTHER_APART + " (2.8 points)", True),
        ({}, {"validation": {"bars": 100, "accuracy": 0.60}}, FURTHER_APART, False),
        ({}, {"validation": None}, FURTHER_APART, False),
        ({}, {"doubleBlock": LONGER | {"intervals": {"accuracy": [0.48, 0.56]}}}, WIDER, True),
        ({}, {"doubleBlock": LONGER | {"intervals": {"accuracy": [0.499, 0.541]}}}, "with blocks of 150 bars instead of 75", True),
        ({}, {"doubleBlock": LONGER | {"intervals": None}}, "with blocks of", False),
    ],
)  # fmt: skip
def test_the_report_says_how_far_the_figures_can_be_trusted(
    measurement: dict[str, Any], document: Any, words: str, told: bool
) -> None:
    lines = [line for line in sure(measured(0.52, **measurement), **document).splitlines() if line.startswith("- ")]
    assert sum(words in line for line in lines) == told


def test_an_evaluation_by_an_older_release_has_no_intervals_to_show() -> None:
    text = render(facts({"BTC-USD": measured(0.52)}))
    assert row(text, "How certain the figures are", "BTC-USD")[1:] == ["-", "-", "1 %", "-", "-", "-"]
    assert "Accuracy above" not in text


def test_the_data_says_how_old_the_learning_is() -> None:
    times = {
        "trainedUntil": "2024-11-21T06:00:00Z",
        "knownUntil": "2025-03-07T12:00:00Z",
        "testedUntil": "2025-06-23T23:59:00Z",
    }
    text = section(render(facts({"BTC-USD": measured(0.7)}, document=times)), "Data")
    assert (
        "- BTC-USD: the weights end 215 days before the last bar. Trained on outcomes up to 2024-11-21T06:00:00Z, chosen by those up to "
        "2025-03-07T12:00:00Z, tested on those up to 2025-06-23T23:59:00Z." in text
    )
    assert "the weights end" not in render(facts({"BTC-USD": measured(0.7)}))


def test_the_data_is_named_and_dropping_flat_bars_is_not_hidden() -> None:
    text = render(facts(original(), document={"warnings": ["2 gaps in time"]}))
    cells = row(text, "Data", "BTC-USD")
    assert cells[1:] == [
        "2025-05-04 to 2025-06-24",
        "73,139",
        "2025-06-17T00:00:00Z to 2025-06-24T00:00:00Z",
        "4.8 %",
        "`dddddddddddd`",
        "-",
    ]
    assert "Dropping them looks into the future: a trader can't know" in text
    assert "BTC-USD: 2 gaps in time" in text


@pytest.mark.parametrize(
    ("late", "line"),
    [
        (False, "The history was rewritten since 2026-11-27T12:00:00Z: column 'a\\|b' has other values on 2026-11-20"),
        (
            True,
            "Late corrections: 2026-11-20, the last day of the data as of 2026-11-27T12:00:00Z, has other values now",
        ),
    ],
)
def test_the_report_says_what_an_earlier_training_was_given_otherwise(late: bool, line: str) -> None:
    found = {"day": "2026-11-20", "column": "a|b", "asOf": "2026-11-27T12:00:00Z", "late": late}
    text = render(facts({"X-USD": measured(0.60, 0.04)}, document={"restated": found}))
    assert f"X-USD: {line}" in section(text, "Data")


@pytest.mark.parametrize(
    ("card", "line"),
    [
        (
            {"features": ["a|b"], "featureSet": {"sentence": "1 feature: 1 of the file's own (a|b)."}},
            r"BTC-USD learnt from 1 feature: 1 of the file's own (a\|b).",
        ),
        ({"features": ["rsi", "atr"]}, "BTC-USD learnt from 2 features: rsi, atr."),
    ],
    ids=["today's card", "a card of release 0.1.0"],
)
def test_the_report_lists_what_was_learnt_from(card: dict[str, Any], line: str) -> None:
    known = replace(facts(original()), cards={"BTC-USD": card})
    assert f"- {line}" in render(known).splitlines()
    down = render(facts(original(), spec={"label": {"horizonBars": 1, "ties": "Down"}}))
    assert "counted as not up" in down and "looks into the future" not in down
    assert row(down, "Data", "BTC-USD")[4] == "5 %"


ADVICE: list[tuple[str, dict[str, Any], dict[str, Any], str | None, str]] = [
    ("suspect", {"suspicions": ("Accuracy is 99 %",)}, {}, "Too good to be true", "`data.features`"),
    ("rewritten", {}, {"document": {"restated": {"day": "2026-11-20", "column": "rsi", "asOf": "x"}}}, "The data was rewritten", "(column `rsi` on 2026-11-20)"),
    ("late corrections", {}, {"document": {"restated": {"day": "2026-11-20", "column": "close", "asOf": "x", "late": True}}}, None, "The data was rewritten"),
    ("of another release", {}, {"document": {"restated": {"day": "2026-11-20"}}}, None, "The data was rewritten"),
    ("flat as down", {"flat_bars": 4_100}, {"spec": {"label": {"ties": "Down"}}}, "Flat bars counted as down", "`label.ties`"),
    ("flat dropped", {"flat_bars": 4_100}, {}, None, "Flat bars counted as down"),
    ("no skill", {"baselines": Baselines(majority=0.72)}, {}, "No better than the majority", "`label.horizonBars`"),
    ("poor on train too", {}, {"training": (0.525, 0.519)}, "Under-fitted", "`model.hiddenSize`"),
    ("good on train", {}, {"training": (0.60, 0.519)}, None, "Under-fitted"),
    ("last epoch best", {}, {"item": {"best_epoch": 50, "epochs": 50}}, "Stopped by the epoch limit", "`training.epochs`"),
    ("an earlier one best", {}, {"item": {"best_epoch": 43, "epochs": 50}}, None, "Stopped by the epoch limit"),
    ("remembers", {}, {"training": (0.75, 0.60)}, "Over-fitted", "`model.dropout`"),
    ("does not remember", {}, {"training": (0.61, 0.60)}, None, "Over-fitted"),
    ("validation better than test", {}, {"training": (0.7, 0.7)}, "The market changed", "`split.testPercent`"),
    ("validation as test", {}, {"training": (0.6, 0.6)}, None, "The market changed"),
    ("old", {}, {"document": {"trainedUntil": "2024-11-21T06:00:00Z"}}, "The learning is old", "X-USD (the weights end 215 days before the last bar). Let"),
    ("old, and what to change", {}, {"document": {"trainedUntil": "2024-11-21T06:00:00Z"}}, "The learning is old", "`split.test` hold back a length of time"),
    ("old by a month and a minute", {}, {"document": {"trainedUntil": "2025-05-24T23:59:00Z"}}, "The learning is old", "`data.window`"),
    ("a month old", {}, {"document": {"trainedUntil": "2025-05-25T00:00:00Z"}}, None, "The learning is old"),
    ("of before the times", {}, {"document": {"trainedUntil": None}}, None, "The learning is old"),
    ("no split of days could shorten it", {}, {"spec": {"data": {"interval": "1d"}}, "document": {"trainedUntil": "2024-08-28T00:00:00Z"}}, None, "The learning is old"),
    ("a split of days could", {}, {"spec": {"data": {"interval": "1d"}}, "document": {"trainedUntil": "2024-08-26T00:00:00Z"}}, "The learning is old", "the weights end 302 days before"),
    ("badly calibrated", {"calibration_error": 0.07}, {}, "Not calibrated", "`split.validationPercent`"),
    ("not calibrated", {"calibration_error": 0.07}, {"spec": {"evaluation": {"calibration": "None"}}}, "Not calibrated", "`evaluation.calibration` to Platt"),
    ("well calibrated", {"calibration_error": 0.03}, {}, None, "Not calibrated"),
    ("wide interval", {"near_bounds": ((0.58, 0.55, 0.5),)}, {}, "Too few test bars", "`split.testPercent`"),
    ("no interval", {"near_bounds": ()}, {}, "Too few test bars", "`split.testPercent`"),
    ("narrow interval", {}, {}, None, "Too few test bars"),
    ("bar in the interval", {}, {"document": {"intervals": {"accuracy": {"95": [0.5, 0.7]}}}}, "Too few test bars", "accuracy 50 % to 70 % at 95 % around 68 %"),
    ("bar outside it, wide as it is", {"near_bounds": ((0.58, 0.5, 0.5),)}, {"document": {"intervals": {"accuracy": {"95": [0.5, 0.65]}}}}, None, "Too few test bars"),
    ("worse than on validation", {"calibration_error": 0.07}, {"document": {"validation": {"calibrationError": 0.012}}}, "Not calibrated", "(7 %, 1.2 % on validation, a perfectly"),
    ("poor, layers", {}, {"training": (0.525, 0.519)}, "Under-fitted", "more `model.layers`"),
    ("fails at the tenth try", {"judged_before": 12}, {}, None, "used often"),
    ("rule as good", {"baselines": Baselines(majority=0.5, reversal=0.59)}, {}, "A rule without training", "`data.features`"),
    ("fees", {"pnl": -0.5}, {}, "Nothing is left after fees", "`evaluation.backtest.threshold`"),
    ("gain", {"pnl": 0.5}, {}, None, "Nothing is left after fees"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("numbers", "circumstances", "cause", "words"), [case[1:] for case in ADVICE], ids=[case[0] for case in ADVICE]
)
def test_next_steps_follow_from_the_numbers_and_name_the_field_to_change(
    numbers: dict[str, Any], circumstances: dict[str, Any], cause: str | None, words: str
) -> None:
    metrics = measured(0.60, 0.04).metrics
    moved = {name: numbers[name] for name in ("pnl", "calibration_error") if name in numbers}
    rest = {name: value for name, value in numbers.items() if name not in moved}
    measurement = measured(0.60, 0.04, **({"metrics": metrics.model_copy(update=moved)} | rest))
    train, validation = circumstances.get("training", (None, None))
    case = facts(
        {"X-USD": measurement},
        spec=circumstances.get("spec"),
        document={"training": {"trainAccuracy": train, "validationAccuracy": validation}}
        | circumstances.get("document", {}),
        items={"X-USD": circumstances.get("item", {})},
    )
    steps = section(render(case), "Next steps")
    assert (words in steps) is (cause is not None)
    assert cause is None or f"**{cause}" in steps


@pytest.mark.parametrize(("before", "told"), [(9, False), (10, True), (None, False)])
def test_a_pass_after_many_tries_comes_with_a_warning(before: int | None, told: bool) -> None:
    text = render(facts({"X-USD": measured(0.75, judged_before=before)}))
    assert ("**These test bars were used often**: X-USD (10 models before this one)" in text) is told


def test_one_cause_of_several_models_is_one_line_with_the_field_as_it_is_now() -> None:
    text = section(render(facts(dict.fromkeys(SYMBOLS, measured(0.6, 0.07)))), "Next steps")
    line = next(line for line in text.splitlines() if "Not calibrated" in line)
    assert "BTC-USD (7 %, a perfectly calibrated model would read 1 %), ETH-USD (7 %" in line
    assert line.endswith("Now: `split.validationPercent` 15.")


def test_a_model_that_falls_short_for_no_visible_cause_is_not_said_to_pass() -> None:
    steps = section(render(facts({"BTC-USD": measured(0.712), "SOL-USD": measured(0.668)})), "Next steps")
    assert "No cause stands out in the numbers" in steps and "every model passes" not in steps


def test_a_run_with_nothing_to_change_says_so() -> None:
    assert "Nothing to do: every model passes" in render(facts(dict.fromkeys(SYMBOLS, measured(0.75))))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", "a\\|b"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("[click](http://x)", "\\[click\\](http://x)"),
        ("two\nlines", "two lines"),
        ("rsi_14", "rsi_14"),
        ("`code` *bold*", "\\`code\\` \\*bold\\*"),
    ],
)
def test_text_from_a_file_stays_text(text: str, safe: str) -> None:
    assert plain(text) == safe


def test_every_table_is_a_table() -> None:
    lines = render(facts(original(), promotion=Promotion())).splitlines()
    widths: list[int] = []
    for line in lines:
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(line.count("|"))
        assert len(set(widths)) == 1, line


def test_the_results_file_is_enough_to_judge_again() -> None:
    document = json.loads(json.dumps(results_document(facts(original())), allow_nan=False))
    candidates = [
        Candidate(entry["symbol"], Measurement.model_validate(entry["measurement"])) for entry in document["items"]
    ]
    again = judge(Gate.model_validate(document["spec"]["gate"]), document["judgement"]["required"], candidates)
    assert to_wire(again) == document["judgement"]
