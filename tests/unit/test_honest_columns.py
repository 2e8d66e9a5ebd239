"""The columns that benchmarks/look_ahead.py calls honest know nothing of later bars; else its table of false alarms would mean nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrain_api.time import Interval

ROOT = Path(__file__).parents[2]
ROWS, KNOWN = 4_000, 3_217
"""Bars of the file, and of the file as it was before the last ones: in the midst of a 5-minute, an hour's and a day's bar."""


def test_a_column_is_the_same_before_the_later_bars_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from leaks.honest import honest_columns

    table = pd.read_parquet(ROOT / "examples" / "data" / "candles_ETH-USD_1m.parquet")[:ROWS].reset_index(drop=True)
    table["timestamp"] = pd.to_datetime(table.timestamp, utc=True)
    whole, before = (honest_columns(rows, Interval.parse("1m")) for rows in (table, table[:KNOWN].copy()))
    drawn = {"noise", "random_walk"}  # of no market, and of other numbers in a longer file
    assert len(whole.columns) > 130
    for name in set(whole.columns) - drawn:
        np.testing.assert_allclose(whole[name][:KNOWN], before[name], rtol=1e-3, atol=1e-5, err_msg=name)
