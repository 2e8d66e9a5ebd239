"""Measured models of several runs side by side, and when their figures may be set against each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retrain_api.documents import PublishItem
from retrain_api.measurement import Champion, Metrics
from retrain_api.wording import measured, points

COLUMNS = ("", "architecture", "verdict", "accuracy", "calibration error", "win rate", "PnL", "bars", "tested")


@dataclass(frozen=True)
class Side:
    """What is known of one run. `details` holds each symbol's evaluation.json as far as it could be read."""

    name: str
    spec: Mapping[str, Any]
    items: tuple[PublishItem, ...]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def item(self, symbol: str) -> PublishItem | None:
        """The symbol's model; None where the run has none."""
        return next((item for item in self.items if item.symbol == symbol), None)

    def period(self, symbol: str) -> tuple[str, str] | None:
        """First and last test bar; None where evaluation.json is not at hand."""
        test = self.details.get(symbol, {}).get("test", {})
        return (test["firstBar"], test["lastBar"]) if "firstBar" in test and "lastBar" in test else None


def side_by_side(sides: Sequence[Side]) -> list[str]:
    """A table for each symbol, and below it what may be said of any two of its models."""
    symbols = list(dict.fromkeys(item.symbol for side in sides for item in side.items))
    return [line for symbol in symbols for line in _about(symbol, sides)]


def _about(symbol: str, sides: Sequence[Side]) -> Iterator[str]:
    having = [side for side in sides if side.item(symbol)]
    yield symbol
    yield from aligned([COLUMNS, *(_row(side, symbol) for side in having)])
    known = [side for side in having if _metrics(side, symbol)]
    for other in known[1:]:
        yield f"  {against(symbol, known[0], other)}"
    yield ""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        ("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))).rstrip() for row in rows
    ]


def _metrics(side: Side, symbol: str) -> Metrics | None:
    item = side.item(symbol)
    return item.measurement.metrics if item and item.measurement else None


def _row(side: Side, symbol: str) -> tuple[str, ...]:
    item, values = side.item(symbol), _metrics(side, symbol)
    if item is None or item.measurement is None or values is None:
        return (side.name, architecture(side.spec), "Error", *["-"] * (len(COLUMNS) - 3))
    period = side.period(symbol)
    return (
        side.name,
        architecture(side.spec),
        item.verdict,
        measured("accuracy", values.accuracy) + interval(side.details.get(symbol, {})),
        measured("calibrationError", values.calibration_error),
        measured("winRate", values.win_rate),
        measured("pnl", values.pnl),
        f"{item.measurement.bars:,}",
        " to ".join(period) if period else "-",
    )


def architecture(spec: Mapping[str, Any]) -> str:
    """Hidden size, layers and lookback, such as 128/3/60; - where the spec is not known."""
    model = spec.get("model")
    if not model:
        return "-"
    figures = "/".join(str(model.get(field, "?")) for field in ("hiddenSize", "layers", "lookbackBars"))
    return figures + ("" if model.get("bidirectional", True) else " one way")


def interval(details: Mapping[str, Any]) -> str:
    """The 95 % interval of the accuracy in brackets; empty where there is none."""
    found = (details.get("intervals", {}).get("accuracy") or {}).get("95")
    return f" ({measured('accuracy', found[0])} to {measured('accuracy', found[1])})" if found else ""


def against(symbol: str, one: Side, other: Side) -> str:
    """The difference of two models, where it is one of the same bars; else why it is none."""
    met = champion_of(symbol, one, other)
    if met is not None:
        return met
    why = incomparable(symbol, one, other)
    if why:
        return f"{one.name} and {other.name} are not comparable bar by bar: {why}."
    first, second = _metrics(one, symbol), _metrics(other, symbol)
    bars = other.item(symbol).measurement.bars  # type: ignore[union-attr]
    difference = ((second and second.accuracy) or 0) - ((first and first.accuracy) or 0)
    return f"On the same {bars:,} bars {other.name} is {apart(difference)} {one.name}; no interval was measured for this pair."


def champion_of(symbol: str, one: Side, other: Side) -> str | None:
    """The paired difference that an evaluation measured itself: one of the two was promoted while the other ran."""
    for new, old in ((other, one), (one, other)):
        challenger, promoted = new.item(symbol), old.item(symbol)
        champion = challenger.measurement.champion if challenger and challenger.measurement else None
        if champion is None or champion.difference is None or promoted is None or promoted.model is None:
            continue
        if champion.sha256 and promoted.model.sha256.startswith(champion.sha256):
            sure = _paired_interval(champion, new.details.get(symbol, {}))
            return f"On the same {champion.bars:,} bars {new.name} is {apart(champion.difference)} {old.name}{sure}."
    return None


def _paired_interval(champion: Champion, details: Mapping[str, Any]) -> str:
    found = details.get("champion") or {}
    low, high = found.get("low"), found.get("high")
    if low is None or high is None:
        return ""
    return f" (95 % interval of the difference: {low * 100:+.1f} to {high * 100:+.1f} points)"


def apart(difference: float) -> str:
    """`0.5 points above`, `1.2 points below`, or `level with`."""
    if difference == 0:
        return "level with"
    return f"{points('accuracy', difference, 0)[0]} {'above' if difference > 0 else 'below'}"


def incomparable(symbol: str, one: Side, other: Side) -> str:
    """Why two figures are not of the same bars; empty where they are."""
    first, second = one.item(symbol), other.item(symbol)
    assert first and second and first.measurement and second.measurement
    if one.spec.get("label") != other.spec.get("label"):
        return "they predict different things (spec.label)"
    if first.data is None or second.data is None or first.data.sha256 != second.data.sha256:
        return "they were measured on different feature files"
    if one.period(symbol) is None or other.period(symbol) is None:
        return "the test period of one is not at hand (give its results.json)"
    if one.period(symbol) != other.period(symbol) or first.measurement.bars != second.measurement.bars:
        return "they were tested on different bars"
    return ""
