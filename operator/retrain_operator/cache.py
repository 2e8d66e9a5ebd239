"""What the cluster was last seen to hold, indexed by run. Fed by watches, lists and the answers to our own writes.

Of two versions of an object the newer one stays, whichever arrives first, so the sources need no order among them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from retrain_api.names import GROUP, KIND, VERSION
from retrain_api.status import Progress

from .observe import Note, observe
from .observed import Observed, Refusal
from .paths import Kind
from .seen import SeenJob, SeenPod, seen_job, seen_pod

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a run."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run as JSON text: as Python objects, a thousand of them would take five times the memory."""

    uid: str
    version: str
    text: bytes
    state: str = "Pending"
    since: str = ""
    """When anything in its conditions changed last, as the API writes times."""

    @property
    def body(self) -> dict[str, Any]:
        """The run as a mapping, the caller's own."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def seen_run(body: Mapping[str, Any]) -> SeenRun:
    """What is kept of a run: all but what other writers noted in its metadata."""
    meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    notes = {name: value for name, value in meta.get("annotations", {}).items() if name != _LAST_APPLIED}
    kept = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, **body, "metadata": meta | {"annotations": notes}}
    text = json.dumps(kept, separators=(",", ":")).encode()
    status = body.get("status") or {}
    times = [one.get("lastTransitionTime", "") for one in status.get("conditions", [])]
    since = max(times, default="") or meta.get("creationTimestamp") or ""
    return SeenRun(meta["uid"], meta["resourceVersion"], text, status.get("state") or "Pending", since)


@dataclass
class Cache:
    """All runs, Jobs and pods. `progress` is by Job, `notes` by Job or pod, `refused` by run and Job name.

    `begun` counts each Job's pods that were seen to run, also those that are gone.
    """

    runs: dict[Key, SeenRun] = field(default_factory=dict)
    jobs: dict[str, SeenJob] = field(default_factory=dict)
    pods: dict[str, SeenPod] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    refused: dict[str, dict[str, Refusal]] = field(default_factory=dict)
    begun: Counter[str] = field(default_factory=Counter)
    _keys: dict[str, Key] = field(default_factory=dict)
    _jobs_of: dict[str, set[str]] = field(default_factory=dict)
    _pods_of: dict[str, set[str]] = field(default_factory=dict)

    def put(self, kind: Kind, body: Mapping[str, Any]) -> Key | None:
        """Remember an object. The run that needs a look, or None where nothing is new."""
        if kind == "runs":
            return self._put_run(body)
        seen = seen_job(body) if kind == "jobs" else seen_pod(body)
        if seen is None or not _newer(seen.version, self.version(kind, seen.uid)):
            return None
        if isinstance(seen, SeenJob):
            self.jobs[seen.uid] = seen
            self._jobs_of.setdefault(seen.owner, set()).add(seen.uid)
            return self._keys.get(seen.owner)
        self._count(self.pods.get(seen.uid), seen)
        self.pods[seen.uid] = seen
        self._pods_of.setdefault(seen.job_uid, set()).add(seen.uid)
        return self._key_of_job(seen.job_uid)

    def drop(self, kind: Kind, uid: str, version: str | None = None) -> Key | None:
        """Forget an object, unless a version newer than `version` is known. The run that needs a look."""
        known = self.version(kind, uid)
        if known is None or (version is not None and int(known) > int(version)):
            return None
        if kind == "runs":
            return self._drop_run(uid)
        self.notes.pop(uid, None)
        if kind == "jobs":
            job = self.jobs.pop(uid)
            self.progress.pop(uid, None)
            self.begun.pop(uid, None)
            _take_out(self._jobs_of, job.owner, uid)
            return self._keys.get(job.owner)
        pod = self.pods.pop(uid)
        _take_out(self._pods_of, pod.job_uid, uid)
        return self._key_of_job(pod.job_uid)

    def versions(self, kind: Kind) -> dict[str, str]:
        """resourceVersion of every object of a kind, by UID."""
        if kind == "runs":
            return {run.uid: run.version for run in self.runs.values()}
        seen: Iterable[SeenJob | SeenPod] = self.jobs.values() if kind == "jobs" else self.pods.values()
        return {one.uid: one.version for one in seen}

    def observed(self, run_uid: str) -> Observed:
        """All that is known of a run's Jobs."""
        refused = self.refused.get(run_uid, {})
        return observe(self.jobs_of(run_uid), self.pods_of, self.notes, self.progress, refused.values(), self.begun)

    def jobs_of(self, run_uid: str) -> list[SeenJob]:
        """The Jobs that a run owns."""
        return [self.jobs[uid] for uid in self._jobs_of.get(run_uid, ())]

    def pods_of(self, job_uid: str) -> list[SeenPod]:
        """The pods of a Job."""
        return [self.pods[uid] for uid in self._pods_of.get(job_uid, ())]

    def key_of(self, run_uid: str) -> Key | None:
        """Namespace and name of the run with that UID."""
        return self._keys.get(run_uid)

    def refuse(self, run_uid: str, refusal: Refusal) -> None:
        """Remember that a Job was not created; of several refusals of one Job the first one's time stays."""
        named = self.refused.setdefault(run_uid, {})
        before = named.get(refusal.name)
        named[refusal.name] = refusal if before is None else _since(refusal, before)

    def admit(self, run_uid: str, name: str) -> None:
        """Forget that a Job was refused: it is there now."""
        self.refused.get(run_uid, {}).pop(name, None)

    def _count(self, before: SeenPod | None, now: SeenPod) -> None:
        if now.pod.phase != "Pending" and (before is None or before.pod.phase == "Pending"):
            self.begun[now.job_uid] += 1

    def in_states(self) -> dict[str, list[str]]:
        """Of each state that a run is in: since when, of each such run."""
        found: dict[str, list[str]] = {}
        for run in self.runs.values():
            found.setdefault(run.state, []).append(run.since)
        return found

    def _put_run(self, body: Mapping[str, Any]) -> Key | None:
        meta = body["metadata"]
        key = (meta["namespace"], meta["name"])
        before = self.runs.get(key)
        if before is not None and not _newer(meta["resourceVersion"], before.version):
            return None
        if before is not None and before.uid != meta["uid"]:
            self._drop_run(before.uid)
        self.runs[key] = seen_run(body)
        self._keys[meta["uid"]] = key
        return key

    def _drop_run(self, uid: str) -> Key | None:
        key = self._keys.pop(uid, None)
        self.refused.pop(uid, None)
        if key is not None and key in self.runs and self.runs[key].uid == uid:
            del self.runs[key]
        return key

    def version(self, kind: Kind, uid: str) -> str | None:
        """resourceVersion of an object as it is known."""
        if kind == "runs":
            key = self._keys.get(uid)
            return self.runs[key].version if key is not None else None
        seen = self.jobs.get(uid) if kind == "jobs" else self.pods.get(uid)
        return seen.version if seen is not None else None

    def _key_of_job(self, job_uid: str) -> Key | None:
        job = self.jobs.get(job_uid)
        return self._keys.get(job.owner) if job is not None else None


def _newer(version: str, known: str | None) -> bool:
    """etcd's revisions are numbers that grow; Kubernetes promises as much of resourceVersions since 1.35."""
    return known is None or int(version) > int(known)


def _since(refusal: Refusal, before: Refusal) -> Refusal:
    return Refusal(refusal.name, refusal.reason, refusal.message, refusal.lasting, before.since)


def _take_out(index: dict[str, set[str]], owner: str, uid: str) -> None:
    members = index.get(owner, set())
    members.discard(uid)
    if not members:
        index.pop(owner, None)
