"""Asks the API server for each of the operator's rights before they are needed, and names those that are missing.

Without this a missing right would show up late and far from its cause: no Job is ever deleted, say, because a role
lacks `delete` on Jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .api import Api
from .paths import CORE_RIGHTS, SCHEDULE_RIGHTS, Right

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


async def missing_rights(api: Api, namespaces: Sequence[str], own: str, lease: str) -> list[str]:
    """A sentence for each right that work on runs needs and that is missing. `own` is the namespace of the Lease of that name.

    Raises ApiError and Unreachable.
    """
    watched: Sequence[str | None] = namespaces or [None]
    return await _missing(
        api, [(right, place) for right in CORE_RIGHTS for place in ([own] if right.own else watched)], lease
    )


async def missing_for_schedules(api: Api, namespaces: Sequence[str]) -> list[str]:
    """A sentence for each right that schedules need beside those. Raises ApiError and Unreachable."""
    watched: Sequence[str | None] = namespaces or [None]
    return await _missing(api, [(right, place) for right in SCHEDULE_RIGHTS for place in watched])


async def _missing(api: Api, asked: Sequence[tuple[Right, str | None]], lease: str = "") -> list[str]:
    granted = await asyncio.gather(*(_granted(api, right, place, lease) for right, place in asked))
    return [_sentence(right, place) for (right, place), yes in zip(asked, granted, strict=True) if not yes]


async def _granted(api: Api, right: Right, namespace: str | None, lease: str) -> bool:
    resource, _, part = right.resource.partition("/")
    attributes = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": part}
    place = ({"namespace": namespace} if namespace else {}) | ({"name": lease} if right.named else {})
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes | place},
    }
    answer = await api.create(_REVIEWS, review)
    return bool(answer["status"]["allowed"])


def _sentence(right: Right, namespace: str | None) -> str:
    place = f"in namespace {namespace}" if namespace else "in all namespaces"
    return f"missing right: {right} {place}"
