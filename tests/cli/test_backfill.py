"""`retrain backfill` with the real trainer on a small market: killed in the middle, gone on, and free once it is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from support.documents import read_document
from support.local_run import until

BARS = 2400
TIMES = ("--from", "2026-01-01T18:00:00Z", "--to", "2026-01-02T06:00:00Z")
STAMPS = ("202601011800", "202601020000", "202601020600")


def market(seed: int = 5) -> pa.Table:
    """A price that returns to its mean within a bar: an honest model is right three times of four."""
    rng = np.random.default_rng(seed)
    close = 100 + rng.normal(0, 0.5, BARS)
    return pa.table(
        {
            "timestamp": np.datetime64("2026-01-01", "ns") + np.arange(BARS) * np.timedelta64(60, "s"),
            "open": close,
            "high": close + 0.1,
            "low": close - 0.1,
            "close": close,
            "volume": rng.uniform(1, 2, BARS),
        }
    )


def write(folder: Path, **spec: Any) -> None:
    """schedule.yaml: every six hours."""
    template = {
        "symbols": ["BTC-USD"],
        "data": {"uri": "file://./data/", "filename": "candles_{symbol}_{interval}.parquet"},
        "artifacts": {"uri": "file://./models/"},
        "label": {"horizonBars": 1},
        "split": {"validation": "3h", "test": "3h"},
        "model": {"hiddenSize": 8, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 8},
        "training": {"epochs": 3, "batchSize": 32, "learningRate": 0.01},
        "train": {"device": "CPU"},
        "preflight": "Never",
        "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]},
    }
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": "sixth"},
        "spec": {"schedule": "0 */6 * * *", "runTemplate": {"spec": template | spec}},
    }
    (folder / "schedule.yaml").write_text(yaml.safe_dump(document))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    pq.write_table(market(), tmp_path / "data" / "candles_BTC-USD_1m.parquet")
    write(tmp_path)
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "retrain_cli.main", "backfill", "-f", "schedule.yaml", *TIMES, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def status(folder: Path, stamp: str) -> dict[str, Any]:
    found = list((folder / ".retrain/default").glob(f"sixth-bf-*-{stamp}/status.json"))
    return json.loads(found[0].read_text()) if found else {}


def written(folder: Path) -> dict[str, int]:
    """When each file of the store was written last."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in (folder / "models").rglob("*")
        if path.is_file() and "/backfills/" not in str(path) and ".lock" not in path.name
    }


@pytest.mark.slow
def test_it_goes_on_after_a_kill_trains_nothing_twice_and_is_free_once_done(folder: Path) -> None:
    killed = start(folder, "--parallel", "1")
    until(lambda: status(folder, STAMPS[0]).get("state") == "Passed", "the first slot is done")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    first = {name: time for name, time in written(folder).items() if name.endswith(".pt")}

    code, out, err = ended(start(folder, "-o", "page.html", "--json"))
    assert code == 0, err
    assert "3 slots from 2026-01-01 18:00 to 2026-01-02 06:00 UTC, 1 symbol each: 3 trainings." in err
    assert "1 done before, 2 to do" in err and "Ctrl-C is safe" in err
    found = read_document(out, "Backfill")
    assert (found["schedule"], found["namespace"]) == ("sixth", "default")
    rows = found["symbols"][0]["slots"]
    assert [row["slot"] for row in rows] == ["2026-01-01T18:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T06:00:00Z"]
    assert [(row["verdict"], row["promoted"]) for row in rows] == [("Pass", True)] * 3
    assert [row["bars"] for row in rows] == [360] * 3
    assert all(row["then"]["value"] > 0.6 and row["promised"]["value"] > 0.6 for row in rows)
    # Each judged bar stands once: of 360 a slot, the last span's last bar has no outcome yet.
    assert (
        sum(row["inService"]["accuracy"]["bars"] for row in rows)
        == found["symbols"][0]["inService"]["accuracy"]["bars"]
    )
    assert found["verdict"] in ("NotSure", "Paid", "DidHarm") and found["difference"]["bars"] == 719
    assert "3 of 3 models passed and took over." in (folder / "page.html").read_text()
    assert {name: written(folder)[name] for name in first} == first

    before, answers = written(folder), sorted((folder / "models/backfills").rglob("*.npy"))
    code, again, _ = ended(start(folder, "--json"))
    assert (code, read_document(again, "Backfill")) == (0, found)
    assert written(folder) == before and sorted((folder / "models/backfills").rglob("*.npy")) == answers

    models = {name: time for name, time in before.items() if name.endswith(".pt")}
    write(folder, gate={"criteria": [{"metric": "accuracy", "atLeast": 0.99}]})
    code, out, _ = ended(start(folder))
    assert code == 3, "another gate judges what is measured, and nothing passes it"
    assert "No model passed at any of 3 slots" in out and out.count("  none  ") == 3
    assert {name: written(folder)[name] for name in models} == models
    page = next((folder / ".retrain/default").glob("sixth-bf-*/backfill.html")).read_text()
    assert "Nothing was in service" in page and "Why 3 models did not pass" in page


@pytest.mark.slow
def test_a_slot_before_the_data_fails_and_the_others_are_told(folder: Path) -> None:
    pq.write_table(market()[800:], folder / "data" / "candles_BTC-USD_1m.parquet")
    code, out, err = ended(start(folder))
    assert code == 1, err
    assert "202601011800 failed: " in out
    assert status(folder, STAMPS[2])["state"] == "Passed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-01-05", "--to", "2026-01-04"), "--from 2026-01-05 is later than --to 2026-01-04."),
        (("--from", "soon", "--to", "2026-01-04"), "--from soon: write a day such as 2026-01-10"),
        (("--parallel", "0"), "--parallel 0: give 1 or more."),
        (("-o", "page.pdf"), "page.pdf: a page is written as .html or .htm; give a name that ends so."),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = ended(start(folder, *arguments))
    assert code == 2 and said in err
    assert not (folder / ".retrain").exists()
