"""Does a model beat the majority by more than luck? Size and power of two tests, on drawn markets.

    python benchmarks/majority_test.py [--markets 250]

"Shifted" moves the model's calls against the labels (`retrain_trainer/measure/intervals/shifted.py`), which is what an evaluation does;
"paired" resamples the difference to the majority's answers. Both count only where the model is ahead of the majority. The markets are
always the same ones. The table stands in docs/measuring.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.drawn_markets import drawn

from retrain_trainer.measure.figures.baselines import majority
from retrain_trainer.measure.intervals.dependence import dependent_block
from retrain_trainer.measure.intervals.paired import paired
from retrain_trainer.measure.intervals.shifted import shifted_p_value

# bars, horizon, lookback, score, volatility, skill, drift, bias
CASES = (
    (6_500, 15, 60, 0.9, None, 0.0, 0.0, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.0, 0.0, 0.0),
    (6_500, 15, 60, 0.999, 0.999, 0.0, 0.0, 0.0),
    (6_500, 1, 10, 0.99, 0.99, 0.0, 0.0, 0.0),
    (900, 15, 60, 0.9, 0.99, 0.0, 0.0, 0.0),
    (900, 1, 10, 0.9, 0.99, 0.0, 0.0, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.0, 0.12, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.0, 0.12, 0.7),
    (6_500, 15, 60, 0.9, None, 0.145, 0.0, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.145, 0.0, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.21, 0.0, 0.0),
    (6_500, 15, 60, 0.999, 0.999, 0.21, 0.0, 0.0),
    (6_500, 1, 10, 0.99, 0.99, 0.15, 0.0, 0.0),
    (900, 15, 60, 0.9, 0.99, 0.3, 0.0, 0.0),
    (6_500, 15, 60, 0.99, 0.99, 0.21, 0.12, 0.5),
)


def tried(case: tuple[float, ...], seed: int) -> tuple[float, float, bool, bool]:
    """Accuracy, that of the majority, and whether each test finds the model better (shifted, paired)."""
    market = drawn(np.random.default_rng(seed), *case)  # type: ignore[arg-type]
    p, labels = market.probabilities, market.labels
    block = dependent_block(p, labels, market.lookback + market.horizon)
    rows = np.flatnonzero((labels >= 0) & np.isfinite(p))
    right, theirs = ((p[rows] > 0.5) == (labels[rows] == 1)).astype(float), majority(labels[rows])
    shifted, other = shifted_p_value(p, labels, block), paired(right, theirs, rows, block, resamples=300).p_value
    ahead = right.mean() > theirs.mean()
    found = [ahead and value is not None and value < 0.05 for value in (shifted, other)]
    return right.mean(), theirs.mean(), *found


def named(
    bars: int,
    horizon: int,
    lookback: int,
    score: float,
    volatility: float | None,
    skill: float,
    drift: float,
    bias: float,
) -> str:
    """What a row of the table begins with."""
    name = f"{'with' if skill else 'without'} skill: {bars:,}, {horizon}, {lookback}; {score:g} / {volatility or '-'}"
    return name + (", the market rises" if drift else "") + (", the model prefers up" if bias else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=250)
    markets = parser.parse_args().markets
    print(
        "| bars, horizon, lookback; score / volatility | accuracy | majority | shifted | paired |\n|---|---|---|---|---|"
    )
    for case in CASES:
        values = 100 * np.mean([tried(case, seed) for seed in range(markets)], axis=0)
        print(
            f"| {named(*case)} | {values[0]:.1f} % | {values[1]:.1f} % | {values[2]:.0f} % | {values[3]:.0f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
