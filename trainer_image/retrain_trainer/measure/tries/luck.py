"""How likely is it that a model without skill does as well, when so many were tried on these bars?

One model alone. As in the majority test (`shifted`), its answers are compared with answers that have nothing to do with what came: such a
model is right as often as the two shares of up make likely, and no more. The lead over that is the mean over the bars of
2 (a - mean a)(y - mean y), for answers a and labels y of 0 or 1. Its standard error comes from the sums over blocks of consecutive bars,
and lead over error follows Student's distribution with one degree of freedom less than there are blocks. That reaches probabilities
which no number of shifts can show; where shifts do as well more often than that, they count.

The best of many. H. White's reality check (A Reality Check for Data Snooping, Econometrica 68, 2000) asks how far ahead the best of
k models without skill would be. Its Monte Carlo form (section 3) draws the k leads from a normal distribution with the correlation that their
answers have on these bars; here each lead is divided by its standard error first, as in P. Hansen's test (A Test for Superior
Predictive Ability, Journal of Business & Economic Statistics 23, 2005). Two models that answer alike count little more than one.

A sequence of tries. Each try could be promoted as soon as it passes, so it is not enough that every try has at most 5 %: by sixty
tries, one passes in a quarter of markets without skill (benchmarks/many_tries.py). So each try may use a share of what is allowed,
as in group sequential tests (K. Lan, D. DeMets, Discrete Sequential Boundaries for Clinical Trials, Biometrika 70, 1983), and the shares of all
tries there will ever be make up less than the whole; see `over_all_tries`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_trainer.measure.intervals.resampling import FEWEST_BLOCKS

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.bool_]

HELD_BACK = 5
"""Of the luck that is allowed, a fifth is given to all tries together. The rest is for a run of several symbols, of which luck needs
one, and for p-values that are up to a fifth too small where there are few blocks (docs/measuring.md has the table)."""
DRAWS = 4_000
"""Draws of the best of k models; the equivalent number of different models is then right to about 1 %."""

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Lead:
    """How far the share of right answers is above `expected`, that of a model whose answers have nothing to do with the labels.

    `error` is the standard error of the lead, from `blocks` blocks.
    """

    lead: float
    expected: float
    error: float
    blocks: int

    @property
    def z(self) -> float:
        """The lead in standard errors, as a normal variable of the same tail."""
        if self.error == 0:
            return math.copysign(math.inf, self.lead) if self.lead else 0.0
        return as_normal(self.lead / self.error, self.blocks - 1)


@dataclass(frozen=True)
class Luck:
    """What luck explains of a model's accuracy. Probabilities are 0 to 1.

    tries: models tried on these bars, this one included. different: as many independent models would come as far. p_value: a
    model without skill does as well. reality_check: the best of so many does. luck: the same over all tries, those to come
    included. luckiest: the accuracy that the best of so many without skill reads on average.
    """

    tries: int
    different: float
    p_value: float
    reality_check: float
    luck: float
    luckiest: float


def lead(called: Bits, labels: Bits, rows: Integers, block: int) -> Lead | None:
    """The lead of answers [k] (True for up) at bars `rows` [k, ascending]; None with fewer than FEWEST_BLOCKS blocks of `block` bars.

    Blocks are counted in bars of time; bars without a label take up their place.
    """
    if not rows.size or (int(rows[-1] - rows[0]) + 1) // block < FEWEST_BLOCKS:
        return None
    up, called_up = float(labels.mean()), float(called.mean())
    both = 2 * (called - called_up) * (labels - up)
    found = float(both.mean())
    sums = block_sums(both - found, rows - rows[0], block)
    blocks = int((int(rows[-1] - rows[0]) + 1) // block)
    error = math.sqrt(blocks / (blocks - 1) * float(np.square(sums).sum())) / rows.size
    return Lead(found, up * called_up + (1 - up) * (1 - called_up), error, blocks)


def block_sums(values: Floats, rows: Integers, block: int, bars: int | None = None) -> Floats:
    """Sums of values [k] at `rows` [k] over blocks of `block` bars, [blocks]; the last block may be shorter."""
    blocks = math.ceil((int(rows[-1]) + 1 if bars is None else bars) / block)
    return np.bincount(rows // block, weights=values, minlength=blocks).astype(np.float64)


def as_normal(t: float, degrees: int) -> float:
    """The normal variable with the same tail as Student's t (D. Wallace, Bounds on Normal Approximations to Student's and the
    Chi-Square Distributions, Annals of Mathematical Statistics 30, 1959); within 0.01 from 9 degrees of freedom on."""
    z = (8 * degrees + 1) / (8 * degrees + 3) * math.sqrt(degrees * math.log1p(t * t / degrees))
    return math.copysign(z, t)


def tail(z: float) -> float:
    """Probability that a normal variable is at least z; precise far out, where 1 - cdf is 0."""
    return math.erfc(z / math.sqrt(2)) / 2


def loadings(judged: Bits, right: Bits, block: int, bars: int) -> Floats:
    """How a model's answers move from block to block, [blocks], scaled so that the product of two models is their correlation.

    `judged` and `right` are bool[rows] over the rows of a test. `bars` is how many bars the model was judged on in all: where that is more than
    here, the rest correlates with nobody, so the square of the result adds up to less than 1.
    """
    blocks = math.ceil(judged.size / block)
    rows = np.flatnonzero(judged)
    if not rows.size:
        return np.zeros(blocks)
    answers = right[rows].astype(np.float64)
    sums = block_sums(answers - answers.mean(), rows, block, judged.size)
    size = math.sqrt(float(np.square(sums).sum()) * max(bars / rows.size, 1.0))
    return sums / size if size > 0 else sums


def different_models(vectors: Floats, z: float, seed: int = 0) -> float:
    """How many independent models would come as far as `z` as often as one of these, 1 to the number of models.

    `vectors` [models, blocks] are their `loadings`. The probability that one of them exceeds z is the sum of their single
    probabilities, each divided by how many exceed z when this one does (D. Naiman, C. Priebe, Computing Scan Statistic p Values Using Importance
    Sampling, Journal of Computational and Graphical Statistics 10, 2001). So the draws are needed only where one model exceeds z,
    and a probability of 1e-9 takes no more of them than one of 0.1.
    """
    models = len(vectors)
    if models == 1 or math.isinf(z):
        return float(models)
    rng = np.random.default_rng(seed)
    chosen = np.arange(DRAWS) % models
    rest = np.sqrt(np.maximum(1 - np.square(vectors).sum(axis=1), 0.0))
    exceeding = 0.0
    for part in np.array_split(chosen, math.ceil(DRAWS * models / 1_000_000)):
        drawn = rng.standard_normal((part.size, vectors.shape[1])) @ vectors.T
        drawn += rng.standard_normal((part.size, models)) * rest
        correlation = vectors[part] @ vectors.T
        correlation[np.arange(part.size), part] = 1.0
        ahead = np.array([_beyond(z, share) for share in rng.random(part.size)])
        drawn += correlation * (ahead - drawn[np.arange(part.size), part])[:, None]
        drawn[np.arange(part.size), part] = ahead
        exceeding += float((1 / (drawn >= z).sum(axis=1)).sum())
    return models * exceeding / DRAWS


def _beyond(z: float, share: float) -> float:
    """A normal variable beyond z: the quantile at which `share` of that tail is left."""
    return max(z, -_NORMAL.inv_cdf(max(tail(z) * (1 - share), 1e-300)))


def over_all_tries(p_value: float, different: float) -> float:
    """The probability of the luck that was met, or more, at this or any other try, those to come included: p * 5 m (m + 1), at most 1.

    Let a try pass where this is at most A, so that its p-value is at most c = A / (5 m (m + 1)), where m counts the different models
    tried so far. As m grows, c falls, so what passes first now is beyond c while none before was: its probability is that of the best of m
    models less that of the best of those before, which is c times what m grew by. Summed over all tries that is
    A / 5 * (1/2 + 1/6 + 1/12 + ...) = A / 5 where m grows by one at a time, and at most 1.2 A / 5 where it grows by less.
    """
    return min(1.0, p_value * HELD_BACK * different * (different + 1))


def luckiest_of(different: float) -> float:
    """Expected largest of so many independent standard normal variables, 0 for one.

    E max = (1 - g) Q(1 - 1/n) + g Q(1 - 1/(n e)), with Euler's constant g and the normal quantile Q (D. Bailey, M. Lopez de Prado,
    The Deflated Sharpe Ratio, Journal of Portfolio Management 40, 2014, appendix A.1).
    """
    if different < 1.5:
        return 0.0
    first, second = (_NORMAL.inv_cdf(1 - share / different) for share in (1.0, math.exp(-1)))
    return max((1 - _EULER) * first + _EULER * second, 0.0)


def luck_of(own: Lead, vectors: Floats, unknown: int = 0, shifts_as_good: float = 0.0) -> Luck:
    """What luck explains, given the `loadings` [models, blocks] of this model and the others, and how many more tries have left no answers.

    Of those nothing is known, so they count in full (Bonferroni). `shifts_as_good` is the share of the shifts of the majority test in
    which this model's answers are right as often.
    """
    p_value = max(tail(own.z), shifts_as_good)
    z = own.z if p_value == tail(own.z) else -_NORMAL.inv_cdf(p_value)
    return luck_given(own, len(vectors) + unknown, different_models(vectors, z) + unknown, shifts_as_good)


def luck_given(own: Lead, tries: int, different: float, shifts_as_good: float = 0.0) -> Luck:
    """The same where it is known already how many tries there are, and as how many different models they count."""
    p_value = max(tail(own.z), shifts_as_good)
    return Luck(
        tries=tries,
        different=different,
        p_value=p_value,
        reality_check=min(1.0, p_value * different),
        luck=over_all_tries(p_value, different),
        luckiest=own.expected + own.error * luckiest_of(different),
    )


def deflated_sharpe(returns: Floats | None, sharpes: Sequence[float], tries: int) -> float | None:
    """Probability that the true Sharpe ratio is above that of the luckiest of `tries` models without skill.

    `returns` [days] are daily; `sharpes` are those of the other tries, as far as they are known. None where the returns do not vary, and
    where there are none because the days are too few.

    DSR = Phi((SR - SR0) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)), where SR0 is the standard deviation of the
    tries' Sharpe ratios times the expected largest of so many normal variables (Bailey and Lopez de Prado 2014). Where fewer than
    two are known, their deviation is that of a Sharpe ratio without skill, 1 / sqrt(T - 1).
    """
    own = None if returns is None else sharpe_of_days(returns)
    if returns is None or own is None:
        return None
    scaled = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float(np.mean(scaled**3)), float(np.mean(scaled**4))
    known = np.array([own, *sharpes])
    spread = float(known.std(ddof=1)) if known.size > 2 else 1 / math.sqrt(returns.size - 1)
    gap = (own - spread * luckiest_of(tries)) * math.sqrt(returns.size - 1)
    return _NORMAL.cdf(gap / math.sqrt(max(1 - skew * own + (kurtosis - 1) / 4 * own**2, 1e-12)))


def sharpe_of_days(returns: Floats) -> float | None:
    """Mean over standard deviation of daily returns [days]; None where they do not vary."""
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation if deviation > 1e-12 else None
