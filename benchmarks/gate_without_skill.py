"""How many models without skill does the whole way promote? Ten trainings on random walks, then the gate of an example.

    python benchmarks/gate_without_skill.py [--markets 10] [--bars 6000]

Nothing can be learnt from a random walk, so every promotion is a mistake. The tests do the same with 200 drawn models
(tests/unit/trainer/measure/test_gate_without_skill.py); here they are trained, as `retrain run` trains them, judged by
examples/04-manual-approval.yaml, the loosest of the examples. Its minutes are the trainings'.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.drawn_markets import MINUTE, drawn
from support.real_run import run_document, start, status_of

EXAMPLE = Path(__file__).parents[1] / "examples" / "04-manual-approval.yaml"


def write_candles(path: Path, seed: int, bars: int) -> None:
    """Candles of a random walk whose volatility lasts."""
    close = 100 * drawn(np.random.default_rng(seed), bars, 15, 20, 0.9, 0.99).close
    opening = np.concatenate([close[:1], close[:-1]])
    times = np.datetime64("2026-01-01", "ns") + np.arange(bars) * np.timedelta64(MINUTE, "ns")
    columns = {
        "timestamp": times,
        "open": opening,
        "high": np.maximum(opening, close),
        "low": np.minimum(opening, close),
        "close": close,
        "volume": np.random.default_rng(seed).uniform(1, 2, bars),
    }
    pq.write_table(pa.table(columns), path)


def main() -> None:
    """Train, judge, and print each verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=10)
    parser.add_argument("--bars", type=int, default=6_000)
    chosen = parser.parse_args()
    spec = yaml.safe_load(EXAMPLE.read_text())["spec"]
    symbols = [f"WALK{number}-USD" for number in range(chosen.markets)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, symbol in enumerate(symbols):
            write_candles(folder / f"candles_{symbol}_1m.parquet", seed, chosen.bars)
        kept = {field: spec[field] for field in ("model", "training", "gate")}
        document = run_document("walks", folder, folder / "artifacts", symbols=symbols, **kept)
        print(start(folder, document).communicate()[0][-2_000:])
        judged = status_of(folder, "walks").symbols
    for model in judged:
        print(f"{model.symbol}: {model.verdict}; {'; '.join(model.reasons)}")
    passed = sum(model.verdict == "Pass" for model in judged)
    print(f"{passed} of {len(symbols)} models without skill pass")


if __name__ == "__main__":
    main()
