"""A server on a real socket that answers as what people take for an S3 server does: a console, an ingress, another protocol."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

TLS_HELLO = b"\x16"

Reply = Callable[["Caller"], None]


@dataclass
class Caller:
    """A connection, and the request that came over it: all of it where it is HTTP, its first bytes where it is not."""

    connection: socket.socket
    request: bytes = b""

    @property
    def method(self) -> str:
        return self.request.partition(b" ")[0].decode("latin-1")

    def read(self) -> bool:
        """Wait for the next request; False where the client has hung up."""
        self.request = self.connection.recv(1 << 16)
        while self.request[:1].isalpha() and b"\r\n\r\n" not in self.request:
            self.request += self.connection.recv(1 << 16)
        head, _, body = self.request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if b"100-continue" in head.lower():
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while length and len(body) < int(length[1]):
            body += self.connection.recv(1 << 16)
        self.request = head + b"\r\n\r\n" + body if body else self.request
        return bool(self.request)

    def answer(self, status: int, body: bytes, kind: str = "application/xml", **headers: str) -> None:
        """An answer with a length; `x_amz_meta_a` becomes the header x-amz-meta-a."""
        named = {"Content-Type": kind, "Content-Length": str(len(body))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self.connection.sendall(
            f"HTTP/1.1 {status} Odd\r\n{head}\r\n".encode() + (b"" if self.method == "HEAD" else body)
        )


@dataclass
class OddServer:
    """Where it listens, and what was asked of it."""

    port: int
    asked: list[str] = field(default_factory=list)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def https(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextlib.contextmanager
def odd_server(
    reply: Reply, before: Callable[[socket.socket], socket.socket] = lambda plain: plain
) -> Iterator[OddServer]:
    """A server that answers each request by `reply`. `before` may wrap a connection, as TLS does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = OddServer(listener.getsockname()[1])

        def serve(plain: socket.socket) -> None:
            with plain, contextlib.suppress(OSError), before(plain) as connection:
                caller = Caller(connection)
                while caller.read():
                    server.asked.append(caller.method)
                    reply(caller)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path, name: str) -> Path:
    """A file with a new key and a certificate for this name, signed by itself; it is its own authority."""
    files = {kind: folder / f"{name.replace(':', '-')}.{kind}" for kind in ("key", "crt")}
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=odd")
    made = ("-keyout", files["key"], "-out", files["crt"], "-addext", f"subjectAltName={name}")
    subprocess.run(["openssl", "req", "-x509", *new, *map(str, made)], check=True, capture_output=True)
    files["crt"].write_text(files["crt"].read_text() + files["key"].read_text())
    return files["crt"]


def tls(file: Path, **settings: object) -> Callable[[socket.socket], socket.socket]:
    """Speaks TLS with such a certificate. `settings` are attributes of the context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    for name, value in settings.items():
        setattr(context, name, value)
    return lambda plain: context.wrap_socket(plain, server_side=True)
