"""The report says what the numbers say, in words that any reader understands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import measured
from support.report_case import SYMBOLS, facts, original, row, rows, section, whole_facts

from retrain_api.documents.results import NotPromoted, Promoted
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import Baselines, Champion, Measurement, Metrics
from retrain_api.spec.gate import Criterion, Gate
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import Previous, Promotion, TestPeriod
from retrain_trainer.report.advice import RULES
from retrain_trainer.report.sections import render
from retrain_trainer.report.text import plain
from retrain_trainer.tasks.publish import results_document

PARTS = ["Asked", "Verdict", "Next steps", "Account", "Evidence", "Luck", "Predecessor", "Lineage"]


def test_the_order_is_that_of_whoever_trades() -> None:
    text = render(whole_facts())
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == PARTS
    assert text.startswith(
        "# BTC-USD +10 %, ETH-USD +10 %, SOL-USD +10 %: Pass\n\nReport 3 of default/nightly, 2025-06-24 02:00 UTC\n"
    )


def test_a_part_of_which_nothing_is_known_is_left_out() -> None:
    text = render(facts(original()))
    assert [part for part in PARTS if not section(text, part)] == ["Luck", "Predecessor"]


def test_each_sentence_is_said_once() -> None:
    lines = render(whole_facts()).splitlines()
    said = [line for line in lines if line.startswith("- ") or (line and line[0].isalpha())]
    assert len(said) > 15 and len(said) == len(set(said))
    bare = [line.split(": ", 1)[-1] for line in said if not line.startswith("- Predictions of")]
    assert len(bare) == len(set(bare))


@pytest.mark.parametrize(
    ("measurements", "title"),
    [
        ({"A-USD": measured(0.7), "B-USD": measured(0.6)}, "# A-USD +10 %, B-USD +10 %: Fail"),
        (
            {
                "A-USD": measured(0.7, metrics=Metrics(accuracy=0.6, pnl=-0.123456)),
                "B-USD": measured(0.7, metrics=Metrics(accuracy=0.6, pnl=0.0)),
            },
            "# A-USD -12.3 %, B-USD 0 %: Fail",
        ),
        ({"A-USD": None}, "# A-USD: Error"),
        ({f"{n}-USD": measured(0.7) for n in "ABCDE"}, "# A-USD +10 %, B-USD +10 %, C-USD +10 %, 2 more: Pass"),
    ],
)
def test_the_title_has_symbols_pnl_and_verdict(measurements: dict[str, Any], title: str) -> None:
    assert render(facts(measurements)).startswith(title + "\n")


def test_the_verdict_has_its_class_and_the_reason_of_each_model_that_fails() -> None:
    head = section(render(facts(original())), "Verdict")
    assert (
        "**Pass, Acceptable** (enough models pass, though not all): 2 of 3 models pass (BTC-USD and ETH-USD), 2 required."
        in head
    )
    assert "- SOL-USD fails: accuracy 66.8 % is 1.2 points below 68 %.\n" in head


def judged_as(verdicts: dict[str, str], reason: str = "it may be luck") -> Any:
    """Facts of a run whose models have these verdicts."""
    known = facts({symbol: measured(0.7) for symbol in verdicts})
    words = {"Suspect": "is suspect", "Inconclusive": "is inconclusive", "Fail": "fails"}
    models = tuple(
        model.model_copy(
            update={
                "verdict": verdicts[model.symbol],
                "reasons": (f"{model.symbol} {words[verdicts[model.symbol]]}: {reason}",),
            }
        )
        for model in known.judgement.models
    )
    return replace(known, judgement=known.judgement.model_copy(update={"models": models, "verdict": "Inconclusive"}))


def test_the_words_for_a_verdict_are_explained_where_they_stand() -> None:
    text = section(render(judged_as({"A-USD": "Suspect", "B-USD": "Inconclusive"})), "Verdict")
    assert "**Suspect**: a figure or a feature is too good to be true; a person has to find out why" in text
    assert "**Inconclusive**: the points would do and the evidence does not" in text
    assert "**Suspect**" not in section(render(facts(original())), "Verdict")


def test_one_reason_of_several_models_is_said_once() -> None:
    text = section(render(judged_as({"A-USD": "Suspect", "B-USD": "Suspect"}, "feature x knows later bars")), "Verdict")
    assert "- A-USD and B-USD are suspect: feature x knows later bars.\n" in text
    failed = section(render(facts({"A-USD": None, "B-USD": None, "C-USD": measured(0.6)})), "Verdict")
    assert "- A-USD and B-USD have no verdict: its training failed: the loss is not finite.\n" in failed


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
    assert "- Predictions of BTC-USD: `s3://bucket/runs/predictions.parquet`\n" in text
    assert text.count("- `retrain verify` computes every figure again from the predictions\n") == 1
    assert "Predictions of" not in render(facts(original()))  # measured by a release that kept none


def test_each_criterion_has_its_margin_and_a_miss_is_bold() -> None:
    text = render(facts(original() | {"BTC-USD": measured(0.513, 0.07), "ETH-USD": measured(0.68, 0.05)}))
    (accuracy, calibration) = rows(text, "Verdict", "BTC-USD")
    assert (accuracy["Verdict"], accuracy["Criterion"]) == ("**Fail**", "Accuracy \\>= 68 %")
    assert (accuracy["Measured"], accuracy["Distance"]) == ("**51.3 %**", "16.7 points short")
    assert (calibration["Measured"], calibration["Distance"]) == ("**7.0 %**", "2.0 points short")
    assert [each["Distance"] for each in rows(text, "Verdict", "ETH-USD")] == ["exactly met"] * 2
    assert rows(text, "Verdict", "SOL-USD")[1]["Distance"] == "0.1 points clear"


def test_any_criterion_has_a_row() -> None:
    gate = Gate(criteria=(Criterion(metric="auc", at_least=0.75), Criterion(metric="sharpe", at_least=1.5)))
    found = rows(render(facts(original(), gate=gate)), "Verdict", "BTC-USD")
    assert [each["Criterion"] for each in found] == ["AUC \\>= 0.75", "Sharpe ratio \\>= 1.5"]
    assert [each["Measured"] for each in found] == ["**0.700**", "**1.00**"]


def test_a_model_that_broke_is_named_and_has_no_numbers() -> None:
    text = render(facts(original() | {"SOL-USD": None}))
    assert set(row(text, "Verdict", "SOL-USD").values()) == {"SOL-USD", "**Error**", "-"}
    assert not row(text, "Account", "SOL-USD") and not row(text, "Evidence", "SOL-USD")
    assert "SOL-USD has no verdict: its training failed: the loss is not finite." in text
    assert "**Error**: there is nothing to judge, because a phase failed." in text
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


def test_what_was_promoted_and_why_the_rest_was_not() -> None:
    promotion = Promotion(
        (Promoted(symbol="BTC-USD", uri="s3://m/promoted/new.pt", sha256="f" * 64),),
        (NotPromoted(symbol="ETH-USD", reason="OlderTest", message="It was tested on older bars."),),
    )
    known = facts(original(), promotion=promotion)
    text = render(known)
    assert f"| BTC-USD | `s3://m/promoted/BTC-USD.json` | `s3://m/promoted/new.pt` | `{'f' * 64}` |" in section(
        text, "Lineage"
    )
    verdict = section(text, "Verdict")
    assert "**Promoted**: BTC-USD.\n" in verdict
    assert "- ETH-USD was not promoted: It was tested on older bars." in verdict
    assert "- SOL-USD was not promoted: the verdict is Fail." in verdict
    approved = replace(known, task=known.task.model_copy(update={"approved_by": "ada"}))
    assert "**Promoted**: BTC-USD, approved by ada.\n" in render(approved)


@pytest.mark.parametrize(
    ("accuracy", "policy", "why"),
    [
        (0.6, "Automatic", "the verdict on the run is Fail"),
        (0.7, "Never", "spec.promotion.policy is Never."),
        (0.7, "Manual", "waiting for approval, or not approved."),
    ],
)
def test_why_a_model_that_passes_is_not_promoted(accuracy: float, policy: str, why: str) -> None:
    measurements = original() | {"ETH-USD": measured(accuracy)}
    text = render(facts(measurements, promotion=Promotion(), spec={"promotion": {"policy": policy}}))
    names = "BTC-USD was" if accuracy == 0.6 else "BTC-USD and ETH-USD were"
    assert f"- {names} not promoted: {why}" in section(text, "Verdict")


def test_before_the_promotion_the_report_does_not_claim_one() -> None:
    assert "had not been carried out when this report was written" in section(render(facts(original())), "Verdict")


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
    text = section(render(facts(measurements, before={"BTC-USD": old, "ETH-USD": None})), "Predecessor")
    assert "| BTC-USD | old | `old.pt` | 69 % | - | 20 % | 2025-05-31 |" in text
    assert "| BTC-USD | new | `lstm_BTC-USD.pt` | 71.2 % | 4 % | 10 % | 2025-06-24 00:00 UTC |" in text
    assert "| ETH-USD |" not in text  # no model was in service
    assert "BTC-USD: on the same 9,000 bars the predecessor reads 70 %, and the new one differs by +1.2 points." in text
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
    text = section(render(facts({"BTC-USD": measured(0.712, champion=champion)})), "Predecessor")
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


def test_that_a_model_has_learnt_nothing_is_said_with_the_verdict_and_is_the_first_next_step() -> None:
    text = render(facts({"BTC-USD": measured(0.52)}, document=LEARNT_NOTHING))
    assert f"- **BTC-USD has learnt nothing**: {NOTHING}.\n" in section(text, "Verdict")
    assert section(text, "Next steps").lstrip().startswith(f"- **It has learnt nothing**: BTC-USD ({NOTHING}).")


def confusion(tp: int, fp: int, tn: int, fn: int) -> dict[str, Any]:
    return {"confusion": {"tp": tp, "fp": fp, "tn": tn, "fn": fn}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (confusion(0, 0, 5_500, 4_500), "**BTC-USD always says down**: on 10,000 of 10,000 test bars."),
        (confusion(4_500, 5_500, 0, 0), "**BTC-USD always says up**: on 10,000 of 10,000 test bars."),
        (confusion(4_450, 5_450, 50, 50), "**BTC-USD nearly always says up**: on 9,900 of 10,000 test bars."),
        (confusion(4_449, 5_450, 50, 51), None),
        (confusion(0, 0, 0, 0), None),
        ({"confusion": {"tp": 1}}, None),
        ({}, None),
    ],
)
def test_a_model_that_always_says_the_same_is_called_that(document: dict[str, Any], words: str | None) -> None:
    text = render(facts({"BTC-USD": measured(0.52)}, document=document))
    assert (
        (f"- {words}\n" in section(text, "Verdict"))
        if words
        else ("USD always says" not in text and "nearly always" not in text)
    )
    assert ("**It always says the same**: BTC-USD (" in section(text, "Next steps")) is (words is not None)


def test_of_a_model_that_has_learnt_nothing_the_next_step_is_one() -> None:
    both = LEARNT_NOTHING | confusion(0, 0, 5_500, 4_500)
    text = render(facts({"BTC-USD": measured(0.52)}, document=both))
    assert "**BTC-USD always says down**" in section(text, "Verdict")
    assert "It always says the same" not in section(text, "Next steps")


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
    ("fees", {"pnl": -0.5}, {}, "No gain is left after fees", "`evaluation.backtest.threshold`"),
    ("gain", {"pnl": 0.5}, {}, None, "No gain is left after fees"),
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


def test_of_sixty_models_what_repeats_is_folded() -> None:
    text = section(render(facts({f"X{n}-USD": measured(0.6 + n / 1000) for n in range(60)})), "Verdict")
    shown, folded = text.split("<details><summary>48 more</summary>")
    assert shown.count(" fails: ") == 12 and folded.count(" fails: ") == 48
    assert "<details><summary>The criteria of 60 models</summary>" in text


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
