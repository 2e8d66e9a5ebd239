"""A run with a window, as a person starts it: it trains and measures the bars of its window, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.real_run import run_document, start, status_of

from retrain_api.status.symbol import SymbolResult

FILE = "candles_BTC-USD_1m.parquet"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "data"


def run(folder: Path, name: str, table: pa.Table, window: str | None) -> tuple[int, str, SymbolResult | None]:
    """Exit code, output and the symbol's result of a run on this table."""
    data = folder / name
    data.mkdir()
    pq.write_table(table, data / FILE)
    document = run_document(
        name,
        data,
        folder / "models",
        symbols=["BTC-USD"],
        model={"hiddenSize": 8, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 10},
        training={"epochs": 1, "batchSize": 256},
        split={"validation": "12h", "test": "1d"},
    )
    document["spec"]["data"] |= {"window": window} if window else {}
    process = start(folder, document, threads=2)
    output = process.communicate(timeout=300)[0]
    return process.returncode, output, status_of(folder, name).symbol("BTC-USD").result


def negative_before(table: pa.Table, row: int) -> pa.Table:
    """The table with a close below zero in each row before that one."""
    rows = pa.array(range(len(table)))
    close = pc.if_else(pc.less(rows, row), -1.0, table["close"].combine_chunks())
    return table.set_column(table.schema.get_field_index("close"), "close", close)


def document_of(folder: Path, name: str) -> Any:
    (place,) = (folder / "models" / "runs" / "default" / name).glob("*/*/evaluation.json")
    return json.loads(place.read_text())


@pytest.mark.slow
def test_older_bars_have_no_part_in_it_and_verify_computes_its_figures_again(tmp_path: Path) -> None:
    table = pq.read_table(EXAMPLES / FILE)[-9000:]
    short = run(tmp_path, "short", table[-5 * 1440 - 60 :], None)
    wrong = run(tmp_path, "wrong", negative_before(table, 9000 - 5 * 1440 - 60), "120h")
    for code, output, result in (short, wrong):
        assert (code, result and result.data and result.data.rows) == (3, 7200), output
    assert wrong[2] and short[2] and wrong[2].model and short[2].model
    assert wrong[2].model.sha256 == short[2].model.sha256
    assert wrong[2].metrics == short[2].metrics
    found = document_of(tmp_path, "wrong")
    assert found["test"] == document_of(tmp_path, "short")["test"]
    assert found["measurement"]["bars"] + found["measurement"]["flatBars"] <= 1440
    command = [sys.executable, "-m", "retrain_cli.main", "verify", "wrong", "--state-dir", str(tmp_path / "state")]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_window_that_the_file_can_not_fill_fails_with_what_to_write(tmp_path: Path) -> None:
    code, output, _ = run(tmp_path, "asking", pq.read_table(EXAMPLES / FILE)[-3000:], "180d")
    assert code == 1
    said = " ".join(output.split())
    assert "data.window asks for the 180d before" in said
    assert (
        "is 1.1 % of the window, and at least 95 % are needed. Give a longer file, or write data.window: 50h." in said
    )
