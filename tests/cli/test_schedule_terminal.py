"""What a person sees of `retrain schedule run` on a terminal: the state with a clock, the next slot, what is at work."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.local_run import until
from support.local_schedule import LocalSchedule
from support.screen import Screen


@pytest.fixture
def weekly(tmp_path: Path) -> Iterator[LocalSchedule]:
    schedule = LocalSchedule(tmp_path)
    yield schedule
    schedule.clean_up()


def start(weekly: LocalSchedule, screen: Screen) -> subprocess.Popen[str]:
    """The command on that terminal."""
    weekly.write()
    process = subprocess.Popen(
        [sys.executable, "-m", "retrain_cli.main", "schedule", "run", "-f", "schedule.yaml"],
        cwd=weekly.folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(weekly.folder), "TERM": "xterm-256color"} | weekly.environ,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=screen.theirs,
        stderr=screen.theirs,
        start_new_session=True,
    )
    weekly.started.append(process)
    return process


def test_a_terminal_shows_what_is_at_work_and_what_is_next(weekly: LocalSchedule) -> None:
    weekly.created("2026-01-01T00:00:00Z")
    weekly.script = {"BTC-USD": {"epochs": 3, "hold": "epoch 2", "says": ["WARNING 3 gaps in time"]}}
    screen = Screen()
    process = start(weekly, screen)
    until(lambda: "BTC-USD 1/3" in screen.read(), "the epoch of the run at work")
    shown = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in screen.text.splitlines()]
    assert any(re.match(r"\s*\d+:\d\d  weekly  Active: ", line) for line in shown)
    assert any("SLOT (UTC)" in line and "STATE" in line and "RESULT" in line for line in shown)
    assert any(re.search(r"20\d\d-\d\d-\d\d 03:00  Training", line) for line in shown)
    assert any("03:00 | [BTC-USD] WARNING 3 gaps in time" in line for line in shown)
    assert "Epoch 1/3" not in screen.text, "the row says it"
    weekly.let_go()
    until(lambda: "Promoted 1/1" in screen.read(), "the last result")
    assert re.search(r"Next: 20\d\d-\d\d-\d\d 03:00 UTC, in ", screen.text)
    process.send_signal(signal.SIGINT)
    until(lambda: "The same command goes on from there." in screen.read(), "how to go on")
    assert process.wait(60) == 130


def test_it_survives_a_window_that_becomes_narrow(weekly: LocalSchedule) -> None:
    weekly.created("2026-01-01T00:00:00Z")
    weekly.script = {"BTC-USD": {"hold": "epoch 1"}}
    screen = Screen()
    process = start(weekly, screen)
    until(lambda: "Training" in screen.read(), "the row")
    screen.shrink(40)
    weekly.let_go()
    until(lambda: "Promoted 1/1" in screen.read() or "Promoted" in screen.text.split("Training")[-1], "the end")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in screen.read()
