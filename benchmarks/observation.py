"""How often does a promoted model alarm that keeps to the bar, and how soon does one that falls below it?

    python benchmarks/observation.py [--runs 60] [--data FOLDER] [--only real,parts,size]

Lives of models against a bar of 0.68 are drawn bar by bar. Each begins with a test part of its own, from which its blocks come as
they do in an evaluation. `memory` says how many bars in a row are worth one independent answer. `--data` names a folder with
candles_USD1-USDT_5m.parquet; where it is absent the replay of real months is skipped. docs/observation.md has the tables; with the
60 runs of 64 symbols that are the default they take about ten minutes on one core, and with fewer less.

The bets are those of `retrain_api.observation`, for many lives at once; that both agree is checked first.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from retrain_api.observation import betting
from retrain_api.observation.betting import alarm_line, bet, days_to_see, has_alarmed, opening
from retrain_api.observation.blocks import Blocks, Count, block_rule, gain

BAR, LOOKBACK, TEST_LEAD, TIES = 0.68, 60, 0.02, 0.45
SYMBOLS, FALLS, OFFSETS = (1, 3, 64), (0.03, 0.08, 0.13), (-0.02, 0.08, 0.13)
RULES = 640
"""Test parts that are drawn; the lives share them in turn."""

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True)
class Clock:
    """Bars of a day, and for how many days models are tested, keep to the bar, and live after a fall."""

    name: str
    day: int
    tested: int
    kept: int
    fallen: int


CLOCKS = (Clock("1m", 1_440, 27, 90, 30), Clock("5m", 288, 55, 180, 90), Clock("1h", 24, 219, 720, 360))


@dataclass(frozen=True)
class Market:
    """What makes answers depend on each other."""

    memory: int = 0
    horizon: int = 1
    ties: float = 0.0

    @property
    def shortest(self) -> int:
        """Bars of the shortest block."""
        return LOOKBACK + self.horizon

    def __str__(self) -> str:
        return f"{self.memory:,} | {self.horizon} | {'dropped' if self.ties else 'none'}"


@dataclass(frozen=True)
class Lives:
    """Judged and right bars of each shortest block: [lives, blocks]."""

    judged: Integers
    right: Integers

    def joined(self, several: int) -> Lives:
        """The same in blocks that are several times as long."""
        whole = self.judged.shape[1] // several
        shape = (len(self.judged), whole, several)
        cut = slice(0, whole * several)
        return Lives(self.judged[:, cut].reshape(shape).sum(2), self.right[:, cut].reshape(shape).sum(2))

    def followed_by(self, later: Lives) -> Lives:
        """One stage of the lives after another."""
        return Lives(np.hstack([self.judged, later.judged]), np.hstack([self.right, later.right]))

    def counts(self, life: int) -> list[Count]:
        """One life as `retrain_api` takes it."""
        return [Count(int(n), int(right)) for n, right in zip(self.judged[life], self.right[life], strict=True)]


def live(rng: np.random.Generator, lives: int, bars: int, accuracy: float, market: Market) -> Lives:
    """Lives of a model: a bar is right where a latent normal is below a quantile. It follows the one before it, and a horizon
    of several bars makes it the mean of so many."""
    blocks, horizon = bars // market.shortest, market.horizon
    # The answers' correlations, asin(r) * 2 / pi, add up to 2 ln 2 times the bars in which r falls to 1 / e.
    kept = math.exp(-2 * math.log(2) / market.memory) if market.memory else 0.0
    lags = np.abs(np.arange(1 - horizon, horizon))
    below = NormalDist().inv_cdf(accuracy) * math.sqrt(float(((horizon - lags) * kept**lags).sum()))
    state = rng.standard_normal(lives, dtype=np.float32)
    before = np.zeros((horizon - 1, lives), np.float32)
    judged, right = np.empty((lives, blocks), np.int32), np.empty((lives, blocks), np.int32)
    for block in range(blocks):
        latent = rng.standard_normal((market.shortest, lives), dtype=np.float32)
        if kept:
            latent *= np.float32(math.sqrt(1 - kept**2))
            for row in latent:
                row += np.float32(kept) * state
                state = row
        if horizon > 1:
            whole = np.concatenate([before, latent])
            before = whole[1 - horizon :].copy()
            sums = np.cumsum(whole, axis=0, dtype=np.float64)
            latent = sums[horizon - 1 :] - np.concatenate([np.zeros((1, lives)), sums[:-horizon]])
        hit = latent < below
        known = (
            rng.random((market.shortest, lives), dtype=np.float32) >= market.ties if market.ties else np.ones_like(hit)
        )
        judged[:, block], right[:, block] = known.sum(0), (hit & known).sum(0)
    return Lives(judged, right)


def tested(rng: np.random.Generator, clock: Clock, market: Market) -> list[Blocks]:
    """The blocks of models that passed their test by two points."""
    parts = live(rng, RULES, clock.tested * clock.day, BAR + TEST_LEAD, market)
    rules = [block_rule(parts.counts(number), market.shortest, clock.day).blocks for number in range(RULES)]
    return [blocks for blocks in rules if blocks is not None]


@dataclass(frozen=True)
class Bets:
    """The test, or one without a part of it."""

    half_life: float = betting.HALF_LIFE
    credit: float = betting.MOST_CREDIT
    takes_off: bool = True


TEST = Bets()


def log_wealth(gains: Floats, length: int, correlation: Floats, deviation: Floats, bar: float, bets: Bets) -> Floats:
    """Logarithm of the wealth after each block [lives, blocks]: `betting.bet`, for many lives at once."""
    taken = correlation if bets.takes_off else np.zeros_like(correlation)
    innovation, kept = deviation * np.sqrt(1 - taken**2), 0.5 ** (1 / bets.half_life)
    surprises = betting.PRIOR_BLOCKS * betting.PRIOR_FALL * innovation
    squares = betting.PRIOR_BLOCKS * (1 + betting.PRIOR_FALL**2) * innovation**2
    wealth, last, found = np.zeros(len(gains)), np.zeros(len(gains)), np.empty_like(gains)
    for block in range(gains.shape[1]):
        most = betting.LARGEST_LOSS / (max(1 - bar, 0.01) + taken * np.maximum(last, 0))
        stakes = np.clip(surprises / squares, 0, most)
        surprise = gains[:, block] - taken * last
        wealth += np.log1p(stakes * surprise)
        surprises = np.maximum(surprises * kept + surprise, -bets.credit * innovation)
        squares, last = squares * kept + surprise**2, gains[:, block]
        found[:, block] = wealth
    return found


def alarms(lives: Lives, rules: list[Blocks], shortest: int, day: int, bets: Bets = TEST) -> dict[int, Floats]:
    """The day of each life's first alarm, infinite without one, by the number of symbols."""
    found = {symbols: np.full(len(lives.judged), np.inf) for symbols in SYMBOLS}
    rule = np.arange(len(lives.judged)) % len(rules)
    for length in sorted({blocks.length for blocks in rules}):
        rows = np.flatnonzero(np.array([blocks.length == length for blocks in rules])[rule])
        chosen = [rules[number] for number in rule[rows]]
        joined = Lives(lives.judged[rows], lives.right[rows]).joined(length // shortest)
        gains = (BAR * joined.judged - joined.right) / length
        correlation, deviation = (
            np.array([getattr(one, name) for one in chosen]) for name in ("correlation", "deviation")
        )
        wealth = log_wealth(gains, length, correlation, deviation, BAR, bets)
        for symbols, days in found.items():
            reached = wealth >= math.log(alarm_line(symbols))
            days[rows] = np.where(reached.any(1), (reached.argmax(1) + 1) * length / day, np.inf)
    return found


def check(rng: np.random.Generator) -> None:
    """The bets of many lives at once are those of `retrain_api`."""
    clock, market = CLOCKS[0], Market(25)
    lives, rules = live(rng, 20, 5 * clock.day, 0.66, market), tested(rng, clock, market)[:20]
    for number, blocks in enumerate(rules):
        joined = lives.joined(blocks.length // market.shortest)
        one = np.array([[gain(count, BAR, blocks.length) for count in joined.counts(number)]], dtype=np.float64)
        there = log_wealth(one, blocks.length, np.array([blocks.correlation]), np.array([blocks.deviation]), BAR, TEST)
        here = reduce(lambda wealth, won: bet(wealth, float(won), blocks, BAR), one[0], opening(blocks))
        assert math.isclose(here.log, there[0, -1], rel_tol=1e-9, abs_tol=1e-9), (here.log, there[0, -1])


def share(alarmed: NDArray[np.bool_], symbols: int) -> str:
    """In how many percent of runs of so many symbols any of them alarms."""
    runs = alarmed[: len(alarmed) // symbols * symbols].reshape(-1, symbols).any(1)
    return f"{100 * runs.mean():.1f} %"


def middle(days: Floats, most: int) -> str:
    """The median day of an alarm."""
    found = float(np.median(days))
    return f"{found:.1f}" if math.isfinite(found) else f"> {most}"


def size_and_speed(rng: np.random.Generator, runs: int) -> None:
    """At the bar, and below it from the first day on."""
    header = [f"{symbols} at the bar" for symbols in SYMBOLS]
    header += [f"-{fall * 100:.0f}, one of {symbols}" for fall in FALLS for symbols in SYMBOLS] + [
        "-8, all of 3",
        "seen",
    ]
    for clock in CLOCKS:
        print(
            f"\n{clock.name}: {clock.kept} days at the bar, {clock.fallen} after a fall, test part of {clock.tested} days"
        )
        print("| memory | horizon | ties | block | " + " | ".join(header) + " |")
        for memory in (0, 25, 240):
            for market in (Market(memory), Market(memory, 1, TIES), Market(memory, 15, TIES)):
                print(f"| {market} | " + " | ".join(row(rng, clock, market, runs)) + " |", flush=True)


def row(rng: np.random.Generator, clock: Clock, market: Market, runs: int) -> Iterator[str]:
    """A row of the table: blocks, shares of false alarms, days to an alarm, and the days that `days_to_see` says of ten points."""
    rules, lives = tested(rng, clock, market), runs * max(SYMBOLS)
    yield f"{int(np.median([blocks.length for blocks in rules])):,}"
    held = alarms(live(rng, lives, clock.kept * clock.day, BAR, market), rules, market.shortest, clock.day)
    yield from (share(np.isfinite(days), symbols) for symbols, days in held.items())
    for fall in FALLS:
        fallen = live(rng, 1_200, clock.fallen * clock.day, BAR - fall, market)
        days = alarms(fallen, rules, market.shortest, clock.day)
        yield from (middle(one, clock.fallen) for one in days.values())
        if fall == FALLS[1]:
            together = days[3].reshape(-1, 3).min(1)
    yield middle(together, clock.fallen)
    seen = [days_to_see(blocks, BAR, 1, clock.day, 1 - market.ties) for blocks in rules]
    yield f"{np.median([math.inf if days is None else days for days in seen]):.1f}"


VARIANTS = {
    "the test": TEST,
    "without taking off what the last block lets one expect": Bets(takes_off=False),
    "with all blocks weighed alike": Bets(half_life=math.inf, credit=math.inf),
    "with fading blocks and unlimited credit": Bets(credit=math.inf),
    "without both": Bets(math.inf, math.inf, False),
}


def parts(rng: np.random.Generator, runs: int) -> None:
    """What each part of the test is for: with and without it, minutes, one symbol."""
    clock, lives = CLOCKS[0], min(runs * 20, 1_200)
    memories, good = (25, 240, 1_000, 4_000, 10_000), ((0.70, 0), (0.85, 0), (0.70, 25), (0.85, 25))
    rules = {memory: tested(rng, clock, Market(memory)) for memory in (0, *memories)}
    held = {memory: live(rng, lives, clock.kept * clock.day, BAR, Market(memory)) for memory in memories}
    late = {}
    for accuracy, memory in good:
        before, after = (
            live(rng, lives, days * clock.day, one, Market(memory)) for days, one in ((90, accuracy), (30, 0.60))
        )
        late[accuracy, memory] = before.followed_by(after)
    print(
        f"\n1m, one symbol: alarms at the bar in {clock.kept} days by memory; days to an alarm at 0.60 after 90 days above the bar"
    )
    names = [f"memory {memory:,}" for memory in memories] + [
        f"{accuracy} before, memory {memory}" for accuracy, memory in good
    ]
    print("| | " + " | ".join(names) + " |")
    for name, bets in VARIANTS.items():
        cells = [
            share(np.isfinite(alarms(one, rules[memory], 61, clock.day, bets)[1]), 1) for memory, one in held.items()
        ]
        for (_, memory), one in late.items():
            days = alarms(one, rules[memory], 61, clock.day, bets)[1] - 90
            cells.append(middle(days[days > 0], 30))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    three = [share(np.isfinite(alarms(one, rules[memory], 61, clock.day)[3]), 3) for memory, one in held.items()]
    print("| the test, three symbols | " + " | ".join(three) + " |" + " |" * len(late), flush=True)


def replay(folder: Path) -> None:
    """Real months that overlap: minus close less its 20-bar mean, a rule without training, on a stablecoin; ties dropped."""
    path = folder / "candles_USD1-USDT_5m.parquet"
    if not path.is_file():
        print(f"\nNo {path.name} in {folder}: the replay of real months is skipped.")
        return
    close = pq.read_table(path, columns=["close"])["close"].to_numpy()
    print(
        "\nReal months, every five days, after a test part of 41 days; alarms by the bar: points from the month's own accuracy"
    )
    names = ["own", "of all months", *(f"own {100 * offset:+.0f}" for offset in OFFSETS)]
    print("| lookback | horizon | months | block | correlation | " + " | ".join(names) + " |")
    for lookback, horizon in ((60, 1), (60, 15), (20, 1), (20, 15)):
        found = list(months(*answers(close, horizon), lookback + horizon))
        length, correlation = (
            np.median([getattr(blocks, name) for blocks, _ in found]) for name in ("length", "correlation")
        )
        cells = [f"{100 * np.mean(column):.0f} %" for column in zip(*(alarms for _, alarms in found), strict=True)]
        print(
            f"| {lookback} | {horizon} | {len(found)} | {length:.0f} | {correlation:.2f} | " + " | ".join(cells) + " |",
            flush=True,
        )


def answers(close: Floats, horizon: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which bars are judged, and in which of them the rule is right."""
    mean = np.full(len(close), np.nan)
    mean[19:] = np.convolve(close, np.ones(20) / 20, "valid")
    move = np.append(close[horizon:] - close[:-horizon], np.full(horizon, np.nan))
    known = np.isfinite(mean) & np.isfinite(move) & (move != 0)
    return known, known & ((move > 0) == (close < mean))


def months(known: NDArray[np.bool_], right: NDArray[np.bool_], shortest: int) -> Iterator[tuple[Blocks, list[bool]]]:
    """For each month its blocks, and whether it alarms at each bar."""

    def counted(first: int, last: int, length: int) -> list[Count]:
        edges = range(first, last + 1, length)
        return [Count(int(known[a:b].sum()), int(right[a:b].sum())) for a, b in pairwise(edges)]

    day, overall = CLOCKS[1].day, float(right.sum() / known.sum())
    for start in range(41 * day, len(known) - 30 * day, 5 * day):
        blocks = block_rule(counted(start - 41 * day, start, shortest), shortest, day).blocks
        assert blocks is not None
        month = counted(start, start + 30 * day, blocks.length)
        own = sum(one.right for one in month) / sum(one.judged for one in month)
        yield blocks, [alarmed(month, blocks, bar) for bar in (own, overall, *(own + offset for offset in OFFSETS))]


def alarmed(month: list[Count], blocks: Blocks, bar: float) -> bool:
    """Whether a life alarms at a bar."""
    won = (gain(count, bar, blocks.length) for count in month)
    known = (one for one in won if one is not None)
    return has_alarmed(reduce(lambda wealth, one: bet(wealth, one, blocks, bar), known, opening(blocks)), 1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=60, help="runs of 64 symbols; as many symbols make more runs of fewer"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with candles_USD1-USDT_5m.parquet")
    parser.add_argument("--only", default="real,parts,size", help="which tables, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng, only = np.random.default_rng(chosen.seed), chosen.only.split(",")
    check(rng)
    print(f"bar {BAR}, {chosen.runs} runs of 64 symbols, seed {chosen.seed}")
    if "real" in only:
        replay(chosen.data)
    if "parts" in only:
        parts(rng, chosen.runs)
    if "size" in only:
        size_and_speed(rng, chosen.runs)


if __name__ == "__main__":
    main()
