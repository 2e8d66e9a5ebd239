"""report.html in a real browser: it asks for nothing, complains of nothing, and fits a desk and a phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.browser import UNSEEN, Tab, browser, chromium, pages_of, tab
from support.report_case import whole_document, whole_facts

from retrain_trainer.report.html import draw, page

WIDTHS = (1280, 390)
TALLEST = 5_400
"""Pixels that a report on three models may take on a desk, with all that can be known of them."""
MOST_PAGES = 8
"""Printed pages that the same report may take, with all that is folded on a screen."""
BEACON = '<img src="https://example.invalid/x.png"><script>console.error("ran")</script></body>'

OVERFLOW = """
(() => {
  const widest = document.documentElement.clientWidth;
  const clipped = e => e.closest(".table") !== null && !e.matches(".table");
  return [...document.querySelectorAll("body *")]
    .filter(e => !clipped(e) && !e.closest("svg") && e.getBoundingClientRect().right > widest + 1)
    .map(e => e.outerHTML.slice(0, 80));
})()
"""
"""Elements that stick out at the right; tables scroll in their own frames."""

CUT = """
[...document.querySelectorAll("svg.plot")].flatMap(plot => {
  const frame = plot.getBoundingClientRect();
  return [...plot.querySelectorAll("text")].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map(text => plot.querySelector("title").textContent + ": " + text.textContent);
})
"""
"""Words of a plot that are cut off at its edge."""


@pytest.fixture(scope="module")
def program(require: Callable[[object, str], None]) -> str:
    found = chromium()
    require(found, "a real browser: no chromium here; on Debian: apt-get install chromium")
    return str(found)


UNDER_THE_MOUSE = """
[...document.querySelectorAll(".tip path")].filter(band => band.closest("details") === null && !(() => {
  const box = band.getBoundingClientRect();
  window.scrollTo({top: window.scrollY + box.top - 300, behavior: "instant"});
  const seen = band.getBoundingClientRect();
  const top = document.elementFromPoint(seen.left + seen.width / 2, seen.top + seen.height / 2);
  return top !== null && top.closest(".tip") !== null && top.closest(".tip").querySelector("title").textContent.length > 5;
})()).length
"""
"""Bands of the shown plots over whose middle the mouse would find no words."""

BROKEN = """
[...document.querySelectorAll(".whole")].filter(time => time.getClientRects().length > 1).map(time => time.textContent)
"""
"""Times that go over more than one line."""

HIDDEN = """
[...document.querySelectorAll(".table")].filter(e => e.closest("details") === null && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.getAttribute("aria-label"))
"""
"""Tables of which a part is hidden: on paper nobody can scroll."""


@pytest.fixture(scope="module")
def html() -> str:
    warning = "a name as long as " + "x" * 200
    known = whole_facts(document=whole_document(warnings=[warning]))
    return page(known, draw(known))


async def looked_at(
    program: str, folder: Path, url: str, width: int, dark: bool = False
) -> tuple[Tab, list[str], list[str], str]:
    """The tab after the page was opened at a width; what sticks out, what is cut off, and the colour of the ground."""
    async with browser(program, folder / "profile") as address, tab(address) as opened:
        await opened.open(url, width, dark)
        ground = await opened.evaluate("getComputedStyle(document.body).backgroundColor")
        found = await opened.evaluate(OVERFLOW), await opened.evaluate(CUT)
        assert await opened.evaluate("document.documentElement.scrollWidth") <= width
        return opened, *found, ground


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("dark", "ground"), [(False, "rgb(246, 246, 243)"), (True, "rgb(16, 20, 24)")])
def test_the_page_asks_for_nothing_complains_of_nothing_and_fits(
    program: str, html: str, tmp_path: Path, width: int, dark: bool, ground: str
) -> None:
    file = tmp_path / "report.html"
    file.write_text(html)
    opened, sticks_out, cut, painted = asyncio.run(looked_at(program, tmp_path, file.as_uri(), width, dark))
    assert [url for url in opened.requests if url != "data:,"] == [file.as_uri()]
    assert opened.complaints == []
    assert sticks_out == [] and cut == []
    assert painted == ground


async def asked_of(
    program: str, folder: Path, url: str, width: int, *expressions: str, paper: bool = False
) -> list[Any]:
    """What a page answers; `paper` shows it as it is printed."""
    async with browser(program, folder / "profile") as address, tab(address) as opened:
        await opened.open(url, width)
        if paper:
            await opened.call("Emulation.setEmulatedMedia", media="print")
        return [await opened.evaluate(expression) for expression in expressions]


def test_three_models_take_no_more_than_a_page_that_people_read(program: str, html: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html)
    asked = ("document.documentElement.scrollHeight", BROKEN, HIDDEN, UNDER_THE_MOUSE)
    height, broken, hidden, silent = asyncio.run(asked_of(program, tmp_path, file.as_uri(), 1280, *asked))
    assert height <= TALLEST
    assert broken == [] and hidden == [] and silent == 0


def test_times_do_not_break_on_a_phone(program: str, html: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html)
    assert asyncio.run(asked_of(program, tmp_path, file.as_uri(), 390, BROKEN)) == [[]]


def test_on_paper_no_table_is_cut_off(program: str, html: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(html)
    assert asyncio.run(asked_of(program, tmp_path, file.as_uri(), 690, HIDDEN, paper=True)) == [[]]


def test_on_paper_all_that_is_folded_is_there(program: str, html: str, tmp_path: Path) -> None:
    """Nobody can unfold paper. A browser that does not know how prints less, and fewer pages."""
    file = tmp_path / "report.html"
    file.write_text(html)
    shown, whole = asyncio.run(printed(program, tmp_path, file.as_uri()))
    shut, folded = asyncio.run(printed(program, tmp_path / "shut", put(tmp_path, html.replace("details-content", "x"))))
    assert shown == 0 and shut > 0
    assert pages_of(folded) < pages_of(whole) <= MOST_PAGES


async def printed(program: str, folder: Path, url: str) -> tuple[int, bytes]:
    """How many parts are folded away on paper, and the PDF."""
    async with browser(program, folder / "profile") as address, tab(address) as opened:
        await opened.open(url, 1280)
        pdf = await opened.printed()
        await opened.call("Emulation.setEmulatedMedia", media="print")
        return await opened.evaluate(UNSEEN), pdf


def put(folder: Path, html: str) -> str:
    """The address of a page with this text."""
    file = folder / "other.html"
    file.write_text(html)
    return file.as_uri()


def test_what_would_load_or_run_is_refused_by_the_page_itself(program: str, html: str, tmp_path: Path) -> None:
    """The other side: this test would see a request, a script and an error."""
    file = tmp_path / "report.html"
    file.write_text(html.replace("</body>", BEACON))
    opened, *_ = asyncio.run(looked_at(program, tmp_path, file.as_uri(), 1280))
    assert sum("Content Security Policy" in complaint for complaint in opened.complaints) == 2
    assert not any("ran" in complaint for complaint in opened.told("Runtime.consoleAPICalled"))
    file.write_text(html.replace("http-equiv", "name").replace("</body>", BEACON))
    free, *_ = asyncio.run(looked_at(program, tmp_path / "free", file.as_uri(), 1280))
    assert "https://example.invalid/x.png" in free.requests
    assert any("ran" in complaint for complaint in free.complaints)
