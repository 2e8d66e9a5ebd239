"""Data that is hard to learn from: each ends in a verdict or in one clear sentence, and never in a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.real_run import run_document, start, status_of

VERDICTS = ("Rejected", "Promoted", "AwaitingApproval")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def candles(rows: int = 1500) -> pd.DataFrame:
    """Closes on a coarse grid, so that some bars are flat, and a feature that says a little about the next move."""
    generator = np.random.default_rng(3)
    moves = generator.choice([-1, 0, 1], rows, p=[0.4, 0.2, 0.4]) * 0.1
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=rows, freq="1min", tz="UTC"),
            "close": 1000 + np.cumsum(moves),
            "hint": np.sign(np.append(moves[1:], 0)) + generator.normal(0, 1.5, rows),
        }
    )


def a_missing_value_in_the_last_row(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[table.index[-1], "hint"] = np.nan
    return table


def a_feature_that_stands_still_in_the_test(table: pd.DataFrame) -> pd.DataFrame:
    table["second"] = np.where(table.index < len(table) * 0.84, np.sin(table.index), 0.5)
    return table


def tiny_prices(table: pd.DataFrame) -> pd.DataFrame:
    table["close"] *= 1e-12
    return table


def huge_prices(table: pd.DataFrame) -> pd.DataFrame:
    table["close"] *= 1e12
    return table


def a_price_that_leaps(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[table.index >= 1400, "close"] *= 1e6
    return table


def sixty_four_features(table: pd.DataFrame) -> pd.DataFrame:
    noise = np.random.default_rng(1).normal(size=(len(table), 63)).astype(np.float32)
    return pd.concat([table, pd.DataFrame(noise, columns=[f"noise_{i}" for i in range(63)])], axis=1)


def only_up(table: pd.DataFrame) -> pd.DataFrame:
    table["close"] = 100 + np.arange(len(table)) * 0.1
    return table


def only_up_in_the_test(table: pd.DataFrame) -> pd.DataFrame:
    late = table.index >= len(table) * 0.8
    table.loc[late, "close"] = 2000 + np.arange(late.sum())
    return table


def never_moves(table: pd.DataFrame) -> pd.DataFrame:
    table["close"] = 100.0
    return table


def a_gap_in_every_day(table: pd.DataFrame) -> pd.DataFrame:
    """Three hours a day, over ten days."""
    whole = candles(14_400)
    return whole[whole["timestamp"].dt.hour >= 3].reset_index(drop=True)


def two_years_of_minutes(table: pd.DataFrame) -> pd.DataFrame:
    return candles(1_030_512)


def fifty_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Two bars are left to be judged on: whatever they show is Suspect or not enough."""
    return table.head(50)


def unchanged(table: pd.DataFrame) -> pd.DataFrame:
    return table


def run(folder: Path, table: pd.DataFrame, horizon: int = 1, lookback: int = 5) -> tuple[int, str, str]:
    """Exit code, state, and all that was said."""
    table.to_parquet(folder / "candles_BTC-USD_1m.parquet", index=False)
    document = run_document(
        "hard",
        folder,
        folder / "models",
        symbols=["BTC-USD"],
        label={"horizonBars": horizon},
        model={"hiddenSize": 4, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": lookback},
        training={"epochs": 1, "batchSize": 2048 if len(table) > 10_000 else 32},
    )
    process = start(folder, document)
    output = process.communicate(timeout=500)[0]
    entry = status_of(folder, "hard").symbol("BTC-USD")
    assert "Traceback" not in output
    return process.returncode, str(status_of(folder, "hard").state), f"{output}\n{entry.message}"


@pytest.mark.parametrize(
    "change",
    [
        fifty_rows,
        a_feature_that_stands_still_in_the_test,
        tiny_prices,
        huge_prices,
        a_price_that_leaps,
        sixty_four_features,
        only_up_in_the_test,
        a_gap_in_every_day,
        pytest.param(two_years_of_minutes, marks=pytest.mark.slow),
    ],
)
def test_it_ends_in_a_verdict(tmp_path: Path, change: Change) -> None:
    code, state, said = run(tmp_path, change(candles()))
    assert state in VERDICTS, said
    assert code in (0, 3, 4), said


@pytest.mark.parametrize(
    ("change", "lookback", "horizon", "words"),
    [
        (fifty_rows, 20, 1, "TooFewRows"),
        (unchanged, 5, 400, "TooFewRows"),
        (only_up, 5, 1, "OneClass"),
        (never_moves, 5, 1, "flat"),
        (a_missing_value_in_the_last_row, 5, 1, "Column 'hint' of candles_BTC-USD_1m.parquet is NaN in the last row"),
    ],
    ids=[
        "50 rows",
        "a horizon beyond the test",
        "labels of one class",
        "a price that never moves",
        "NaN in the last row",
    ],
)
def test_it_ends_in_a_sentence(tmp_path: Path, change: Change, lookback: int, horizon: int, words: str) -> None:
    code, state, said = run(tmp_path, change(candles()), horizon, lookback)
    assert (code, state) == (1, "Failed"), said
    assert words in said
