"""A schedule whose runs really train, with the real trainer in pods. One that proves itself first: tests/cluster/test_schedule.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import returning_price
from support.clocked_operator import ForwardClock
from support.kubelet import REAL_TRAINER, Kubelet
from support.schedule_life import Schedules


@pytest.fixture
def places(tmp_path: Path, kubelet: Kubelet, schedules: Schedules) -> tuple[Path, Path]:
    """Folders of the data and of the artifacts; the pods are real."""
    kubelet.fate, kubelet.environ = None, REAL_TRAINER
    data, artifacts = tmp_path / "data", tmp_path / "artifacts"
    data.mkdir(), artifacts.mkdir()
    return data, artifacts


def write(path: Path, data: bytes) -> None:
    """Whole at once, as an upload."""
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)


def first_bars(bars: int) -> bytes:
    table = pq.read_table(BytesIO(returning_price.candles(seed=1)))
    buffer = BytesIO()
    pq.write_table(table.slice(0, bars), buffer)
    return buffer.getvalue()


def test_three_slots_train_on_what_is_new_and_a_slot_without_new_bars_is_skipped(
    schedules: Schedules, places: tuple[Path, Path], clock: ForwardClock
) -> None:
    data, artifacts = places
    file = data / "candles_BTC-USD_1m.parquet"
    template = {
        "data": {"uri": f"file://{data}/", "filename": "candles_{symbol}_{interval}.parquet"},
        "artifacts": {"uri": f"file://{artifacts}/"},
        "label": {"horizonBars": 1},
        "split": {"validationPercent": 20, "testPercent": 30},
        "model": {"hiddenSize": 8, "layers": 1, "bidirectional": False, "lookbackBars": 5, "dropout": 0},
        "training": {"epochs": 6, "learningRate": 0.01, "precision": "Float32"},
        "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]},
        "train": {"device": "CPU"},
    }
    schedules.start("nightly", template=template)
    for number, bars in enumerate((700, 800, 800, 900), start=1):
        write(file, first_bars(bars))
        clock.to_next(hours=1)
        status = schedules.until("nightly", lambda status, number=number: len(status.get("recent", ())) == number)
    recent = status["recent"]
    states = [one["state"] for one in reversed(recent)]
    assert states[0] == "Promoted" and states[2] == "Skipped", recent
    assert {states[1], states[3]} <= {"Promoted", "Rejected"}, recent
    results = [run["status"]["symbols"][0].get("result", {}) for run in schedules.made("nightly")]
    assert [result.get("data", {}).get("lastBar") for result in results] == [opens(700), opens(800), None, opens(900)]


def opens(bar: int) -> str:
    """When the bar of that number opens."""
    return f"{datetime(2026, 1, 1) + timedelta(minutes=bar - 1):%Y-%m-%dT%H:%M:%SZ}"
