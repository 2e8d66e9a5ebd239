"""What goes wrong in a train Job: an exit code, one clear sentence, no traceback, nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.training_case import MODEL, Ended, TrainingSetup, feature_table, train

from retrain_api.errors import Interrupted, SoftwareError
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

Require = Callable[[object, str], None]


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    return TrainingSetup(tmp_path / "setup")


def said(ended: Ended, code: int, reason: str, words: str) -> None:
    """One sentence, the same in the log and in the message."""
    assert ended.code == code
    assert ended.failure.reason == reason
    assert words in ended.failure.message
    assert ended.errors == f"{reason}: {ended.failure.message}\n"


def missing(setup: TrainingSetup) -> None:
    setup.file.unlink()


def no_parquet(setup: TrainingSetup) -> None:
    setup.file.write_text("timestamp,close\n")


def extreme(setup: TrainingSetup) -> None:
    """Features that are all but still while it trains, and leap in validation: no float32 holds them, scaled."""
    table = feature_table()
    table[["hint", "noise"]] *= 1e-30
    table.loc[300, ["hint", "noise"]] = 1e30
    setup.put(table)


@pytest.mark.parametrize(
    ("spoil", "code", "reason", "words"),
    [
        (missing, 66, "ObjectNotFound", "features_BTC-USD_1m_latest.parquet does not exist"),
        (no_parquet, 65, "NotParquet", "features_BTC-USD_1m_latest.parquet"),
        (extreme, 64, "LossNotFinite", "lower spec.training.learningRate"),
    ],
)
def test_data_that_can_not_be_learnt_from(
    setup: TrainingSetup, spoil: Callable[[TrainingSetup], None], code: int, reason: str, words: str
) -> None:
    spoil(setup)
    said(train(setup, setup.task()), code, reason, words)
    assert set(setup.files()) <= {f"{setup.folder}data.json", *setup.pins()}


def test_a_missing_gpu_is_reported_before_the_data_is_read(setup: TrainingSetup) -> None:
    missing(setup)
    ended = train(setup, setup.task(device="GPU"), CUDA_VISIBLE_DEVICES="")
    said(ended, 78, "NoGPU", "set spec.train.device: CPU")
    assert setup.files() == []


@pytest.mark.parametrize(
    ("command", "task", "reason"),
    [("dance", None, "BadCommand"), ("train", None, "NoTask"), ("train", '{"kind": "train"}', "BadTask")],
)
def test_what_is_no_task(setup: TrainingSetup, command: str, task: str | None, reason: str) -> None:
    ended = train(setup, None, command, **({} if task is None else {"RETRAIN_TASK": task}))
    said(ended, 64, reason, "")


def start_and_stop(setup: TrainingSetup) -> None:
    """A first start, here in this process, that is stopped after an epoch."""
    stop = Stop()
    with pytest.raises(Interrupted):
        training_task.run(setup.task(), {}, lambda line: stop.request(), stop)


def test_a_file_that_was_overwritten_between_start_and_retry(setup: TrainingSetup) -> None:
    start_and_stop(setup)
    before = setup.files()
    setup.put(feature_table(seed=4))
    said(
        train(setup, setup.task()), 65, "DataChanged", "or set a new retrain.crpbot.dev/rerun token to train everything"
    )
    assert setup.files() == before


def test_a_disk_that_is_full_and_then_is_not(setup: TrainingSetup) -> None:
    """The data fits, a checkpoint does not; after room was made the training goes to its end."""
    task = setup.task(model=MODEL.model_copy(update={"hidden_size": 48}))
    limit = setup.file.stat().st_size + 8_000
    said(train(setup, task, file_limit=limit), 70, "DiskFull", "free some space, or enlarge the volume")
    assert setup.files() == [*setup.pins(), f"{setup.folder}data.json"]
    assert training_task.run(task, {}, lambda line: None, Stop()).epochs == 3


@pytest.fixture
def small_disk(tmp_path: Path, require: Require) -> Iterator[Path]:
    """A disk of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    require(mount, "mounting a small disk needs the program mount")
    done = subprocess.run([str(mount), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    require(done.returncode == 0, "mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_volume_without_space(setup: TrainingSetup, small_disk: Path) -> None:
    """The whole of what the file system says, with a real one."""
    task = setup.task(model=MODEL.model_copy(update={"hidden_size": 48}), artifacts_uri=f"file://{small_disk}/models/")
    with pytest.raises(SoftwareError, match="No space is left") as caught:
        training_task.run(task, {}, lambda line: None, Stop())
    assert (caught.value.reason, caught.value.exit_code) == ("DiskFull", 70)
    left = [path for path in small_disk.rglob("*") if path.is_file() and path.parent.parent.name != "pins"]
    assert [path.name for path in left] == ["data.json"]
