"""From a matplotlib figure to SVG that is part of a page: its colours, its font, and no id that another figure has.

The one module that imports matplotlib, and only the publish task loads it: that takes a second.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape

# Where the home can't be written (a pod), matplotlib takes a temporary folder by itself; it need not tell.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import matplotlib  # noqa: E402 - the line above must come first: it is told while it is imported
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter  # noqa: E402

__all__ = ["Axes", "Figure", "FuncFormatter", "MaxNLocator", "PercentFormatter", "panels", "svg"]

# Stand-ins, for matplotlib knows no CSS: `svg` puts the page's variables in their places.
INK, MUTED, LINE = "#010101", "#010102", "#010103"
BLUE, ORANGE, GREEN, RED = "#010104", "#010105", "#010106", "#010107"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    RED: "--red",
}

_STYLE = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and copied
    "svg.hashsalt": "retrain",  # the same figure has the same bytes
    "text.parse_math": False,
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "figure.constrained_layout.w_pad": 0.14,  # the page writes larger on a phone
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "date.converter": "concise",
    "timezone": "UTC",
}
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}

WIDTH = 5.2
"""Inches; the page scales a figure to its column."""

_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_FONT = re.compile(r"font-family: [^;\"]+(; )?")
_SPACE = re.compile(r"\s*\n\s*")


@contextmanager
def style() -> Iterator[None]:
    """Our own style alone: what a person's matplotlibrc says does not change a report."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def panels(heights: list[float], height: float, share: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure of panels above each other, with their relative heights, on one x axis."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=share, height_ratios=heights, squeeze=False)
    return figure, list(axes[:, 0])


def svg(draw: Callable[[], Figure], name: str, title: str, description: str) -> str:
    """An <svg> element for a page; `name` sets its ids apart, title and description are its alternative text."""
    file = io.StringIO()
    with style():
        draw().savefig(file, format="svg", metadata=_METADATA)
    return embedded(file.getvalue(), name, title, description)


def embedded(drawing: str, name: str, title: str, description: str) -> str:
    """matplotlib's file as an element: without head, styles, fonts and fixed size; ids start with `name`."""
    body = _FONT.sub("", _HEAD.sub("", drawing))
    used = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', body))
    body = re.sub(r' id="([\w.-]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body).replace("url(#", f"url(#{name}-")
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    box = re.findall(r'viewBox="[^"]+"', body)[0]
    opening = (
        f'<svg class="plot" role="img" aria-labelledby="{name}-title {name}-desc" {box}>'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    return _SPACE.sub(" ", re.sub(r"<svg[^>]*>", lambda _: opening, body, count=1)).strip()
