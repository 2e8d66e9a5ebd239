"""Lists: the cache's first contents, and from time to time a check of what the watches may have lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Difference:
    """What the cluster has in another version than the cache had before the list; `meta` is the cluster's."""

    kind: Kind
    meta: Mapping[str, Any]
    known: str | None


async def sweep(api: Api, cache: Cache, namespaces: Sequence[str], patience: float = 0.0) -> list[Key]:
    """Compare the cache with the cluster and mend it. The runs that need a look.

    What differs is read only where no watch has told of it `patience` seconds later: a watch that is late has lost
    nothing. (At a thousand runs at once the watches are seconds late, and each run cost 2.4 reads of its Jobs.)
    Raises ApiError and Unreachable.
    """
    found: list[Key | None] = []
    differences: list[_Difference] = []
    for kind in KINDS:
        before = cache.versions(kind)
        there = await _listed(api, kind, namespaces)
        differences += [
            _Difference(kind, meta, before.get(uid))
            for uid, meta in there.items()
            if meta["resourceVersion"] != cache.version(kind, uid)
        ]
        # Known before the list and not in it: gone, unless it was made and seen in between, which has a newer version.
        found += [cache.drop(kind, uid, before[uid]) for uid in before.keys() - there.keys()]
    if differences:
        await asyncio.sleep(patience)
    for lost in differences:
        if cache.version(lost.kind, lost.meta["uid"]) == lost.known:
            found.append(await _read(api, cache, lost.kind, lost.meta))
    return list(dict.fromkeys(key for key in found if key is not None))


async def _listed(api: Api, kind: Kind, namespaces: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Metadata of all there are, by UID."""
    there: dict[str, Mapping[str, Any]] = {}
    for path in _collections(kind, namespaces):
        async for page in api.pages(path, selector(kind), _METADATA_ONLY):
            there |= {item["metadata"]["uid"]: item["metadata"] for item in page["items"]}
    return there


async def _read(api: Api, cache: Cache, kind: Kind, meta: Mapping[str, Any]) -> Key | None:
    try:
        return cache.put(kind, await api.get(one(kind, meta["namespace"], meta["name"])))
    except ApiError as error:
        if error.status != 404:
            raise
        return cache.drop(kind, meta["uid"])


def _collections(kind: Kind, namespaces: Sequence[str]) -> list[str]:
    watched: Sequence[str | None] = namespaces or [None]
    return [collection(kind, namespace) for namespace in watched]
