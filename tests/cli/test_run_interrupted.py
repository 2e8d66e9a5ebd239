"""Stopped or killed at any moment, the same command goes on: nothing is done twice, nothing is lost, nothing lives on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from support.local_run import LocalRun, alive, until

TWO = ["BTC-USD", "ETH-USD"]


def holding(local: LocalRun, *symbols: str) -> None:
    """Wait until the trainings of the symbols hold."""
    until(lambda: all(local.journal(symbol, "holds") for symbol in symbols), f"{symbols} hold")


def epochs(local: LocalRun, symbol: str) -> list[int]:
    return [line["epoch"] for line in local.journal(symbol, "epoch")]


def workers_gone(local: LocalRun) -> None:
    until(lambda: not any(alive(line["pid"]) for line in local.journal()), "the workers' end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_saves_and_the_same_command_goes_on(local: LocalRun, number: signal.Signals) -> None:
    local.spec = {"symbols": TWO}
    local.script = {symbol: {"epochs": 4, "hold": "epoch 3"} for symbol in TWO}
    running = local.start()
    holding(local, *TWO)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "")
    kept = "BTC-USD has 2 of 4 epochs, ETH-USD has 2 of 4 epochs"
    assert out.endswith(f"Stopped; everything done so far is kept: {kept}. The same command goes on from there.\n")
    assert {line["who"] for line in local.journal(what="stopped")} == set(TWO), "each was asked, none was killed"
    workers_gone(local)
    assert local.status()["state"] != "Failed"

    local.let_go()
    ended = local.run()
    assert ended.returncode == 0, ended.stdout
    assert {symbol: epochs(local, symbol) for symbol in TWO} == {symbol: [1, 2, 3, 4] for symbol in TWO}
    assert "2 resumed" in ended.stdout
    assert local.status()["symbols"][0]["attempts"] == 2


def test_a_second_ctrl_c_changes_nothing(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2"}}
    running = local.start()
    holding(local, "BTC-USD")
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    workers_gone(local)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_killed_it_takes_its_workers_along_and_the_same_command_goes_on(local: LocalRun) -> None:
    local.spec = {"symbols": TWO}
    local.script = {symbol: {"epochs": 4, "hold": "epoch 3"} for symbol in TWO}
    running = local.start()
    holding(local, *TWO)
    running.kill()
    running.wait()
    workers_gone(local)
    local.let_go()
    ended = local.run()
    assert ended.returncode == 0, ended.stderr
    assert {symbol: epochs(local, symbol) for symbol in TWO} == {symbol: [1, 2, 3, 4] for symbol in TWO}
    jobs = [path.read_text() for path in (local.state / "jobs").glob("*-train-*.json")]
    assert all('"failures": 0' in text for text in jobs), "its own death is nobody's failure"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_workers_of_a_killed_run_that_still_save_are_waited_for(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2", "saves": "slowly"}}
    killed = local.start()
    holding(local, "BTC-USD")
    killed.kill()
    until(lambda: local.journal("BTC-USD", "stopped"), "the worker learns of it")
    running = local.start()
    assert running.stdout
    assert running.stdout.readline() == "Waiting for the workers of the last `retrain run` to save and end.\n"
    assert len(local.journal("BTC-USD", "start")) == 1, "never two trainings of one model"
    local.let_go()
    assert running.wait(60) == 0
    assert epochs(local, "BTC-USD") == [1, 2]


def as_if_nothing_had_been(local: LocalRun) -> None:
    """Every epoch once, one report, nothing half-written, and nothing left to do."""
    workers_gone(local)
    assert {symbol: epochs(local, symbol) for symbol in TWO} == {symbol: [1, 2] for symbol in TWO}
    assert local.status()["state"] == "Promoted"
    assert {line["number"] for line in local.journal("publish", "publishes")} == {1}
    assert not list(local.state.rglob("*.part"))
    done = local.journal()
    assert local.run().returncode == 0
    assert local.journal() == done


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_killed_after_ever_more_steps_it_ends_as_if_nothing_had_been(local: LocalRun) -> None:
    local.spec = {"symbols": TWO}
    kills = 0
    for steps in range(1, 30):
        before, running = len(local.journal()), local.start()
        until(
            lambda steps=steps, before=before, it=running: (
                len(local.journal()) >= before + steps or it.poll() is not None
            ),
            f"step {steps}",
        )
        if running.poll() is not None:
            break
        running.kill()
        running.communicate()
        kills += 1
    assert running.wait() == 0
    assert kills > 3
    as_if_nothing_had_been(local)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_killed_in_each_state_it_ends_as_if_nothing_had_been(local: LocalRun) -> None:
    local.spec = {"symbols": TWO}
    for state in ("Queued", "Training", "Evaluating", "Publishing", "Promoted"):
        running = local.start()
        seen = local.state / "status.json"
        until(
            lambda seen=seen, state=state, it=running: (
                (seen.exists() and local.status()["state"] == state) or it.poll() is not None
            ),
            state,
        )
        running.kill()
        running.communicate()
    assert local.run().returncode == 0
    as_if_nothing_had_been(local)


def test_while_one_works_a_second_one_is_refused(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 1"}}
    first = local.start()
    holding(local, "BTC-USD")
    second = local.run()
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"retrain: Another `retrain run` (process {first.pid}) is working on this run; wait for it, stop it, "
        "or give another --state-dir.\n"
    )
    local.let_go()
    assert first.wait(60) == 0
    assert len(local.journal("BTC-USD", "start")) == 1


def test_of_many_started_at_once_one_works(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 1"}}
    local.write()
    many = [local.start(write=False) for _ in range(4)]
    until(lambda: sum(one.poll() is not None for one in many) == 3, "three are refused")
    assert sorted(one.returncode for one in many if one.poll() is not None) == [1, 1, 1]
    local.let_go()
    assert sorted(one.wait(60) for one in many) == [0, 1, 1, 1]
    assert len(local.journal("BTC-USD", "start")) == 1


def test_runs_with_other_names_do_not_wait_for_each_other(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 1"}}
    first = local.start()
    holding(local, "BTC-USD")
    text = (local.folder / "retrain.yaml").read_text().replace("name: nightly", "name: other")
    (local.folder / "other.yaml").write_text(text.replace("file://./models/", "file://./other/"))
    (local.folder / "other").mkdir()
    (local.folder / "other" / "script.json").write_text("{}")
    assert local.run("-f", "other.yaml", write=False).returncode == 0
    assert first.poll() is None


def test_whoever_stops_reading_stops_the_run_and_leaves_nobody_behind(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2"}}
    reader, writer = os.pipe()
    running = local.start(stdout=writer)
    os.close(writer)
    holding(local, "BTC-USD")
    os.close(reader)
    local.let_go()
    _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, "")
    workers_gone(local)
    assert local.run().returncode == 0
    assert epochs(local, "BTC-USD") == [1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_state_that_can_not_be_written_stops_the_run_and_leaves_nobody_behind(local: LocalRun) -> None:
    local.script = {"BTC-USD": {"hold": "epoch 2"}}
    running = local.start()
    holding(local, "BTC-USD")
    until(lambda: local.status()["symbols"][0].get("progress"), "the last write before the next epoch")
    status = local.state / ".status.json.part"
    status.unlink(missing_ok=True)
    status.symlink_to("/dev/full")
    local.let_go()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert err.startswith("retrain: ")
    assert "cannot be written: No space left on device" in err
    workers_gone(local)
    assert local.run().returncode == 0
    assert epochs(local, "BTC-USD") == [1, 2]


def test_symbols_train_side_by_side_within_the_cores(local: LocalRun) -> None:
    local.spec = {"symbols": TWO}
    local.script = {symbol: {"hold": "start"} for symbol in TWO}
    running = local.start()
    holding(local, *TWO)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for start in local.journal(what="start"):
        assert int(start["environment"]["OMP_NUM_THREADS"]) == max(1, cores // 2)
        assert start["environment"]["PYTHONUNBUFFERED"] == start["environment"]["RETRAIN_PROGRESS"] == "1"
    local.let_go()
    assert running.wait(60) == 0


def test_one_at_a_time_where_the_run_says_so(local: LocalRun) -> None:
    local.spec = {"symbols": TWO, "parallelism": 1}
    assert local.run().returncode == 0
    order = [(line["who"], line["what"]) for line in local.journal() if line["who"] in TWO]
    assert [who for who, _ in order] in (["BTC-USD"] * 4 + ["ETH-USD"] * 4, ["ETH-USD"] * 4 + ["BTC-USD"] * 4)
