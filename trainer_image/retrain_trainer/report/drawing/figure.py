"""Turns a matplotlib figure into SVG that is part of a page: in its colours and font, with ids of its own.

matplotlib's own SVG brings fixed colours, which a dark page hides, and ids that clash when a page has two figures. This is
the one module that imports matplotlib, and only the publish task loads it, because that takes a second.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

# Where the home folder is read-only, as in a pod, matplotlib falls back to a temporary folder; its warning says nothing new.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import matplotlib  # noqa: E402 - the line above must come first, because matplotlib warns during its import
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.dates import AutoDateLocator  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

__all__ = ["Axes", "Figure", "FuncFormatter", "MaxNLocator", "PercentFormatter", "dated", "panels", "svg", "tips"]

# Placeholders, because matplotlib knows no CSS: `svg` replaces them with the page's variables.
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

_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",  # text stays text, so that it can be read aloud, searched and copied
    "svg.hashsalt": "retrain",  # the same figure gives the same bytes
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
    "figure.constrained_layout.w_pad": 0.14,  # room for text, which is larger on a phone
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
COLUMN = 4.1
"""The same of a figure of which three stand beside each other on a desk."""
MOST_TIPS = 60
"""Bands of a panel that say something under the mouse; more would be thinner than anybody can point at."""

_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_FONT = re.compile(r"font-family: [^;\"]+(; )?")
_TIP = re.compile(r'<g id="tip:([^"]*)">')
_SPACE = re.compile(r"\s*\n\s*")


@contextmanager
def style() -> Iterator[None]:
    """Use only our own style, so that a personal matplotlibrc does not change a report."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def panels(heights: list[float], height: float, share: bool = True, width: float = WIDTH) -> tuple[Figure, list[Axes]]:
    """A figure of panels on top of each other, with relative `heights`, that share an x axis."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=share, height_ratios=heights, squeeze=False)
    return figure, list(axes[:, 0])


class _Dates(AutoDateLocator):
    """Days of a month, without a 31st beside the 1st: the two would read "31 Feb"."""

    def __call__(self) -> Any:
        found = np.asarray(super().__call__())  # type: ignore[no-untyped-call]  # matplotlib.dates has no types
        gaps = np.diff(found)
        return found[np.append(gaps > gaps.max() / 2, True)] if len(gaps) else found


def dated(axes: Axes) -> None:
    """Ticks of an axis of times."""
    axes.xaxis.set_major_locator(_Dates())  # type: ignore[no-untyped-call]


def tips(axes: Sequence[Axes], edges: Sequence[Any], words: Sequence[str], upright: bool = True) -> None:
    """Invisible bands over panels and all that is drawn, from each of `edges` to the next, that say `words` under the mouse: a <title> needs no script.

    `upright` bands divide the x axis, others the y axis. The limits of the axes stay as they are.
    """
    for panel in axes:
        limits = panel.get_xlim(), panel.get_ylim()
        for low, high, text in zip(edges[:-1], edges[1:], words, strict=True):
            band = (panel.axvspan if upright else panel.axhspan)(low, high, alpha=0, linewidth=0, zorder=9)
            band.set_gid(f"tip:{text}")
        panel.set(xlim=limits[0], ylim=limits[1])


def svg(draw: Callable[[], Figure], name: str, title: str, description: str) -> str:
    """An <svg> element for a page; `name` keeps its ids unique, title and description are its alternative text."""
    file = io.StringIO()
    with style():
        draw().savefig(file, format="svg", metadata=_METADATA)
    return embedded(file.getvalue(), name, title, description)


def embedded(drawing: str, name: str, title: str, description: str) -> str:
    """matplotlib's file as an element, without header, styles, fonts and fixed size; its ids start with `name`."""
    body = _FONT.sub("", _HEAD.sub("", drawing))
    used = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', body))
    body = _TIP.sub(lambda found: f'<g class="tip"><title>{found[1]}</title>', body)
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
