"""The wrong protocol or certificate is refused at once, whatever the server says or does not say to it."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.odd_server import TLS_HELLO, Caller, Reply, certificate, odd_server, tls
from support.odd_store import ACTS, hangs_up, missing, refused, store_at

pytestmark = pytest.mark.usefixtures("own_settings_alone")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("own"), "IP:127.0.0.1")


def resets(caller: Caller) -> None:
    caller.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise OSError


def on_hello(reply: Reply) -> Reply:
    """An S3 server that speaks http; `reply` is what it says to who speaks TLS."""
    return lambda caller: reply(caller) if caller.request.startswith(TLS_HELLO) else missing(caller)


def bad_request(caller: Caller) -> None:
    caller.connection.sendall(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
    )
    raise OSError


@pytest.mark.parametrize("reply", [bad_request, hangs_up, resets], ids=["says 400", "hangs up", "resets"])
@pytest.mark.parametrize("act", ACTS)
def test_https_of_a_server_that_speaks_http(reply: Reply, act: str) -> None:
    with odd_server(on_hello(reply)) as server:
        error = refused(lambda: ACTS[act](store_at(server.https)))
    assert error.message == f"{server.https} does not speak TLS; is it http://? Correct AWS_ENDPOINT_URL."


def plain_to_tls(answer: bytes, own: Path) -> Callable[[socket.socket], socket.socket]:
    """A server that speaks TLS, and says this to who does not."""

    def begin(plain: socket.socket) -> socket.socket:
        if plain.recv(1, socket.MSG_PEEK) == TLS_HELLO:
            return tls(own)(plain)
        plain.recv(1 << 16)
        plain.sendall(answer)
        raise OSError

    return begin


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 67\r\nConnection: close\r\n\r\n"
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</ti>",
    ],
    ids=["hangs up", "alert", "Go", "nginx"],
)
@pytest.mark.parametrize("act", ["head", "read", "write", "list"])
def test_http_of_a_server_that_speaks_tls(answer: bytes, act: str, own: Path) -> None:
    with odd_server(missing, plain_to_tls(answer, own)) as server:
        error = refused(lambda: ACTS[act](store_at(server.http)))
    assert error.message == f"{server.http} does not speak plain HTTP; is it https://? Correct AWS_ENDPOINT_URL."


def asks_for_a_client(own: Path) -> Callable[[socket.socket], socket.socket]:
    return tls(own, verify_mode=ssl.CERT_REQUIRED, maximum_version=ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize(
    ("name", "trusted", "wrap", "reason", "words"),
    [
        ("IP:127.0.0.1", False, tls, "CertificateNotTrusted", "is not trusted"),
        ("DNS:store.example", True, tls, "CertificateNotTrusted", "is for another name"),
        ("IP:127.0.0.2", True, tls, "CertificateNotTrusted", "is for another name"),
        ("IP:127.0.0.1", True, asks_for_a_client, "BadEndpoint", "refuses the TLS handshake"),
    ],
)
def test_a_certificate_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool, wrap: Any, reason: str, words: str
) -> None:
    file = certificate(tmp_path, name)
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with odd_server(missing, wrap(file)) as server:
        error = refused(lambda: store_at(server.https).read("x"))
    assert error.reason == reason
    assert f"{server.https} {words}" in error.message


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_lets_nothing_through(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with odd_server(lambda caller: caller.answer(status, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.http.replace("//", "//user:s3cr3t-w0rd@"))
        error = refused(lambda: store_at("https://store.example").read("x"))
        assert proxy.asked == ["CONNECT"]
    assert "The proxy does not let requests through to https://store.example" in error.message
