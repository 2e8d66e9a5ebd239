"""Every place in the API that the operator touches, and every right that it needs to do so.

Both are in one table, so that the roles we ship can be compared with it by a test and the operator can ask for missing
rights by name. Kept apart, they would drift: a role that grants too much, or a right that is missed only in production.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api.names import GROUP, PLURAL, SCHEDULE_PLURAL, VERSION
from retrain_operator.state.snapshot import Kind

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = f"{MANAGED_BY}=retrain-operator"
"""Selects our Jobs and their pods among all others."""

API = f"/apis/{GROUP}/{VERSION}"
"""Our own group and version; a GET of it tells which of our resources the cluster serves."""

_ROOTS: dict[Kind, tuple[str, str]] = {
    "schedules": (API, SCHEDULE_PLURAL),
    "runs": (API, PLURAL),
    "jobs": ("/apis/batch/v1", "jobs"),
    "pods": ("/api/v1", "pods"),
}


@dataclass(frozen=True)
class Right:
    """One right, as RBAC grants it.

    `own`: needed in the operator's own namespace only; `named`: needed on its own Lease only.
    """

    verb: str
    group: str
    resource: str
    own: bool = False
    named: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' + self.group if self.group else ''}"


CORE_RIGHTS = (
    *(Right(verb, GROUP, PLURAL) for verb in ("get", "list", "watch")),
    Right("patch", GROUP, f"{PLURAL}/status"),
    *(Right(verb, "batch", "jobs") for verb in ("get", "list", "watch", "create", "delete")),
    *(Right(verb, "", "pods") for verb in ("get", "list", "watch")),
    Right("get", "", "pods/log"),
    *(Right(verb, "", "events") for verb in ("list", "create")),
    Right("create", "coordination.k8s.io", "leases", own=True),
    *(Right(verb, "coordination.k8s.io", "leases", own=True, named=True) for verb in ("get", "update")),
)
"""Without one of these the operator can't work on runs."""
SCHEDULE_RIGHTS = (
    *(Right(verb, GROUP, SCHEDULE_PLURAL) for verb in ("get", "list", "watch")),
    Right("patch", GROUP, f"{SCHEDULE_PLURAL}/status"),
    *(Right(verb, GROUP, PLURAL) for verb in ("create", "delete")),
)
"""Without one of these, as in a role of the first release, there are no schedules and everything else works."""
RIGHTS = (*CORE_RIGHTS, *SCHEDULE_RIGHTS)
"""Everything that the operator ever asks of the API server. A test compares the shipped roles with it."""


def collection(kind: Kind, namespace: str | None) -> str:
    """Path of all objects of a kind, in one namespace or in all."""
    root, plural = _ROOTS[kind]
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def one(kind: Kind, namespace: str, name: str) -> str:
    """Path of one object."""
    return f"{collection(kind, namespace)}/{name}"


def events(namespace: str) -> str:
    """Path of the events of a namespace."""
    return f"/api/v1/namespaces/{namespace}/events"


def selector(kind: Kind) -> dict[str, str]:
    """The query that leaves out other people's Jobs and pods."""
    return {"labelSelector": OURS} if kind in ("jobs", "pods") else {}
