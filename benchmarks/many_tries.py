"""How many markets without skill let a model pass when people try until one does: python benchmarks/many_tries.py [MARKETS [SEED]]

Each market has three symbols whose moves are correlated, and 60 models a symbol that know nothing of it: a persistent score that
the three share in part. A model passes by the gate itself, at an accuracy of 52 %, with and without `gate.maxLuckPercent`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retrain_api.gate.verdict import Candidate, judge_model
from retrain_api.measurement import Baselines, Measurement, Metrics
from retrain_api.spec.gate import Gate
from retrain_trainer.measure.tries.luck import Luck, lead, loadings, luck_of, tail

BARS, HORIZON, BLOCK, TRIES, SYMBOLS = 6_500, 15, 75, 60, 3
BAR = {"criteria": [{"metric": "accuracy", "atLeast": 0.52}]}
# Measurements without a number of rules are judged by points, so that nothing but luck is asked for beside the bar and the majority.
GATES = {
    "points alone": (Gate.model_validate(BAR), "luck"),
    "maxLuckPercent 5 on a reality check at each try": (Gate.model_validate(BAR | {"maxLuckPercent": 5}), "reality_check"),
    "maxLuckPercent 5": (Gate.model_validate(BAR | {"maxLuckPercent": 5}), "luck"),
}  # fmt: skip
AFTER = (1, 3, 10, 20, 60)

Bits = NDArray[np.bool_]


def persistent(rng: np.random.Generator, series: int, memory: float = 0.99) -> NDArray[np.float64]:
    """So many autoregressive series of order 1 with variance 1, [series, BARS]."""
    shocks = rng.standard_normal((BARS, series)) * np.sqrt(1 - memory**2)
    shocks[0] /= np.sqrt(1 - memory**2)
    for bar in range(1, BARS):
        shocks[bar] += memory * shocks[bar - 1]
    return shocks.T


def markets(rng: np.random.Generator, count: int) -> Iterator[tuple[list[Bits], list[Bits]]]:
    """Labels of three symbols, and the answers of their models [TRIES, BARS]; correlations of 0.8 and 0.5."""
    for _ in range(count):
        common, score = rng.standard_normal(BARS + HORIZON), persistent(rng, TRIES)
        labels = []
        for _ in range(SYMBOLS):
            moves = np.sqrt(0.8) * common + np.sqrt(0.2) * rng.standard_normal(BARS + HORIZON)
            close = np.concatenate([[0.0], np.cumsum(moves)])
            labels.append((close[HORIZON:] > close[:-HORIZON])[:BARS])
        yield labels, [np.sqrt(0.5) * score + np.sqrt(0.5) * persistent(rng, TRIES) > 0 for _ in range(SYMBOLS)]


def passes(labels: Bits, models: Bits) -> dict[str, Bits]:
    """Which tries pass by each gate, in their order: each knows those before it."""
    found = {name: np.zeros(TRIES, dtype=np.bool_) for name in GATES}
    rows, judged = np.arange(BARS), np.ones(BARS, dtype=np.bool_)
    majority = float(max(labels.mean(), 1 - labels.mean()))
    vectors = np.array([loadings(judged, called == labels, BLOCK, BARS) for called in models])
    hopeful = np.flatnonzero((models == labels).mean(axis=1) >= 0.52)  # the gate fails all others, whatever their luck
    for number in hopeful.tolist():
        called = models[number]
        own = lead(called, labels, rows, BLOCK)
        assert own is not None
        unlucky = tail(own.z) > 0.05  # luck is at least that, with any number of tries
        luck = Luck(number + 1, 1, 1, 1, 1, 0.5) if unlucky else luck_of(own, np.roll(vectors[: number + 1], 1, axis=0))
        for name, (gate, figure) in GATES.items():
            measured = Measurement(
                metrics=Metrics(accuracy=float((called == labels).mean())),
                baselines=Baselines(majority=majority),
                bars=BARS,
                judged_before=number,
                luck=getattr(luck, figure),
            )
            found[name][number] = judge_model(gate, Candidate("X-USD", measured)).verdict == "Pass"
    return found


def main() -> None:
    """Print the share of markets in which something has passed after so many tries."""
    count, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 120, int(sys.argv[2]) if len(sys.argv) > 2 else 1
    shape = (count, SYMBOLS, TRIES)
    found = {name: np.zeros(shape, dtype=np.bool_) for name in GATES}
    for market, (labels, models) in enumerate(markets(np.random.default_rng(seed), count)):
        for symbol in range(SYMBOLS):
            for name, passed in passes(labels[symbol], models[symbol]).items():
                found[name][market, symbol] = passed
    print(f"{count} markets of {SYMBOLS} symbols, {TRIES} tries, a bar of 52 %, seed {seed}")
    print("| gate | a run passes with | " + " | ".join(f"{tries} tries" for tries in AFTER) + " |")
    for name, passed in found.items():
        ways = {
            "its one symbol": passed[:, 0],
            "any of three symbols": passed.any(axis=1),
            "two of three at once": passed.sum(axis=1) >= 2,
        }
        for way, tries in ways.items():
            shares = [f"{tries[:, :after].any(axis=1).mean() * 100:.0f} %" for after in AFTER]
            print(f"| {name} | {way} | " + " | ".join(shares) + " |")


if __name__ == "__main__":
    main()
