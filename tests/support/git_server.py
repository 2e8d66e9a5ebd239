"""A real Git server over HTTP on this machine: `git http-backend` behind a password, with a say before each request."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
NAMES = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(*arguments: str | Path, given: bytes = b"", **more: str) -> str:
    """What git prints, without its last line end; `more` goes into its environment."""
    environ = os.environ | QUIET | NAMES | more
    done = subprocess.run(["git", *map(str, arguments)], env=environ, input=given, capture_output=True, check=True)
    return done.stdout.decode().rstrip("\n")


@dataclass
class GitServer:
    """Bare repositories in `folder`. `before` is called with each request's path; a status it returns is the answer.

    Who comes to the host `redirected` is sent on to 127.0.0.1.
    """

    folder: Path
    username: str = "x-access-token"
    token: str = "correct-token"
    before: Callable[[str], int | None] = lambda path: None
    redirected: str = ""
    seen: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, name: str = "reports") -> str:
        return f"http://127.0.0.1:{self.port}/{name}.git"

    def repository(self, name: str = "reports") -> Path:
        """A new, empty one that may be pushed to."""
        path = self.folder / f"{name}.git"
        git("init", "--quiet", "--bare", path)
        git("-C", path, "config", "http.receivepack", "true")
        git("-C", path, "config", "uploadpack.allowFilter", "true")
        return path

    def start(self) -> ThreadingHTTPServer:
        owner = self

        class Handler(_Handler):
            served = owner

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: GitServer

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.body())

    def answer(self, body: bytes) -> None:
        if self.served.redirected and self.headers["Host"].startswith(self.served.redirected):
            self.reply(302, {"Location": f"http://127.0.0.1:{self.served.port}{self.path}"}, b"")
            return
        wanted = base64.b64encode(f"{self.served.username}:{self.served.token}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.reply(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        self.served.seen.append(self.path)
        if status := self.served.before(self.path):
            self.reply(status, {}, b"")
            return
        headers, _, data = self.backend(body).partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in headers.decode().split("\r\n"))
        self.reply(int(fields.pop("Status", "200 OK").split()[0]), fields, data)

    def backend(self, body: bytes) -> bytes:
        """What the CGI program answers."""
        where = urlsplit(self.path)
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": where.path,
            "QUERY_STRING": where.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": self.served.username,
        }
        return subprocess.run(["git", "http-backend"], env=environ | QUIET, input=body, capture_output=True).stdout

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        else:
            body = b"".join(iter(self.chunk, b""))
        gzipped = self.headers.get("Content-Encoding") == "gzip"
        return zlib.decompress(body, wbits=31) if gzipped else body

    def chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def reply(self, status: int, fields: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass
