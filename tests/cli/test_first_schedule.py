"""The schedule that `retrain init --schedule` writes, carried out on real trainings: a proof, then nothing more until the next night."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROWS = 21 * 1440


def candles(folder: Path) -> None:
    """Three weeks of minutes that end now."""
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 3e-4, ROWS)))
    opened = np.concatenate([[100.0], close[:-1]])
    end = pd.Timestamp.now(tz="UTC").floor("1min") - pd.Timedelta("1min")
    table = pd.DataFrame(
        {
            "timestamp": pd.date_range(end=end, periods=ROWS, freq="1min"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
            "volume": random.uniform(1, 5, ROWS),
        }
    )
    folder.mkdir()
    table.to_parquet(folder / "candles_BTC-USD_1m.parquet", index=False)


def retrain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RETRAIN_", "AWS_", "KUBE"))}
    return subprocess.run(
        [sys.executable, "-m", "retrain_cli.main", *arguments],
        cwd=folder,
        env=clean | {"HOME": str(folder)},
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_init_writes_proves_itself_and_a_coin_toss_does_not_pass(tmp_path: Path) -> None:
    candles(tmp_path / "data")
    said = retrain(tmp_path, "init", "every-night", "--schedule", "--device", "CPU")
    assert said.returncode == 0, said.stderr
    path = tmp_path / "schedule.yaml"
    # As it is written, with two replays of an epoch in place of six of six.
    path.write_text(
        path.read_text()
        .replace("slots: 6", "slots: 2")
        .replace("minPassed: 4", "minPassed: 1")
        .replace("epochs: 6", "epochs: 1")
    )
    checked = retrain(tmp_path, "doctor", "-f", "schedule.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.endswith("To start the schedule: retrain schedule run -f schedule.yaml\n")
    done = retrain(tmp_path, "schedule", "run", "-f", "schedule.yaml", "--once", "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    status = json.loads(done.stdout)
    assert (status["state"], status.get("recent", [])) == ("Unproven", [])
    proof = status["walkForward"]
    assert [replay["verdict"] for replay in proof["slots"]] == ["Fail", "Fail"]
    assert proof["pooled"]["bars"] > 2000 and 0.4 < proof["pooled"]["accuracy"] < 0.6
    # No bar is in the test parts of both, and each stops where its slot is.
    results = [
        json.loads((tmp_path / ".retrain/default" / folder / "status.json").read_text())["symbols"][0]["result"]
        for folder in sorted(path.name for path in (tmp_path / ".retrain/default").glob("every-night-wf-*"))
    ]
    older, newer = results
    assert older["testedUntil"] < newer["knownUntil"] < newer["testedUntil"] == proof["slots"][0]["slot"]
    again = retrain(tmp_path, "schedule", "run", "-f", "schedule.yaml", "--once")
    assert again.returncode == 0 and "Unproven" in again.stdout
    assert "Proof: Unproven, 0 of 2 replays pass" in retrain(tmp_path, "schedule", "status", "every-night").stdout
