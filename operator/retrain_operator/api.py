"""The Kubernetes API as JSON in and JSON out. Finding the cluster, TLS and credentials are kubernetes.aio's work.

Its typed models are left aside: they cost more processor time than the decisions made on what they hold.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from urllib.request import getproxies

import aiohttp
from kubernetes.aio import client, config

Body = dict[str, Any]
Watcher = Callable[[str, str, int], None]
"""Told of every answer: verb, resource, status code (0 where there was no answer)."""

PAGE = 500
_TIMEOUT = 30.0
_MERGE_PATCH = "application/merge-patch+json"
_NAMED_PARTS = ("status", "log")


class ApiError(Exception):
    """The API server's refusal. `status` is the HTTP code, `reason` the server's CamelCase word, `message` its sentence."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{reason or status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Unreachable(Exception):
    """There was no answer from the API server."""


async def configuration() -> client.Configuration:
    """Of the cluster that this process runs in, else of KUBECONFIG.

    Raises kubernetes.aio's ConfigException where there is neither.
    """
    found = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=found)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=found)
    return found


class Api:
    """A connection to one API server."""

    def __init__(self, found: client.Configuration, answered: Watcher | None = None) -> None:
        # TCP connections, not requests: without HTTP/2 each request at work holds one.
        found.connection_pool_maxsize = 64
        # With trust_env aiohttp also looks for a .netrc, in a thread and at every request.
        found.client_session_kwargs = {"trust_env": bool(getproxies())}
        self._client = client.ApiClient(found)
        self._configuration = found
        self._answered = answered or (lambda verb, resource, code: None)

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    async def get(self, path: str) -> Body:
        """One object."""
        return json_body(await self.request("GET", path))

    async def text(self, path: str, query: Mapping[str, str]) -> str:
        """A log."""
        return (await self.request("GET", f"{path}?{urlencode(query)}")).decode(errors="replace")

    async def create(self, path: str, body: Body) -> Body:
        """A new object, as the server has it."""
        return json_body(await self.request("POST", path, body))

    async def replace(self, path: str, body: Body) -> Body:
        """The object, provided that its resourceVersion is still that of `body`."""
        return json_body(await self.request("PUT", path, body))

    async def merge(self, path: str, patch: Body) -> Body:
        """The object after a merge patch (RFC 7386)."""
        return json_body(await self.request("PATCH", path, patch, {"Content-Type": _MERGE_PATCH}))

    async def delete(self, path: str, options: Body) -> Body:
        """Ask for an object's end."""
        return json_body(await self.request("DELETE", path, options))

    async def pages(self, path: str, query: Mapping[str, str], accept: str | None = None) -> AsyncIterator[Body]:
        """A list, page by page."""
        following: dict[str, str] = {}
        headers = {"Accept": accept} if accept else {}
        while True:
            asked = urlencode({**query, "limit": str(PAGE), **following})
            page = json_body(await self.request("GET", f"{path}?{asked}", None, headers, verb="list"))
            # An empty list of metadata alone has null for its items (1.34).
            yield page | {"items": page.get("items") or []}
            if not page["metadata"].get("continue"):
                return
            following = {"continue": page["metadata"]["continue"]}

    async def request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        verb: str | None = None,
    ) -> bytes:
        """The answer's bytes. Raises ApiError where the server refuses and Unreachable where it says nothing."""
        said = dict(headers or {}) | {"User-Agent": "retrain-operator"}
        asked, resource = verb or _VERBS[method], resource_of(path)
        try:
            await self._client.update_params_for_auth(said, [], ["BearerToken"], path, method, body)
            answer = await self._client.call_api(
                method, self._configuration.host + path, said, body, _request_timeout=_TIMEOUT
            )
            data: bytes = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._answered(asked, resource, 0)
            raise Unreachable(f"{self._configuration.host} gives no answer: {error or type(error).__name__}") from None
        self._answered(asked, resource, answer.status)
        if answer.status >= 400:
            raise _refusal(answer.status, data, answer.headers.get("Retry-After"))
        return data


_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def json_body(data: bytes) -> Body:
    """An answer's JSON object."""
    found: Body = json.loads(data)
    return found


def resource_of(path: str) -> str:
    """The resource that a path names, as RBAC writes it: pods/log of /api/v1/namespaces/x/pods/y/log."""
    parts = path.split("?", 1)[0].strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    rest = rest[2:] if rest[:1] == ["namespaces"] and len(rest) > 2 else rest
    if not rest:
        return "discovery"
    return f"{rest[0]}/{rest[-1]}" if len(rest) > 2 and rest[-1] in _NAMED_PARTS else rest[0]


def _refusal(status: int, data: bytes, retry_after: str | None) -> ApiError:
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    try:
        said = json.loads(data)
        return ApiError(status, said.get("reason") or str(status), said.get("message") or "", wait)
    except (ValueError, AttributeError):
        return ApiError(status, str(status), data.decode(errors="replace")[:500], wait)
