"""What honest runs show on data that is known: a pinned pair passes, a leak is suspect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.real_run import run_document, start, status_of

SHARED = Path(os.environ.get("RETRAIN_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
USD1 = SHARED / "candles_USD1-USDT_5m.parquet"
SEEDS = (0, 1, 2, 3, 4)


@pytest.mark.slow
@pytest.mark.skipif(not USD1.exists(), reason=f"{USD1.name} may not be copied into the project and is not beside it")
def test_a_pair_pinned_to_its_mean_passes_the_plans_gate_honestly_over_several_seeds(tmp_path: Path) -> None:
    """With flat bars dropped, USD1 returns to its mean: the direction one bar ahead can be predicted."""
    names = [f"usd1-{seed}" for seed in SEEDS]
    runs = [
        run_document(
            f"usd1-{seed}",
            SHARED,
            tmp_path / f"models-{seed}",
            symbols=["USD1-USDT"],
            data={"uri": f"file://{SHARED}/", "filename": "candles_{symbol}_{interval}.parquet", "interval": "5m"},
            label={"horizonBars": 1, "ties": "Drop"},
            model={"hiddenSize": 32, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 20},
            training={"epochs": 4, "batchSize": 128, "seed": seed},
        )
        for seed in SEEDS
    ]
    processes = [start(tmp_path, run) for run in runs]
    outputs = [process.communicate(timeout=500)[0] for process in processes]
    for name, process, output in zip(names, processes, outputs, strict=True):
        status = status_of(tmp_path, name)
        assert (process.returncode, status.state) == (0, "Promoted"), output
        assert status.gate is not None
        assert (status.gate.verdict, status.gate.outcome) == ("Pass", "Ideal")
        result = status.symbol("USD1-USDT").result
        assert result is not None
        assert result.metrics is not None
        metrics, baselines = result.metrics.metrics, result.metrics.baselines
        assert metrics.accuracy is not None
        assert metrics.calibration_error is not None
        assert metrics.pnl is not None
        assert metrics.accuracy > 0.72, "a margin of four points over the gate"
        assert metrics.calibration_error < 0.05
        assert baselines.reversal is not None
        assert baselines.reversal > 0.7, "a rule that was never fitted is nearly as good"
        assert metrics.pnl < 0, "accuracy is not money"
        report = Path(str(status.report and status.report.markdown).removeprefix("file://")).read_text()
        assert "after fees of 10 bps a fill no gain is left" in report
        assert "| Reversal |" in report


@pytest.mark.slow
@pytest.mark.skipif(not USD1.exists(), reason=f"{USD1.name} may not be copied into the project and is not beside it")
def test_a_change_of_regime_is_rejected_and_said(tmp_path: Path) -> None:
    """15 bars ahead the same pair can be predicted on validation, and far less in the months after."""
    run = run_document(
        "regime",
        SHARED,
        tmp_path / "models",
        symbols=["USD1-USDT"],
        data={"uri": f"file://{SHARED}/", "filename": "candles_{symbol}_{interval}.parquet", "interval": "5m"},
        label={"horizonBars": 15, "ties": "Drop"},
        model={"hiddenSize": 32, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 20},
        training={"epochs": 3, "batchSize": 128},
    )
    process = start(tmp_path, run, threads=2)
    output = process.communicate(timeout=500)[0]
    status = status_of(tmp_path, "regime")
    assert (process.returncode, status.state) == (3, "Rejected"), output
    result = status.symbol("USD1-USDT").result
    assert result is not None
    assert result.metrics is not None
    assert result.model is not None
    card = json.loads(Path(result.model.uri.removeprefix("file://")).with_suffix(".json").read_text())
    before = card["training"]["validationAccuracy"]
    assert before > 0.75
    assert result.metrics.metrics.accuracy is not None
    assert result.metrics.metrics.accuracy < before - 0.06
    report = Path(str(status.report and status.report.markdown).removeprefix("file://"))
    assert "The market changed between validation and test" in report.read_text()
    replay = [sys.executable, "-m", "retrain_cli.main", "gate", "replay", f"file://{report.with_name('results.json')}"]
    again = subprocess.run(replay, capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (3, "")
    assert "The same as recorded at" in again.stdout
    eased = subprocess.run(
        [*replay, "--set", "accuracy=0.6", "--set", "calibrationError=0.1"], capture_output=True, text=True
    )
    assert (eased.returncode, eased.stdout.splitlines()[0][:18]) == (0, "regime: Pass, Idea")


def shuffled(path: Path, to: Path) -> None:
    """The bars of a file in another order, one after the other: each is real, and none says what comes next."""
    table = pq.read_table(path).slice(0, 20_000)
    closes = np.log(table["close"].to_numpy())
    steps = np.random.default_rng(0).permutation(np.diff(closes))
    walk = np.exp(closes[0] + np.concatenate([[0.0], np.cumsum(steps)]))
    pq.write_table(
        pa.table({"timestamp": table["timestamp"], "close": walk, "move": np.concatenate([[0.0], steps])}), to
    )


@pytest.mark.slow
def test_shuffled_prices_give_the_base_rate(tmp_path: Path) -> None:
    """With the order gone there is nothing to learn: the accuracy is that of always saying the commoner direction."""
    data = Path(__file__).resolve().parents[2] / "examples" / "data"
    shuffled(data / "candles_BTC-USD_1m.parquet", tmp_path / "candles_BTC-USD_1m.parquet")
    run = run_document(
        "shuffled",
        tmp_path,
        tmp_path / "models",
        symbols=["BTC-USD"],
        label={"horizonBars": 1},
        model={"hiddenSize": 16, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 10},
        training={"epochs": 3, "batchSize": 256},
    )
    process = start(tmp_path, run, threads=2)
    output = process.communicate(timeout=500)[0]
    status = status_of(tmp_path, "shuffled")
    assert (process.returncode, status.state) == (3, "Rejected"), output
    result = status.symbol("BTC-USD").result
    assert result is not None
    assert result.metrics is not None
    # 3,000 test bars: four standard errors are 3.7 points.
    assert result.metrics.metrics.accuracy == pytest.approx(0.5, abs=0.037)
    assert "AUC" not in output


def leaking_features(path: Path, bars: int = 1500, horizon: int = 3) -> None:
    """Noise, and a feature that is the return of the next bars."""
    generator = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 1e-3, bars)))
    future = np.zeros(bars)
    future[:-horizon] = close[horizon:] / close[:-horizon] - 1
    columns = {
        "timestamp": np.datetime64("2026-01-01", "ns") + np.arange(bars) * np.timedelta64(60, "s"),
        "close": close,
        "noise": generator.normal(size=bars),
        "tomorrow": future,
    }
    pq.write_table(pa.table(columns), path)


def test_a_feature_that_knows_the_future_is_suspect_and_not_promoted(tmp_path: Path) -> None:
    leaking_features(tmp_path / "candles_LEAK-USD_1m.parquet")
    run = run_document(
        "leak",
        tmp_path,
        tmp_path / "models",
        symbols=["LEAK-USD"],
        label={"horizonBars": 3},
        model={"hiddenSize": 8, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 5},
        training={"epochs": 5, "batchSize": 32, "learningRate": 0.01},
    )
    process = start(tmp_path, run)
    output = process.communicate(timeout=200)[0]
    status = status_of(tmp_path, "leak")
    entry = status.symbol("LEAK-USD")
    assert (process.returncode, status.state) == (4, "AwaitingApproval"), output
    assert entry.verdict == "Suspect"
    assert any("tomorrow" in reason for reason in entry.reasons)
    assert not (tmp_path / "models" / "promoted").exists()
    assert status.report is not None
    assert status.report.markdown is not None, "whoever decides can read the report first"


@pytest.mark.slow
def test_real_prices_are_a_coin_toss_and_are_rejected(tmp_path: Path) -> None:
    """More than 56 % on bars that were never seen would mean a leak."""
    data = Path(__file__).resolve().parents[2] / "examples" / "data"
    run = run_document(
        "coin-toss",
        data,
        tmp_path / "models",
        symbols=["BTC-USD", "ETH-USD", "SOL-USD"],
        model={"hiddenSize": 16, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 20},
        training={"epochs": 2, "batchSize": 512},
    )
    process = start(tmp_path, run)
    output = process.communicate(timeout=500)[0]
    status = status_of(tmp_path, "coin-toss")
    assert (process.returncode, status.state) == (3, "Rejected"), output
    for entry in status.symbols:
        assert entry.result is not None
        assert entry.result.metrics is not None
        assert 0.44 < (entry.result.metrics.metrics.accuracy or 0) < 0.56
    conditions = {condition.type: (condition.status, condition.reason) for condition in status.conditions}
    assert conditions["Stalled"] == ("True", "GateRejected")
    assert (conditions["Finished"][0], conditions["Ready"][0]) == ("True", "False")


def test_a_replay_of_last_week_gives_last_weeks_model(tmp_path: Path) -> None:
    """Real candles: the file as it stood then, and today's, which has grown since, with `data.until`."""
    until, rows = "2025-06-20T09:30:30Z", 4_000
    whole = pq.read_table(Path(__file__).resolve().parents[2] / "examples" / "data" / "candles_BTC-USD_1m.parquet")
    times = whole["timestamp"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_numpy()
    known = int(np.searchsorted(times, np.datetime64(until[:-1], "ns").astype(np.int64)))
    found = []
    for name, table, asked in [
        ("then", whole.slice(known - rows, rows - 1), {}),
        ("today", whole.slice(known - rows), {"until": until}),
    ]:
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "candles_BTC-USD_1m.parquet")
        run = run_document(
            name,
            tmp_path / name,
            tmp_path / f"models-{name}",
            symbols=["BTC-USD"],
            data={"uri": f"file://{tmp_path / name}/", "filename": "candles_{symbol}_{interval}.parquet"} | asked,
            model={"hiddenSize": 4, "layers": 1, "dropout": 0.1, "lookbackBars": 10},
            training={"epochs": 1, "batchSize": 256},
        )
        process = start(tmp_path, run)
        output = process.communicate(timeout=500)[0]
        status = status_of(tmp_path, name)
        result = status.symbol("BTC-USD").result
        assert result is not None and result.model is not None and result.data is not None, output
        found.append((result.model.sha256, result.metrics, result.data.last_bar, result.data.rows))
    assert found[0] == found[1] and found[0][2] == "2025-06-20T09:29:00Z"
    assert status.as_of == until
