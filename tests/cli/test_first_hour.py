"""README's first hour, as it is printed: from an exchange's files to a verdict, a report and a prediction, without a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from support.places import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [line.strip().partition("  #")[0].strip() for line in re.findall(r"^    (?:retrain|make) .*$", README, re.M)]
SNIPPET = README.split("```python\n", 1)[1].split("```", 1)[0]
ELSEWHERE = {
    "make install && . .venv/bin/activate": "installs",
    "make demo": "installs",
    "make test": "this",
    "retrain schedule run -f schedule.yaml": "stays in the foreground; test_schedule_run.py",
    "retrain backfill -f schedule.yaml --from 2026-01-01 --to 2026-06-30": "the dates are of files of one's own; test_backfill.py",
}
"""What README prints and this test does not run, and why, or where it is run."""
ROWS = 2000


def kline(start: str) -> str:
    """A month of Binance's kline file: twelve columns without a header."""
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 3e-4, ROWS)))
    opened = np.concatenate([[100.0], close[:-1]])
    ms = pd.date_range(start, periods=ROWS, freq="1min").astype("datetime64[ms]").astype("int64")
    columns = {"t": ms, "o": opened, "h": np.maximum(opened, close), "l": np.minimum(opened, close), "c": close}
    rest = {"v": random.uniform(1, 5, ROWS), "ct": ms + 59_999, "q": 1.0, "n": 1, "b": 1.0, "bq": 1.0, "i": 0}
    return pd.DataFrame(columns | rest).to_csv(index=False, header=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files of two months, and `retrain` as a command."""
    for month, start in (("05", "2025-05-30 14:40"), ("06", "2025-06-01 00:00")):
        with zipfile.ZipFile(tmp_path / f"BTCUSDT-1m-2025-{month}.zip", "w") as archive:
            archive.writestr(f"BTCUSDT-1m-2025-{month}.csv", kline(start))
    command = tmp_path / "bin" / "retrain"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m retrain_cli.main "$@"\n')
    command.chmod(0o755)
    return tmp_path


def shell(place: Path, command: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RETRAIN_", "AWS_", "KUBE"))},
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "HOME": str(place),
        "BROWSER": "true %s",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(command, shell=True, cwd=place, env=environ, text=True, capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_commands_of_the_readme_work_as_they_are_printed(place: Path) -> None:
    assert set(ELSEWHERE) < set(COMMANDS)
    said = {}
    for step in COMMANDS:
        if step in ELSEWHERE:
            continue
        done = shell(place, step)
        said[" ".join(step.split()[1:3])] = done.stdout
        expected = 3 if step.split()[1] in ("run", "gate") else 0
        assert done.returncode == expected, f"{step}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
    assert [name.split()[0] for name in said] == ["import", "init", "doctor", "run", "report", "verify", "gate", "init"]
    spec = yaml.safe_load((place / "retrain.yaml").read_text())["spec"]
    assert (spec["symbols"], spec["train"]["device"]) == (["BTC-USD"], "CPU")

    python = f"{sys.executable} -c '{SNIPPET}'"
    nothing = shell(place, python)
    assert "No model of BTC-USD is promoted in" in nothing.stderr
    override = re.search(r"`(retrain approve my-run [^`]*)`", README)
    assert override is not None
    assert shell(place, override[1]).returncode == 0
    promoted = shell(place, "retrain run -f retrain.yaml")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    predicted = shell(place, python.replace("model.predict(candles)", "print(model.predict(candles))"))
    assert 0 < float(predicted.stdout) < 1, predicted.stderr
    assert "Promoted now: lstm_BTC_USD_1m_" in shell(place, "retrain history BTC-USD -f retrain.yaml").stdout
