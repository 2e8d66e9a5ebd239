"""A connection to the Kubernetes API: JSON in, JSON out.

kubernetes.aio finds the cluster and handles TLS and credentials. Its typed models are not used: they cost more
processor time than the decisions that are made on their contents. Without this module every caller would have to know
how that library and the one below it report a refusal, a timeout or a broken connection; here these are two errors.
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
OnAnswer = Callable[[str, str, int], None]
"""Called for every request: verb, resource, status code (0 where there was no answer)."""

_PAGE = 100
"""Objects of a page. As Python objects a body is 100 KB and its metadata 25, nearly all of it what the API server notes of its writers.
Of the largest page a process keeps the memory: with 500 a resync took 12 MiB, and a list of bodies 50.
"""
_TIMEOUT = 30.0
_MERGE_PATCH = "application/merge-patch+json"
_NAMED_PARTS = ("status", "log")


class ApiError(Exception):
    """The API server refused a request: `status` is the HTTP code, `reason` and `message` are the server's own."""

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{reason or status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class Unreachable(Exception):
    """The API server gave no answer."""


def says_gone(error: ApiError, name: str) -> bool:
    """Whether there is no object of that name. A server that does not serve the resource (yet) answers 404 as well."""
    return error.status == 404 and f'"{name}" not found' in error.message


async def configuration() -> client.Configuration:
    """How to reach the cluster that this process runs in, else the one that KUBECONFIG names.

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

    def __init__(self, found: client.Configuration, on_answer: OnAnswer | None = None) -> None:
        # TCP connections, not requests: without HTTP/2 each request in flight holds one.
        found.connection_pool_maxsize = 64
        # With trust_env aiohttp also tries to read a .netrc, in a thread and at every request.
        found.client_session_kwargs = {"trust_env": bool(getproxies())}
        self._client = client.ApiClient(found)
        self._configuration = found
        self._on_answer = on_answer or (lambda verb, resource, code: None)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, path: str) -> Body:
        """Read one object."""
        return json_body(await self.request("GET", path))

    async def text(self, path: str, query: Mapping[str, str]) -> str:
        """Read a log."""
        return (await self.request("GET", f"{path}?{urlencode(query)}")).decode(errors="replace")

    async def create(self, path: str, body: Body) -> Body:
        """Create an object; returns it as the server stores it."""
        return json_body(await self.request("POST", path, body))

    async def replace(self, path: str, body: Body) -> Body:
        """Replace an object, provided that its resourceVersion is still that of `body`."""
        return json_body(await self.request("PUT", path, body))

    async def merge(self, path: str, patch: Body) -> Body:
        """Apply a merge patch (RFC 7386); returns the object after it."""
        return json_body(await self.request("PATCH", path, patch, {"Content-Type": _MERGE_PATCH}))

    async def delete(self, path: str, options: Body) -> Body:
        """Delete an object."""
        return json_body(await self.request("DELETE", path, options))

    async def pages(self, path: str, query: Mapping[str, str], accept: str | None = None) -> AsyncIterator[Body]:
        """Read a list, page by page."""
        following: dict[str, str] = {}
        headers = {"Accept": accept} if accept else {}
        while True:
            parameters = urlencode({"limit": str(_PAGE), **query, **following})
            page = json_body(await self.request("GET", f"{path}?{parameters}", None, headers, verb="list"))
            # A list that is empty and asked for metadata alone has null for its items (1.34).
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
        """Send a request; returns the bytes of the answer.

        Raises ApiError where the server refuses it and Unreachable where there is no answer.
        """
        sent_headers = dict(headers or {}) | {"User-Agent": "retrain-operator"}
        verb, resource = verb or _VERBS[method], resource_of(path)
        try:
            await self._client.update_params_for_auth(sent_headers, [], ["BearerToken"], path, method, body)
            answer = await self._client.call_api(
                method, self._configuration.host + path, sent_headers, body, _request_timeout=_TIMEOUT
            )
            data: bytes = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._on_answer(verb, resource, 0)
            raise Unreachable(f"{self._configuration.host} gives no answer: {error or type(error).__name__}") from None
        self._on_answer(verb, resource, answer.status)
        if answer.status >= 400:
            raise _refusal(answer.status, data, answer.headers.get("Retry-After"))
        return data


_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def json_body(data: bytes) -> Body:
    """The JSON object in an answer."""
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
        answer = json.loads(data)
        return ApiError(status, answer.get("reason") or str(status), answer.get("message") or "", wait)
    except (ValueError, AttributeError):
        return ApiError(status, str(status), data.decode(errors="replace")[:500], wait)
