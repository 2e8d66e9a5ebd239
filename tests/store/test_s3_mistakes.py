"""What lasts until somebody changes it is refused at once, in one sentence; what passes by itself is waited for.

The answers are those that the real things give: consoles, ingresses, firewalls, older gateways, servers of the other protocol.
"""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.odd_server import TLS_HELLO, Caller, Reply, odd_server
from support.odd_store import ACTS, KEYS, hangs_up, missing, refused, says, store_at
from support.training_case import TrainingSetup, train

from retrain_api.errors import PERMANENT_EXIT_CODES, StoreUnreachable
from retrain_trainer.store.patience import HARDLY_CHANCE

pytestmark = pytest.mark.usefixtures("own_settings_alone")

# Answers that no S3 server gives

CONSOLE = (
    b'<!doctype html><html lang="en"><head><meta charset="utf-8"/><base href="/"/><title>MinIO Console</title></head>'
    b'<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>'
)
NGINX_404 = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
WELL_FORMED = b"<html><head><title>It works!</title></head><body><h1>It works!</h1></body></html>"
PAGES: dict[str, Reply] = {
    "a console": lambda caller: caller.answer(200, CONSOLE, "text/html"),
    "a web server": lambda caller: caller.answer(200, WELL_FORMED, "text/html", ETag='"5f7d"'),
    "nginx without that path": lambda caller: caller.answer(404, NGINX_404, "text/html"),
    "an ingress without that host": lambda caller: caller.answer(
        404, b"404 page not found\n", "text/plain; charset=utf-8"
    ),
    "a firewall": lambda caller: caller.answer(
        403, b"<!DOCTYPE html><html><body>Sorry, you have been blocked<br>", "text/html"
    ),
    "no writing here": lambda caller: caller.answer(405, b"<html><body>405 Not Allowed</body></html>", "text/html"),
    "a login": lambda caller: caller.answer(401, b'{"error": "unauthenticated"}', "application/json"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("act", [name for name in ACTS if name != "head"])
def test_a_page_is_not_an_answer_of_s3(page: str, act: str) -> None:
    with odd_server(PAGES[page]) as server:
        error = refused(lambda: ACTS[act](store_at(server.http)))
    assert error.reason == "BadEndpoint"
    assert error.message.startswith(f"{server.http} answers with a page, not as an S3 server does (")


@pytest.mark.parametrize("page", PAGES)
def test_nor_is_the_head_of_one(page: str) -> None:
    """An answer to HEAD has no body; where its status says too little, GET is asked."""
    with odd_server(PAGES[page]) as server:
        assert refused(lambda: store_at(server.http).head("x")).reason == "BadEndpoint"


@pytest.mark.parametrize("act", ["read", "list"])
def test_an_answer_in_json_is_not_s3_s(act: str) -> None:
    """An object may be JSON, so one without an ETag is refused for that."""
    with odd_server(lambda caller: caller.answer(200, b'{"status": "ok"}', "application/json")) as server:
        assert refused(lambda: ACTS[act](store_at(server.http))).reason in ("BadEndpoint", "UnsafeStore")


REDIRECTS = {
    "https://store.example": "to https://store.example; write that address into AWS_ENDPOINT_URL.",
    "https://user:s3cr3t-w0rd@store.example:9443": "to https://store.example:9443; write that address",
    "": "as no S3 server does; write the address of the S3 API into AWS_ENDPOINT_URL.",
}


@pytest.mark.parametrize(
    ("status", "act", "to"),
    [
        *((status, act, "https://store.example") for status in (301, 302, 307, 308) for act in ("head", "list")),
        *((308, act, "https://store.example") for act in ACTS),
        *((302, "read", to) for to in REDIRECTS),
    ],
)
def test_a_redirect_is_named_and_not_followed(status: int, act: str, to: str) -> None:
    def ingress(caller: Caller) -> None:
        path = caller.request.split(b" ")[1].decode()
        caller.answer(
            status, b"<html>\r\n<head><title>moved</title></head>\r\n</html>", "text/html", Location=to + path
        )

    with odd_server(ingress) as server:
        error = refused(lambda: ACTS[act](store_at(server.http)))
        assert len(server.asked) == 1
    assert error.reason == "BadEndpoint"
    assert error.message.startswith(f"{server.http} answers with a redirect ({status})")
    assert REDIRECTS[to] in error.message


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_redirect_after_a_form_can_not_be_read() -> None:
    """Of a 303 nothing comes through: urllib3 fails on it, before anybody sees where it leads, and leaves its socket open. It is
    collected here, or some later test would be told of it.
    """
    with odd_server(
        lambda caller: caller.answer(303, b"", "text/html", Location="https://store.example/login")
    ) as server:
        error = refused(lambda: store_at(server.http).read("x"))
    assert error.reason == "BadEndpoint" and "can't be read as that of an S3 server" in error.message
    del error
    gc.collect()


@pytest.mark.parametrize(
    ("reply", "act", "reason", "words"),
    [
        (
            says(501, "NotImplemented"),
            "write if absent",
            "NoConditionalWrites",
            "no conditional writes (501 NotImplemented)",
        ),
        (says(400, "InvalidArgument"), "write if absent", "NoConditionalWrites", "x-amz-checksum-sha256 on PUT"),
        (
            says(400, "InvalidArgument"),
            "write",
            "StoreRefused",
            "does not take an object with its checksum (400 InvalidArgument)",
        ),
        (says(501, "NotImplemented"), "list", "StoreRefused", "(501 NotImplemented)"),
        (says(400, "KeyTooLongError"), "write", "StoreRefused", "(400 KeyTooLongError)"),
        (says(403, "InvalidAccessKeyId"), "read", "CredentialsRefused", "check key and secret"),
        (says(403, "SignatureDoesNotMatch"), "list", "CredentialsRefused", "check key and secret"),
        (says(403, "RequestTimeTooSkewed"), "read", "ClockWrong", "correct the clock"),
        (says(403, "AccessDenied"), "write", "AccessDenied", "s3://my-bucket/folder/x"),
        (says(403, "InvalidObjectState"), "read", "StoreRefused", "restore it first"),
        (says(404, "NoSuchBucket"), "head", "BucketNotFound", "no bucket my-bucket"),
        (says(404, "NoSuchKey"), "read", "ObjectNotFound", "does not exist"),
        (says(301, "PermanentRedirect"), "read", "WrongRegion", "set AWS_REGION"),
        (says(301, "PermanentRedirect", "<Region>eu-west-1</Region>"), "read", "WrongRegion", "set AWS_REGION"),
        (
            says(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            "read",
            "WrongRegion",
            "set AWS_REGION",
        ),
        (says(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"), "head", "WrongRegion", "set AWS_REGION"),
        (lambda caller: caller.answer(301, b"", x_amz_request_id="1"), "head", "WrongRegion", "set AWS_REGION"),
        (lambda caller: caller.answer(407, b"", "text/html"), "read", "BadEndpoint", "check HTTPS_PROXY"),
        (lambda caller: caller.answer(403, b""), "head", "AccessDenied", "s3://my-bucket/folder/x"),
    ],
)
def test_what_s3_refuses_is_not_asked_again(reply: Reply, act: str, reason: str, words: str) -> None:
    with odd_server(reply) as server:
        error = refused(lambda: ACTS[act](store_at(server.http)))
    assert error.reason == reason
    assert words in error.message


@pytest.mark.parametrize("act", ["head", "read"])
def test_an_object_without_an_etag_is_not_taken(act: str) -> None:
    with odd_server(lambda caller: caller.answer(200, b"data", "binary/octet-stream")) as server:
        error = refused(lambda: ACTS[act](store_at(server.http)))
    assert (error.reason, "gives no ETag for s3://my-bucket/folder/x" in error.message) == ("UnsafeStore", True)


def test_a_write_without_an_etag_is_not_taken() -> None:
    checksum = base64.b64encode(hashlib.sha256(b"new").digest()).decode()
    with odd_server(lambda caller: caller.answer(200, b"", x_amz_checksum_sha256=checksum)) as server:
        assert refused(lambda: store_at(server.http).write("x", b"new")).reason == "UnsafeStore"


def wrong_checksum(caller: Caller) -> None:
    caller.answer(200, b"data", ETag='"1"', x_amz_checksum_sha256="A" * 43 + "=")


@pytest.mark.parametrize("act", ["read", "download"])
def test_bytes_that_never_match_their_checksum_are_refused_after_a_few_tries(act: str, tmp_path: Path) -> None:
    with odd_server(wrong_checksum) as server:
        store = store_at(server.http, sleep=lambda seconds: None)
        error = refused(lambda: store.read("x") if act == "read" else store.download("x", tmp_path / "copy"))
        assert server.asked == ["GET"] * HARDLY_CHANCE
    assert error.reason == "ChecksumMismatch"
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_always_arrive_changed_are_refused_after_a_few_tries() -> None:
    with odd_server(says(400, "BadDigest")) as server:
        error = refused(lambda: store_at(server.http, sleep=lambda seconds: None).write("x", b"new"))
        assert server.asked == ["PUT"] * HARDLY_CHANCE
    assert "receives other bytes" in error.message


# What passes by itself


def cut_off(caller: Caller) -> None:
    caller.connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 100\r\n\r\nhalf')
    raise OSError


GATEWAY = (
    b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
)
PASSING: dict[str, Reply] = {
    "slow down": says(503, "SlowDown"),
    "internal error": says(500, "InternalError"),
    "throttled": says(429, "TooManyRequests"),
    "request timeout": says(400, "RequestTimeout"),
    "server not initialised": says(503, "XMinioServerNotInitialized"),
    "newly made bucket": says(307, "TemporaryRedirect"),
    "an ingress without its store": lambda caller: caller.answer(503, GATEWAY, "text/html"),
    "a gateway that gave up": lambda caller: caller.answer(504, GATEWAY, "text/html"),
    "of the CDN": lambda caller: caller.answer(522, b"error code: 522", "text/plain"),
    "hangs up": hangs_up,
    "cut off": cut_off,
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_waited_for(fault: str) -> None:
    waited: list[float] = []

    def returns(caller: Caller) -> None:
        if len(waited) < HARDLY_CHANCE + 1:
            PASSING[fault](caller)
        else:
            caller.answer(200, b"data", ETag='"1"')

    with odd_server(returns) as server:
        assert store_at(server.http, sleep=waited.append).read("x").data == b"data"
    assert len(waited) == HARDLY_CHANCE + 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_port_at_which_nothing_listens_is_waited_for(scheme: str) -> None:
    with pytest.raises(StoreUnreachable, match="connection refused"):
        store_at(f"{scheme}://127.0.0.1:9", seconds=0).read("x")


def test_a_balancer_without_a_server_behind_it_is_waited_for() -> None:
    """It takes the connection and hangs up, whatever is spoken."""
    with odd_server(hangs_up) as server:
        for endpoint in (server.http, server.https):
            with pytest.raises(StoreUnreachable):
                store_at(endpoint, seconds=0).read("x")


# As a person meets it


def speaks_http(caller: Caller) -> None:
    if caller.request.startswith(TLS_HELLO):
        caller.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        raise OSError
    missing(caller)


@pytest.mark.parametrize(
    ("reply", "scheme", "words"),
    [
        (PAGES["a console"], "http", "answers with a page"),
        (speaks_http, "https", "does not speak TLS"),
        (says(418, "Teapot"), "http", "(418 Teapot)"),
    ],
)
def test_a_job_ends_with_one_sentence_and_a_code_that_is_not_tried_again(
    reply: Reply, scheme: str, words: str, tmp_path: Path
) -> None:
    setup = TrainingSetup(tmp_path)
    with odd_server(reply) as server:
        endpoint = {"http": server.http, "https": server.https}[scheme]
        task = setup.task(data_uri="s3://my-bucket/features.parquet")
        ended = train(setup, task, **KEYS, AWS_SESSION_TOKEN="", AWS_ENDPOINT_URL=endpoint)
    assert ended.code in PERMANENT_EXIT_CODES
    assert words in ended.failure.message
    assert ended.errors == f"{ended.failure.reason}: {ended.failure.message}\n"


def test_the_doctor_says_it_in_one_line(tmp_path: Path) -> None:
    spec = {
        "symbols": ["BTC-USD"],
        "data": {"uri": "s3://my-bucket/features/"},
        "artifacts": {"uri": "s3://my-bucket/models/"},
        "train": {"device": "CPU"},
    }
    document = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "odd"},
        "spec": spec,
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "retrain_cli.main", "doctor", "-f", str(tmp_path / "run.yaml")]
    with odd_server(PAGES["a console"]) as odd:
        environ = os.environ | KEYS | {"AWS_ENDPOINT_URL": odd.http + "\n", "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split(": ")[0] for line in failed] == ["FAILED  data", "FAILED  artifacts"]
    assert all(f"{odd.http} answers with a page" in line for line in failed)
    assert done.stderr == ""
