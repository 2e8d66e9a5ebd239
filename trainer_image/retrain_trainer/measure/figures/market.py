"""A small digest of how the close moved over the test bars, by which the gate sees that two symbols are one market.

Three symbols are three answers to one question, unless they are one file under three names. Bytes don't tell: a copy may be in
another unit, the other way round, shifted, or lack rows. What stays is the order of ups and downs within a day.

Each run of RUN changes is a shingle: its signs and its day in UTC. The share of shingles that two symbols have in common is
estimated by MinHash (Broder, On the Resemblance and Containment of Documents, 1997): hashes are divided into SLOTS ranges, and six
bits of the lowest hash of each range are kept (Li, Owen, Zhang, One Permutation Hashing, 2012; Li, König, b-Bit Minwise Hashing,
2010). A row that is missing spoils RUN shingles and no more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrain_api.gate.markets import SLOTS
from retrain_trainer.data.dataset import Dataset

RUN = 18
"""Changes in a shingle. Longer ones are lost to missing rows, and shorter ones are shared by markets that are only correlated; the
figures are in docs/experiments.md."""
FEWEST_MOVES = 8
"""A shingle with fewer changes than this that are not flat says nothing: two quiet markets look alike."""
FEWEST_SHINGLES = 100
"""With fewer than this a range may be empty."""

_DAY = 86_400_000_000_000
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def market_of(dataset: Dataset) -> str:
    """The digest of a dataset's test bars: SLOTS letters; empty where there are too few moves to tell."""
    test = dataset.split.test
    return market_digest(dataset.candles.close[test], dataset.candles.timestamps[test])


def market_digest(close: NDArray[np.float64], timestamps: NDArray[np.int64]) -> str:
    """The digest of closes [n] at times [n] in nanoseconds UTC; see `market_of`."""
    found = shingles(close, timestamps)
    if len(found) < FEWEST_SHINGLES:
        return ""
    first = np.searchsorted(found, np.arange(SLOTS, dtype=np.uint64) * np.uint64(2**64 // SLOTS))
    lowest = _mixed(found[np.minimum(first, len(found) - 1)]) & np.uint64(63)
    return "".join(_LETTERS[letter] for letter in lowest.tolist())


def shingles(close: NDArray[np.float64], timestamps: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The hashes of all shingles, each once and sorted, uint64[k]. Ups and downs may be exchanged throughout: the price the other way round."""
    signs = np.sign(np.diff(close))
    count = len(signs) - RUN + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    ups, downs = (_bits(signs == side, count) for side in (1, -1))
    moves = np.bitwise_count(ups | downs)
    pattern = np.minimum(ups, downs) | (np.maximum(ups, downs) << np.uint64(RUN))
    days = (timestamps[RUN:] // _DAY).astype(np.uint64)
    hashes = np.sort(_mixed(pattern ^ _mixed(days))[moves >= FEWEST_MOVES])  # np.unique takes 16 times as long
    return hashes[np.append(True, hashes[1:] != hashes[:-1])] if len(hashes) else hashes


def _bits(moved: NDArray[np.bool_], count: int) -> NDArray[np.uint64]:
    """The RUN booleans from each position on as the bits of a number, uint64[count]."""
    bits = np.zeros(count, dtype=np.uint64)
    for place in range(RUN):
        bits |= moved[place : place + count].astype(np.uint64) << np.uint64(place)
    return bits


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit hash of each value: the finalizer of SplitMix64 (Steele, Lea, Flood, 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return found
