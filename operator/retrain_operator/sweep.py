"""Lists: the cache's first contents, and from time to time a check of what the watches may have lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from .api import Api, ApiError
from .cache import Cache, Key
from .paths import KINDS, Kind, collection, one, selector

_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Names and versions are all that a comparison needs; what differs is read whole, one by one."""


async def prime(api: Api, cache: Cache, namespaces: Sequence[str]) -> None:
    """Fill the cache. Raises ApiError and Unreachable."""
    for kind in KINDS:
        for path in _collections(kind, namespaces):
            async for page in api.pages(path, selector(kind)):
                for body in page["items"]:
                    cache.put(kind, body)


async def sweep(api: Api, cache: Cache, namespaces: Sequence[str]) -> list[Key]:
    """Compare the cache with the cluster and mend it. The runs that need a look.

    Raises ApiError and Unreachable.
    """
    keys = [key for kind in KINDS async for key in _differences(api, cache, kind, namespaces)]
    return list(dict.fromkeys(keys))


async def _differences(api: Api, cache: Cache, kind: Kind, namespaces: Sequence[str]) -> AsyncIterator[Key]:
    before = cache.versions(kind)
    there: dict[str, dict[str, Any]] = {}
    for path in _collections(kind, namespaces):
        async for page in api.pages(path, selector(kind), _METADATA_ONLY):
            there |= {item["metadata"]["uid"]: item["metadata"] for item in page["items"]}
    for uid, meta in there.items():
        if meta["resourceVersion"] != cache.version(kind, uid):
            key = await _read(api, cache, kind, meta)
            if key is not None:
                yield key
    for uid in before.keys() - there.keys():
        # Known before the list and not in it: gone, unless it was made and seen in between, which has a newer version.
        key = cache.drop(kind, uid, before[uid])
        if key is not None:
            yield key


async def _read(api: Api, cache: Cache, kind: Kind, meta: dict[str, Any]) -> Key | None:
    try:
        return cache.put(kind, await api.get(one(kind, meta["namespace"], meta["name"])))
    except ApiError as error:
        if error.status != 404:
            raise
        return cache.drop(kind, meta["uid"])


def _collections(kind: Kind, namespaces: Sequence[str]) -> list[str]:
    watched: Sequence[str | None] = namespaces or [None]
    return [collection(kind, namespace) for namespace in watched]
