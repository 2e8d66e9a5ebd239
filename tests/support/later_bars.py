"""Bars after the last that a run may know, changed in every way in which they may change."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st


def disturbed(table: pd.DataFrame, rows: int, data: st.DataObject) -> pd.DataFrame:
    """The table with other bars after the first `rows`: wrong, missing, repeated, more, of another market, out of order."""
    known, later = table[:rows], table[rows:].copy()
    for column in [name for name in later if name not in ("timestamp", "market")]:
        factor = data.draw(st.sampled_from([1.0, 0.5, 3.0, -1.0, 0.0, np.nan, np.inf, 1e300]))
        later[column] = later[column] * factor
    if "market" in later:
        later["market"] = data.draw(st.sampled_from(["BTC-USD", "ETH-USD"]))
    later = later.sample(frac=data.draw(st.sampled_from([0.0, 0.5, 1.0])), random_state=1)
    more = data.draw(st.integers(0, 40))
    grown = later.sample(n=more, replace=True, random_state=2) if len(later) else later
    off_the_grid = grown.assign(timestamp=grown["timestamp"] + pd.Timedelta("7s"))
    return pd.concat([known, later, off_the_grid], ignore_index=True)
