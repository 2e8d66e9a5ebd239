"""An S3 store whose server is an odd one, and what is expected of its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from retrain_api.errors import PERMANENT_EXIT_CODES, RetrainError
from retrain_trainer.store.open import open_store
from retrain_trainer.store.patience import Patience
from retrain_trainer.store.s3.store import S3Store

from .odd_server import Caller, Reply

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t-w0rd", "AWS_REGION": "us-east-1"}
FOREIGN_WORDS = ("Traceback", "botocore", "urllib3", "ssl.", "[SSL", "Errno", "Exception", "Error(", "s3cr3t-w0rd")
ACTS: dict[str, Callable[[Any], object]] = {
    "head": lambda store: store.head("x"),
    "read": lambda store: store.read("x"),
    "write": lambda store: store.write("x", b"new"),
    "write if absent": lambda store: store.write("x", b"new", if_absent=True),
    "delete": lambda store: store.delete("x"),
    "list": lambda store: store.list(""),
}


def waits(seconds: float) -> None:
    raise AssertionError(f"it waited {seconds} s for what lasts")


def store_at(endpoint: str, sleep: Callable[[float], None] = waits, seconds: float = 300) -> S3Store:
    store = open_store("s3://my-bucket/folder/", KEYS | {"AWS_ENDPOINT_URL": endpoint})
    assert isinstance(store, S3Store)
    return replace(store, patience=Patience(seconds, sleep=sleep))


def refused(act: Callable[[], object]) -> RetrainError:
    """The error of what lasts: one sentence of our words, and an exit code with which a Job is not tried again."""
    with pytest.raises(RetrainError) as raised:
        act()
    error = raised.value
    assert error.exit_code in PERMANENT_EXIT_CODES
    assert "\n" not in error.message
    assert not [word for word in FOREIGN_WORDS if word in error.message]
    return error


def xml(code: str, more: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>s3cr3t-w0rd</Message>{more}'
        "<Resource>/my-bucket/folder/x</Resource><RequestId>17F3A1B2C3D4E5F6</RequestId><HostId>dd9025b</HostId></Error>"
    ).encode()


def says(status: int, code: str, more: str = "", **headers: str) -> Reply:
    return lambda caller: caller.answer(status, xml(code, more), x_amz_request_id="17F3A1B2C3D4E5F6", **headers)


def missing(caller: Caller) -> None:
    says(404, "NoSuchKey")(caller)


def hangs_up(caller: Caller) -> None:
    raise OSError
