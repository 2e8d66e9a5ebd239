"""What every store does alike: a folder on a disk, a bucket of a real S3 server, and both reached by rclone."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.remotes import configured, in_s3, on_disk

from retrain_api.errors import NotFoundError
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.open import open_store


def opener(kind: str, request: pytest.FixtureRequest, folder: Path) -> Callable[[], Store]:
    """Opens the same store once more, as another process would."""
    if kind == "file":
        return lambda: open_store(f"file://{folder}/store/")
    if kind == "rclone on a disk":
        request.getfixturevalue("rclone")
        config = configured(folder / "rclone.conf", on_disk("disk", folder / "root"))
        return lambda: open_store("rclone://disk/store/", os.environ | {"RCLONE_CONFIG": str(config)}, 10)
    server, root = request.getfixturevalue("s3"), request.getfixturevalue("s3_root")
    if kind == "s3":
        return lambda: open_store(root, server.environ(), patience_seconds=10)
    request.getfixturevalue("rclone")
    keys = server.environ()
    remote = in_s3("bucket", server.endpoint, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
    environ = os.environ | {"RCLONE_CONFIG": str(configured(folder / "rclone.conf", remote))}
    return lambda: open_store(root.replace("s3://", "rclone://bucket/"), environ, 10)


@pytest.fixture(params=["file", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """The stores that keep conditions."""
    return opener(request.param, request, tmp_path)


@pytest.fixture(params=["file", "s3", "rclone on a disk", "rclone in s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opener(request.param, request, tmp_path)()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 1000], ids=["empty", "one byte", "256 kB"])
def test_what_was_written_is_read(store: Store, data: bytes) -> None:
    etag = store.write("a/b c/ü+1%.bin", data)
    stored = store.read("a/b c/ü+1%.bin")
    assert (stored.data, stored.etag, stored.version_id) == (data, etag, None)
    head = store.head("a/b c/ü+1%.bin")
    assert head is not None
    assert (head.size, head.etag, head.version_id) == (len(data), etag, None)


def test_the_etag_tells_contents_apart(store: Store) -> None:
    assert store.write("x", b"one") != store.write("x", b"two")
    assert store.read("x").data == b"two"


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_file_goes_up_and_comes_down_with_its_sha256(store: Store, tmp_path: Path, size: int) -> None:
    (tmp_path / "source").write_bytes(bytes(size))
    sha256 = hashlib.sha256(bytes(size)).hexdigest()
    assert store.upload("models/m.pt", tmp_path / "source") == sha256
    assert store.download("models/m.pt", tmp_path / "new" / "copy") == sha256
    assert (tmp_path / "new" / "copy").read_bytes() == bytes(size)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy"]


def test_a_download_replaces_the_file_that_is_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"old and longer")
    store.write("x", b"new")
    store.download("x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"new"


def test_what_is_missing(store: Store, tmp_path: Path) -> None:
    assert store.head("a/missing") is None
    assert store.list("") == []
    store.delete("a/missing")
    for ask in (lambda: store.read("a/missing"), lambda: store.download("a/missing", tmp_path / "copy")):
        with pytest.raises(NotFoundError, match=f"{store.uri}a/missing does not exist") as missing:
            ask()
        assert missing.value.reason == "ObjectNotFound"
    assert not (tmp_path / "copy").exists()


def test_a_local_file_that_is_missing_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=str(tmp_path / "nothing")):
        store.upload("x", tmp_path / "nothing")
    assert store.head("x") is None


def test_deleted_is_gone(store: Store) -> None:
    store.write("a/x", b"x")
    store.delete("a/x")
    assert store.head("a/x") is None
    assert store.list("") == []


def test_a_list_is_of_every_key_with_the_prefix_sorted(store: Store) -> None:
    for key in ("b", "a/2", "a/1/deep", "a/10", "ab"):
        store.write(key, b"")
    assert store.list("") == ["a/1/deep", "a/10", "a/2", "ab", "b"]
    assert store.list("a") == ["a/1/deep", "a/10", "a/2", "ab"]
    assert store.list("a/") == ["a/1/deep", "a/10", "a/2"]
    assert store.list("a/1") == ["a/1/deep", "a/10"]
    assert store.list("a/1/") == ["a/1/deep"]
    assert store.list("nothing/") == []


def test_if_absent_writes_once(opened: Callable[[], Store]) -> None:
    store = opened()
    store.write("x", b"first", if_absent=True)
    with pytest.raises(Conflict, match=f"{store.uri}x was changed by another writer"):
        store.write("x", b"second", if_absent=True)
    assert store.read("x").data == b"first"
    store.delete("x")
    store.write("x", b"third", if_absent=True)
    assert store.read("x").data == b"third"


def test_if_match_writes_over_what_was_seen_only(opened: Callable[[], Store]) -> None:
    store = opened()
    seen = store.write("x", b"first")
    now = store.write("x", b"second", if_match=seen)
    with pytest.raises(Conflict):
        store.write("x", b"third", if_match=seen)
    assert store.read("x").data == b"second"
    store.delete("x")
    with pytest.raises(Conflict):
        store.write("x", b"fourth", if_match=now)
    assert store.head("x") is None


@pytest.mark.parametrize(("writers", "rounds"), [(2, 60), (3, 8), (6, 1)])
def test_of_writers_at_once_exactly_one_wins(
    opened: Callable[[], Store], tmp_path: Path, writers: int, rounds: int
) -> None:
    stores = [opened() for _ in range(writers)]
    for number in range(rounds):
        key = f"race/{number}"
        first = _winner(stores, key, "first", if_absent=True)
        second = _winner(stores, key, "second", if_match=first.etag)
        assert first.data.startswith(b"first")
        assert second.data.startswith(b"second")
    assert stores[0].list("") == sorted(f"race/{number}" for number in range(rounds))


def _winner(stores: list[Store], key: str, word: str, **condition: Any) -> Any:
    """Lets every store write at once; what is there afterwards, which is what the only winner wrote."""
    gate = threading.Barrier(len(stores))

    def compete(number: int) -> tuple[bytes, str] | None:
        data = f"{word} {number}".encode()
        gate.wait()
        try:
            return data, stores[number].write(key, data, **condition)
        except Conflict:
            return None

    with ThreadPoolExecutor(len(stores)) as pool:
        won = [outcome for outcome in pool.map(compete, range(len(stores))) if outcome is not None]
    found = stores[0].read(key)
    assert won == [(found.data, found.etag)]
    return found


LETTERS = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 4, LETTERS[:4]),
        (100, 1_000, LETTERS[100:1_100]),
        (len(LETTERS) - 3, 10, LETTERS[-3:]),
        (len(LETTERS), 10, b""),
        (len(LETTERS) + 7, 10, b""),
        (-4, 4, LETTERS[-4:]),
        (-1_000_000, 1_000_000, LETTERS),
    ],
)
def test_a_range_is_a_part_of_the_object(store: Store, start: int, length: int, expected: bytes) -> None:
    store.write("a/b c/x", LETTERS)
    found = store.read_range("a/b c/x", start, length)
    assert (found.data, found.of.size) == (expected, len(LETTERS))
    assert store.read_range("a/b c/x", 5, 5, found.of).data == LETTERS[5:10]


@pytest.mark.parametrize("start", [0, -8])
def test_an_empty_object_has_empty_ranges(store: Store, start: int) -> None:
    store.write("empty", b"")
    found = store.read_range("empty", start, 8)
    assert (found.data, found.of.size) == (b"", 0)


@pytest.mark.parametrize("start", [0, 9_000])
@pytest.mark.parametrize("later", [LETTERS[::-1], LETTERS + b"more", b"cut"], ids=["other", "longer", "shorter"])
def test_a_range_of_an_object_that_was_replaced_is_a_conflict(store: Store, later: bytes, start: int) -> None:
    store.write("x", LETTERS)
    first = store.read_range("x", -8, 8)
    time.sleep(1.1)  # rclone tells times apart by the second
    store.write("x", later)
    with pytest.raises(Conflict, match=r"x was changed by another writer"):
        store.read_range("x", start, 8, first.of)


def test_a_range_of_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        store.read_range("nothing", -8, 8)
    assert caught.value.reason == "ObjectNotFound"
