"""Measured models of several runs in one table, and when the figures of two may be subtracted.

Two accuracies measured on different bars are no difference between models, so every pair either gets its difference or
the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import measured, points
from retrain_api.measurement import Metrics
from retrain_cli.display.table import align

COLUMNS = ("", "architecture", "verdict", "accuracy", "calibration error", "win rate", "PnL", "bars", "tested")


@dataclass(frozen=True)
class ComparedRun:
    """What is known of one run.

    `evaluations` holds each symbol's evaluation.json, `predictions` its predictions.parquet, as far as they could be read.
    """

    name: str
    spec: Mapping[str, Any]
    items: tuple[PublishItem, ...]
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    predictions: Mapping[str, Any] = field(default_factory=dict)

    def item(self, symbol: str) -> PublishItem | None:
        """The symbol's model; None where the run has none."""
        return next((item for item in self.items if item.symbol == symbol), None)

    def period(self, symbol: str) -> tuple[str, str] | None:
        """First and last test bar; None where evaluation.json is not available."""
        test = self.evaluations.get(symbol, {}).get("test", {})
        return (test["firstBar"], test["lastBar"]) if "firstBar" in test and "lastBar" in test else None


@dataclass(frozen=True)
class Difference:
    """How far apart two models are: `gap` is the accuracy of `model` less that of `against`, with its 95 % interval where
    there is one. Without a gap the two can't be compared, and the sentence says why.
    """

    model: str
    against: str
    sentence: str
    gap: float | None = None
    low: float | None = None
    high: float | None = None
    bars: int | None = None


def comparison(runs: Sequence[ComparedRun]) -> list[str]:
    """A table for each symbol, and below it how its first measured model compares with each of the others."""
    symbols = list(dict.fromkeys(item.symbol for run in runs for item in run.items))
    return [line for symbol in symbols for line in _section(symbol, runs)]


def _section(symbol: str, runs: Sequence[ComparedRun]) -> Iterator[str]:
    with_symbol = [run for run in runs if run.item(symbol)]
    yield symbol
    yield from align([COLUMNS, *(_row(run, symbol) for run in with_symbol)])
    yield from (f"  {each.sentence}" for each in differences(symbol, runs))
    yield ""


def differences(symbol: str, runs: Sequence[ComparedRun]) -> list[Difference]:
    """How the first measured model of a symbol compares with each of the others."""
    with_metrics = [run for run in runs if metrics_of(run, symbol)]
    return [difference(symbol, with_metrics[0], other) for other in with_metrics[1:]]


def metrics_of(run: ComparedRun, symbol: str) -> Metrics | None:
    """What was measured of the symbol's model."""
    item = run.item(symbol)
    return item.measurement.metrics if item and item.measurement else None


def _row(run: ComparedRun, symbol: str) -> tuple[str, ...]:
    item, values = run.item(symbol), metrics_of(run, symbol)
    if item is None or item.measurement is None or values is None:
        stage = item.verdict if item else "-"  # what is not measured yet is no error
        return (run.name, architecture(run.spec), stage, *["-"] * (len(COLUMNS) - 3))
    period = run.period(symbol)
    return (
        run.name,
        architecture(run.spec),
        item.verdict,
        measured("accuracy", values.accuracy) + interval(run.evaluations.get(symbol, {})),
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


def interval_of(evaluation: Mapping[str, Any]) -> list[float] | None:
    """The 95 % interval of the accuracy."""
    return (evaluation.get("intervals", {}).get("accuracy") or {}).get("95")


def interval(evaluation: Mapping[str, Any]) -> str:
    """The 95 % interval of the accuracy in brackets; empty where there is none."""
    found = interval_of(evaluation)
    return f" ({measured('accuracy', found[0])} to {measured('accuracy', found[1])})" if found else ""


def difference(symbol: str, one: ComparedRun, other: ComparedRun) -> Difference:
    """How far apart two models are on the bars that both were judged on; else why that can't be said."""
    known = paired_difference(symbol, one, other) or common_difference(symbol, one, other)
    if known is not None:
        return known
    obstacle = why_incomparable(symbol, one, other)
    return not_comparable(one, other, obstacle) if obstacle else difference_of_sums(symbol, one, other)


def not_comparable(one: ComparedRun, other: ComparedRun, obstacle: str) -> Difference:
    """That two models have no difference, and why."""
    sentence = f"{one.name} and {other.name} are not comparable bar by bar: {obstacle}."
    return Difference(other.name, one.name, sentence)


def common_difference(symbol: str, one: ComparedRun, other: ComparedRun) -> Difference | None:
    """The difference on the bars in common; None where the predictions of one of the two are not known."""
    ours, theirs = one.predictions.get(symbol), other.predictions.get(symbol)
    if ours is None or theirs is None:
        return None
    from retrain_trainer.measure.predictions.common_bars import on_common_bars

    found = on_common_bars(theirs, ours)
    if found.difference is None:
        return not_comparable(one, other, found.obstacle)
    bounds = _bounds(found.low, found.high) or ", and they are too few for an interval"
    sentence = f"On the same {found.bars:,} bars {other.name} is {distance(found.difference)} {one.name}{bounds}."
    return Difference(other.name, one.name, sentence, found.difference, found.low, found.high, found.bars)


def difference_of_sums(symbol: str, one: ComparedRun, other: ComparedRun) -> Difference:
    """The difference of two accuracies, where only these were kept, on the bars of one period."""
    first, second = metrics_of(one, symbol), metrics_of(other, symbol)
    gap = ((second and second.accuracy) or 0) - ((first and first.accuracy) or 0)
    ours, theirs = (run.item(symbol).measurement.bars for run in (one, other))  # type: ignore[union-attr]
    if ours == theirs:
        sentence = f"On the same {theirs:,} bars {other.name} is {distance(gap)} {one.name}; {_NO_INTERVAL}"
        return Difference(other.name, one.name, sentence, gap, bars=theirs)
    most = 100 * abs(ours - theirs) / max(ours, theirs)
    sentence = (
        f"{other.name} is {distance(gap)} {one.name}, on {theirs:,} and {ours:,} bars of the same period: a longer lookback has "
        f"fewer windows, which moves an accuracy by at most {most:.2g} points; {_NO_INTERVAL}"
    )
    return Difference(other.name, one.name, sentence, gap)


_NO_INTERVAL = "no interval was measured for this pair."


def paired_difference(symbol: str, one: ComparedRun, other: ComparedRun) -> Difference | None:
    """The difference that an evaluation measured itself, where one of the two was the champion of the other."""
    for new, old in ((other, one), (one, other)):
        challenger, promoted = new.item(symbol), old.item(symbol)
        champion = challenger.measurement.champion if challenger and challenger.measurement else None
        if champion is None or champion.difference is None or promoted is None or promoted.model is None:
            continue
        if champion.sha256 and promoted.model.sha256.startswith(champion.sha256):
            measured_interval = new.evaluations.get(symbol, {}).get("champion") or {}
            low, high = measured_interval.get("low"), measured_interval.get("high")
            gap = f"{distance(champion.difference)} {old.name}{_bounds(low, high)}"
            sentence = f"On the same {champion.bars:,} bars {new.name} is {gap}."
            return Difference(new.name, old.name, sentence, champion.difference, low, high, champion.bars)
    return None


def _bounds(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f" (95 % interval of the difference: {low * 100:+.1f} to {high * 100:+.1f} points)"


def distance(gap: float) -> str:
    """`0.5 points above`, `1.2 points below`, or `level with`."""
    if gap == 0:
        return "level with"
    return f"{points('accuracy', gap, 0)[0]} {'above' if gap > 0 else 'below'}"


def why_incomparable(symbol: str, one: ComparedRun, other: ComparedRun) -> str:
    """Why two models were not measured on the bars of one period; empty where they were."""
    first, second = one.item(symbol), other.item(symbol)
    assert first and second and first.measurement and second.measurement
    if one.spec.get("label") != other.spec.get("label"):
        return "they predict different things (spec.label)"
    if first.data is None or second.data is None or first.data.sha256 != second.data.sha256:
        return "they were measured on different feature files"
    if one.period(symbol) is None or other.period(symbol) is None:
        return "the test period of one of them is not known here (give its results.json)"
    if one.period(symbol) != other.period(symbol):
        return "they were tested on different bars"
    return ""
