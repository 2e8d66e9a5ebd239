"""What a person sees: a live table on a terminal, plain lines elsewhere, and an answer at once to --help."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support.local_run import LocalRun, until
from support.screen import Screen

SLOW = ("torch", "numpy", "pandas", "pyarrow", "boto3", "rich", "yaml", "pydantic")


def test_a_terminal_shows_a_row_for_each_symbol_as_it_moves(local: LocalRun) -> None:
    local.spec = {"symbols": ["BTC-USD", "ETH-USD"]}
    warning = "WARNING 3 gaps in time"
    local.script = {"BTC-USD": {"epochs": 3, "hold": "epoch 2", "says": [warning]}, "ETH-USD": {"hold": "start"}}
    screen = Screen()
    local.environ = {"TERM": "xterm-256color"}
    running = local.start(stdout=screen.theirs)
    until(lambda: "2/3" in screen.read(), "the second epoch's row")
    for column in ("SYMBOL", "STATE", "EPOCH", "VAL LOSS", "VAL ACC", "LR", "WINDOWS/S", "LEFT"):
        assert column in screen.text
    row = next(line for line in reversed(screen.text.splitlines()) if "BTC-USD" in line and "2/3" in line)
    for cell in ("Training", "0.6543", "0.6789", "0.5230", "0.001000", "456", "0:00", "██████░░░░░░"):
        assert cell in row
    assert "Epoch 1/3" not in screen.text, "the table says it"
    assert warning in screen.text
    local.let_go()
    until(lambda: "Status: .retrain" in screen.read(), "the verdict")
    assert running.wait(60) == 0
    assert "Training Summary" in screen.text
    assert "Evaluated" in screen.text
    closing = screen.text[screen.text.index("nightly: ") :].splitlines()
    assert "\x1b[32mPromoted\x1b[0m" in closing[0]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in closing]
    assert plain[1].split() == ["SYMBOL", "VERDICT", "ACCURACY", "MAJORITY", "CALIBRATION", "PNL", "TRADES", "BARS"]
    assert "\x1b[32mPass" in closing[2]
    assert plain[2].split()[:4] == ["BTC-USD", "Pass", "71", "%"]
    assert max(map(len, plain[1:4])) < 80


def test_elsewhere_a_line_comes_as_the_trainer_said_it_after_its_symbol(local: LocalRun) -> None:
    local.spec = {"symbols": ["BTC-USD", "ETH-USD"]}
    local.script = {"BTC-USD": {"says": ["WARNING 3 gaps in time [see docs]"]}}
    lines = local.run().stdout.splitlines()
    epoch = "Epoch 1/2: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"
    assert lines.count(f"[BTC-USD] {epoch}") == lines.count(f"[ETH-USD] {epoch}") == 1
    assert "[BTC-USD] WARNING 3 gaps in time [see docs]" in lines
    assert not any("Progress:" in line or "\x1b" in line for line in lines)


def test_progress_is_in_the_status_while_it_trains(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"epochs": 3, "hold": "epoch 3"}}
    running = local.start()
    until(lambda: local.journal("BTC-USD", "holds"), "the third epoch")
    seen = until(lambda: local.status()["symbols"][0].get("progress", {}).get("epoch") == 2 and local.status(), "it")
    progress = seen["symbols"][0]["progress"]
    assert progress.pop("remainingSeconds") >= 0
    assert progress == {
        "epoch": 2,
        "epochs": 3,
        "trainLoss": 0.6543,
        "validationLoss": 0.6789,
        "validationAccuracy": 0.523,
        "learningRate": 0.001,
    }
    local.let_go()
    assert running.wait(60) == 0


def test_a_clock_and_what_is_done_are_there_before_the_first_epoch(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "start"}}
    screen = Screen()
    local.environ = {"TERM": "xterm-256color"}
    running = local.start(stdout=screen.theirs)
    until(lambda: "0:01  Training: 0 of 1 symbol trained, 1 training." in screen.read(), "the clock")
    assert "0/50" in screen.text, "no epoch yet"
    screen.shrink(40)
    until(lambda: "\x1b[J" in screen.read(), "what a narrower terminal folded is taken away")
    local.let_go()
    until(lambda: "Status: .retrain" in screen.read(), "the end")
    assert running.wait(60) == 0


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_nothing_slow(arguments: list[str]) -> None:
    slow = SLOW if arguments == ["--help"] else SLOW[:6]
    code = f"""
import sys
from retrain_cli.main import main
try:
    main({arguments!r})
finally:
    print("loaded", [name for name in {slow!r} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[-1] == "loaded []", ended.stderr
    assert "usage: retrain" in ended.stdout


def test_a_whole_run_loads_neither_torch_nor_the_trainer(local: LocalRun) -> None:
    local.write()
    code = """
import sys
from retrain_cli.main import main
code = main(["run", "-f", "retrain.yaml"])
names = ("torch", "numpy", "pandas", "boto3", "retrain_trainer")
print("loaded", code, [name for name in names if name in sys.modules])
"""
    paths = [str(path) for path in _fake_paths()]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=local.folder, env=environ
    )
    assert ended.stdout.splitlines()[-1] == "loaded 0 []", ended.stderr


def _fake_paths() -> list[object]:
    from support.local_run import TESTS

    return [TESTS / "support" / "fake_trainer", TESTS]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "retrain needs COMMAND; "),
        (["nonsense"], 2, "There is no command nonsense; "),
        (["run", "--nonsense"], 2, "-f/--file"),
    ],
)
def test_a_wrong_command_is_a_usage_error(arguments: list[str], code: int, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "retrain_cli.main", *arguments], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
