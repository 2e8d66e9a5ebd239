"""A task's process: its environment, its end, and that it can't outlive its run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.local_run import alive, until

from retrain_client.local.processes import TaskProcess, environment, kill_workers, spawn


def secret(name: str, key: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "aws", "key": key}}}


CONTAINER = {
    "env": [
        {"name": "RETRAIN_TASK", "value": "{}"},
        {"name": "HTTPS_PROXY", "value": "http://proxy"},
        secret("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        secret("RETRAIN_DATA_AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        secret("RETRAIN_GIT_TOKEN", "token"),
        {"name": "RETRAIN_DATA_RCLONE_CONFIG", "value": "/etc/retrain/rclone/data/rclone.conf"},
        {"name": "AWS_CA_FILE", "value": "/etc/retrain/authority/run/ca.crt"},
        {"name": "RETRAIN_GIT_CA_FILE", "value": "/etc/retrain/authority/git/ca.crt"},
    ]
}


@pytest.mark.parametrize(
    ("base", "seen"),
    [
        ({"HOME": "/home/ada"}, {"HOME": "/home/ada"}),
        ({"HTTPS_PROXY": "http://mine"}, {"HTTPS_PROXY": "http://proxy"}),
        ({"RETRAIN_TASK": "another", "RETRAIN_PROGRESS": "0"}, {"RETRAIN_TASK": "{}", "RETRAIN_PROGRESS": "1"}),
        ({"RETRAIN_STALE": "x"}, {"RETRAIN_STALE": None}),
        ({}, {"AWS_ACCESS_KEY_ID": None, "RETRAIN_GIT_TOKEN": None, "RETRAIN_DATA_AWS_ACCESS_KEY_ID": None}),
        ({"AWS_ACCESS_KEY_ID": "k"}, {"AWS_ACCESS_KEY_ID": "k", "RETRAIN_DATA_AWS_ACCESS_KEY_ID": None}),
        ({"RETRAIN_DATA_AWS_ACCESS_KEY_ID": "d"}, {"RETRAIN_DATA_AWS_ACCESS_KEY_ID": "d"}),
        ({"RETRAIN_GIT_TOKEN": "t"}, {"RETRAIN_GIT_TOKEN": "t"}),
        ({"RETRAIN_GIT_USERNAME": "ada"}, {"RETRAIN_GIT_USERNAME": "ada"}),
        ({}, {"AWS_CA_FILE": None, "RETRAIN_GIT_CA_FILE": None}),
        ({"AWS_CA_BUNDLE": "/mine"}, {"AWS_CA_BUNDLE": "/mine", "AWS_CA_FILE": None}),
        ({"RETRAIN_DATA_AWS_CA_BUNDLE": "/mine"}, {"RETRAIN_DATA_AWS_CA_BUNDLE": "/mine"}),
        ({"AWS_PROFILE": "mine"}, {"AWS_PROFILE": "mine"}),
        (
            {"RCLONE_CONFIG": "/home/ada/r.conf"},
            {"RCLONE_CONFIG": "/home/ada/r.conf", "RETRAIN_DATA_RCLONE_CONFIG": None},
        ),
        ({"RETRAIN_DATA_RCLONE_CONFIG": "/mine"}, {"RETRAIN_DATA_RCLONE_CONFIG": "/mine"}),
        ({"RETRAIN_RCLONE_CONFIG": "/mine"}, {"RETRAIN_RCLONE_CONFIG": "/mine"}),
        ({"OMP_NUM_THREADS": "64"}, {"OMP_NUM_THREADS": "3"}),
        ({"JOB_COMPLETION_INDEX": "9"}, {"JOB_COMPLETION_INDEX": "2"}),
    ],
)
def test_what_a_task_sees_of_the_environment(base: dict[str, str], seen: dict[str, str | None]) -> None:
    found = environment(CONTAINER, base, index=2, threads=3, message=Path("/state/m.json"))
    assert {name: found.get(name) for name in seen} == seen


def test_a_message_is_left_where_it_is_found_whatever_folder_the_task_works_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = environment(CONTAINER, {}, 0, 1, Path("messages/m.json"))
    assert found["RETRAIN_TERMINATION_LOG"] == str(tmp_path / "messages" / "m.json")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[TaskProcess]]:
    """Processes that the test started; none is left."""
    found: list[TaskProcess] = []
    yield found
    for each in found:
        each.process.kill()
        each.process.wait()


def python(tmp_path: Path, started: list[TaskProcess], code: str, *, folder: str = "messages") -> TaskProcess:
    """A task that runs some Python."""
    container = {"name": "trainer", "command": ["python", "-c"], "args": [code]}
    manifest = {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [container]}}}}
    (tmp_path / folder).mkdir(exist_ok=True)
    started.append(spawn(manifest, 0, 1, tmp_path / "log", tmp_path / folder / "j-0.json"))
    return started[-1]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pass", 0),
        ("import sys; sys.exit(75)", 75),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 15)", 143),
    ],
)
def test_it_ends_with_a_containers_exit_code(
    code: str, expected: int, tmp_path: Path, started: list[TaskProcess]
) -> None:
    task = python(tmp_path, started, code)
    until(lambda: task.exit_code() is not None, "its end")
    assert task.exit_code() == expected


def test_python_is_the_one_that_runs_us(tmp_path: Path, started: list[TaskProcess]) -> None:
    task = python(tmp_path, started, "import sys; print(sys.executable)")
    until(lambda: task.exit_code() is not None, "its end")
    assert task.new_lines(ended=True) == [sys.executable]


def test_lines_come_whole_and_the_last_one_even_without_its_end(tmp_path: Path, started: list[TaskProcess]) -> None:
    go = tmp_path / "go"
    code = f"""
import os, pathlib, sys, time
os.write(1, b"one\\ntw")
while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)
os.write(1, b"o\\nwarning: \\xff\\nend")
"""
    task = python(tmp_path, started, code)
    lines: list[str] = []
    until(lambda: lines.extend(task.new_lines()) or lines, "a line")
    assert lines == ["one"]
    go.touch()
    until(lambda: task.exit_code() is not None, "its end")
    assert task.new_lines(ended=True) == ["two", "warning: \ufffd", "end"]
    assert task.new_lines(ended=True) == []


def test_an_old_message_is_not_taken_for_a_new_one_and_a_long_one_is_cut(
    tmp_path: Path, started: list[TaskProcess]
) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "j-0.json").write_text("old")
    task = python(tmp_path, started, "pass")
    until(lambda: task.exit_code() is not None, "its end")
    assert task.message_text() is None
    task.message.write_text("x" * 5000)
    assert task.message_text() == "x" * 4096


def test_a_stop_is_a_request_first(tmp_path: Path, started: list[TaskProcess]) -> None:
    code = "import signal, time; signal.signal(15, lambda *_: exit(75)); print('up', flush=True); time.sleep(600)"
    task = python(tmp_path, started, code)
    until(task.new_lines, "its handler")
    task.stop()
    until(lambda: task.exit_code() is not None, "its end")
    assert task.exit_code() == 75
    task.stop()


def test_a_stop_that_is_not_heeded_ends_it_with_all_it_started(tmp_path: Path, started: list[TaskProcess]) -> None:
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
    task = python(tmp_path, started, code)
    child = int(until(task.new_lines, "its child")[0])
    task.stop()
    assert task.exit_code() is None
    task.stop_at = 0.0  # its grace is over
    task.stop()
    until(lambda: task.exit_code() is not None, "its end")
    assert task.exit_code() == 128 + signal.SIGKILL
    until(lambda: not alive(child), "the child's end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows another process's environment")
def test_only_the_workers_of_this_very_run_are_killed(tmp_path: Path, started: list[TaskProcess]) -> None:
    code = "import time; time.sleep(600)"
    ours = python(tmp_path, started, code)
    neighbour = python(tmp_path, started, code, folder="messages-of-another")
    until(lambda: Path(f"/proc/{neighbour.process.pid}/cmdline").read_text().count("sleep"), "exec")
    kill_workers(tmp_path / "messages")
    until(lambda: ours.exit_code() is not None, "its end")
    assert (ours.exit_code(), neighbour.exit_code()) == (137, None)
