"""The test: somebody bets against the model, block by block, and gets rich only if it is worse than was said.

The null is that the model is right in at least a share `bar` of the judged bars. Before each block a stake is chosen from what earlier
blocks have shown, and after it the wealth is multiplied by 1 + stake * surprise. Under the null no surprise can be expected
to be positive, so the wealth is a supermartingale that begins at 1: however often anyone looks, and for however long, it ever
reaches W with a probability of at most 1 / W (J. Ville, 1939). So an alarm at `symbols / 0.05` is false in at most 5 % of promoted
runs, with as many symbols as they have.

The bets are those of I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, Journal of the Royal
Statistical Society B 86, 2024 (the stake is their aGRAPA, cut so that a block never takes more than three quarters of the wealth),
with three differences, each of which the simulation asks for (`benchmarks/observation.py`; docs/observation.md has its table):

- The surprise is the gain less `correlation` times the gain before it. What the last block lets one expect is no evidence. Without that,
  14 % of models at the bar alarm within 90 days in a market whose moods last most of a day, and with it 3 %.
- Earlier blocks count half after HALF_LIFE blocks, and a good time counts as no more than MOST_CREDIT standard deviations. Weighed all
  alike, a model that was good for three months and then falls 8 points below the bar shows after a month or never.
- Before the first block the stake is as if PRIOR_BLOCKS blocks had fallen short by half a standard deviation of the model's own gains.

Assumed is that the gains' dependence is what the model's own test part shows, at one lag. Regimes that last longer than a test part are
not covered, and over many promotions errors add up.
"""

from __future__ import annotations

import math

from retrain_api.wire import Lenient

from .blocks import Blocks

ALPHA = 0.05
"""How many of the promoted runs that keep to the bar may ever alarm."""
HALF_LIFE = 60
PRIOR_BLOCKS = 4
PRIOR_FALL = 0.5
MOST_CREDIT = 6
LARGEST_LOSS = 0.75
"""Share of the wealth that the best possible block may take."""
_KEPT = 0.5 ** (1 / HALF_LIFE)
_LEAST_ROOM = 0.01
"""At a bar of 1 a block could lose nothing, and a stake would have no end."""


class Wealth(Lenient):
    """A bettor after some blocks. Logarithms, because a model that has fallen makes it rich beyond any number."""

    log: float = 0.0
    log_peak: float = 0.0
    """The highest that it has been: an alarm stays."""
    weight: float
    surprises: float
    squares: float
    """Of the blocks so far, the imagined ones included: how many they count as, and the weighted sums of surprises and squares."""
    last: float = 0.0
    """The last block's gain."""

    @property
    def value(self) -> float:
        """The wealth itself, as far as a float goes."""
        return math.exp(min(self.log, 700.0))


def opening(blocks: Blocks) -> Wealth:
    """The bettor before the first block."""
    expected = PRIOR_FALL * innovation(blocks)
    square = (1 + PRIOR_FALL**2) * innovation(blocks) ** 2
    return Wealth(weight=PRIOR_BLOCKS, surprises=PRIOR_BLOCKS * expected, squares=PRIOR_BLOCKS * square)


def innovation(blocks: Blocks) -> float:
    """Standard deviation of a surprise."""
    return blocks.deviation * math.sqrt(1 - blocks.correlation**2)


def stake(wealth: Wealth, blocks: Blocks, bar: float) -> float:
    """What is bet on the next block, from the blocks before it: never less than nothing, nor so much that it could ruin.

    The best block has all bars right, a gain of bar - 1; what is taken off for the last block's gain comes on top.
    """
    worst = max(1 - bar, _LEAST_ROOM) + blocks.correlation * max(wealth.last, 0.0)
    return min(max(wealth.surprises / wealth.squares, 0.0), LARGEST_LOSS / worst)


def bet(wealth: Wealth, gain: float, blocks: Blocks, bar: float) -> Wealth:
    """The bettor after a block with this gain."""
    surprise = gain - blocks.correlation * wealth.last
    log = wealth.log + math.log1p(stake(wealth, blocks, bar) * surprise)
    return _learnt(wealth, surprise, surprise**2, blocks).model_copy(
        update={"log": log, "log_peak": max(wealth.log_peak, log), "last": gain}
    )


def pause(wealth: Wealth) -> Wealth:
    """The bettor after a block without a judged bar: nothing is won or learnt, and the block before it is long ago."""
    return wealth.model_copy(update={"last": 0.0})


def alarm_line(symbols: int) -> float:
    """The wealth that is an alarm in a promoted run of so many symbols."""
    return symbols / ALPHA


def has_alarmed(wealth: Wealth, symbols: int) -> bool:
    """Whether it has ever reached the alarm's line."""
    return is_rich(wealth.log_peak, symbols)


def is_rich(log: float, symbols: int) -> bool:
    """Whether the wealth of this logarithm reaches the alarm's line."""
    return log >= math.log(alarm_line(symbols))


def days_to_see(
    blocks: Blocks, bar: float, symbols: int, bars_per_day: float, judged: float = 1.0, fall: float = 0.1
) -> float | None:
    """Days until an accuracy that is `fall` below the bar from the first block on would alarm; None where not within 10,000 blocks.

    `judged` is the share of bars that are no ties. The wealth of the middle of many lives: each block brings the surprise that is
    expected, with the spread of the test part taken off.
    """
    surprise = fall * judged * (1 - blocks.correlation)
    square = surprise**2 + innovation(blocks) ** 2
    wealth = opening(blocks).model_copy(update={"last": fall * judged})
    for number in range(1, 10_001):
        bet_now = stake(wealth, blocks, bar)
        log = wealth.log + bet_now * surprise - bet_now**2 * square / 2
        if log >= math.log(alarm_line(symbols)):
            return number * blocks.length / bars_per_day
        wealth = _learnt(wealth, surprise, square, blocks).model_copy(update={"log": log})
    return None


def _learnt(wealth: Wealth, surprise: float, square: float, blocks: Blocks) -> Wealth:
    return wealth.model_copy(
        update={
            "weight": wealth.weight * _KEPT + 1,
            "surprises": max(wealth.surprises * _KEPT + surprise, -MOST_CREDIT * innovation(blocks)),
            "squares": wealth.squares * _KEPT + square,
        }
    )
