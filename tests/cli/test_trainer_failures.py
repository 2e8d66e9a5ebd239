"""What goes wrong in a train Job: an exit code, one clear sentence, no traceback, nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from retrain_api.errors import Interrupted, SoftwareError
from retrain_trainer import training_task
from retrain_trainer.interruption import Stop
from support.training_case import MODEL, Ended, Site, feature_table, train

Require = Callable[[object, str], None]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def said(ended: Ended, code: int, reason: str, words: str) -> None:
    """One sentence, the same in the log and in the message."""
    assert ended.code == code
    assert ended.failure.reason == reason
    assert words in ended.failure.message
    assert ended.errors == f"{reason}: {ended.failure.message}\n"


def missing(site: Site) -> None:
    site.file.unlink()


def no_parquet(site: Site) -> None:
    site.file.write_text("timestamp,close\n")


def extreme(site: Site) -> None:
    """Features that are all but still while it trains, and leap in validation: no float32 holds them, scaled."""
    table = feature_table()
    table[["hint", "noise"]] *= 1e-30
    table.loc[300, ["hint", "noise"]] = 1e30
    site.put(table)


@pytest.mark.parametrize(
    ("spoil", "code", "reason", "words"),
    [
        (missing, 66, "ObjectNotFound", "features_BTC-USD_1m_latest.parquet does not exist"),
        (no_parquet, 65, "NotParquet", "features_BTC-USD_1m_latest.parquet"),
        (extreme, 64, "LossNotFinite", "lower spec.training.learningRate"),
    ],
)
def test_data_that_can_not_be_learnt_from(
    site: Site, spoil: Callable[[Site], None], code: int, reason: str, words: str
) -> None:
    spoil(site)
    said(train(site, site.task()), code, reason, words)
    assert set(site.files()) <= {f"{site.folder}data.json"}


def test_a_gpu_that_is_not_there_is_said_before_the_data_is_read(site: Site) -> None:
    missing(site)
    ended = train(site, site.task(device="GPU"), CUDA_VISIBLE_DEVICES="")
    said(ended, 78, "NoGPU", "set spec.train.device: CPU")
    assert site.files() == []


@pytest.mark.parametrize(
    ("command", "task", "reason"),
    [("dance", None, "BadCommand"), ("train", None, "NoTask"), ("train", '{"kind": "train"}', "BadTask")],
)
def test_what_is_no_task(site: Site, command: str, task: str | None, reason: str) -> None:
    ended = train(site, None, command, **({} if task is None else {"RETRAIN_TASK": task}))
    said(ended, 64, reason, "")


def start_and_stop(site: Site) -> None:
    """A first start, here in this process, that is stopped after an epoch."""
    stop = Stop()
    with pytest.raises(Interrupted):
        training_task.run(site.task(), {}, lambda line: stop.request(), stop)


def test_a_file_that_was_overwritten_between_start_and_retry(site: Site) -> None:
    start_and_stop(site)
    before = site.files()
    site.put(feature_table(seed=4))
    said(train(site, site.task()), 65, "DataChanged", "or set a new retrain.crpbot.dev/rerun token to train everything")
    assert site.files() == before


def test_a_disk_that_is_full_and_then_is_not(site: Site) -> None:
    """The data fits, a checkpoint does not; after room was made the training goes to its end."""
    task = site.task(model=MODEL.model_copy(update={"hidden_size": 48}))
    limit = site.file.stat().st_size + 8_000
    said(train(site, task, file_limit=limit), 70, "DiskFull", "make room or give the volume more")
    assert site.files() == [f"{site.folder}data.json"]
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


def test_a_volume_without_space(site: Site, small_disk: Path) -> None:
    """The whole of what the file system says, with a real one."""
    task = site.task(model=MODEL.model_copy(update={"hidden_size": 48}), artifacts_uri=f"file://{small_disk}/models/")
    with pytest.raises(SoftwareError, match="No space is left") as caught:
        training_task.run(task, {}, lambda line: None, Stop())
    assert (caught.value.reason, caught.value.exit_code) == ("DiskFull", 70)
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["data.json"]
