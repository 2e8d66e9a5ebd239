"""The rclone program with real remotes: what goes wrong is one sentence, and no secret is ever in it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.remotes import configured, in_s3, on_disk

from retrain_api.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    RetrainError,
    SoftwareError,
    StoreUnreachable,
)
from retrain_trainer.store.base import Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.open import open_store

SECRET = "do-not-show-this"

pytestmark = pytest.mark.usefixtures("rclone")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Store]:
    """Opens a place of remotes that are configured for it alone."""

    def open_place(uri: str, *remotes: str, patience: float = 0, **environ: str) -> Store:
        config = configured(tmp_path / "rclone.conf", *remotes)
        return open_store(uri, os.environ | {"RCLONE_CONFIG": str(config)} | environ, patience)

    return open_place


def acts(store: Store, folder: Path) -> dict[str, Callable[[], object]]:
    (folder / "local").write_bytes(b"local")
    return {
        "head": lambda: store.head("x"),
        "read": lambda: store.read("x"),
        "download": lambda: store.download("x", folder / "copy"),
        "write": lambda: store.write("x", b"new"),
        "upload": lambda: store.upload("x", folder / "local"),
        "delete": lambda: store.delete("x"),
        "list": lambda: store.list("a/"),
    }


def refused(act: Callable[[], object], kind: type[RetrainError]) -> RetrainError:
    with pytest.raises(kind) as raised:
        act()
    assert type(raised.value) is kind
    shown = raised.value.message
    assert SECRET not in shown and "http" not in shown and "\n" not in shown and shown.endswith(".")
    return raised.value


ACTS = ("head", "read", "download", "write", "upload", "delete", "list")


@pytest.mark.parametrize("act", ACTS)
def test_a_remote_that_is_not_configured(opened: Any, tmp_path: Path, act: str) -> None:
    store = opened("rclone://other/x/", on_disk("disk", tmp_path))
    error = refused(acts(store, tmp_path)[act], ConfigurationError)
    assert error.reason == "UnknownRemote" and "rclone's configuration has no remote other" in error.message


@pytest.mark.parametrize("act", ACTS)
def test_credentials_that_are_refused(opened: Any, s3: Any, shared_bucket: str, tmp_path: Path, act: str) -> None:
    key = s3.environ()["AWS_ACCESS_KEY_ID"]
    store = opened(f"rclone://r/{shared_bucket}/x/", in_s3("r", s3.endpoint, key, SECRET))
    assert refused(acts(store, tmp_path)[act], CredentialsError).reason in ("CredentialsRefused", "AccessDenied")


@pytest.mark.parametrize("act", ["write", "upload"])
def test_credentials_that_may_only_read(opened: Any, s3: Any, shared_bucket: str, tmp_path: Path, act: str) -> None:
    reader = in_s3("r", s3.endpoint, "retrain-reader", "retrain-reader-secret")
    store = opened(f"rclone://r/{shared_bucket}/only-read/", reader)
    error = refused(acts(store, tmp_path)[act], CredentialsError)
    assert error.reason == "AccessDenied" and f"rclone://r/{shared_bucket}/only-read/x" in error.message


def test_a_bucket_that_does_not_exist_is_not_made(opened: Any, s3: Any) -> None:
    keys = s3.environ()
    remote = in_s3("r", s3.endpoint, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
    store = opened("rclone://r/no-such-bucket/", remote)
    assert refused(lambda: store.write("x", b""), NotFoundError).reason == "BucketNotFound"
    assert "no-such-bucket" not in [bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]]


@pytest.mark.parametrize("act", ACTS)
def test_a_server_that_is_not_there(opened: Any, tmp_path: Path, act: str) -> None:
    store = opened("rclone://r/bucket/x/", in_s3("r", "http://127.0.0.1:1", "key", SECRET))
    error = refused(acts(store, tmp_path)[act], StoreUnreachable)
    assert "The rclone remote r gave no usable answer" in error.message


def test_a_server_that_comes_back_is_asked_again(
    opened: Any, s3: Any, shared_bucket: str, proxy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = s3.environ()
    remote = in_s3("r", proxy.endpoint, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])
    store = opened(f"rclone://r/{shared_bucket}/comes-back/", remote, patience=60)
    proxy.faults = [lambda exchange: exchange.reply(503, [], b"")] * 8
    with caplog.at_level(logging.WARNING):
        store.write("x", b"data")
    assert s3.client().get_object(Bucket=shared_bucket, Key="comes-back/x")["Body"].read() == b"data"
    assert "The rclone remote r: it failed for now; retrying" in caplog.text


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    for name in ("RCLONE_CONFIG", "RETRAIN_RCLONE_CONFIG"):
        with pytest.raises(ConfigurationError, match=f"No readable rclone configuration at {tmp_path}/none"):
            open_store("rclone://drive/x/", {name: f"{tmp_path}/none"})


def test_a_machine_without_rclone(opened: Any, tmp_path: Path) -> None:
    store = opened("rclone://disk/x/", on_disk("disk", tmp_path), PATH=str(tmp_path))
    assert refused(lambda: store.head("x"), ConfigurationError).reason == "NoRclone"


def test_a_write_with_a_condition_is_refused(opened: Any, tmp_path: Path) -> None:
    store = opened("rclone://disk/x/", on_disk("disk", tmp_path))
    for condition in ({"if_absent": True}, {"if_match": "etag"}):
        error = refused(lambda condition=condition: store.write("x", b"", **condition), ConfigurationError)  # type: ignore[misc]
        assert error.reason == "NoConditionalWrites"
    assert store.list("") == []


def test_what_a_person_set_for_his_own_work_changes_nothing(opened: Any, tmp_path: Path) -> None:
    mine = {"RCLONE_DRY_RUN": "true", "RCLONE_PROGRESS": "true", "RCLONE_VERBOSE": "2", "RCLONE_LOG_FILE": "/dev/null"}
    store = opened("rclone://disk/x/", on_disk("disk", tmp_path / "root"), **mine)
    store.write("a", b"data")
    assert (tmp_path / "root/x/a").read_bytes() == b"data" == store.read("a").data


def test_a_version_can_not_be_asked_for(opened: Any, tmp_path: Path) -> None:
    store = opened("rclone://disk/x/", on_disk("disk", tmp_path))
    store.write("a", b"data")
    with pytest.raises(NotFoundError, match="has no versions: rclone does not support them"):
        store.read("a", version_id="1")


# What was written is compared


def encrypted(folder: Path) -> str:
    """A remote that knows no checksum of what is in it."""
    obscured = subprocess.run(["rclone", "obscure", SECRET], capture_output=True, text=True, check=True).stdout
    return f"[disk]\ntype = crypt\nremote = {folder}\nfilename_encryption = off\npassword = {obscured}\n"


@pytest.mark.parametrize("remote", [lambda folder: on_disk("disk", folder), encrypted], ids=["checksums", "none"])
def test_an_upload_that_is_damaged_is_found_out(opened: Any, tmp_path: Path, remote: Callable[[Path], str]) -> None:
    store = opened("rclone://disk/x/", remote(tmp_path / "root"))
    (tmp_path / "file").write_bytes(bytes(100_000))
    store.upload("file", tmp_path / "file")  # as it should be
    real, programs = shutil.which("rclone"), tmp_path / "programs"
    programs.mkdir()
    damage = f'printf X | dd of="$(ls {tmp_path}/root/x/file*)" bs=1 seek=50000 conv=notrunc 2>/dev/null'
    (programs / "rclone").write_text(f'#!/bin/sh\n{real} "$@" || exit\n[ "$1" != copyto ] || {damage}\n')
    (programs / "rclone").chmod(0o755)
    damaged = opened("rclone://disk/x/", remote(tmp_path / "root"), PATH=f"{programs}:{os.environ['PATH']}")
    assert refused(lambda: damaged.upload("file", tmp_path / "file"), SoftwareError).reason == "ChecksumMismatch"


# A configuration from a Secret


class Tokens(BaseHTTPRequestHandler):
    """Hands out a new token for the old one."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(
            {"access_token": "renewed", "refresh_token": "next", "token_type": "Bearer", "expires_in": 3600}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def token_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Tokens)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()
    thread.join()


def drive(token_url: str) -> str:
    expired = {"access_token": SECRET, "token_type": "Bearer", "refresh_token": "r", "expiry": "2020-01-01T00:00:00Z"}
    return f"[drive]\ntype = drive\nclient_id = c\nclient_secret = s\ntoken_url = {token_url}\ntoken = {json.dumps(expired)}\n"


def test_a_token_is_renewed_in_a_copy_of_a_mounted_configuration(tmp_path: Path, token_url: str) -> None:
    """As far as a machine without Google goes: the token is renewed and kept, and then Google is not there."""
    mounted = configured(tmp_path / "mounted" / "rclone.conf", drive(token_url))
    mounted.chmod(0o400)
    mounted.parent.chmod(0o500)
    before = mounted.read_bytes()
    environ = environ_for("data", {**os.environ, "RETRAIN_DATA_RCLONE_CONFIG": str(mounted)})
    # Whatever is not on this machine goes to a proxy that is not there.
    environ |= {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    store: Any = open_store("rclone://drive/folder/", environ, 0)
    refused(lambda: store.head("x"), StoreUnreachable)
    copy = Path(store.program.environ["RCLONE_CONFIG"])
    assert mounted.read_bytes() == before
    assert '"access_token":"renewed"' in copy.read_text()
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700 and not copy.stat().st_mode & 0o077
    again: Any = open_store("rclone://drive/other/", environ, 0)
    assert again.program.environ["RCLONE_CONFIG"] == str(copy), "stores of one configuration share what was renewed"
    mounted.parent.chmod(0o700)


def test_each_purpose_has_its_own_configuration(tmp_path: Path) -> None:
    for name in ("run", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    environ = os.environ | {
        "RETRAIN_RCLONE_CONFIG": str(configured(tmp_path / "1/rclone.conf", on_disk("disk", tmp_path / "run"))),
        "RETRAIN_DATA_RCLONE_CONFIG": str(configured(tmp_path / "2/rclone.conf", on_disk("disk", tmp_path / "data"))),
    }
    for purpose, read in (("data", b"data"), ("backup-drive", b"run")):
        assert open_store("rclone://disk/", environ_for(purpose, environ)).read("x").data == read


def test_rclone_is_not_told_of_the_task_nor_of_the_token_for_git(tmp_path: Path) -> None:
    store: Any = open_store("rclone://disk/", {"RETRAIN_TASK": "{}", "RETRAIN_GIT_TOKEN": SECRET, "HOME": "/h"})
    assert not [name for name in store.program.environ if name.startswith("RETRAIN_")]
    assert SECRET not in repr(store)


def test_a_path_on_a_disk_is_meant_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = configured(tmp_path / "rclone.conf", "[disk]\ntype = local\n")
    for uri in (f"rclone://disk{tmp_path}/", f"rclone://disk/{tmp_path}/"):
        open_store(uri, os.environ | {"RCLONE_CONFIG": str(config)}).write("folder/x", b"here")
        assert (tmp_path / "folder/x").read_bytes() == b"here"
        shutil.rmtree(tmp_path / "folder")
