"""Runs of a schedule on one machine: each from a manifest, with the lock of `retrain run`, one by one or by turns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.local_run import TESTS, LocalRun

from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.schedules.child import open_child


class Silent:
    """Shows nothing."""

    def line(self, job: Any, index: int, text: str) -> None:
        """A line of a log."""

    def status(self, status: Any) -> None:
        """A new status."""

    def tick(self) -> None:
        """Time has passed."""


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalRun]:
    path = [str(TESTS / "support" / "fake_trainer"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    run = LocalRun(tmp_path)
    yield run
    run.clean_up()


def manifest(local: LocalRun, name: str = "nightly") -> dict[str, Any]:
    """A run's manifest with absolute locations, as a schedule makes it."""
    local.write()
    document: dict[str, Any] = yaml.safe_load((local.folder / "retrain.yaml").read_text())
    document["metadata"]["name"] = name
    document["spec"]["data"]["uri"] = f"file://{local.folder}/data/"
    document["spec"]["artifacts"]["uri"] = f"file://{local.world}/"
    return document


def work_on(
    document: dict[str, Any], state_dir: Path, display: Silent, stopping: Callable[[], bool]
) -> RetrainRunStatus:
    """Carry out one run until it rests; its status then."""
    child = open_child(document, state_dir, display, stopping)
    try:
        return child.executor.go_on()
    finally:
        child.close()


def test_a_run_is_carried_out_once_whoever_asks(local: LocalRun) -> None:
    state = local.folder / ".retrain"
    first = work_on(manifest(local), state, Silent(), lambda: False)
    done = len(local.journal("BTC-USD"))
    again = work_on(manifest(local), state, Silent(), lambda: False)
    assert (first.state, again.state) == ("Promoted", "Promoted")
    assert done == len(local.journal("BTC-USD")) > 0


def test_two_runs_take_turns_in_one_thread(local: LocalRun) -> None:
    state = local.folder / ".retrain"
    names = ["first", "second"]
    children = [open_child(manifest(local, name), state, Silent(), lambda: False, cores=1) for name in names]
    try:
        while sum(child.executor.step() for child in children):
            pass
        assert [child.run.status.state for child in children] == ["Promoted", "Promoted"]
    finally:
        for child in children:
            child.close()


def test_a_run_at_work_is_nobody_elses_until_it_is_closed(local: LocalRun) -> None:
    state = local.folder / ".retrain"
    child = open_child(manifest(local), state, Silent(), lambda: False)
    with pytest.raises(SoftwareError, match="Another `retrain run`"):
        work_on(manifest(local), state, Silent(), lambda: False)
    child.close()
    assert work_on(manifest(local), state, Silent(), lambda: False).state == "Promoted"


def test_a_wrong_manifest_is_refused_before_anything_is_written(local: LocalRun) -> None:
    wrong = manifest(local) | {"spec": {}}
    with pytest.raises(ConfigurationError, match="symbols"):
        work_on(wrong, local.folder / ".retrain", Silent(), lambda: False)
    assert not (local.folder / ".retrain").exists()


def test_who_is_asked_to_stop_leaves_a_run_that_goes_on(local: LocalRun) -> None:
    state = local.folder / ".retrain"
    work_on(manifest(local), state, Silent(), lambda: True)
    assert work_on(manifest(local), state, Silent(), lambda: False).state == "Promoted"
