"""An API server in memory, for tests that ask for every order of events: at the level of `kube.api.Api`'s methods.

    api = FakeApi()
    run = api.put(run_document())                      # as somebody with kubectl does it; no fault, no record
    await api.merge(f"{path}/status", {"metadata": {"resourceVersion": "3"}, "status": {...}})     # as the operator does
    api.edit(path, {"spec": {"suspend": True}}); api.remove(path)      # somebody else again
    api.fault = lambda request: internal_error() if request.verb == "create" else None
    api.fault = lambda request: Lost()                 # it is carried out, and the answer never comes
    api.asked                                          # every request of the operator, refused or not
    api.watched                                        # every change since the start, as watches tell of them
    api.collect()                                      # the garbage collector's turn

Objects have uid, resourceVersion and generation. The bodies and the words of its refusals are those of a
kube-apiserver 1.34 (tests/api/test_fence.py compares what matters): a merge patch is refused with 409 where its
resourceVersion is not the object's; on the status subresource a uid is NOT compared; a patch that changes nothing
leaves the resourceVersion as it is; a delete with another uid is 409; Foreground leaves the object, marked, until
`collect`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from retrain_operator.kube.api import ApiError, Unreachable, resource_of

Body = dict[str, Any]

_GROUPS = {"retrainschedules": "retrain.crpbot.dev", "retrainruns": "retrain.crpbot.dev", "jobs": "batch"}
_KINDS = {
    "retrainschedules": "RetrainSchedule",
    "retrainruns": "RetrainRun",
    "jobs": "Job",
    "pods": "Pod",
    "events": "Event",
}
_ROOTS = {
    "retrainschedules": "/apis/retrain.crpbot.dev/v1alpha1",
    "retrainruns": "/apis/retrain.crpbot.dev/v1alpha1",
    "jobs": "/apis/batch/v1",
}
_WATCHED = ("retrainschedules", "retrainruns", "jobs", "pods")


@dataclass(frozen=True)
class Request:
    """What the operator asks for; `resource` as RBAC writes it."""

    verb: str
    path: str
    body: Any = None

    @property
    def resource(self) -> str:
        return resource_of(self.path)

    @property
    def writes(self) -> bool:
        """Whether it changes a schedule, a run or a Job."""
        return self.verb in ("create", "patch", "delete") and self.resource != "events"


@dataclass(frozen=True)
class Lost:
    """The request is carried out; in place of the answer this is raised."""

    error: Exception = field(default_factory=lambda: no_answer())


@dataclass(frozen=True)
class Change:
    """An event of a watch."""

    resource: str
    type: str
    object: Body


Fault = Exception | Lost | None


def no_answer() -> Unreachable:
    """The connection broke, or the answer did not come in time."""
    return Unreachable("https://10.96.0.1:443 gives no answer: TimeoutError")


def internal_error() -> ApiError:
    """500, as when etcd has no leader."""
    return ApiError(500, "InternalError", "Internal error occurred: etcdserver: leader changed")


def too_many() -> ApiError:
    """429 of priority and fairness."""
    return ApiError(429, "TooManyRequests", "The server has received too many requests.", 1.0)


def quota_exceeded(name: str) -> ApiError:
    """403 of a ResourceQuota on Jobs."""
    counts = "requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0"
    return ApiError(403, "Forbidden", f'jobs.batch "{name}" is forbidden: exceeded quota: limit, {counts}')


def invalid(name: str) -> ApiError:
    """422 of the API server's validation of a Job."""
    return ApiError(
        422, "Invalid", f'Job.batch "{name}" is invalid: spec.template.spec.containers[0].image: Required value'
    )


def not_found(resource: str, name: str) -> ApiError:
    """404."""
    return ApiError(404, "NotFound", f'{_plural(resource)} "{name}" not found')


@dataclass
class FakeApi:
    """The objects by path, and everything that was asked and that happened."""

    objects: dict[str, Body] = field(default_factory=dict)
    fault: Callable[[Request], Fault] = lambda request: None
    meanwhile: Callable[[Request], object] = lambda request: None
    """What happens while an answer is on its way."""
    asked: list[Request] = field(default_factory=list)
    watched: list[Change] = field(default_factory=list)
    version: int = 100
    made: int = 0
    time: str | None = None
    """What its clock shows; None: the present time."""

    # What the operator asks for.

    async def get(self, path: str) -> Body:
        return self._ask(Request("get", path), lambda: self._read(path))

    async def create(self, path: str, body: Body) -> Body:
        return self._ask(Request("create", path, _copied(body)), lambda: self._create(path, body))

    async def merge(self, path: str, patch: Body) -> Body:
        return self._ask(Request("patch", path, _copied(patch)), lambda: self._merge(path, patch))

    async def delete(self, path: str, options: Body) -> Body:
        return self._ask(Request("delete", path, _copied(options)), lambda: self._delete(path, options))

    async def pages(self, path: str, query: Mapping[str, str], accept: str | None = None) -> AsyncIterator[Body]:
        """Everything on one page, with its metadata alone where `accept` asks for that."""
        page = self._ask(Request("list", path), lambda: self._list(path, query.get("labelSelector", "")))
        bare = accept is not None and "PartialObjectMetadataList" in accept
        yield page | {"items": [{"metadata": one["metadata"]} if bare else one for one in page["items"]]}

    # What others do, without a fault and without a record.

    def put(self, body: Body) -> Body:
        """Create an object; returns it as it is stored."""
        (plural,) = (name for name, kind in _KINDS.items() if kind == body["kind"])
        return self._create(collection(plural, body["metadata"]["namespace"]), body)

    def edit(self, path: str, patch: Body) -> Body:
        """A merge patch; on `.../status` of the status alone."""
        return self._merge(path, patch)

    def mark(self, path: str) -> None:
        """Delete it in the foreground."""
        self._delete(path, {"propagationPolicy": "Foreground"})

    def remove(self, path: str) -> None:
        """Delete it, at once, and what it owns with it."""
        self._drop(path)
        self.collect()

    def collect(self) -> None:
        """What was deleted in the foreground goes, then what a gone object owned."""
        for path in [path for path, one in self.objects.items() if "deletionTimestamp" in one["metadata"]]:
            self._drop(path)
        while orphans := [path for path, one in self.objects.items() if self._orphaned(one)]:
            for path in orphans:
                self._drop(path)

    def of(self, plural: str) -> list[Body]:
        """Copies of all objects of a resource, oldest first."""
        found = [one for path, one in self.objects.items() if resource_of(path) == plural]
        return _copied(found)

    def writes(self) -> list[Request]:
        """What the operator asked to change."""
        return [one for one in self.asked if one.writes]

    def _ask(self, request: Request, act: Callable[[], Body]) -> Body:
        self.asked.append(request)
        fault = self.fault(request)
        if isinstance(fault, Exception):
            raise fault
        answer = act()
        self.meanwhile(request)
        if fault is not None:
            raise fault.error
        return answer

    def _read(self, path: str) -> Body:
        if path not in self.objects:
            raise not_found(resource_of(path), path.rsplit("/", 1)[-1])
        return _copied(self.objects[path])

    def _list(self, path: str, selector: str) -> Body:
        wanted = dict([selector.split("=")]) if selector else {}
        plural, namespace = (
            resource_of(path),
            path.split("/namespaces/")[1].split("/")[0] if "/namespaces/" in path else "",
        )
        items = [
            one
            for one in self.of(plural)
            if namespace in ("", one["metadata"]["namespace"])
            and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        return {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    def _create(self, path: str, body: Body) -> Body:
        name, plural = body["metadata"]["name"], resource_of(path)
        place = f"{path}/{name}"
        if place in self.objects:
            marked = "object is being deleted: " if "deletionTimestamp" in self.objects[place]["metadata"] else ""
            raise ApiError(409, "AlreadyExists", f'{marked}{_plural(plural)} "{name}" already exists')
        self.made += 1
        own = {"uid": f"uid-{self.made}", "generation": 1, "creationTimestamp": self._now()}
        stored = _copied(body)
        stored["metadata"] |= own
        return self._keep(place, stored, "ADDED")

    def _merge(self, path: str, patch: Body) -> Body:
        place, of_status = path.removesuffix("/status"), path.endswith("/status")
        before = self._read(place)
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, before["metadata"]["resourceVersion"]):
            raise _modified(resource_of(place), before["metadata"]["name"])
        if (
            not of_status
            and patch.get("metadata", {}).get("uid", before["metadata"]["uid"]) != before["metadata"]["uid"]
        ):
            raise ApiError(422, "Invalid", "metadata.uid: Invalid value: field is immutable")
        # The status subresource takes nothing but the status, and everything else takes no status of ours.
        part = {name: value for name, value in patch.items() if (name == "status") is of_status}
        after = _merged(before, part)
        if after == before:
            return before
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        return self._keep(place, after, "MODIFIED")

    def _delete(self, path: str, options: Body) -> Body:
        stored = self._read(path)
        meta, plural = stored["metadata"], resource_of(path)
        wanted = options.get("preconditions", {}).get("uid")
        if wanted not in (None, meta["uid"]):
            raise _other_uid(plural, meta["name"], wanted, meta["uid"])
        version = options.get("preconditions", {}).get("resourceVersion")
        if version not in (None, meta["resourceVersion"]):
            raise _other_version(plural, meta["name"], version, meta["resourceVersion"])
        if options.get("propagationPolicy") != "Foreground":
            self._drop(path)
            details = {"name": meta["name"], "group": _GROUPS.get(plural, ""), "kind": plural, "uid": meta["uid"]}
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        if "deletionTimestamp" in meta:
            return stored
        meta |= {
            "deletionTimestamp": self._now(),
            "deletionGracePeriodSeconds": 0,
            "finalizers": ["foregroundDeletion"],
        }
        meta["generation"] += 1
        return self._keep(path, stored, "MODIFIED")

    def _keep(self, path: str, body: Body, change: str) -> Body:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self.objects[path] = _copied(body)
        self._tell(path, change, body)
        return body

    def _drop(self, path: str) -> None:
        body = self.objects.pop(path)
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self._tell(path, "DELETED", body)

    def _tell(self, path: str, change: str, body: Body) -> None:
        if resource_of(path) in _WATCHED:
            self.watched.append(Change(resource_of(path), change, _copied(body)))

    def _now(self) -> str:
        return self.time or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _orphaned(self, body: Body) -> bool:
        alive = {one["metadata"]["uid"] for one in self.objects.values()}
        owners = body["metadata"].get("ownerReferences", ())
        return bool(owners) and not any(owner["uid"] in alive for owner in owners)


def collection(plural: str, namespace: str) -> str:
    """The path of all objects of a resource in a namespace."""
    return f"{_ROOTS.get(plural, '/api/v1')}/namespaces/{namespace}/{plural}"


def _copied(value: Any) -> Any:
    """In half the time of copy.deepcopy."""
    return json.loads(json.dumps(value))


def _plural(resource: str) -> str:
    plural = resource.split("/")[0]
    return f"{plural}.{_GROUPS[plural]}" if plural in _GROUPS else plural


def _modified(plural: str, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {_plural(plural)} "{name}": {why}')


def _other_uid(plural: str, name: str, wanted: str, stored: str) -> ApiError:
    kind = f"{_KINDS[plural]}.{_GROUPS[plural]}" if plural in _GROUPS else _KINDS[plural]
    why = (
        f"the UID in the precondition ({wanted}) does not match the UID in record ({stored}). "
        "The object might have been deleted and then recreated"
    )
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name}": {why}')


def _other_version(plural: str, name: str, wanted: str, stored: str) -> ApiError:
    kind = f"{_KINDS[plural]}.{_GROUPS[plural]}" if plural in _GROUPS else _KINDS[plural]
    why = (
        f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({stored}). "
        "The object might have been modified"
    )
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name}": {why}')


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return _copied(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result
