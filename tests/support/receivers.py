"""Real receivers of notifications: a web server and a mail server, each of which keeps what it was told."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Webhook:
    """A web server that answers one code after the other, the last one for ever."""

    def __init__(self, *codes: int, location: str = "", slow: bool = False) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.codes, self.location, self.slow = list(codes) or [200], location, slow
        self.over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def place(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def bodies(self) -> list[Any]:
        """What it was sent, the oldest first."""
        return [body for _, _, body in self.requests]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                webhook.requests.append((self.path, dict(self.headers), json.loads(body) if body else None))
                if webhook.slow:
                    webhook.over.wait()
                    return
                codes = webhook.codes
                self.send_response(codes.pop(0) if len(codes) > 1 else codes[0])
                if webhook.location:
                    self.send_header("Location", webhook.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        return Handler

    def __enter__(self) -> Webhook:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class MailServer:
    """Takes every mail of its one account."""

    user, password = "night@example.com", "mail-password-7f3a"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep a mail."""
        self.mails.append(cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=policy.default)))
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Whether it is the account's password."""
        given = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode())
        return AuthResult(success=given == (self.user, self.password), handled=False)


@contextmanager
def mail_server() -> Iterator[tuple[MailServer, int]]:
    """A mail server at a free port of this machine."""
    server = MailServer()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=closed_port(),
        authenticator=server.login,
        auth_require_tls=False,
        auth_required=True,
    )
    controller.start()
    try:
        yield server, controller.port
    finally:
        controller.stop()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return cast(int, free.getsockname()[1])
