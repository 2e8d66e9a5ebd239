"""The page of a model in service: what it says, that nothing in it can run, and how it looks in a real browser."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.browser import chromium, looked_at
from support.lives import blocks, judge, promoted

from retrain_api.observation.record import Block
from retrain_cli.commands.results.live import facts_of
from retrain_trainer.report.live.facts import LiveFacts
from retrain_trainer.report.live.page import page
from retrain_trainer.report.live.plots import POINTS
from retrain_trainer.store.open import open_store

NOW = datetime(2025, 9, 1, tzinfo=UTC)


@pytest.fixture
def facts(tmp_path: Path) -> LiveFacts:
    """Twenty days as promised, then fifteen far below."""
    (tmp_path / "models").mkdir()
    store = open_store(f"file://{tmp_path}/models/", {}, 1)
    judge(store, promoted(store), blocks([0.715] * 24 * 20 + [0.58] * 24 * 15))
    return facts_of(store, "BTC-USD", NOW, None)


def with_record(facts: LiveFacts, record: list[Block]) -> LiveFacts:
    return replace(facts, life=replace(facts.life, record=tuple(record)))


def test_two_plots_a_row_for_each_day_and_one_for_all(facts: LiveFacts) -> None:
    html = page(facts)
    assert html.count("<svg") == 2 and html.count('class="total"') == 1
    assert html.count('<th scope="row">') == 35 + 1 and "<summary>21 days before</summary>" in html
    text = re.sub("<[^>]+>", " ", html)
    assert "2025-07-14" in text and "Decaying: right in 65.9" in text
    tips = re.findall(r'<g class="tip"><title>([^<]*)</title>', html)
    assert any(re.fullmatch(r"2025-07-14 \d\d:\d\d UTC: wealth [\d,.]+", tip) for tip in tips)
    assert any(tip.startswith("2025-07-01: 7") and tip.endswith("from the bar") for tip in tips)


@pytest.mark.parametrize("shares", [[], [0.7], [0.7] * 3 * POINTS], ids=["nothing", "a block", "many"])
def test_it_is_written_of_any_record(facts: LiveFacts, shares: list[float]) -> None:
    html = page(with_record(facts, blocks(shares)))
    assert html.count("<svg") == (2 if shares else 0)
    assert html.count("<p>") >= 1 and "nan" not in re.sub("<[^>]+>", " ", html)


@pytest.mark.parametrize(("namespace", "where"), [("default", ""), ("team", " -n team")])
def test_a_model_that_nobody_looked_at_says_with_what_to_look(facts: LiveFacts, namespace: str, where: str) -> None:
    pointer = facts.pointer.model_copy(update={"run": facts.pointer.run.model_copy(update={"namespace": namespace})})
    html = page(replace(with_record(facts, []), pointer=pointer))
    assert f"<code>retrain observe nightly{where}</code>" in html


def test_days_without_a_judged_bar_are_rows_with_dashes(facts: LiveFacts) -> None:
    record = [replace_bars(block) for block in blocks([0.7] * 30)]
    html = page(with_record(facts, record))
    assert html.count("<svg") == 1 and html.count("<td>-</td>") >= 6


def replace_bars(block: Block) -> Block:
    return block.model_copy(update={"bars": 0, "right": 0})


def test_nothing_that_a_name_or_a_reason_says_becomes_markup(facts: LiveFacts) -> None:
    bad = "<script>alert(1)</script>"
    pointer = facts.pointer.model_copy(
        update={"approved_by": f"ada: {bad}", "run": facts.pointer.run.model_copy(update={"name": bad})}
    )
    html = page(replace(facts, pointer=pointer, store=f"s3://b/`{bad}`/", notes=(bad,)))
    assert "<script" not in html


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_asks_for_nothing_complains_of_nothing_and_fits(
    facts: LiveFacts, tmp_path: Path, width: int, dark: bool, require: Any
) -> None:
    require(chromium(), "a real browser: no chromium here; on Debian: apt-get install chromium")
    file = tmp_path / "live.html"
    file.write_text(page(facts))
    assert asyncio.run(looked_at(file, width, dark)) == ([], [], [], True)
