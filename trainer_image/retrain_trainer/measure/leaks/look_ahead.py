"""Finds feature columns that know later bars: shifted the wrong way, centred, filled backwards, or joined from a bar still open.

A model that learns from such a column passes every other check and then loses money. The question is put the way a model would
use the column: how much of the next bar's return do the column's last 60 values explain, beyond what the past bars tell? The
return is the unknown side. For an honest column its product with anything known before averages to nothing, however slowly the column
moves, so the noise is known and a reading means the same at every number of rows. (The other way round, what later returns
tell of the column, slow columns follow any path a little by chance, and with few rows a little is much.)

Two readings are taken of each column. `next_share` is the share of the next return's variance that its lags explain, less what chance
explains. `later_share` is the squared correlation of one value with the sum of the next returns, for what comes late and
evenly, such as an hour's close known from its beginning; its t compares a single return with a sum of earlier values, so that
overlapping sums need no correction (Hodrick, Review of Financial Studies 5, 1992). docs/measuring.md has the table of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.time import Interval
from retrain_api.wire import rounded
from retrain_trainer.data.files.candles import Candles

from .known_past import WARM_UP, market

Floats: TypeAlias = NDArray[np.float64]

MOST_ROWS = 20_000
"""The newest rows that are measured; more would only take longer."""
FEWEST_ROWS = 2_000
"""With fewer train rows chance explains as much as a leak does."""
NEXT_BAR, NEXT_ROWS = 0.0105, 8_000
"""Honest columns of coins read 0.006 at most at 8,000 rows; a future return that is right in 55 % of the bars reads 0.0128 or more.
With fewer rows than NEXT_ROWS the bar grows with the noise."""
EASY_MARKET, EASY_SHARE = 0.0035, 0.1
"""Added to the bar where past bars tell a tenth of the next return or more, as on a stablecoin, and in proportion below: what the
regressors of the past miss grows with what they tell. Honest columns read 0.011 there."""
NEXT_DEVIATIONS = 5.0
LATER_BAR = 0.05
LATER_T, LATER_PER_ROW = 7.0, 0.006
"""The t must pass 7 and, with many rows, explain this share of the single return: some markets do foretell a little."""
NAMED = 28
"""Characters of a column's name in a sentence: a status holds few of them."""
LISTED = 10
"""Columns in the evaluation document and the card, the worst first; Suspect ones are listed whatever their number."""

_SINGLE_LAGS = 20
_GROUP_ENDS = (*range(1, _SINGLE_LAGS + 1), 30, 40, 50, 60)
"""Lags 1 to 20 by themselves and then ten at a time: a leak far ahead shows in their mean, and fewer regressors mean less noise."""
_SUMS = (1, 2, 5, 15, 30, 60)
_FIRST_TARGET = max(WARM_UP, _GROUP_ENDS[-1]) + 1
_FEWEST_TARGETS = 1_800
_LEFT = 0.1
"""A column that past bars tell almost wholly is not scaled up by more than this share of its variance."""
_TOGETHER = 8


@dataclass(frozen=True)
class Reading:
    """What one column tells of later bars; `suspect` where either share is large and beyond chance."""

    name: str
    next_share: float
    next_deviations: float
    later_share: float
    later_t: float
    severity: float

    @property
    def suspect(self) -> bool:
        """Whether the column knows later bars."""
        return self.severity > 1

    def as_document(self) -> dict[str, Any]:
        """Three digits, for evaluation.json and the card."""
        return {
            "name": self.name,
            "nextShare": rounded(self.next_share),
            "nextDeviations": rounded(self.next_deviations),
            "laterShare": rounded(self.later_share),
            "laterT": rounded(self.later_t),
            "suspect": self.suspect,
        }


@dataclass(frozen=True)
class LookAhead:
    """The readings of all columns, worst first, from `rows` bars; none where there are too few rows (`measured` is False)."""

    rows: int
    readings: tuple[Reading, ...]
    measured: bool = True

    @property
    def suspects(self) -> tuple[Reading, ...]:
        """The columns that know later bars, worst first."""
        return tuple(reading for reading in self.readings if reading.suspect)

    def sentences(self) -> tuple[str, ...]:
        """One sentence that names the worst column, how many more there are, and what usually causes it."""
        found = self.suspects
        if not found:
            return ()
        worst, more = found[0], len(found) - 1
        who = f"{short_name(worst.name)} and {more} more know" if more else f"{short_name(worst.name)} knows"
        return (
            f"Column {who} later bars ({_evidence(worst)}): a longer bar joined before it closed, a centred mean, a wrong shift or "
            "a label",
        )

    def as_document(self) -> dict[str, Any]:
        """For evaluation.json and the card."""
        listed = max(LISTED, len(self.suspects))
        columns = [reading.as_document() for reading in self.readings[:listed]]
        return {"rows": self.rows, "measured": self.measured, "suspects": len(self.suspects), "columns": columns}


def look_ahead(
    candles: Candles, interval: Interval, names: Sequence[str], values: NDArray[np.float32], rows: slice
) -> LookAhead:
    """Read every column [n, f], scaled or not, on at most the newest MOST_ROWS of `rows`. No bar after them is looked at."""
    if rows.stop - rows.start < FEWEST_ROWS:
        return LookAhead(0, (), measured=False)
    rows = slice(max(rows.start, rows.stop - MOST_ROWS - _FIRST_TARGET), rows.stop)
    targets = _targets(candles, interval, rows)
    if len(targets) < _FEWEST_TARGETS:
        return LookAhead(0, (), measured=False)
    found = market(candles, rows)
    past = _orthonormal(found.known[targets - 1])
    returns = found.returns[targets]
    surprise = _beyond(returns, past)
    bar = next_bar(len(targets), _told(returns, surprise, past.shape[1]))
    readings = [
        _reading(name, lags, surprise, past.shape[1], bar)
        for name, lags in _lags_beyond(names, values[rows], targets, past)
    ]
    return LookAhead(len(targets), tuple(sorted(readings, key=lambda reading: -reading.severity)))


def short_name(name: str) -> str:
    """A column's name in quotes, cut where a sentence has no room for it."""
    return repr(name if len(name) <= NAMED else name[: NAMED - 3] + "...")


def next_bar(rows: int, told: float = 0.0) -> float:
    """The bar of `next_share` at so many rows, where past bars tell a share `told` of the next return."""
    bar = NEXT_BAR + EASY_MARKET * min(1.0, max(0.0, told) / EASY_SHARE)
    return bar * max(1.0, math.sqrt(NEXT_ROWS / rows))


def _targets(candles: Candles, interval: Interval, rows: slice) -> NDArray[np.int64]:
    """Positions in `rows` whose return spans no gap in time and has the whole past before it."""
    follows = np.diff(candles.timestamps[rows], prepend=candles.timestamps[rows][:1]) == interval.nanoseconds
    targets = np.flatnonzero(follows)
    whole: NDArray[np.int64] = targets[targets >= _FIRST_TARGET]
    return whole


def _lags_beyond(
    names: Sequence[str], values: NDArray[np.float32], targets: NDArray[np.int64], past: Floats
) -> Iterator[tuple[str, Floats]]:
    """Each column's lags before each target [targets, groups], less what past bars tell of them."""
    groups = len(_GROUP_ENDS)
    for begin in range(0, len(names), _TOGETHER):
        some = names[begin : begin + _TOGETHER]
        lags = [_lags(_standard(values[:, begin + index]), targets) for index in range(len(some))]
        beyond = _beyond(np.column_stack(lags), past)
        for index, name in enumerate(some):
            yield name, beyond[:, index * groups : (index + 1) * groups]


def _standard(column: NDArray[np.float32]) -> Floats:
    """Mean 0 and deviation 1 [n], without the outermost thousandth on each side; zeros for a constant."""
    values = column.astype(np.float64)
    values = np.clip(values, *np.quantile(values, (0.001, 0.999)))
    deviation = values.std()
    standard: Floats = (values - values.mean()) / deviation if deviation > 0 else np.zeros(len(values))
    return standard


def _lags(values: Floats, targets: NDArray[np.int64]) -> Floats:
    """The mean of each group of lags before each target [targets, groups]."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    begins = (0, *_GROUP_ENDS[:-1])
    return np.column_stack(
        [
            (total[targets - begin] - total[targets - end]) / (end - begin)
            for begin, end in zip(begins, _GROUP_ENDS, strict=True)
        ]
    )


def _orthonormal(columns: Floats) -> Floats:
    """Orthonormal columns that span the given ones and a constant, without those that add nothing."""
    centred = columns - columns.mean(axis=0)
    scaled = centred / (columns.std(axis=0) + 1e-12)
    directions, corner = np.linalg.qr(np.column_stack([np.ones(len(columns)), scaled]))
    new: Floats = directions[:, np.abs(np.diag(corner)) > 1e-6 * math.sqrt(len(columns))]
    return new


def _beyond(part: Floats, past: Floats) -> Floats:
    rest: Floats = part - past @ (past.T @ part)
    return rest


def _told(returns: Floats, surprise: Floats, known: int) -> float:
    """The share of the returns' variance that `known` regressors of the past explain, less what chance explains."""
    whole = float(np.square(returns - returns.mean()).sum())
    left = float(surprise @ surprise) * len(returns) / max(len(returns) - known, 1)
    return 1 - left / whole if whole > 0 else 0.0


def _reading(name: str, lags: Floats, surprise: Floats, known: int, bar: float) -> Reading:
    next_share, deviations = _next(lags, surprise, known)
    later_share, later_t = _later(lags, surprise)
    certain = deviations > NEXT_DEVIATIONS
    severity = max(next_share / bar if certain else 0.0, later_share / LATER_BAR)
    return Reading(name, next_share, deviations, later_share, later_t, severity)


def _next(lags: Floats, surprise: Floats, known: int) -> tuple[float, float]:
    """Share of the surprise that the lags explain beyond chance, and in how many standard deviations of chance.

    Chance is computed from the data, since quiet and loud hours alternate: the explained sum is about chi-square distributed with
    trace and degrees of freedom from the covariance of the scores, and its cube root is about normal (Wilson and Hilferty, 1931).
    """
    rows = len(surprise)
    weight, turn = np.linalg.eigh(lags.T @ lags)
    new = weight > 1e-8 * rows
    apart = lags @ (turn[:, new] / np.sqrt(weight[new]))
    explained = float(np.square(apart.T @ surprise).sum())
    chance = (apart * np.square(surprise)[:, None]).T @ apart * (rows / max(rows - known, 1))
    usual, spread = float(np.trace(chance)), float(np.square(chance).sum())
    if usual <= 0 or spread <= 0:
        return 0.0, 0.0
    part = 2 / 9 / max(usual**2 / spread, 1)
    share = (explained - usual) / float(surprise @ surprise)
    return share, (math.cbrt(explained / usual) - 1 + part) / math.sqrt(part)


def _later(lags: Floats, surprise: Floats) -> tuple[float, float]:
    """The largest squared correlation of one value with the sum of the next returns that is beyond chance, and its t."""
    rows, whole = len(surprise), float(surprise @ surprise)
    widths = np.diff((0, *_GROUP_ENDS))
    sums = np.cumsum(lags * widths, axis=1)[:, [_GROUP_ENDS.index(bars) for bars in _SUMS]]
    products = sums.T @ surprise
    t = products / np.sqrt(np.square(sums).T @ np.square(surprise) + 1e-9)
    own = max(float(np.square(lags[:, 0]).sum()), _LEFT * rows)
    shares = np.minimum(np.square(products) / (own * (whole + 1e-12) * np.array(_SUMS)), 1.0)
    certain = np.abs(t) > max(LATER_T, math.sqrt(LATER_PER_ROW * rows))
    best = int(np.argmax(np.where(certain, shares, -1.0))) if certain.any() else int(np.argmax(np.abs(t)))
    return float(shares[best]) if certain[best] else 0.0, float(t[best])


def _evidence(worst: Reading) -> str:
    if worst.next_share / NEXT_BAR >= worst.later_share / LATER_BAR:
        return f"{100 * worst.next_share:.3g} % of the next return, honest columns 1 %"
    return f"{100 * worst.later_share:.3g} % of the next returns, honest columns 5 %"
