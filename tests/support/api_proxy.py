"""A proxy between an operator and the API server that does what networks and servers do at the worst moment.

    with ApiProxy(plane) as proxy:
        operator = OperatorProcess(..., kubeconfig=proxy.kubeconfig("admin"))
        proxy.fault = lambda asked: Refuse(429, "TooManyRequests", after=1) if asked.creates("jobs") else None
        proxy.watched = lambda resource, event: None if event["type"] == "DELETED" else event

It speaks plain HTTP to the operator, and passes the token on.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from support.control_plane import ControlPlane, free_port

from retrain_operator.kube.api import resource_of

WRITES = ("POST", "PUT", "PATCH", "DELETE")
ASIDE = ("leases", "events", "selfsubjectaccessreviews")
"""Writes that nothing depends on but who leads, and what people read."""
_NOT_PASSED_ON = {"host", "content-length", "transfer-encoding", "connection", "content-encoding", "accept-encoding"}


@dataclass(frozen=True)
class Asked:
    """A request of the operator."""

    method: str
    resource: str
    body: Any
    watch: bool

    @property
    def writes(self) -> bool:
        """Whether it changes a run or a Job."""
        return self.method in WRITES and self.resource not in ASIDE

    def creates(self, resource: str) -> bool:
        """Whether it makes one of those."""
        return self.method == "POST" and self.resource == resource


@dataclass(frozen=True)
class Refuse:
    """The server's answer is a refusal; `after` are the seconds of Retry-After."""

    status: int
    reason: str
    message: str = "Refused by the test."
    after: int | None = None


@dataclass(frozen=True)
class Cut:
    """`act` is done and the connection cut: before the request is passed on, or after the server has carried it out."""

    act: Callable[[], object] = bool
    carried_out: bool = False


CLOSE = {"type": "CLOSE"}
"""In place of an event of a watch: the watch ends."""
GONE = {
    "type": "ERROR",
    "object": {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"},
}
"""In place of an event of a watch: the server has forgotten what came since."""
Fault = Refuse | Cut | None


@dataclass
class ApiProxy:
    """`fault` is asked at every request, `watched` at every event of a watch (None: it is lost)."""

    plane: ControlPlane
    port: int = field(default_factory=free_port)
    fault: Callable[[Asked], Fault] = lambda asked: None
    watched: Callable[[str, dict[str, Any]], dict[str, Any] | None] = lambda resource, event: event
    opened: list[str] = field(default_factory=list)
    """Resources of all watches that were opened."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-proxy", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, user: str) -> Path:
        """A user's kubeconfig that leads here."""
        document = json.loads(self.plane.kubeconfig(user).read_text())
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        path = self.plane.folder / f"proxy-{self.port}.kubeconfig"
        path.write_text(json.dumps(document))
        return path

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=True)
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()
        # aiohttp leaves handlers that do not end in time, those of watches say. The garbage collector would find them in the
        # middle of another test, and warn there.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # Their connections are closed in the next round of the loop.
        await asyncio.sleep(0.01)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.read()
        resource = resource_of(request.path)
        asked = Asked(request.method, resource, json.loads(text) if text else None, "watch" in request.query)
        fault = self.fault(asked)
        if isinstance(fault, Refuse):
            return _refusal(fault)
        if isinstance(fault, Cut) and not fault.carried_out:
            return self._cut(request, fault)
        try:
            return await self._passed_on(request, text, asked, fault)
        except aiohttp.ClientError:
            return self._cut(request, Cut())

    async def _passed_on(self, request: web.Request, text: bytes, asked: Asked, fault: Fault) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        url = self.plane.url + request.path_qs
        async with self._session.request(
            request.method, url, headers=headers, data=text or None, ssl=self.plane.trust
        ) as answer:
            if asked.watch and answer.status == 200:
                return await self._stream(request, answer, asked.resource)
            data = await answer.read()
            if isinstance(fault, Cut):
                return self._cut(request, fault)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
            return web.Response(status=answer.status, body=data, headers=kept)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse, resource: str) -> web.StreamResponse:
        self.opened.append(resource)
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        buffer = b""
        async for chunk in answer.content.iter_any():
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in lines:
                event = self.watched(resource, json.loads(line))
                if event is CLOSE:
                    return stream
                if event is not None:
                    await stream.write(json.dumps(event).encode() + b"\n")
        return stream

    def _cut(self, request: web.Request, fault: Cut) -> web.Response:
        fault.act()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def _refusal(fault: Refuse) -> web.Response:
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": fault.reason,
        "message": fault.message,
        "code": fault.status,
    }
    headers = {"Retry-After": str(fault.after)} if fault.after is not None else {}
    return web.json_response(said, status=fault.status, headers=headers)
