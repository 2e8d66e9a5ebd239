"""A certificate authority of one's own, made by openssl, and TLS with a certificate of it before any server of this machine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Authority:
    """Trusted by nobody who was not given `certificate`, the file that would be the key ca.crt."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def server_context(self, name: str = "IP:127.0.0.1") -> ssl.SSLContext:
        """What a server of that name speaks TLS with."""
        key, request, issued = (self.folder / f"server.{kind}" for kind in ("key", "csr", "crt"))
        _openssl(
            "req", *_KEY, "-subj", "/CN=server", "-addext", f"subjectAltName={name}", "-keyout", key, "-out", request
        )
        signer = ("-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", "2")
        _openssl("x509", "-req", "-in", request, *signer, "-copy_extensions", "copy", "-out", issued)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued, key)
        return context


def new_authority(folder: Path) -> Authority:
    """A new one, in a folder that need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ("-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    _openssl("req", "-x509", *_KEY, "-subj", "/CN=Authority of the tests", *files)
    return Authority(folder)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@contextlib.contextmanager
def tls_before(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS, and passes on to another one of this machine what is in it."""

    class Front(BaseRequestHandler):
        def handle(self) -> None:
            # A client that trusts nobody hangs up.
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as client:
                _join(client, port)

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Front) as front:
        thread = Thread(target=front.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield front.server_address[1]
        front.shutdown()
        thread.join()


def _join(client: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as server:
        back = Thread(target=_pass_on, args=(server, client), daemon=True)
        back.start()
        _pass_on(client, server)
        back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
