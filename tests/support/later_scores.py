"""Answers of models on later bars, made up: how often each is right is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrain_api.time import Question
from retrain_trainer.measure.later.scores import Promise, Scores, Slot

MINUTE = 60 * 10**9
DAY = 1440 * MINUTE


def slots(promoted: Sequence[bool]) -> tuple[Slot, ...]:
    """A slot a day; whether each one's model passed."""
    return tuple(
        Slot(i * DAY, (i + 1) * DAY, f"{i:012d}", passed, Promise(0.7, 0.65, 0.75, 1000))
        for i, passed in enumerate(promoted)
    )


def scores(
    promoted: Sequence[bool],
    skill: dict[int, float],
    symbol: str = "BTC-USD",
    seed: int = 0,
    step: float = 0.001,
    fee_bps: float = 0.0,
) -> Scores:
    """A market of ups and downs of one size; the model of slot i is right with the probability skill[i]."""
    rng, bars = np.random.default_rng(seed), 1440 * len(promoted)
    ups = rng.random(bars + 1) < 0.5
    close = np.exp(np.cumsum(np.where(ups, step, -step)))
    labels = np.append(ups[2:], False).astype(np.int8)
    labels[-1] = -1
    place = np.arange(bars) // 1440
    known = slots(promoted)
    made = Scores(
        symbol=symbol,
        question=Question.parse("1m", 1, "Drop"),
        lookback=2,
        threshold=0.5,
        fee_bps=fee_bps,
        slots=known,
        times=np.arange(bars, dtype=np.int64) * MINUTE,
        close=close[1:],
        labels=labels,
        place=place,
        answers={},
    )
    by_model = {i: _answers(rng, labels, share) for i, share in skill.items()}
    nothing = np.full(bars, np.nan)
    own, served, first = nothing.copy(), nothing.copy(), nothing.copy()
    for i in range(len(promoted)):
        here, serving = place == i, made.in_service(i)
        own[here] = by_model[i][here]
        if serving is not None:
            served[here] = by_model[serving][here]
        if made.first is not None and made.first <= i:
            first[here] = by_model[made.first][here]
    return Scores(**(vars(made) | {"answers": {"own": own, "served": served, "first": first}}))


def _answers(rng: np.random.Generator, labels: np.ndarray, share: float) -> np.ndarray:
    right = rng.random(labels.size) < share
    up = (labels == 1) == right
    return np.where(up, 0.6, 0.4)
