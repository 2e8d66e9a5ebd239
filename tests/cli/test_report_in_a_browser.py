"""report.html in a real browser: it asks for nothing, complains of nothing, and fits a desk and a phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from support.browser import Tab, browser, chromium, tab
from support.report_case import evaluation, whole_facts

from retrain_trainer.report.html import draw, page

WIDTHS = (1280, 390)
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


@pytest.fixture(scope="module")
def html() -> str:
    warning = "a name as long as " + "x" * 200
    known = whole_facts(document=evaluation() | {"warnings": [warning]})
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
