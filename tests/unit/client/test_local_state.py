"""What `retrain run` remembers on disk: whole files, one run at a time, and a clear sentence for what is broken."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.local_run import until
from support.planning import run_document

from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_TEMPLATE, LABEL_PHASE
from retrain_api.run import parse_run
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.jobs import new_record
from retrain_client.local.state import RunFolder, open_folder, take_lock

RUN = parse_run(run_document())
JOB = {
    "metadata": {
        "name": "j",
        "labels": {LABEL_PHASE: "train"},
        "annotations": {ANNOTATION_KEY: "k", ANNOTATION_TEMPLATE: "t"},
    },
    "spec": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return open_folder(tmp_path / "state", "team", "nightly")


def read_all(folder: RunFolder) -> None:
    """What a new `retrain run` reads."""
    folder.identify(RUN)
    folder.read_jobs()


def silent(_: str) -> None:
    """Says nothing."""


def test_a_run_keeps_its_identity_and_counts_changes_of_its_spec(folder: RunFolder) -> None:
    first = folder.identify(RUN).metadata
    assert first.uid
    assert first.generation == 1
    assert folder.identify(RUN).metadata == first
    annotated = RUN.model_copy(update={"metadata": RUN.metadata.model_copy(update={"annotations": {"a": "b"}})})
    assert folder.identify(annotated).metadata.generation == 1
    changed = folder.identify(parse_run(run_document(parallelism=1))).metadata
    assert (changed.uid, changed.generation) == (first.uid, 2)
    assert folder.identify(RUN).metadata.generation == 3


def test_two_runs_are_two_identities(tmp_path: Path) -> None:
    one, other = (open_folder(tmp_path, namespace, "nightly") for namespace in ("a", "b"))
    assert one.identify(RUN).metadata.uid != other.identify(RUN).metadata.uid


def test_an_answer_to_an_older_judgement_is_kept_so_that_it_can_be_told_of_and_hides_no_other(
    folder: RunFolder,
) -> None:
    approve, old = "retrain.crpbot.dev/approve", "0123456789abcdef by Ann: looks right"
    folder.write_answer(approve, old)
    assert folder.identify(RUN).metadata.annotations == {approve: old}
    committed = RUN.metadata.model_copy(update={"annotations": {approve: "fedcba9876543210 by Bob: yes"}})
    written = RUN.model_copy(update={"metadata": committed})
    assert folder.identify(written).metadata.annotations == committed.annotations


def test_status_is_kept_in_the_schema_of_the_api(folder: RunFolder) -> None:
    status = RetrainRunStatus(state="Training", observed_generation=3)
    folder.write_status(status)
    assert json.loads((folder.path / "status.json").read_text())["observedGeneration"] == 3
    assert folder.read_status() == status
    assert folder.identify(RUN).status == status


def test_nothing_but_whole_files_is_left(folder: RunFolder) -> None:
    folder.write_status(RetrainRunStatus())
    folder.write_job(new_record(JOB, "uid", datetime.now(UTC)))
    assert sorted(path.name for path in folder.path.rglob("*") if path.is_file()) == ["j.json", "status.json"]


def test_a_file_that_can_not_be_replaced_stays_as_it_was(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_status(RetrainRunStatus(state="Training"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SoftwareError, match=r"status\.json cannot be written: No space left on device"):
        folder.write_status(RetrainRunStatus(state="Promoted"))
    assert folder.read_status().state == "Training"
    assert [path.name for path in folder.path.iterdir()] == ["status.json"]


def test_jobs_come_back_and_a_deletion_that_was_under_way_is_done(folder: RunFolder) -> None:
    record = new_record(JOB, "uid", datetime.now(UTC))
    folder.write_job(record)
    assert folder.read_jobs() == {"j": record}
    folder.write_job(replace(record, deleting=True))
    assert folder.read_jobs() == {}
    assert list((folder.path / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("status.json", "{"),
        ("status.json", '{"state": 5}'),
        ("status.json", "[]"),
        ("run.json", "{"),
        ("run.json", '{"uid": 1}'),
        ("run.json", "[1]"),
        ("jobs/j.json", "{"),
        ("jobs/j.json", "{}"),
        ("jobs/j.json", "[]"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_it(folder: RunFolder, name: str, content: str) -> None:
    path = folder.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(SoftwareError, match="move it away and run the same command again") as caught:
        read_all(folder)
    assert str(path) in caught.value.message


def test_a_state_folder_that_can_not_be_made_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="give --state-dir"):
        open_folder(tmp_path / "file", "team", "nightly")


HOLDER = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.pwrite(lock, str(os.getpid()).encode(), 0)
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(folder: RunFolder, name: str, ours: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock: another `retrain run`, or what one that was killed left behind."""
    message = {"RETRAIN_TERMINATION_LOG": str(folder.path.absolute() / "messages" / "j-0.json")} if ours else {}
    command = [sys.executable, "-c", HOLDER, str(folder.path / name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | message) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_one_is_told_who_is_at_work(folder: RunFolder) -> None:
    with holder(folder, "lock") as other, pytest.raises(SoftwareError, match=f"process {other.pid}") as caught:
        take_lock(folder, silent)
    assert caught.value.reason == "RunIsLocked"
    take_lock(folder, silent).release()


def test_a_dead_holder_that_nobody_has_buried_holds_nothing(folder: RunFolder) -> None:
    with holder(folder, "lock") as other:
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the process table
        take_lock(folder, silent).release()


def test_the_locks_are_held_and_say_by_whom(folder: RunFolder) -> None:
    lock = take_lock(folder, silent)
    assert (folder.path / "lock").read_text() == str(os.getpid())
    for name in ("lock", "workers.lock"):
        with (folder.path / name).open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(SoftwareError, match=f"process {os.getpid()}"):
        take_lock(folder, silent)
    lock.release()


def test_workers_of_a_killed_run_are_waited_for(folder: RunFolder) -> None:
    said: list[str] = []
    with holder(folder, "workers.lock") as worker:

        def tell(text: str) -> None:
            said.append(text)
            worker.kill()

        take_lock(folder, tell).release()
    assert said == ["Waiting for the workers of the last `retrain run` to save and end."]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows another process's environment")
def test_workers_that_do_not_end_are_killed(folder: RunFolder) -> None:
    with holder(folder, "workers.lock", ours=True) as worker:
        take_lock(folder, silent, patience=0).release()
        until(lambda: worker.poll() is not None, "the worker's end")
        assert worker.returncode == -9


def test_a_stranger_that_holds_the_lock_is_left_alone(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain_client.local.state._KILL_SECONDS", 0.0)
    with holder(folder, "workers.lock") as stranger:
        with pytest.raises(SoftwareError, match="workers of a killed one"):
            take_lock(folder, silent, patience=0)
        assert stranger.poll() is None
