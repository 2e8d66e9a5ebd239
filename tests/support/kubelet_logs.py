"""The part of a kubelet that serves logs: what `kubectl logs` and the log subresource of a pod end at."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Lines = list[tuple[float, str]]
"""Seconds since 1970, and the line."""
FindLines = Callable[[str, str], Lines | None]
"""Namespace and pod to its log; None where there is none."""


class LogServer:
    """GET /containerLogs/NAMESPACE/POD/CONTAINER over TLS; follow is not done: the answer ends with the log so far."""

    def __init__(self, certificate: Path, key: Path, find: FindLines) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(find))
        # Handshakes in the thread of each connection, not in the one that accepts.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(find: FindLines) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            _, kind, *place = url.path.split("/")
            lines = find(place[0], place[1]) if kind == "containerLogs" and len(place) == 3 else None
            body = b"no such container" if lines is None else _asked(lines, parse_qs(url.query))
            self.send_response(404 if lines is None else 200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Silent: a test's output is its own."""

    return Handler


def _asked(lines: Lines, query: dict[str, list[str]]) -> bytes:
    asked = {name: values[-1] for name, values in query.items()}
    since = 0.0
    if "sinceSeconds" in asked:
        since = time.time() - float(asked["sinceSeconds"])
    if "sinceTime" in asked:
        since = datetime.fromisoformat(asked["sinceTime"]).timestamp()
    kept = [(at, line) for at, line in lines if at >= since]
    if "tailLines" in asked:
        count = int(asked["tailLines"])
        kept = kept[-count:] if count else []
    stamped = asked.get("timestamps") == "true"
    body = "".join(f"{_stamp(at)} {line}\n" if stamped else f"{line}\n" for at, line in kept).encode()
    return body[: int(asked["limitBytes"])] if "limitBytes" in asked else body


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
