"""What the figures rest on: baselines, luck, doubts and where all of it comes from; each sentence says what the digits say."""

from __future__ import annotations

from typing import Any

import pytest
from support.publishing_case import measured
from support.report_case import DOCUMENT, facts, original, row, rows, section

from retrain_api.measurement import Baselines, Measurement, Metrics
from retrain_trainer.report.sections import render
from retrain_trainer.report.text import period, plain, probability, when
from retrain_trainer.report.value import skill

USD1 = Measurement(
    metrics=Metrics(accuracy=0.86, calibration_error=0.03, pnl=-0.99),
    baselines=Baselines(majority=0.52, persistence=0.2, reversal=0.85, logistic=0.87),
    bars=5_000,
    trades=4_000,
)


@pytest.mark.parametrize(
    ("accuracy", "rules", "said"),
    [
        (0.86, (0.52, 0.2, 0.85, 0.87), "an unfitted rule (the price returns to its 20-bar mean) comes within 1.0 points of it (85 %, the model 86 %)"),
        (0.86, (0.52, 0.85, 0.2, 0.87), "an unfitted rule (the last move continues) comes within 1.0 points of it (85 %"),
        (0.86, (0.52, 0.2, 0.861, 0.87), "an unfitted rule (the price returns to its 20-bar mean) is right more often (86.1 %, the model 86 %)"),
        (0.86, (0.52, 0.2, 0.86, 0.5), "an unfitted rule (the price returns to its 20-bar mean) is right as often (86 %)"),
        (0.684, (0.52, 0.5, 0.5, 0.676), "a logistic regression on the same features comes within 0.8 points of it (67.6 %, the model 68.4 %)"),
        (0.6844, (0.52, 0.5, 0.5, 0.6756), "comes within 0.8 points of it (67.6 %, the model 68.4 %)"),
        (0.684, (0.52, 0.5, 0.5, 0.69), "a logistic regression on the same features is right more often (69 %, the model 68.4 %)"),
        (0.684, (0.52, 0.5, 0.5, 0.68403), "a logistic regression on the same features is right as often (68.4 %)"),
        (0.90, (0.52, 0.5, 0.85, 0.87), "accuracy 90 % is 3.0 points above the best baseline"),
        (0.52, (0.52, 0.5, 0.5, 0.5), "no skill, since always predicting the more frequent class is right as often (52 %)"),
        (0.48, (0.52, 0.5, 0.5, 0.5), "no skill, since always predicting the more frequent class is right more often (52 %, the model 48 %)"),
        (0.52, (0.50, None, None, None), "accuracy 52 % is 2.0 points above the best baseline"),
        (0.52, (None, None, None, None), "without a baseline to compare with"),
        (None, (0.52, 0.5, 0.5, 0.5), "its accuracy was not measured"),
    ],
)  # fmt: skip
def test_what_a_model_adds_to_rules_without_training(
    accuracy: float | None, rules: tuple[float | None, ...], said: str
) -> None:
    names = ("majority", "persistence", "reversal", "logistic")
    baselines = Baselines(**dict(zip(names, rules, strict=True)))
    found = skill(Measurement(metrics=Metrics(accuracy=accuracy), baselines=baselines))
    assert said in found and "or better" not in found


def test_the_report_on_a_passing_stablecoin_says_what_the_model_is_worth() -> None:
    text = render(facts({"USD1-USDT": USD1}))
    cells = row(text, "Evidence", "USD1-USDT")
    assert [cells[name] for name in ("Accuracy", "Majority", "Persistence", "Reversal", "Logistic regression")] == [
        "86 %",
        "52 % (+34.0)",
        "20 % (+66.0)",
        "85 % (+1.0)",
        "87 % (-1.0)",
    ]
    assert "- USD1-USDT: an unfitted rule" in section(text, "Evidence")
    assert "no gain is left" in section(text, "Account")
    assert "**A rule without training does about as well**: USD1-USDT (reversal 85 %, the model 86 %)" in text
    assert "**No gain is left after fees**" in text and "`evaluation.backtest.feeBps` 10, " in text


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
        "logistic": {"difference": 0.02, "low": 0.01, "high": 0.03, "pValue": 0.000999},
    },
    "baseRate": 0.497,
    "confusion": {"tp": 2_000, "fp": 1_000, "tn": 4_000, "fn": 3_000},
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
    return render(facts({"BTC-USD": measurement or measured(0.52)}, document=UNCERTAINTY | document))


def test_the_figures_stand_with_their_intervals_and_the_class_balance() -> None:
    assert row(sure(), "Evidence", "BTC-USD") == {
        "Model": "BTC-USD",
        "Accuracy": "52 %",
        "95 % interval": "1 % to 3 %",
        "Majority": "51 % (+1.2, p = 0.012)",
        "Persistence": "50 % (-3.0)",
        "Reversal": "55 % (+0.1, p = 0.45)",
        "Logistic regression": "56 % (+2.0, p \\< 0.001)",
        "Test bars": "10,000",
        "Went up": "49.7 %",
        "Said up": "30 %",
        "Validation accuracy": "53 %",
        "Calibration error": "4 %",
        "A calibrated model reads": "1 %",
        "F1": "0.60",
        "AUC": "0.70",
        "Brier score": "0.200",
    }
    assert rows(sure(), "Evidence", "BTC-USD")[0]["95 % interval"] == "50 % to 54 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000999, "< 0.001"),
        (0.001, "0.001"),
        (0.0346, "0.035"),
        (0.1, "0.10"),
        (0.456, "0.46"),
        (0.99, "0.99"),
        (0.999, "0.999"),
        (0.9995, "> 0.999"),
        (None, "-"),
    ],
)
def test_one_probability_reads_alike_everywhere(value: float | None, text: str) -> None:
    assert probability(value) == plain(text)


def test_the_calibration_curve_has_counts_and_leaves_empty_bins_out() -> None:
    text = section(sure(), "Evidence")
    assert (
        "<details><summary>BTC-USD: every metric with its intervals, calibration, accuracy over time</summary>" in text
    )
    assert "| 50 % to 60 % | 4,000 | 55 % | 52.1 % |" in text and "40 % to 50 %" not in text
    assert "| Went up | 2,000 (40 %) | 3,000 (60 %) |" in text


def test_accuracy_is_by_day_and_over_a_longer_time_by_month() -> None:
    assert "| 2025-06-17 | 1,300 | 51 % |" in sure()
    many = [{"period": f"2025-06-{day:02}", "bars": 1, "accuracy": 0.5} for day in range(32)]
    assert "| 2025-06 | 10,000 | 52 % |" in sure(accuracyByDay=many)


NOT_FOR_SURE = "does not beat the majority significantly"
FURTHER_APART = "further apart than luck explains"
WIDER = "so the wider one is nearer the truth"
LONGER = {"blockBars": 75, "doubleBlockBars": 150}


@pytest.mark.parametrize(
    ("measurement", "document", "words", "told"),
    [
        ({}, {"majorityPValue": 0.21}, NOT_FOR_SURE, True),
        ({}, {"majorityPValue": 0.05}, NOT_FOR_SURE, False),
        ({"baselines": Baselines(majority=0.53)}, {"majorityPValue": 0.9}, NOT_FOR_SURE, False),
        ({"judged_before": 7}, {}, "BTC-USD: 7 other models were measured on these test bars before; trying until one passes", True),
        ({"judged_before": 1}, {}, "BTC-USD: 1 other model was measured on", True),
        ({"judged_before": 0}, {}, "measured on these test bars before", False),
        ({}, {"validation": {"bars": 10_000, "accuracy": 0.56}}, "right on 56 % of the validation bars and on 52 % of the test bars", True),
        ({}, {"validation": {"bars": 10_000, "accuracy": 0.48}}, FURTHER_APART + " (2.8 points)", True),
        ({}, {"validation": {"bars": 100, "accuracy": 0.60}}, FURTHER_APART, False),
        ({}, {"validation": None}, FURTHER_APART, False),
        ({}, {"doubleBlock": LONGER | {"intervals": {"accuracy": [0.48, 0.56]}}}, WIDER, True),
        ({}, {"doubleBlock": LONGER | {"intervals": {"accuracy": [0.499, 0.541]}}}, "with blocks of", False),
        ({}, {"doubleBlock": LONGER | {"intervals": None}}, "with blocks of", False),
        ({}, {"warnings": ["2 gaps in time"]}, "BTC-USD: 2 gaps in time.", True),
    ],
)  # fmt: skip
def test_the_report_says_what_makes_a_figure_doubtful(
    measurement: dict[str, Any], document: Any, words: str, told: bool
) -> None:
    lines = [line for line in sure(measured(0.52, **measurement), **document).splitlines() if line.startswith("- ")]
    assert sum(words in line for line in lines) == told


TRIED = {"tries": 12, "pValue": 0.02, "realityCheck": 0.21, "luck": 1.0, "luckiest": 0.534, "deflatedSharpe": 0.0001}


@pytest.mark.parametrize(
    ("found", "before", "cells"),
    [
        (TRIED, 11, {"Tried on these bars": "12", "The luckiest would read": "53.4 %", "p of one": "0.020",
                     "p of the luckiest": "0.21", "p over all tries": "\\> 0.999", "Sharpe ratio is real": "\\< 0.001"}),
        (TRIED | {"tries": 1, "luck": 0.2}, 0, {"Tried on these bars": "1", "p of one": "0.020", "p over all tries": "0.20",
                                               "Sharpe ratio is real": "\\< 0.001"}),
        (TRIED | {"deflatedSharpe": None}, 11, {"Tried on these bars": "12", "The luckiest would read": "53.4 %", "p of one": "0.020",
                                                "p of the luckiest": "0.21", "p over all tries": "\\> 0.999"}),
        ({}, 3, {"Tried on these bars": "4"}),
        ({}, None, {}),
        (None, None, {}),
    ],
)  # fmt: skip
def test_what_luck_explains(found: Any, before: int | None, cells: dict[str, str]) -> None:
    text = sure(measured(0.52, judged_before=before), luck=found)
    assert row(text, "Luck", "BTC-USD") == ({"Model": "BTC-USD"} | cells if cells else {})
    assert ("White's reality check" in text) is ("p of the luckiest" in cells)


def test_a_measurement_of_an_older_release_has_no_empty_columns() -> None:
    text = render(facts({"BTC-USD": measured(0.52)}))
    assert "-" not in row(text, "Evidence", "BTC-USD").values()
    assert row(text, "Evidence", "BTC-USD")["Majority"] == "51 % (+1.0)"


# Lineage


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("2025-06-24T02:00:00Z", "2025-06-24 02:00 UTC"),
        ("2025-06-24T02:00:15+02:00", "2025-06-24 00:00:15 UTC"),
        ("2025-06-24", "2025-06-24"),
        ("no|time", "no\\|time"),
        (None, "-"),
    ],
)
def test_a_time_is_written_as_a_person_does(time: str | None, words: str) -> None:
    assert when(time) == words


def test_a_period_names_its_zone_once() -> None:
    assert period("2025-06-17T00:00:00Z", "2025-06-24T00:16:00Z") == "2025-06-17 00:00 to 2025-06-24 00:16 UTC"
    assert period("2025-05-04", "2025-06-24") == "2025-05-04 to 2025-06-24"


def test_the_lineage_says_how_old_the_learning_is() -> None:
    times = {
        "trainedUntil": "2024-11-21T06:00:00Z",
        "knownUntil": "2025-03-07T12:00:00Z",
        "testedUntil": "2025-06-23T23:59:00Z",
    }
    text = section(render(facts(original(), document=times)), "Lineage")
    assert (
        "- BTC-USD, ETH-USD and SOL-USD: the weights end 215 days before the last bar. Trained on outcomes up to 2024-11-21 06:00 UTC, "
        "chosen by those up to 2025-03-07 12:00 UTC, tested on those up to 2025-06-23 23:59 UTC.\n" in text
    )
    assert "the weights end" not in render(facts({"BTC-USD": measured(0.7)}))


def test_the_data_is_named_and_dropping_flat_bars_is_not_hidden() -> None:
    text = render(facts(original()))
    assert rows(text, "Lineage", "BTC-USD")[0] == {
        "Model": "BTC-USD",
        "Bars": "2025-05-04 to 2025-06-24",
        "Rows": "73,139",
        "Test": "2025-06-17 00:00 to 2025-06-24 00:00 UTC",
        "Flat": "4.8 %",
        "sha256": "`dddddddddddd`",
    }
    assert "which looks into the future: a trader can't know" in text
    down = render(facts(original(), spec={"label": {"horizonBars": 1, "ties": "Down"}}))
    assert "Flat bars count as not up" in down and "looks into the future" not in down
    assert rows(down, "Lineage", "BTC-USD")[0]["Flat"] == "5 %"


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
    assert f"X-USD: {line}" in section(text, "Evidence")
