"""How often do the 90 % intervals hold the truth? Drawn markets, measured with the real functions.

    python benchmarks/coverage.py [--series 400] [--rows 0,1,2] [--resamples 400]

One line a kind of market. "54 %" is a model with an accuracy of 54 %, all others know nothing. Truths are those of 30 long series
(PnL: of 1,500 series as long as the test). With `--window` the blocks are a lookback and a horizon long, as they were before the
length was taken from the data. The table stands in docs/measuring.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.drawn_markets import MINUTE, Drawn, drawn

from retrain_trainer.measure.figures import backtest, metrics
from retrain_trainer.measure.intervals.bootstrap import intervals
from retrain_trainer.measure.intervals.dependence import dependent_block

FIGURES = ("accuracy", "auc", "brier", "pnl", "f1", "calibrationError")


@dataclass(frozen=True)
class Row:
    """One kind of market; the arguments of `drawn`."""

    bars: int
    horizon: int
    lookback: int
    score: float
    volatility: float | None
    skill: float = 0.0

    def draw(self, seed: int, bars: int | None = None) -> Drawn:
        """A market of this kind."""
        rng = np.random.default_rng(seed)
        return drawn(rng, bars or self.bars, self.horizon, self.lookback, self.score, self.volatility, self.skill)

    def __str__(self) -> str:
        volatility = "-" if self.volatility is None else f"{self.volatility:g}"
        skill = ", 54 %" if self.skill else ""
        return f"{self.bars:,}, {self.horizon}, {self.lookback}; {self.score:g} / {volatility}{skill}"


ROWS = (
    Row(6_500, 15, 60, 0.9, None),
    Row(6_500, 15, 60, 0.99, 0.99),
    Row(6_500, 15, 60, 0.999, 0.999),
    Row(6_500, 15, 60, 0.99, 0.99, 0.145),
    Row(6_500, 1, 10, 0.99, 0.99, 0.15),
    Row(900, 15, 60, 0.9, 0.99),
    Row(900, 15, 60, 0.9, 0.99, 0.145),
    Row(900, 1, 10, 0.9, 0.99),
)


def traded(market: Drawn) -> backtest.Backtest:
    """The backtest with today's defaults."""
    return backtest.run(market.probabilities, market.close, market.times, MINUTE, market.horizon)


def figures(market: Drawn) -> np.ndarray:
    """FIGURES as measured."""
    judged = np.isfinite(market.probabilities) & (market.labels >= 0)
    p, labels = market.probabilities[judged], market.labels[judged]
    f1 = metrics.f1(metrics.confusion_of(p, labels))
    accuracy, brier = np.mean((p > 0.5) == (labels == 1)), np.mean((p - labels) ** 2)
    error = metrics.calibration_error(p, labels, 15)
    return np.array([accuracy, metrics.auc(p, labels), brier, traded(market).pnl, f1, error])


def truth(row: Row) -> np.ndarray:
    """FIGURES of so many bars that luck does not matter."""
    found = np.mean([figures(row.draw(1_000_000 + seed, 100_000)) for seed in range(30)], axis=0)
    if not row.skill:
        found[:2] = 0.5
    found[3] = np.mean([traded(row.draw(2_000_000 + seed)).pnl for seed in range(1_500)])
    return found


def measured(row: Row, series: int, resamples: int, window: bool) -> str:
    """One line of the table: share of series whose interval holds the truth, and those in which it lies above or below it."""
    true, missed, blocks = truth(row), [], []
    for seed in range(series):
        market, least = row.draw(seed), row.lookback + row.horizon
        block = least if window else dependent_block(market.probabilities, market.labels, least)
        found = intervals(market.probabilities, market.labels, traded(market), block, resamples=resamples)
        bounds = np.array([found[name][90] for name in FIGURES])
        missed.append(np.stack([bounds[:, 0] > true, bounds[:, 1] < true]))
        blocks.append(block)
    above, below = 100 * np.mean(missed, axis=0)
    cells = [f"{100 - up - down:.0f} ({up:.0f}, {down:.0f})" for up, down in zip(above, below, strict=True)]
    return " | ".join([f"| {row}", f"{np.median(blocks):.0f}", *cells]) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--rows", default=",".join(map(str, range(len(ROWS)))))
    parser.add_argument("--window", action="store_true")
    chosen = parser.parse_args()
    print(f"| bars, horizon, lookback; score / volatility | block | {' | '.join(FIGURES)} |")
    print("|---|" + "---|" * (len(FIGURES) + 1))
    for number in map(int, chosen.rows.split(",")):
        print(measured(ROWS[number], chosen.series, chosen.resamples, chosen.window), flush=True)


if __name__ == "__main__":
    main()
