"""Schedules whose runs really train, with the real trainer in pods: on new bars, and on the past first."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support import returning_price
from support.clocked_operator import ForwardClock
from support.closed_candles import DATA, NAME, PROVEN_ON_THREE, SYMBOL, TEMPLATE, closed
from support.kubelet import REAL_TRAINER, Kubelet
from support.schedule_life import Body, Schedules
from support.team import USD1

DAY = timedelta(days=1)


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


@pytest.mark.skipif(not USD1.exists(), reason=f"{USD1.name} may not be copied into the project and is not beside it")
def test_a_schedule_proves_itself_on_three_past_slots_promotes_skips_and_trains_when_bars_arrive(
    schedules: Schedules, places: tuple[Path, Path], clock: ForwardClock
) -> None:
    """What tests/cluster/test_schedule.py does on a real cluster."""
    data, artifacts = places
    write(data / NAME, closed(before=DAY))
    where = {"data": {"uri": f"file://{data}/", **DATA}, "artifacts": {"uri": f"file://{artifacts}/"}}
    schedules.create("every-minute", template=TEMPLATE | where | {"train": {"device": "CPU"}}, **PROVEN_ON_THREE)
    status = schedules.until("every-minute", lambda status: (status.get("walkForward") or {}).get("state") == "Proven")
    assert status["walkForward"]["passed"] == 3
    assert not (artifacts / "promoted").exists(), "no replay promotes"

    schedules.until("every-minute", lambda status: ended(status, "Promoted"))
    assert (artifacts / "promoted" / f"{SYMBOL}.json").exists()
    first = ended(schedules.status("every-minute"), "Promoted")[-1]
    schedules.until("every-minute", lambda status: ended(status, "Skipped")[:1] > [first])
    write(data / NAME, closed())
    schedules.until("every-minute", lambda status: len(ended(status, "Promoted", "Rejected")) == 2)


def ended(status: Body, *states: str) -> list[str]:
    """Names of its runs that ended so, the newest first."""
    return [one["run"] for one in status.get("recent", ()) if one["state"] in states]
