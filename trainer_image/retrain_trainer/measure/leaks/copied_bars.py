"""Finds test bars that the train part holds already: a file that has the same bars twice, under other times.

Two downloads appended with a wrong offset, or a feed that repeats a page, put train bars into the test part. The model knows
those by heart, and its accuracy there says nothing. A run of RUN bars is a copy of another where each bar's return, range and change of
volume are equal, and at least half of them moved: a stuck feed, or a stablecoin that stands still, repeats itself honestly.
A price in another unit is found too, since nothing but changes is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.wire import rounded
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.files.candles import Candles
from retrain_trainer.data.split import Split

Integers: TypeAlias = NDArray[np.int64]
Hashes: TypeAlias = NDArray[np.uint64]

RUN = 20
"""Bars in a run that is compared. Ten bars of closes alone do repeat by chance on a stablecoin with ticks; see docs/measuring.md."""
HANDFUL = 5
"""So many runs in common are put down to chance."""
SUSPECT_SHARE = 0.01
"""Suspect from this share of the test bars on; fewer move no figure by a point."""

_FINE = 1e-8
"""Changes that differ by less are equal: what a price loses when it is stored in another unit."""


@dataclass(frozen=True)
class CopiedBars:
    """Test bars that lie in a run of the train part: their number, share, and where the first of them stand in both."""

    runs: int = 0
    bars: int = 0
    share: float = 0.0
    test_bar: str = ""
    train_bar: str = ""

    @property
    def suspect(self) -> bool:
        """Whether the figures on the test bars can't be believed."""
        return self.runs > HANDFUL and self.share >= SUSPECT_SHARE

    def sentences(self) -> tuple[str, ...]:
        """One sentence where it is more than chance."""
        if self.runs <= HANDFUL:
            return ()
        return (
            f"Copied bars: {self.bars:,} test bars ({100 * self.share:.1f} %) stand in the train part too, those at {self.test_bar} as "
            f"they were at {self.train_bar}. The model may know them by heart; remove the bars that the file has twice.",
        )

    def as_document(self) -> dict[str, Any]:
        """For evaluation.json."""
        return {
            "runs": self.runs,
            "bars": self.bars,
            "share": rounded(self.share),
            "firstTest": self.test_bar or None,
            "firstTrain": self.train_bar or None,
        }


def copied_bars(candles: Candles, split: Split) -> CopiedBars:
    """The test bars that lie in a run of RUN bars that the train part has too."""
    train, train_starts = _runs(candles, split.train)
    test, test_starts = _runs(candles, split.test)
    copied = np.isin(test, train)
    if not copied.any():
        return CopiedBars()
    starts = test_starts[copied]
    covered = np.unique(starts[:, None] + np.arange(RUN))
    original = train_starts[np.flatnonzero(train == test[copied][0])[0]]
    return CopiedBars(
        runs=len(starts),
        bars=len(covered),
        share=len(covered) / (split.test.stop - split.test.start),
        test_bar=iso_time(candles.timestamps[starts[0]]),
        train_bar=iso_time(candles.timestamps[original]),
    )


def _runs(candles: Candles, rows: slice) -> tuple[Hashes, Integers]:
    """A hash of each run of `rows` of which half the bars moved, and the row of its first bar."""
    start, stop = rows.start + 1, rows.stop
    count = stop - start - RUN + 1
    if count <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    bars, moved = _bars(candles, start, stop)
    hashes, moves = np.zeros(count, np.uint64), np.zeros(count, np.int64)
    for place in range(RUN):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + bars[place : place + count]
        moves += moved[place : place + count]
    lively = 2 * moves >= RUN
    return hashes[lively], np.flatnonzero(lively) + start


def _bars(candles: Candles, start: int, stop: int) -> tuple[Hashes, NDArray[np.bool_]]:
    """A hash of each bar's return, range and change of volume, and whether its close moved; bars start to stop - 1."""
    close = candles.close
    step = np.log(close[start:stop] / close[start - 1 : stop - 1])
    parts = [step]
    if candles.high is not None and candles.low is not None:
        parts += [
            np.log(candles.high[start:stop] / close[start:stop]),
            np.log(candles.low[start:stop] / close[start:stop]),
        ]
    if candles.volume is not None:
        volume = np.log(candles.volume[start - 1 : stop] + 1e-9)
        parts.append(np.diff(volume))
    hashes = np.zeros(stop - start, np.uint64)
    for part in parts:
        whole = np.rint(part / _FINE).astype(np.int64).astype(np.uint64)
        hashes = _mixed(hashes ^ _mixed(whole))
    return hashes, step != 0


def _mixed(values: Hashes) -> Hashes:
    """A 64-bit hash of each value: the finalizer of SplitMix64 (Steele, Lea, Flood, 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Hashes = mixed ^ (mixed >> np.uint64(31))
    return found
