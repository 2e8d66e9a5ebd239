"""The page of a backfill: what it says, that nothing in it can run, and how it looks in a real browser."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.browser import chromium, looked_at
from support.later_scores import scores

from retrain_trainer.report.backfill.facts import BackfillFacts, Judged
from retrain_trainer.report.backfill.page import page


def facts(promoted: list[bool], skill: list[float], **more: Any) -> BackfillFacts:
    known = [
        scores(promoted, dict(enumerate(skill)), symbol, seed=i) for i, symbol in enumerate(("BTC-USD", "ETH-USD"))
    ]
    judged = {
        (one.symbol, slot.slot): Judged("Pass")
        if slot.promoted
        else Judged("Fail", ("accuracy 50 % is 18 points below 68 %",))
        for one in known
        for slot in one.slots
    }
    fields: dict[str, Any] = {
        "namespace": "default",
        "schedule": "weekly",
        "key": "1a2b3c4d5e6f7a8b",
        "cron": "0 3 * * 6 (Etc/UTC)",
        "written_at": "2026-01-01T00:00:00Z",
        "asked": (("Fee", "10 bps a fill"),),
        "scores": tuple(known),
        "judged": judged,
        "bar": 0.55,
    }
    return BackfillFacts(**(fields | more))


MIXED = ([False, True, False, True, True], [0.5, 0.6, 0.5, 0.62, 0.64])


def test_a_row_for_each_slot_and_one_for_all() -> None:
    html = page(facts(*MIXED))
    assert html.count('<th scope="row"><span') == 2 * 5 and html.count('class="total"') == 2
    assert "of 1970-01-02" in re.sub("<[^>]+>", "", html), "the third slot is served by the second's model"
    assert "Why 2 models did not pass" in html
    assert html.count("<svg") == 4


def test_where_nothing_passed_there_is_no_account() -> None:
    html = page(facts([False] * 3, [0.5] * 3))
    assert "there was no position" in html and html.count("<svg") == 2


def test_nothing_that_a_name_or_a_reason_says_becomes_markup() -> None:
    bad = "<script>alert(1)</script>"
    known = facts([False], [0.5], schedule=bad, asked=((bad, bad),))
    judged = {key: Judged(bad, (bad,)) for key in known.judged}
    html = page(facts([False], [0.5], schedule=bad, asked=((bad, bad),), judged=judged))
    assert "<script" not in html


@pytest.fixture(scope="module")
def html() -> str:
    return page(facts(*MIXED))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_asks_for_nothing_complains_of_nothing_and_fits(
    html: str, tmp_path: Path, width: int, dark: bool, require: Any
) -> None:
    require(chromium(), "a real browser: no chromium here; on Debian: apt-get install chromium")
    file = tmp_path / "backfill.html"
    file.write_text(html)
    assert asyncio.run(looked_at(file, width, dark)) == ([], [], [], True)


def test_slots_without_a_model_or_a_bar_are_rows_with_dashes() -> None:
    known = scores([False, False], {0: 0.5, 1: 0.5})
    nothing = np.zeros(0)
    empty = replace(
        known,
        times=nothing.astype(np.int64),
        close=nothing,
        labels=nothing.astype(np.int8),
        place=nothing.astype(np.int64),
        answers=dict.fromkeys(known.answers, nothing),
        slots=tuple(replace(slot, model="", promise=None) for slot in known.slots),
    )
    judged = {("BTC-USD", slot.slot): Judged("Failed", ("too few rows",)) for slot in empty.slots}
    html = page(facts([False], [0.5], scores=(empty,), judged=judged))
    assert html.count("<td>-</td>") >= 3 and "Why 2 models did not pass" in html
    assert "None of 2 models passed. Nothing was in service, so there was no position.<" in html
