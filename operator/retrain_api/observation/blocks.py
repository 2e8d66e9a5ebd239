"""Into blocks of how many bars is a model's life cut, once it is promoted? Its own test part says it.

The test (`betting`) bets before each block on what it will bring. That is fair only if one block says nothing of the next.
Answers that are right or wrong for hours on end break that, so a block is made so long that the gains of neighbouring blocks in the
model's own test part are uncorrelated, as far as so many blocks can show. What correlation may be left is written
down as well, and the test takes it off: at most a day long, a block can't outlast a regime of days.

All of it is fixed at promotion. A length chosen later could be chosen to suit what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from pydantic import Field, ValidationError

from retrain_api.wire import Lenient, significant, up

FEWEST = 10
"""With fewer blocks a correlation is mere noise, so no longer blocks than that are asked."""
SIGNIFICANT = 1.65
"""Of one correlation in twenty that is none, the estimate is above this over the root of the number of blocks."""
UNSEEN = 0.5
"""A correlation of half a standard error is assumed where none is seen: that much can't be told from none."""
HIGHEST = 0.95


class Count(NamedTuple):
    """Of the bars of a block: how many were judged, and in how many of these the model was right."""

    judged: int
    right: int


@dataclass(frozen=True)
class Blocks:
    """Blocks of `length` bars; the lag-1 `correlation` that the test takes off their gains, and the gains' standard `deviation`."""

    length: int
    correlation: float
    deviation: float


class BlockRule(Lenient):
    """As evaluation.json, model card and pointer carry it; all unset in what earlier releases wrote."""

    block_length: int | None = Field(None, ge=1, description="Bars of a block.")
    block_correlation: float | None = Field(
        None, ge=0, lt=1, description="How much of a block's gain is expected to come again in the next one."
    )
    block_deviation: float | None = Field(
        None, gt=0, le=1, description="Standard deviation of the gains in the test part."
    )

    @property
    def blocks(self) -> Blocks | None:
        """The blocks; None where the model's release wrote none, so that it can't be observed."""
        length, correlation, deviation = self.block_length, self.block_correlation, self.block_deviation
        if length is None or correlation is None or deviation is None:
            return None
        return Blocks(length, correlation, deviation)


Gains: TypeAlias = Sequence[float | None]


def rule_in(document: Mapping[str, Any]) -> BlockRule:
    """The rule in a card, a pointer or an evaluation; unset where there is none, or none that can be read."""
    try:
        found = BlockRule.model_validate(document)
    except ValidationError:
        return BlockRule()
    return found if found.blocks else BlockRule()


def block_rule(counts: Sequence[Count], shortest: int, day: int) -> BlockRule:
    """The rule for a model whose test part has these `counts`, one for each `shortest` bars in time order.

    `shortest` is a lookback and a horizon: bars further apart share neither window nor outcome. The length is the first of
    `shortest`, twice that, four times and so on whose gains have a lag-1 correlation of at most SIGNIFICANT / sqrt(blocks); the
    longest where none has. None is longer than a `day` in bars but `shortest` itself, and none leaves fewer than FEWEST blocks.
    """
    accuracy = _share(counts)
    found = list(_levels(counts, shortest, day))
    length, chosen = next(((length, level) for length, level in found if not _dependent(level, accuracy)), found[-1])
    gains = [gain(one, accuracy, length) for one in chosen]
    blocks = sum(one is not None for one in gains)
    return BlockRule(
        block_length=length,
        block_correlation=up(_careful(_correlation(gains), blocks)),
        block_deviation=significant(_deviation(gains, chosen, accuracy, length)),
    )


def gain(count: Count, bar: float, length: int) -> float | None:
    """What a bet against accuracies of `bar` and more gains in a block: the shortfall of right answers, over the block's length.

    None where no bar was judged. Ties and gaps leave fewer judged bars, and so a smaller gain.
    """
    return (bar * count.judged - count.right) / length if count.judged else None


def _levels(counts: Sequence[Count], shortest: int, day: int) -> Iterator[tuple[int, Sequence[Count]]]:
    length = shortest
    yield length, counts
    while 2 * length <= day:
        counts, length = [_joined(*pair) for pair in zip(counts[::2], counts[1::2], strict=False)], 2 * length
        if sum(one.judged > 0 for one in counts) < FEWEST:
            return
        yield length, counts


def _joined(first: Count, second: Count) -> Count:
    return Count(first.judged + second.judged, first.right + second.right)


def _share(counts: Sequence[Count]) -> float:
    judged = sum(one.judged for one in counts)
    return sum(one.right for one in counts) / judged if judged else 0.5


def _dependent(counts: Sequence[Count], accuracy: float) -> bool:
    """Whether neighbouring blocks are seen to depend on each other. A gain's scale makes no difference to that."""
    gains = [gain(one, accuracy, 1) for one in counts]
    return _is_significant(_correlation(gains), sum(one is not None for one in gains))


def _is_significant(correlation: float, blocks: int) -> bool:
    return blocks >= FEWEST and correlation > SIGNIFICANT / math.sqrt(blocks)


def _correlation(gains: Gains) -> float:
    """Lag-1 autocorrelation; of pairs that are both known. 0 where the gains don't vary."""
    known = [one for one in gains if one is not None]
    mean = math.fsum(known) / len(known) if known else 0.0
    square = math.fsum((one - mean) ** 2 for one in known)
    product = math.fsum((a - mean) * (b - mean) for a, b in pairwise(gains) if a is not None and b is not None)
    return product / square if square > 0 else 0.0


def _careful(correlation: float, blocks: int) -> float:
    """The correlation to take off. An estimate from few blocks is too low more often than not, and the test then alarms too often.

    Where even the longest blocks depend on each other, it is the estimate without its bias of (1 + 3 r) / n (M. Kendall, Note on
    Bias in the Estimation of Autocorrelation, Biometrika 41, 1954) and a standard error more. Without the two, markets whose regimes
    last ten days alarm in 8 to 12 % at the bar with hourly bars, and with them in 2 to 3 %.
    """
    least = UNSEEN / math.sqrt(max(blocks, 1))
    if not _is_significant(correlation, blocks):
        return min(max(correlation, least), HIGHEST)
    bias, error = (1 + 3 * correlation) / blocks, math.sqrt((1 - correlation**2) / blocks)
    return min(max(correlation + bias + error, least), HIGHEST)


def _deviation(gains: Gains, counts: Sequence[Count], accuracy: float, length: int) -> float:
    """Their standard deviation, and no less than if all bars were independent; half a bar where neither says anything."""
    known = [one for one in gains if one is not None]
    mean = math.fsum(known) / len(known) if known else 0.0
    measured = math.sqrt(math.fsum((one - mean) ** 2 for one in known) / len(known)) if known else 0.0
    judged = sum(one.judged for one in counts) / len(known) if known else length
    independent = math.sqrt(accuracy * (1 - accuracy) * judged) / length
    return max(measured, independent, 0.5 / length)
