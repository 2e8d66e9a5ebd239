"""Lists the cluster: once to fill the cache, then from time to time to check it against what the watches delivered.

A watch can lose a change without an error: a proxy drops the connection, or an object is deleted between a list and
the watch that follows it. Without a resync the run concerned would wait for ever for a Job that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.snapshot import CORE, Kind

from .api import Api, ApiError, says_gone
from .paths import collection, one, selector

_NEEDED = ("name", "namespace", "resourceVersion", "uid")
"""Of ten thousand runs the whole metadata are another 300 MB."""
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Names and versions are all that a comparison needs; what differs is read whole, one by one."""


async def prime(api: Api, cache: Cache, namespaces: Sequence[str], kinds: Sequence[Kind] = CORE) -> None:
    """Fill the cache. Raises ApiError and Unreachable."""
    for kind in kinds:
        for path in _collections(kind, namespaces):
            async for page in api.pages(path, selector(kind)):
                for body in page["items"]:
                    cache.put(kind, body)


@dataclass(frozen=True)
class _Difference:
    """An object that the cluster has in another version than the cache: `meta` is the cluster's, `known` the cache's."""

    kind: Kind
    meta: Mapping[str, Any]
    known: str | None


async def resync(
    api: Api, cache: Cache, namespaces: Sequence[str], patience: float = 0.0, kinds: Sequence[Kind] = CORE
) -> list[AnyKey]:
    """Compare the cache with the cluster and correct it. Returns the runs and schedules to reconcile.

    An object that differs is read only if no watch has delivered it `patience` seconds later: a watch that is late has
    lost nothing. (With a thousand runs at once the watches are seconds late, and each run cost 2.4 reads of its Jobs.)
    Raises ApiError and Unreachable.
    """
    found: list[AnyKey | None] = []
    differences: list[_Difference] = []
    for kind in kinds:
        before = cache.versions(kind)
        listed, as_of = await _list_metadata(api, kind, namespaces)
        differences += [
            _Difference(kind, meta, before.get(uid))
            for uid, meta in listed.items()
            if cache.is_news(kind, uid, meta["resourceVersion"])
        ]
        # What is not in a list did not exist at its version; `drop` respects what has been created since.
        found += [cache.drop(kind, uid, as_of) for uid in cache.versions(kind).keys() - listed.keys()]
    if differences:
        await asyncio.sleep(patience)
    for lost in differences:
        if cache.version(lost.kind, lost.meta["uid"]) == lost.known:
            found.append(await _read(api, cache, lost.kind, lost.meta))
    return list(dict.fromkeys(key for key in found if key is not None))


async def _list_metadata(api: Api, kind: Kind, namespaces: Sequence[str]) -> tuple[dict[str, Mapping[str, Any]], str]:
    """Metadata of all objects of a kind, by UID, and the resourceVersion at which that was all (of several lists: the
    oldest).
    """
    listed: dict[str, Mapping[str, Any]] = {}
    versions = []
    for path in _collections(kind, namespaces):
        async for page in api.pages(path, selector(kind), _METADATA_ONLY):
            metas = ({name: item["metadata"][name] for name in _NEEDED} for item in page["items"])
            listed |= {meta["uid"]: meta for meta in metas}
            versions.append(page["metadata"]["resourceVersion"])
    return listed, min(versions, key=int)


async def _read(api: Api, cache: Cache, kind: Kind, meta: Mapping[str, Any]) -> AnyKey | None:
    try:
        body = await api.get(one(kind, meta["namespace"], meta["name"]))
    except ApiError as error:
        if not says_gone(error, meta["name"]):
            raise
        return cache.drop(kind, meta["uid"])
    if body["metadata"]["uid"] != meta["uid"]:
        cache.drop(kind, meta["uid"])
    return cache.put(kind, body)


def _collections(kind: Kind, namespaces: Sequence[str]) -> list[str]:
    watched: Sequence[str | None] = namespaces or [None]
    return [collection(kind, namespace) for namespace in watched]
