"""Candles that `retrain init` finds in a folder, and the command on them."""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from retrain_cli.commands.init import init as command

ROWS = 900


@cache
def candles(freq: str = "1min", seed: int = 1, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-4, rows)))
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-01-01", periods=rows, freq=freq, tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
            "volume": random.uniform(1, 5, rows),
        }
    )


def put(folder: Path, **tables: pd.DataFrame) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for seed, (name, table) in enumerate(tables.items(), start=1):
        table.assign(volume=table["volume"] + seed).to_parquet(folder / f"{name}.parquet", index=False)


def run_init(*arguments: str, device: str | None = "CPU") -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([*arguments, *(("--device", device) if device else ())]))
