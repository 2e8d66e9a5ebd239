"""The disk under a file store: full, read-only, someone else's, and writers that die."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError
from retrain_trainer.store import disk
from retrain_trainer.store.open import open_store

ENVIRON = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
NOBODY = 65534
MIB = 1 << 20


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def tiny_disk(require: Callable[[object, str], None]) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    may_mount = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = may_mount and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        require(mounted, "mounting a tmpfs needs root and CAP_SYS_ADMIN")
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.parametrize("how", ["write", "upload", "download"])
def test_a_full_disk_says_so_and_keeps_what_was_there(tiny_disk: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "big").write_bytes(bytes(2 * MIB))
    full, elsewhere = open_store(f"file://{tiny_disk}/"), open_store(f"file://{tmp_path}/")
    full.write("models/m.pt", b"old")
    act = {
        "write": lambda: full.write("models/m.pt", bytes(2 * MIB)),
        "upload": lambda: full.upload("models/m.pt", tmp_path / "big"),
        "download": lambda: elsewhere.download("big", tiny_disk / "models" / "m.pt"),
    }
    with pytest.raises(SoftwareError, match=str(tiny_disk)) as refused:
        act[how]()
    assert refused.value.reason == "DiskFull"
    assert names(tiny_disk) == ["m.pt"]
    assert full.read("models/m.pt").data == b"old"


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, SoftwareError, "DiskFull"),
        (errno.EDQUOT, SoftwareError, "DiskFull"),
        (errno.EIO, SoftwareError, "DiskFailed"),
        (errno.EROFS, ConfigurationError, "NotWritable"),
        (errno.EACCES, ConfigurationError, "NotWritable"),
    ],
)
def test_a_write_that_fails_at_the_last_moment_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[RetrainError], reason: str
) -> None:
    store = open_store(f"file://{tmp_path}/")
    store.write("x", b"old")

    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.os, "fsync", fails)
    with pytest.raises(kind, match=f"{tmp_path}/x") as refused:
        store.write("x", b"new")
    assert refused.value.reason == reason
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_disk_that_reads_back_something_else_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "file_sha256", lambda _: hashlib.sha256(b"something else").hexdigest())
    with pytest.raises(SoftwareError) as refused:
        open_store(f"file://{tmp_path}/").write("x", b"new")
    assert refused.value.reason == "ChecksumMismatch"
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("mode", "act", "reason"),
    [
        (0o555, "write('new', b'x')", "NotWritable"),
        (0o555, "write('old', b'x')", "NotWritable"),
        (0o555, "delete('old')", "NotWritable"),
        (0o755, "read('secret')", "NotReadable"),
        (0o755, "head('secret')", "NotReadable"),
        (0o000, "list('')", "NotReadable"),
        (0o000, "read('old')", "NotReadable"),
    ],
)
def test_somebody_elses_folder(require: Callable[[object, str], None], mode: int, act: str, reason: str) -> None:
    require(os.geteuid() == 0, "becoming another user needs root")
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    folder = outer / "theirs"
    folder.mkdir()
    (folder / "old").write_bytes(b"old")
    (folder / "secret").touch(mode=0o600)
    folder.chmod(mode)
    try:
        said = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, f"file://{folder}/", act],
            env=ENVIRON,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.stdout.split() == ["ConfigurationError", reason], said.stderr
        assert names(folder) == ["old", "secret"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(outer)


AS_NOBODY = f"""
import os, sys
from retrain_trainer.store.open import open_store
import retrain_trainer.store.file
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    print(eval("open_store(sys.argv[1])." + sys.argv[2]))
except Exception as error:
    print(type(error).__name__, error.reason)
"""


@pytest.mark.parametrize("key", ["missing", "missing/deeper", "file/below"])
def test_what_is_not_there_is_named_by_its_uri(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").touch()
    store = open_store(f"file://{tmp_path}/")
    assert store.head(key) is None
    with pytest.raises(NotFoundError, match=f"file://{tmp_path}/{key} does not exist") as missing:
        store.read(key)
    assert missing.value.reason == "ObjectNotFound"
    with pytest.raises(NotFoundError, match=f"file://{tmp_path}/{key} does not exist"):
        store.download(key, tmp_path / "local")
    assert names(tmp_path) == ["file"]


def test_a_file_has_no_versions(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/")
    store.write("x", b"x")
    with pytest.raises(NotFoundError) as missing:
        store.read("x", version_id="1")
    assert missing.value.reason == "VersionNotFound"


def test_files_have_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        open_store(f"file://{tmp_path}/").write("x", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


WRITES_FOR_EVER = """
import itertools, sys
from retrain_trainer.store.open import open_store
store = open_store(sys.argv[1])
for number in itertools.count():
    store.write("x", bytes([number % 256]) * (4 << 20))
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/")
    left = set()
    for _ in range(8):
        command = [sys.executable, "-c", WRITES_FOR_EVER, store.uri]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRON) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(random.uniform(0, 0.03))
            writer.kill()
        data = store.read("x").data
        assert len(data) == 4 * MIB
        assert data.count(data[0]) == len(data)
        left.update(names(tmp_path))
        assert store.list("") == ["x"]
    assert ".x.part" in left, "never killed half-way: the test saw nothing"
    store.write("x", b"after")
    assert names(tmp_path) == ["x"]


COUNTS = """
import sys
from retrain_trainer.store.base import Conflict
from retrain_trainer.store.open import open_store
store = open_store(sys.argv[1])
added = 0
while added < 25:
    now = store.read("counter")
    try:
        store.write("counter", str(int(now.data) + 1).encode(), if_match=now.etag)
    except Conflict:
        continue
    added += 1
"""


def test_processes_that_count_together_lose_nothing(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/")
    store.write("counter", b"0")
    counters = [subprocess.Popen([sys.executable, "-c", COUNTS, store.uri], env=ENVIRON) for _ in range(4)]
    assert [counter.wait() for counter in counters] == [0, 0, 0, 0]
    assert store.read("counter").data == b"100"
    assert names(tmp_path) == ["counter"]
