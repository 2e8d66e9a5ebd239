"""What a kubelet and Prometheus ask: /healthz, /readyz, /metrics."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

Reasons = Callable[[], Sequence[str]]


@dataclass
class Health:
    """A small HTTP server. `stuck` and `not_ready` give sentences, none where all is well."""

    address: str
    stuck: Reasons
    not_ready: Reasons
    render: Callable[[], bytes]
    port: int = 0
    """Where it listens, once started."""

    async def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer("healthy", self.stuck))
        app.router.add_get("/readyz", self._answer("ready", self.not_ready))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, _, port = self.address.rpartition(":")
        await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    def _answer(self, word: str, reasons: Reasons) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.Response:
            said = list(reasons())
            text = json.dumps({word: not said, "reasons": said})
            return web.Response(text=text, status=503 if said else 200, content_type="application/json")

        return answer

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
