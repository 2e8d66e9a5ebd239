"""A real S3 server that refuses, forgets, lies, is damaged on the way, or is not there for a while."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrain_api.errors import CredentialsError, NotFoundError, RetrainError, SoftwareError, StoreUnreachable
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.open import open_store

MIB = 1 << 20


@pytest.fixture
def store(s3: Any, s3_root: str) -> Store:
    return open_store(s3_root, s3.environ(), patience_seconds=10)


@pytest.fixture
def proxied(s3: Any, s3_root: str, proxy: Any) -> Any:
    """The same kind of store, reached through the proxy."""
    return open_store(s3_root, s3.environ(endpoint=proxy.endpoint), patience_seconds=20)


# What is refused


ACTS = {
    "head": lambda store, path: store.head("x"),
    "read": lambda store, path: store.read("x"),
    "write": lambda store, path: store.write("x", b"new"),
    "write if absent": lambda store, path: store.write("x", b"new", if_absent=True),
    "download": lambda store, path: store.download("x", path / "copy"),
    "upload": lambda store, path: store.upload("x", path / "big"),
    "delete": lambda store, path: store.delete("x"),
    "list": lambda store, path: store.list(""),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("key", "secret"), [("unknown-key", "s3cr3t-w0rd"), ("retrain-test", "s3cr3t-w0rd")])
def test_a_wrong_key_is_one_sentence_without_the_secret(
    s3: Any, s3_root: str, tmp_path: Path, act: str, key: str, secret: str
) -> None:
    store = replace(open_store(s3_root, s3.environ(key, secret)), part_bytes=5 * MIB)  # type: ignore[type-var]
    (tmp_path / "big").write_bytes(bytes(6 * MIB))
    with pytest.raises(CredentialsError, match=s3_root.split("/")[2]) as refused:
        ACTS[act](store, tmp_path)
    assert refused.value.reason == "CredentialsRefused"
    assert secret not in str(refused.value) + repr(store)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("act", ["write", "write if absent", "upload", "delete"])
def test_who_may_only_read_is_denied_writing(s3: Any, s3_root: str, tmp_path: Path, act: str) -> None:
    open_store(s3_root, s3.environ()).write("x", b"old")
    (tmp_path / "big").write_bytes(b"new")
    reader = open_store(s3_root, s3.environ("retrain-reader", "retrain-reader-secret"))
    with pytest.raises(CredentialsError, match=f"{s3_root}x") as refused:
        ACTS[act](reader, tmp_path)
    assert refused.value.reason == "AccessDenied"
    assert reader.read("x").data == b"old"


@pytest.mark.parametrize("act", ACTS)
def test_a_missing_bucket_is_named(s3: Any, tmp_path: Path, act: str) -> None:
    store = open_store("s3://no-such-bucket/folder/", s3.environ())
    (tmp_path / "big").write_bytes(b"new")
    with pytest.raises(NotFoundError, match=f"There is no bucket no-such-bucket at {s3.endpoint}") as missing:
        ACTS[act](store, tmp_path)
    assert missing.value.reason == "BucketNotFound"


def test_no_credentials_at_all(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    store = open_store("s3://bucket/", {"AWS_ENDPOINT_URL": s3.endpoint})
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID") as refused:
        store.read("x")
    assert refused.value.reason == "NoCredentials"


@pytest.mark.parametrize("endpoint", ["not a url", "host:9000", "http://"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    environ = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with pytest.raises(RetrainError) as refused:
        open_store("s3://bucket/", environ, patience_seconds=0).read("x")
    assert refused.value.reason == "BadEndpoint"


def test_the_credentials_given_go_before_those_of_the_process(
    s3: Any, s3_root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    open_store(s3_root, s3.environ()).write("x", b"x")


# Versions


def test_a_version_is_read_after_it_was_overwritten(s3: Any, tmp_path: Path) -> None:
    store = open_store(f"s3://{s3.bucket(versions=True)}/", s3.environ())
    store.write("data", b"pinned")
    pinned = store.read("data")
    store.write("data", b"overwritten")
    head = store.head("data")
    assert head is not None
    assert None not in (pinned.version_id, head.version_id)
    assert head.version_id != pinned.version_id
    assert store.read("data", pinned.version_id) == pinned
    assert store.download("data", tmp_path / "copy", pinned.version_id) == hashlib.sha256(b"pinned").hexdigest()
    store.delete("data")
    assert store.head("data") is None
    assert store.read("data", pinned.version_id).data == b"pinned"


def test_a_version_that_is_gone(s3: Any) -> None:
    store = open_store(f"s3://{s3.bucket(versions=True)}/", s3.environ())
    store.write("data", b"pinned")
    with pytest.raises(NotFoundError, match="no longer has that version") as missing:
        store.read("data", "0" * 32)
    assert missing.value.reason == "VersionNotFound"


# Big files


@pytest.mark.parametrize("size", [5 * MIB + 1, 10 * MIB, 11 * MIB + 7])
def test_a_big_file_goes_up_in_parts(store: Any, tmp_path: Path, size: int) -> None:
    data = hashlib.shake_128(b"seed").digest(size)
    (tmp_path / "big").write_bytes(data)
    in_parts = replace(store, part_bytes=5 * MIB)
    sha256 = in_parts.upload("big", tmp_path / "big")
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert f"-{-(-size // (5 * MIB))}" in in_parts.head("big").etag
    assert in_parts.download("big", tmp_path / "copy") == sha256
    assert open_parts(store) == []


def test_an_upload_that_fails_half_way_leaves_no_parts(store: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "big").write_bytes(bytes(11 * MIB))
    in_parts = replace(store, part_bytes=5 * MIB)

    def stops(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.client, "complete_multipart_upload", stops)
    with pytest.raises(KeyboardInterrupt):
        in_parts.upload("big", tmp_path / "big")
    assert open_parts(store) == []
    assert store.head("big") is None


def open_parts(store: Any) -> list[Any]:
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=store.prefix)
    return list(found.get("Uploads", []))


def test_a_long_list_is_whole(store: Any) -> None:
    for number in range(7):
        store.write(f"n/{number}", b"")
    pages = store.client.get_paginator

    def short_pages(name: str) -> Any:
        paginator = pages(name)
        whole = paginator.paginate
        paginator.paginate = lambda **asked: whole(**asked, PaginationConfig={"PageSize": 2})
        return paginator

    store.client.get_paginator = short_pages
    assert store.list("n/") == [f"n/{number}" for number in range(7)]


# What is temporary


def says(status: int, code: str) -> Any:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return lambda exchange: exchange.reply(status, [("Content-Type", "application/xml")], body)


def not_s3(exchange: Any) -> None:
    exchange.reply(502, [("Content-Type", "text/html")], b"<html>Bad gateway")


def hangs_up(exchange: Any) -> None:
    exchange.hang_up()


def answer_lost(exchange: Any) -> None:
    exchange.forward()
    exchange.hang_up()


def answer_cut(exchange: Any) -> None:
    answer, data = exchange.forward()
    exchange.reply(answer.status, answer.getheaders(), data[: len(data) // 2])
    exchange.hang_up()


def answer_damaged(exchange: Any) -> None:
    answer, data = exchange.forward()
    exchange.reply(answer.status, answer.getheaders(), damaged(data))


def request_damaged(exchange: Any) -> None:
    answer, data = exchange.forward(damaged(exchange.body))
    exchange.reply(answer.status, answer.getheaders(), data)


def damaged(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else data


FAULTS = {
    "slow down": says(503, "SlowDown"),
    "too many": says(429, "TooManyRequests"),
    "internal error": says(500, "InternalError"),
    "request timeout": says(400, "RequestTimeout"),
    "conflict, ask again": says(409, "ConditionalRequestConflict"),
    "not S3's answer": not_s3,
    "hangs up": hangs_up,
    "answer lost": answer_lost,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", ["head", "read", "write", "write if absent", "write if match", "delete", "list"])
def test_a_fault_that_passes_is_not_noticed(proxied: Any, proxy: Any, fault: str, act: str) -> None:
    etag = proxied.write("x", b"old") if act != "write if absent" else ""
    proxy.faults[:] = [FAULTS[fault]] * 2
    done = {
        "head": lambda: proxied.head("x").etag == etag,
        "read": lambda: proxied.read("x").data == b"old",
        "write": lambda: proxied.write("x", b"new") == proxied.read("x").etag,
        "write if absent": lambda: proxied.write("x", b"new", if_absent=True) == proxied.read("x").etag,
        "write if match": lambda: proxied.write("x", b"new", if_match=etag) == proxied.read("x").etag,
        "delete": lambda: proxied.delete("x") is None and proxied.head("x") is None,
        "list": lambda: proxied.list("") == ["x"],
    }
    assert done[act]()
    assert proxy.faults == []


@pytest.mark.parametrize("fault", [*FAULTS, "request damaged"])
def test_parts_survive_faults(proxied: Any, proxy: Any, tmp_path: Path, fault: str) -> None:
    data = hashlib.shake_128(b"seed").digest(11 * MIB)
    (tmp_path / "big").write_bytes(data)
    for method in ("PUT", "POST"):  # the parts; beginning and end
        if (method, fault) == ("POST", "request damaged"):
            continue
        proxy.method, proxy.faults = method, [(FAULTS | {"request damaged": request_damaged})[fault]]
        in_parts = replace(proxied, part_bytes=5 * MIB)
        assert in_parts.upload(method, tmp_path / "big") == hashlib.sha256(data).hexdigest()
        assert proxy.faults == []
        assert proxied.read(method).data == data


@pytest.mark.parametrize("forgets", [False, True], ids=["server knows the upload", "server forgot the upload"])
def test_the_answer_to_completing_an_upload_may_be_lost(
    proxied: Any, proxy: Any, tmp_path: Path, forgets: bool
) -> None:
    data = hashlib.shake_128(b"seed").digest(6 * MIB)
    (tmp_path / "big").write_bytes(data)
    after = [says(404, "NoSuchUpload")] if forgets else []
    proxy.method, proxy.faults = "POST", [passed, answer_lost, *after]
    assert replace(proxied, part_bytes=5 * MIB).upload("x", tmp_path / "big") == hashlib.sha256(data).hexdigest()
    assert proxy.faults == []
    assert proxied.read("x").data == data


def passed(exchange: Any) -> None:
    answer, data = exchange.forward()
    exchange.reply(answer.status, answer.getheaders(), data)


def test_a_lost_answer_is_no_excuse_when_another_writer_was_first(
    proxied: Any, proxy: Any, store: Any, s3: Any
) -> None:
    direct = replace(proxied, client=store.client)

    def another_is_first(exchange: Any) -> None:
        direct.write("x", b"the same bytes")
        exchange.hang_up()

    proxy.method, proxy.faults = "PUT", [another_is_first]
    with pytest.raises(Conflict):
        proxied.write("x", b"the same bytes", if_absent=True)


@pytest.mark.parametrize("fault", [answer_cut, answer_damaged])
def test_a_body_that_did_not_come_through_is_asked_for_again(
    proxied: Any, proxy: Any, tmp_path: Path, fault: Any
) -> None:
    data = hashlib.shake_128(b"seed").digest(3 * MIB)
    proxied.write("x", data)
    proxy.method, proxy.faults = "GET", [fault, fault]
    assert proxied.read("x").data == data
    proxy.faults = [fault, fault]
    assert proxied.download("x", tmp_path / "copy") == hashlib.sha256(data).hexdigest()
    assert proxy.faults == []
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_bytes_damaged_on_the_way_to_the_server_are_sent_again(proxied: Any, proxy: Any) -> None:
    proxy.method, proxy.faults = "PUT", [request_damaged, request_damaged]
    proxied.write("x", b"precious")
    assert proxy.faults == []
    assert proxied.read("x").data == b"precious"


def test_a_cut_download_leaves_the_former_file(proxied: Any, proxy: Any, tmp_path: Path) -> None:
    proxied.write("x", bytes(3 * MIB))
    (tmp_path / "copy").write_bytes(b"former")
    proxy.method, proxy.faults = "GET", [answer_cut] * 1000
    impatient = replace(proxied, patience=replace(proxied.patience, seconds=0.1))
    with pytest.raises(StoreUnreachable, match="cut off"):
        impatient.download("x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"former"
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


# A server that does not repeat the checksum is not believed


def without_checksum(exchange: Any) -> None:
    answer, data = exchange.forward()
    kept = [(name, value) for name, value in answer.getheaders() if "checksum" not in name.lower()]
    exchange.reply(answer.status, kept, data.replace(b"ChecksumSHA256", b"UnknownElement"))


def keeps_something_else(store: Any) -> Any:
    """Takes the bytes, says yes, and has others: as a server does that does not know checksums, with a bad disk."""

    def fault(exchange: Any) -> None:
        etag = store.write("x", b"something else")
        exchange.reply(200, [("ETag", etag)], b"")

    return fault


@pytest.mark.parametrize("size", [10, 6 * MIB])
def test_an_old_servers_object_is_read_back(proxied: Any, proxy: Any, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    in_parts = replace(proxied, part_bytes=5 * MIB)
    proxy.faults = [without_checksum] * 10
    assert in_parts.upload("x", tmp_path / "file") == hashlib.sha256(bytes(size)).hexdigest()
    assert proxy.seen[-1] == "GET"


def test_an_object_that_does_not_read_as_written_is_refused(proxied: Any, proxy: Any, store: Any) -> None:
    proxy.method, proxy.faults = "PUT", [keeps_something_else(replace(proxied, client=store.client))]
    with pytest.raises(SoftwareError, match=f"{proxied.uri}x does not read back as it was written") as refused:
        proxied.write("x", b"precious")
    assert refused.value.reason == "ChecksumMismatch"


def test_a_server_that_repeats_the_checksum_is_not_asked_again(proxied: Any, proxy: Any) -> None:
    proxied.write("x", b"x")
    assert proxy.seen == ["PUT"]


# A server that is not there


def test_an_endpoint_that_never_answers_is_named_with_bucket_and_time(s3: Any, short_pauses: None) -> None:
    environ = s3.environ("k", "s3cr3t-w0rd", endpoint="http://user:s3cr3t-w0rd@127.0.0.1:1")
    with pytest.raises(StoreUnreachable) as refused:
        open_store("s3://bucket/", environ, patience_seconds=0.2).read("x")
    said = r"http://127\.0\.0\.1:1 \(bucket bucket\) gave no usable answer for \d+ s: connection refused"
    assert re.search(said, str(refused.value))
    assert "s3cr3t-w0rd" not in str(refused.value)


def test_a_server_killed_and_restarted_in_the_middle_is_not_noticed(s3: Any, s3_root: str) -> None:
    store = open_store(s3_root, s3.environ(), patience_seconds=90)
    store.write("before", b"kept")
    time.sleep(1.5)  # the server forces its disk once a second
    s3.kill()
    back = threading.Timer(2, s3.start)
    back.start()
    try:
        etag = store.write("during", b"written", if_absent=True)
    finally:
        back.join()
    assert store.read("during").etag == etag
    assert store.read("before").data == b"kept"
