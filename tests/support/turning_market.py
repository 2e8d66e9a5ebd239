"""A market that returns to its mean, which a model learns, goes on so for a while, and then turns: moves go on where they came back.

    table = market(begin)                 # all its bars, a minute each
    table[:LEARNT]                        # what a run trains on and is measured on
    table[: LEARNT + GOOD]                # as it was learnt: the model holds
    table                                 # and then turned: the model decays

Which words a look at a model says of it is measured in tests/unit/trainer/measure/observed/test_turning_market.py.
"""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

LEARNT, GOOD, TURNED = 4_000, 360, 240
"""Bars of each part."""
SYMBOL = "BTC-USD"
SPEC: dict[str, Any] = {
    "symbols": [SYMBOL],
    "label": {"horizonBars": 1, "ties": "Drop"},
    # Under 2,000 train rows: with more, the feature that hints at the next move is found to know it, and is Suspect.
    "split": {"validationPercent": 25, "testPercent": 30},
    "model": {"lookbackBars": 5, "hiddenSize": 4, "layers": 1, "dropout": 0},
    "training": {"epochs": 2, "learningRate": 0.01, "precision": "Float32"},
    "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.55}]},
    "preflight": "Never",
}
"""Fields of a run whose model passes. Where the data are, in which pods: that is the test's."""


def market(begin: datetime, seed: int = 3) -> pd.DataFrame:
    """All bars; the first opens at `begin`. `distance` says how far the price is from where it came from."""
    generator = np.random.default_rng(seed)
    rows = LEARNT + GOOD + TURNED
    distance = generator.normal(0, 0.5, rows)
    close = np.empty(rows)
    close[: LEARNT + GOOD] = 100 + distance[: LEARNT + GOOD]
    # From here on each move is what the bar before has pointed to.
    close[LEARNT + GOOD :] = close[LEARNT + GOOD - 1] + np.cumsum(distance[LEARNT + GOOD - 1 : -1])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(begin, periods=rows, freq="1min"),
            "close": np.round(close, 1),
            "distance": distance,
            "noise": generator.normal(size=rows),
        }
    )


def file_of(table: pd.DataFrame) -> bytes:
    """A feature file with these bars."""
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
