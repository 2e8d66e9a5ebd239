"""The HTML report: the same words as in Markdown, one file that loads nothing, readable by everybody."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.publishing_case import measured
from support.report_case import SYMBOLS, card, evaluation, facts, whole_facts

from retrain_api.documents.references import RunRef
from retrain_api.documents.results import NotPromoted, Promoted
from retrain_trainer.model.pointer import Promotion
from retrain_trainer.report import html as report_html
from retrain_trainer.report.drawing import plots
from retrain_trainer.report.drawing.figure import dated, panels, style
from retrain_trainer.report.drawing.pictures import Picture
from retrain_trainer.report.drawing.plots import drawdown
from retrain_trainer.report.facts import Facts
from retrain_trainer.report.html import draw, page
from retrain_trainer.report.markup import inline
from retrain_trainer.report.sections import render, sections
from retrain_trainer.report.text import Block, Bullets, Folded, Strip, Table

TESTS = Path(__file__).resolve().parents[3]
VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    """A tag with its attributes and all text in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page as a browser reads it, more or less."""

    html: str
    elements: list[Element] = field(default_factory=list)
    unclosed: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()
        assert not self.unclosed, self.unclosed[-1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self.unclosed.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.unclosed:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


def rendered(known: Facts) -> str:
    return page(known, draw(known))


@pytest.fixture(scope="module")
def html() -> str:
    return rendered(whole_facts())


@pytest.fixture(scope="module")
def whole(html: str) -> Page:
    return Page(html)


def words(text: str) -> str:
    text = re.sub(r"\[(\S+)\]\(\1\)", r"\1", text)
    return " ".join(re.sub(r"\\(.)|[*`]", r"\1", text).replace("\N{NO-BREAK SPACE}", " ").split())


# the same words as in Markdown


def said(content: Block) -> list[str]:
    """All words of a block."""
    match content:
        case Table(head, rows):
            return [cell for row in (head, *rows) for cell in row]
        case Strip(entries):
            return [cell for entry in entries for cell in entry]
        case Bullets(sentences):
            return list(sentences)
        case Folded(summary, blocks):
            return [summary, *(sentence for one in blocks for sentence in said(one))]
        case _:
            return [content]


def test_every_sentence_and_cell_of_the_markdown_report_is_in_the_page(whole: Page) -> None:
    text = words(whole.all("body")[0].text)
    for part in sections(whole_facts()):
        for sentence in (one for content in part.blocks for one in said(content)):
            assert words(sentence) in text


def test_the_page_has_the_order_of_the_markdown_report(whole: Page) -> None:
    headings = [heading.text for heading in whole.all("h1", "h2")]
    assert (
        headings[0] == "BTC-USD +10\N{NO-BREAK SPACE}%, ETH-USD +10\N{NO-BREAK SPACE}%, SOL-USD +10\N{NO-BREAK SPACE}%"
    )
    assert headings[1:] == [part.title for part in sections(whole_facts()) if part.title != "Asked"]
    assert whole.all("dl")[0].text.startswith("QuestionIs the close higher 15 bars of 1m later?")
    verdict = next(e for e in whole.all("section") if e.attributes.get("aria-labelledby") == "verdict")
    assert "SOL-USD fails: accuracy 66.8\N{NO-BREAK SPACE}% is 1.2 points below 68\N{NO-BREAK SPACE}%." in verdict.text
    assert verdict.attributes["class"] == "card verdict good"


def test_the_tab_names_symbols_pnl_and_verdict(whole: Page) -> None:
    assert whole.all("title")[0].text == "BTC-USD +10 %, ETH-USD +10 %, SOL-USD +10 %: Pass"


def test_times_do_not_break(html: str) -> None:
    assert '<span class="whole">2025-06-24 02:00 UTC</span>' in html
    assert '<span class="whole">2025-06-17 00:00</span> to <span class="whole">2025-06-24 00:00 UTC</span>' in html


# under the mouse


def test_points_say_what_they_are_under_the_mouse_without_a_script(html: str) -> None:
    tips = re.findall(r'<g class="tip"><title>([^<]*)</title>', html)
    assert "2025-06-17 00:00 UTC: account 1, buy and hold 1.1, 0.0 % below its highest" in tips
    assert any(
        re.fullmatch(
            r"2025-06-2\d \d\d:\d\d UTC: account [\d.]+, buy and hold [\d.]+, \d+\.\d % below its highest", tip
        )
        for tip in tips
    )
    for tip in (
        "model: 71.2 %, 95 % interval 60.0 to 65.0 %",
        "logistic regression: 56.0 %",
        "93% to 100%: 1,400 bars, 96.0 % of them went up",
        "0% to 7%: no bar",
        "2025-06-03: 52.0 % of 1,002 bars",
        "epoch 9: train loss 0.07667, validation loss 0.672, validation accuracy 0.59",
    ):
        assert tip in tips
    assert "<script" not in html and len(tips) < 3 * 400


def test_no_word_of_a_plot_lies_in_its_panel_where_a_line_could_run_through_it() -> None:
    for figure in figures():
        figure.draw_without_rendering()
        panels = [axes.get_window_extent() for axes in figure.axes]
        legends = [text for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
        words = [*legends, *(text for axes in figure.axes for text in axes.texts if text.get_text())]
        for word in words:
            assert not any(word.get_window_extent().overlaps(panel) for panel in panels), word.get_text()


@pytest.mark.parametrize("change", [None, dated])
def test_no_31st_stands_beside_the_1st(change: Any) -> None:
    """The other side: matplotlib alone has them so, which reads "31 Feb"."""
    days = np.arange("2026-01-23", "2026-02-11", dtype="datetime64[D]")
    with style():
        figure, (axes,) = panels([1], 3)
        axes.plot(days, np.ones(len(days)))
        if change:
            change(axes)
        figure.draw_without_rendering()
        said = [label.get_text() for label in axes.get_xticklabels()]
    assert "Feb" in said and (("31", "Feb") in pairwise(said)) is (change is None)


def test_the_points_of_a_reliability_diagram_lie_in_its_frame() -> None:
    ends = [
        {"low": n / 2, "high": n / 2 + 0.5, "count": 5, "meanProbability": float(n), "observedShare": float(n)}
        for n in (0, 1)
    ]
    figure = plots.reliability(ends)
    figure.draw_without_rendering()
    diagram = figure.axes[0]
    frame, (points,) = diagram.get_window_extent(), diagram.collections
    for x, y in diagram.transData.transform(points.get_offsets()):
        radius = math.sqrt(max(points.get_sizes()) / math.pi) * figure.dpi / 72
        assert frame.x0 <= x - radius and x + radius <= frame.x1 and frame.y0 <= y - radius and y + radius <= frame.y1


def figures() -> list[Any]:
    document = evaluation()
    with style():
        return [
            plots.comparison([("model", 0.52), ("logistic regression", 0.51), ("majority", 0.5)], (0.51, 0.53), 0.52),
            plots.reliability(document["reliability"]),
            plots.equity([{**point, "hold": 1.0} for point in document["equity"]]),
            plots.over_time(document["accuracyByDay"], 0.52, 0.5),
            plots.training(card(200)["epochs"], 120),
        ]


def test_a_rejected_run_says_what_failed_by_how_much_how_certainly_and_what_to_try() -> None:
    model = measured(0.51, judged_before=3)
    known = facts({"BTC-USD": model}, document=evaluation())
    text = words(Page(rendered(known)).all("body")[0].text)
    assert "BTC-USD fails: accuracy 51.0 % is 17.0 points below 68 %." in text
    assert "60 % to 65 %settled: all of it misses the bar" in text
    assert "BTC-USD: 3 other models were measured on these test bars before" in text
    assert "try another label.horizonBars" in text


# one file that loads nothing


def test_nothing_is_loaded_and_nothing_runs(whole: Page, html: str) -> None:
    policy = next(e.attributes["content"] for e in whole.all("meta") if e.attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    for element in whole.elements:
        for name in ("src", "href", "srcset", "xlink:href", "action", "data"):
            target = element.attributes.get(name)
            assert target is None or target in ("data:,", "trades.csv") or target.startswith("#"), element
        assert not any(name.startswith("on") for name in element.attributes)
    assert not whole.all("script", "iframe", "object", "embed", "base", "form")
    assert "@import" not in html and not re.search(r"url\((?!#)", html)


HOSTILE = "</style><script>alert(1)</script>\"'><img src=//evil.example/x onerror=alert(1)>&lt;b&gt; $x^2$ `**"


def hostile() -> Facts:
    known = whole_facts(
        symbols=2,
        document=evaluation() | {"warnings": [HOSTILE], "versions": {HOSTILE: HOSTILE}},
        promotion=Promotion(
            (Promoted(symbol="BTC-USD", uri=HOSTILE, sha256=HOSTILE),),
            (NotPromoted(symbol="ETH-USD", reason="OlderTest", message=HOSTILE),),
        ),
        written_at=HOSTILE,
    )
    models = tuple(model.model_copy(update={"reasons": (HOSTILE,)}) for model in known.judgement.models)
    items = tuple(
        item.model_copy(update={"train_key": HOSTILE, "data": item.data and item.data.model_copy(update={"first_bar": HOSTILE, "version_id": HOSTILE})})
        for item in known.task.items
    )  # fmt: skip
    run = RunRef(namespace=HOSTILE, name=HOSTILE, uid=HOSTILE)
    task = known.task.model_copy(update={"run": run, "approved_by": HOSTILE, "artifacts_uri": HOSTILE, "items": items})
    judgement = known.judgement.model_copy(update={"models": models, "judged_criteria": (HOSTILE,)})
    return replace(known, task=task, judgement=judgement)


def test_text_from_elsewhere_stays_text(whole: Page) -> None:
    found = Page(rendered(hostile()))
    assert {element.tag for element in found.elements} - {element.tag for element in whole.elements} == set()
    assert not found.all("script", "img")
    assert all(not name.startswith("on") for element in found.elements for name in element.attributes)
    assert found.all("body")[0].text.count("<script>alert(1)</script>") > 20
    assert found.all("p")[0].text.count("<img src=//evil.example/x onerror=alert(1)>") == 3


@pytest.mark.parametrize(
    ("sentence", "markup"),
    [
        ("**Fail**: `data.uri` is 1", "<strong>Fail</strong>: <code>data.uri</code> is 1"),
        ("\\*\\*not strong\\*\\*", "**not strong**"),
        ("\\<b\\>", "&lt;b&gt;"),
        ("<b> & \"'", "&lt;b&gt; &amp; &quot;&#x27;"),
        ("`<b> **x**`", "<code>&lt;b&gt; **x**</code>"),
        ("**a `b` \\* c**", "<strong>a <code>b</code> * c</strong>"),
        ("a ** b ** c", "a <strong> b </strong> c"),
        ("`open **too", "`open **too"),
        ("back\\", "back\\"),
        ("68 %", "68\N{NO-BREAK SPACE}%"),
    ],
)
def test_inline_marks(sentence: str, markup: str) -> None:
    assert inline(sentence) == markup


# readable by everybody


def test_every_plot_has_a_caption_that_says_what_it_shows(whole: Page) -> None:
    plots = whole.all("svg")
    assert len(plots) == 5 * len(SYMBOLS)
    words = {element.attributes["id"]: element.text for element in whole.elements if "id" in element.attributes}
    for plot in plots:
        assert plot.attributes["role"] == "img"
        name, description = (words[label] for label in plot.attributes["aria-labelledby"].split())
        assert name.startswith(SYMBOLS) and len(description) > 40


def test_tables_have_headers_and_scroll_on_their_own(whole: Page) -> None:
    assert len(whole.all("table")) > 10
    assert {header.attributes.get("scope") for header in whole.all("th")} == {"col", "row"}
    frames = [e for e in whole.all("div") if e.attributes.get("class") == "table"]
    assert len(frames) == len(whole.all("table"))
    assert all(frame.attributes["aria-label"] and frame.attributes["tabindex"] == "0" for frame in frames)


def test_headings_form_an_outline_and_the_page_names_its_language(whole: Page) -> None:
    levels = [int(heading.tag[1]) for heading in whole.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert whole.all("html")[0].attributes["lang"] == "en"
    assert any(e.attributes.get("name") == "viewport" for e in whole.all("meta"))


def place_of_plots(models: int) -> list[tuple[int, int]]:
    """For each grid of plots that is not folded: how many plots of how many models."""
    names = [f"X{n}-USD" for n in range(models)]
    known = facts(dict.fromkeys(names, measured(0.7)), document=evaluation())
    drawn = {name: [Picture(kind, f"{name}: {kind}", "-") for kind in KINDS] for name in names}
    html = re.sub(r"<details.*?</details>", "", page(known, drawn), flags=re.DOTALL)
    grids = [re.findall(r"<h3>(\S+): ", grid) for grid in html.split('<div class="plots">')[1:]]
    return [(len(grid), len(set(grid))) for grid in grids]


KINDS = ("accuracy", "training", "reliability", "equity", "time")


@pytest.mark.parametrize(("models", "grids"), [(1, [(1, 1), (2, 1)]), (3, [(3, 3)] * 3), (9, [(9, 9)] * 3), (10, [])])
def test_plots_of_a_kind_stand_beside_each_other_and_those_of_many_models_are_folded(
    models: int, grids: list[tuple[int, int]]
) -> None:
    assert place_of_plots(models) == grids


def test_ids_are_unique_over_all_plots_and_every_reference_is_there(whole: Page, html: str) -> None:
    ids = [element.attributes["id"] for element in whole.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    labels = [e.attributes["aria-labelledby"].split() for e in whole.elements if "aria-labelledby" in e.attributes]
    references = re.findall(r'(?:href="|url\()#([^")]+)', html) + [label for each in labels for label in each]
    assert references and set(references) <= set(ids)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, success criterion 1.4.3."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


TEXT = ("ink", "muted", "blue", "orange", "green", "red", "amber")
ON = (
    {"good": ("green",), "bad": ("red",), "unsure": ("amber",)}
    | dict.fromkeys(("page", "card"), TEXT)
    | {"soft": ("ink", "muted")}
)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_in_both_schemes(scheme: int) -> None:
    css = files(report_html.__package__).joinpath("page.css").read_text()
    colours: Mapping[str, str] = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css.split(":root")[1 + scheme]))
    for ground, inks in ON.items():
        for ink in inks:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def test_plots_take_their_colours_from_the_page(whole: Page, html: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    for drawing in drawings:
        assert not re.search(r"#[0-9a-f]{6}\b", drawing)
        assert "var(--muted)" in drawing and "font-family" not in drawing and "<text" in drawing


# whatever is known


def test_without_a_model_card_the_page_says_why_there_are_no_curves() -> None:
    text = rendered(whole_facts(symbols=1, cards={}))
    assert "There are no curves, because the model card beside the model file is missing." in text


def test_a_model_that_broke_has_its_reason_and_no_plots() -> None:
    known = facts({"BTC-USD": measured(0.7), "SOL-USD": None})
    assert draw(known)["SOL-USD"] == []
    assert "SOL-USD has no verdict: its training failed" in rendered(known)


ODD: list[dict[str, Any]] = [
    {},
    dict.fromkeys(evaluation().keys() - {"test", "versions", "warnings", "training"}),
    {"equity": [{"time": "2025-06-17T00:00:00Z", "equity": 1.0}]},
    {"equity": [{"time": f"2025-06-17T00:0{n}:00Z", "equity": value} for n, value in enumerate((1.0, 1e-300, 0.0))]},
    {"equity": [{"time": f"2025-06-17T00:0{n}:00Z", "equity": value} for n, value in enumerate((1.0, None, 2e200))]},
    {"reliability": [{"low": 0.0, "high": 1.0, "count": 0, "meanProbability": None, "observedShare": None}]},
    {"reliability": [{"low": 0.0, "high": 1.0, "count": 5, "meanProbability": 0.5, "observedShare": 0.4}]},
    {"accuracyByDay": [{"period": "2025-06-17", "bars": 1, "accuracy": None}]},
    {"accuracyByDay": [{"period": "2025-06-17", "bars": 1, "accuracy": 1.0}]},
    {"intervals": {"accuracy": {"95": [None, 0.5]}, "pnl": None}},
    {"doubleBlock": {"blockBars": 75, "doubleBlockBars": 150, "intervals": None}},
]  # fmt: skip


@pytest.mark.parametrize("document", ODD)
def test_unknown_figures_are_left_out(document: dict[str, Any]) -> None:
    known = facts({"X-USD": measured(0.7)}, document=document)
    assert "X-USD" in Page(rendered(known)).all("title")[0].text and "nan" not in render(known)


@pytest.mark.parametrize(
    "change", [{}, {"validation_loss": None}, {"validation_accuracy": None}, {"learning_rate": 0.0}]
)
def test_curves_of_one_epoch_are_drawn_as_far_as_they_are_known(change: dict[str, Any]) -> None:
    cards = {"X-USD": {"epochs": [card(1)["epochs"][0] | change]}}
    assert "1 epoch, train loss 0.69" in rendered(facts({"X-USD": measured(0.7)}, document={}, cards=cards))


def test_many_days_are_shown_by_month() -> None:
    assert "accuracy by day" in rendered(whole_facts(1, document=evaluation(days=120)))
    assert "accuracy by month" in rendered(whole_facts(1, document=evaluation(days=121)))


def test_three_models_with_all_their_curves_stay_under_a_megabyte() -> None:
    known = whole_facts(document=evaluation(days=120), cards=dict.fromkeys(SYMBOLS, card(200)))
    assert len(rendered(known).encode()) < 1_000_000


def test_a_drawdown_is_measured_from_the_start_or_the_highest_since() -> None:
    assert drawdown(np.array([0.8, 1.0, 2.0, 1.0, 3.0])) == pytest.approx([-0.2, 0, 0, -0.5, 0])


# the process that draws

AGAIN = """
import sys
from retrain_trainer.report.html import draw, page
from support.report_case import whole_facts
sys.stdout.write(page(whole_facts(), draw(whole_facts())))
"""


def test_the_same_facts_give_the_same_bytes_where_the_home_cannot_be_written_too(html: str, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: path\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL"))}
    environ = kept | {"HOME": "/proc/nobody", "PYTHONHASHSEED": "7", "PYTHONPATH": str(TESTS), "TZ": "Asia/Tokyo"}
    again = subprocess.run([sys.executable, "-c", AGAIN], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == html


def test_training_and_evaluation_do_not_load_matplotlib() -> None:
    program = (
        "import retrain_trainer.tasks.train, retrain_trainer.tasks.evaluate, sys; print('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
