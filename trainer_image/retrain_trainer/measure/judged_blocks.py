"""The answers on the test bars, counted in blocks of time: how a promoted model will be observed is fixed by them.

Blocks begin at the first test bar and are counted in intervals, not in rows: a gap in time takes up its place.
"""

from __future__ import annotations

import numpy as np

from retrain_api.observation.blocks import BlockRule, Count, block_rule
from retrain_api.time import UNITS

from .assess import Predictions


def rule_of(predictions: Predictions) -> BlockRule:
    """Length, correlation and deviation of the blocks, from the model's own test part."""
    shortest = predictions.lookback + predictions.horizon
    day = UNITS["d"] // predictions.dataset.question.interval.nanoseconds
    return block_rule(counts(predictions, shortest), shortest, day)


def counts(predictions: Predictions, length: int) -> list[Count]:
    """Judged and right bars of each block of `length` bars in the test part; a last block that is not whole is left out."""
    times, interval = predictions.dataset.candles.timestamps, predictions.dataset.question.interval.nanoseconds
    first, rows = times[predictions.test.start], predictions.labelled
    blocks = int((times[predictions.test.stop - 1] - first) // interval + 1) // length
    places = (times[rows] - first) // (interval * length)
    within = places < blocks
    judged = np.bincount(places[within], minlength=blocks)
    right = np.bincount(places[within], weights=predictions.right(rows)[within], minlength=blocks)
    return [Count(int(one), int(other)) for one, other in zip(judged, right, strict=True)]
