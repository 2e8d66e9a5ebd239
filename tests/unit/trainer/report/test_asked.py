"""The strip at the top: what was asked, with all that it takes to ask it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.publishing_case import measured
from support.report_case import facts, item, original, section, whole_facts, whole_spec

from retrain_trainer.report.asked import asked
from retrain_trainer.report.sections import render


def answers(**changes: Any) -> dict[str, str]:
    return dict(asked(facts(original(), **changes)).entries)


def test_everything_that_asking_again_takes_is_in_the_strip() -> None:
    assert dict(asked(whole_facts()).entries) == {
        "Question": "Is the close higher 15 bars of 1m later? Unchanged closes are left out.",
        "Window": "The last 60d of `s3://bucket/features/`; 7d to choose by, 7d to test on",
        "Model": "LSTM, 3 layers, 128 units, both directions, dropout 0.35, windows of 60 bars",
        "Training": "At most 50 epochs, batches of 32, learning rate 0.001, weight decay 0.00001, seed 0",
        "Features": "31 features, named under Lineage",
        "Fee": "10 bps a fill; a trade where up or down is above 0.5",
        "Gate": "accuracy \\>= 68 % and calibrationError \\<= 5 %",
        "Again": "The whole spec is in `results.json`, beside this report.",
    }


@pytest.mark.parametrize(
    ("spec", "name", "answer"),
    [
        ({"label": {"horizonBars": 1, "ties": "Down"}}, "Question", "Is the close higher 1 bar later? Unchanged closes count as down."),
        ({"split": {"validationPercent": 15, "testPercent": 12.5}}, "Window", "All bars of the file; 15 % to choose by, 12.5 % to test on"),
        ({"split": {"validation": "14d", "validationPercent": 15, "testPercent": 15}}, "Window", "All bars of the file; 14d to choose by, 15 % to test on"),
        ({"split": {}}, "Window", "All bars of the file"),
        ({"data": {"uri": "file:///a|b/"}}, "Window", "All bars of `file:///a|b/`; 15 % to choose by, 15 % to test on"),
        ({"data": {"until": "2025-06-24T00:00:00Z"}}, "Time", "As of 2025-06-24 00:00 UTC, as the file reads today."),
        ({"data": {"until": "2025-06-24T02:30:15+02:00"}}, "Time", "As of 2025-06-24 00:30:15 UTC, as the file reads today."),
        ({"evaluation": {"backtest": {"feeBps": 2.5}}}, "Fee", "2.5 bps a fill"),
        ({"training": {"epochs": 1, "seed": 7}}, "Training", "At most 1 epoch, seed 7"),
    ],
)  # fmt: skip
def test_what_was_asked_is_said_in_words(spec: dict[str, Any], name: str, answer: str) -> None:
    assert answers(spec=spec)[name] == answer


def test_a_run_of_now_says_as_of_when() -> None:
    known = facts(original())
    pinned = tuple(
        one.model_copy(update={"data": one.data and one.data.model_copy(update={"as_of": "2025-06-24T02:00:00Z"})})
        for one in known.task.items
    )
    at = replace(known, task=known.task.model_copy(update={"items": pinned}))
    assert dict(asked(at).entries)["Time"] == "As of 2025-06-24 02:00 UTC."


@pytest.mark.parametrize("spec", [{name: {} for name in ("label", "split", "model", "training", "evaluation")}])
def test_what_an_older_spec_lacks_is_left_out(spec: dict[str, Any]) -> None:
    assert set(answers(spec=spec)) == {"Question", "Window", "Gate", "Again"}


@pytest.mark.parametrize(
    ("cards", "answer", "listed"),
    [
        ({"BTC-USD": {"features": ["a|b"], "featureSet": {"sentence": "1 feature: 1 of the file's own (a|b)."}}}, r"1 feature: 1 of the file's own (a\|b).", ()),
        ({"BTC-USD": {"features": ["rsi", "atr"]}}, "2 features: rsi, atr.", ()),
        ({"BTC-USD": {"features": ["rsi"]}, "ETH-USD": {"features": ["atr"]}}, "Named under Lineage", ("BTC-USD: learnt from 1 feature: rsi.", "ETH-USD: learnt from 1 feature: atr.")),
        ({}, None, ()),
    ],
    ids=["today's card", "a card of release 0.1.0", "not the same ones", "no card"],
)  # fmt: skip
def test_the_features_are_listed_once(cards: dict[str, Any], answer: str | None, listed: tuple[str, ...]) -> None:
    known = replace(facts(original()), cards=cards)
    assert dict(asked(known).entries).get("Features") == answer
    found = [line for line in section(render(known), "Lineage").splitlines() if "learnt from" in line]
    assert found == [f"- {line}" for line in listed]


def test_in_markdown_the_strip_is_a_table_that_comes_first() -> None:
    known = facts({"X-USD": measured(0.7)}, spec=whole_spec())
    lines = section(render(known), "Asked").strip().splitlines()
    assert lines[:2] == ["| Asked | Answer |", "| :-- | :-- |"]
    assert item("X-USD", None).symbol in render(known).splitlines()[0]
