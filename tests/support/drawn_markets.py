"""Markets and models that are drawn, not trained: how much a model knows is given, so what the gate makes of it can be counted.

A price is a random walk whose volatility lasts. A model's scores last too, and know nothing, or know the outcome a little.
Labels overlap as real ones do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from retrain_api.time import Question
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.files.candles import Candles
from retrain_trainer.data.labels import label
from retrain_trainer.data.split import Split
from retrain_trainer.measure.assess import Predictions, windows_of_test

MINUTE = 60 * 10**9
_STEP = 6e-4
"""Standard deviation of a bar's return where volatility is as usual."""


@dataclass(frozen=True)
class Drawn:
    """Close, probabilities of up and labels (1 up, 0 down) of each bar [bars].

    The first `lookback` - 1 bars have no window, and the last `horizon` no outcome.
    """

    close: np.ndarray
    probabilities: np.ndarray
    labels: np.ndarray
    horizon: int
    lookback: int

    @property
    def times(self) -> np.ndarray:
        """Opening of each bar in nanoseconds."""
        return np.arange(self.close.size, dtype=np.int64) * MINUTE

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (NaN where there is no window) and labels (-1 where there is none)."""
        return self.probabilities, self.labels


def lasting(rng: np.random.Generator, bars: int, phi: float) -> np.ndarray:
    """An autoregressive series [bars] with variance 1."""
    before = min(20_000, int(12 / (1 - phi)) + 100)
    noise = rng.standard_normal(bars + before) * math.sqrt(1 - phi**2)
    found: np.ndarray = lfilter([1], [1, -phi], noise)[before:]
    return found


def drawn(
    rng: np.random.Generator,
    bars: int,
    horizon: int,
    lookback: int,
    score: float,
    volatility: float | None,
    skill: float = 0.0,
    drift: float = 0.0,
    bias: float = 0.0,
) -> Drawn:
    """A market and a model.

    `score` and `volatility` are the autoregressions of the model's score and of the logarithm of the market's volatility (None: it
    is constant). `skill` is how much of the outcome, in standard deviations, the score holds: 0.145 gives 54 %, 0.21 gives 55.7 %.
    `drift` moves the market by so many standard deviations in a horizon, `bias` the model towards up.
    """
    size = np.ones(bars + horizon) if volatility is None else np.exp(0.5 * lasting(rng, bars + horizon, volatility))
    steps = _STEP * (rng.standard_normal(bars + horizon) * size + drift / math.sqrt(horizon))
    close = np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
    outcome = (close[horizon:] / close[:-horizon] - 1)[:bars]
    usual = _STEP * math.sqrt(horizon) * (1.0 if volatility is None else math.exp(0.25))
    scores = lasting(rng, bars, score) + skill * outcome / usual + bias
    probabilities, labels = 1 / (1 + np.exp(-0.3 * scores)), (outcome > 0).astype(np.int8)
    probabilities[: lookback - 1] = np.nan
    labels[bars - horizon :] = -1
    return Drawn(close[:bars], probabilities, labels, horizon, lookback)


TRAIN_BARS = 400
"""Bars before the test bars, for the logistic regression."""


def as_predictions(market: Drawn, seed: int = 0) -> Predictions:
    """The market as an evaluation has it: its first TRAIN_BARS bars are the train part, the rest the test.

    There is one feature, noise. The first windows of the test have no probability, as ever.
    """
    question, bars = Question.parse("1m", market.horizon, "Drop"), market.close.size
    noise = np.random.default_rng(seed).standard_normal((bars, 1)).astype(np.float32)
    split = Split(slice(0, TRAIN_BARS), slice(TRAIN_BARS, TRAIN_BARS), slice(TRAIN_BARS, bars))
    dataset = Dataset(
        symbol="BTC-USD",
        question=question,
        names=("noise",),
        values=noise,
        candles=Candles(market.times, None, None, None, market.close, None),
        labels=label(market.close, market.times, question),
        split=split,
        gaps=0,
        dropped=(),
        sha256="",
        first_bar=iso_time(market.times[0]),
        last_bar=iso_time(market.times[-1]),
        rows=bars,
        warnings=(),
    )
    ends, labelled = windows_of_test(dataset, market.lookback)
    probabilities = market.probabilities[split.test].copy()
    probabilities[: market.lookback - 1] = np.nan
    return Predictions(dataset, noise, market.lookback, ends, labelled, probabilities)
