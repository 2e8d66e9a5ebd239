"""Candles of a market that an honest model beats."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BARS = 900


def candles(seed: int) -> bytes:
    """A price that returns to its mean within a bar, so that an honest model passes."""
    generator = np.random.default_rng(seed)
    close = 100 + generator.normal(0, 0.5, BARS)
    spread = np.abs(generator.normal(0, 0.1, BARS))
    table = pa.table(
        {
            "timestamp": np.datetime64("2026-01-01", "ns") + np.arange(BARS) * np.timedelta64(60, "s"),
            "open": close,
            "high": close + spread,
            "low": close - spread,
            "close": close,
            "volume": generator.uniform(1, 2, BARS),
        }
    )
    buffer = BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()
