"""Another model's answers to the challenger's test bars, and the comparison that follows from them.

The answers are kept in predictions.parquet, so that the comparison can be computed again without either model. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import Champion
from retrain_trainer.measure.assess import Predictions
from retrain_trainer.measure.intervals.paired import paired

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """What a model answered: 1 right and 0 wrong [k] at `rows` (int64[k], ascending rows of the challenger's dataset, k > 0).

    `window` is the longer lookback of both models, in bars: blocks of the interval cover it.
    """

    sha256: str
    rows: Integers
    right: Floats
    window: int


@dataclass(frozen=True)
class Compared:
    """A comparison and the answers behind it; without answers, the note of `champion` says why there is none."""

    champion: Champion
    answers: Answers | None = None


def compared(predictions: Predictions, answers: Answers) -> Compared:
    """Compare the accuracies on the bars of the answers. Both models' answers are resampled together."""
    found = paired(predictions.right(answers.rows), answers.right, answers.rows, answers.window + predictions.horizon)
    figures = Champion(
        sha256=answers.sha256,
        bars=int(answers.rows.size),
        accuracy=float(answers.right.mean()),
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p_value,
    )
    return Compared(figures, answers)
