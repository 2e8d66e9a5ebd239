"""Answers the kubelet and Prometheus: /healthz, /readyz, /metrics.

The two probes differ on purpose. A process that hangs is restarted; a replica that can't take over right now only says
so. With one probe for both, a cluster whose API server is slow would restart operators that do nothing wrong.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

Reasons = Callable[[], Sequence[str]]


@dataclass
class Health:
    """A small HTTP server. `stuck` and `not_ready` return what is wrong, as sentences; `notes` what is worth knowing of a replica that is
    ready.
    """

    address: str
    stuck: Reasons
    not_ready: Reasons
    render: Callable[[], bytes]
    notes: Reasons = tuple
    port: int = 0
    """The port it listens on, once started."""

    async def start(self) -> None:
        """Start listening. Raises OSError where the address is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer("healthy", self.stuck))
        app.router.add_get("/readyz", self._answer("ready", self.not_ready, self.notes))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, _, port = self.address.rpartition(":")
        await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def _answer(
        self, word: str, reasons: Reasons, notes: Reasons = tuple
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.Response:
            found = list(reasons())
            noted = list(notes())
            text = json.dumps({word: not found, "reasons": found} | ({"notes": noted} if noted else {}))
            return web.Response(text=text, status=503 if found else 200, content_type="application/json")

        return answer

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
