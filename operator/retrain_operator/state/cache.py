"""The operator's memory of the cluster, indexed by run.

Watches, lists and the answers to our own writes all put objects in here, in any order: of two versions of an object
the newer one stays, whichever arrives first, and what is gone does not come back. Decisions read from here alone.
Without the cache every reconcile would list Jobs and pods at the API server, and an answer to an older list could undo
what a write had just told us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from retrain_api.status.lateness import Late
from retrain_api.status.progress import Progress

from .gone import Gone
from .news import News
from .observe import observe, state_of
from .promoted import Promoted
from .schedule_view import ScheduleView
from .schedules import ScheduleKey, Schedules
from .snapshot import JobSnapshot, Kind, Note, PodSnapshot
from .stored import RunSnapshot, ScheduleSnapshot, child_run
from .view import Refusal, RunView

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a run."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

AnyKey: TypeAlias = Key | ScheduleKey


@dataclass
class Cache:
    """All schedules, runs, Jobs and pods.

    `progress` goes by the UID of a Job, `notes` by that of a Job or pod, `refused` by that of a run and the name of a
    Job, or that of a schedule and the name of a run or Job. `pods_started` counts the pods of each Job that were seen running, including those that are gone.
    `detail` is called with a run or schedule of which only a detail is new: no Job of it is in another state.
    """

    schedules: Schedules = field(default_factory=Schedules)
    runs: dict[Key, RunSnapshot] = field(default_factory=dict)
    jobs: dict[str, JobSnapshot] = field(default_factory=dict)
    pods: dict[str, PodSnapshot] = field(default_factory=dict)
    progress: dict[str, Progress | Late] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    refused: dict[str, dict[str, Refusal]] = field(default_factory=dict)
    pods_started: Counter[str] = field(default_factory=Counter)
    detail: Callable[[AnyKey], None] = lambda key: None
    _gone: Gone = field(default_factory=Gone)
    _keys: dict[str, Key] = field(default_factory=dict)
    _jobs_of: dict[str, set[str]] = field(default_factory=dict)
    _pods_of: dict[str, set[str]] = field(default_factory=dict)

    def put(self, kind: Kind, body: Mapping[str, Any]) -> AnyKey | None:
        """Remember an object. Returns the run or schedule to reconcile, or None where nothing is new, or a detail alone."""
        meta = body["metadata"]
        return self.learn(News.of(kind, body)) if self.is_news(kind, meta["uid"], meta["resourceVersion"]) else None

    def learn(self, news: News) -> AnyKey | None:
        """Remember what is told of an object; returns what `put` and `drop` return."""
        if news.gone:
            return self.drop(news.kind, news.uid, news.version)
        snapshot = news.snapshot
        if snapshot is None or not self.is_news(news.kind, news.uid, news.version):
            return None
        if isinstance(snapshot, ScheduleSnapshot):
            return self._put_schedule(snapshot)
        if isinstance(snapshot, RunSnapshot):
            return self._put_run(snapshot)
        job = snapshot.uid if isinstance(snapshot, JobSnapshot) else snapshot.job_uid
        before, tells_more = self._state_of(job), self._remember(snapshot)
        key = self._key_of_job(job) if tells_more else None
        if key is not None and self._state_of(job) == before:
            self.detail(key)
            return None
        return key

    def _remember(self, snapshot: JobSnapshot | PodSnapshot) -> bool:
        """Whether it differs in more than its version from what was known."""
        known: JobSnapshot | PodSnapshot | None
        if isinstance(snapshot, JobSnapshot):
            known = self.jobs.get(snapshot.uid)
            self.jobs[snapshot.uid] = snapshot
            self._jobs_of.setdefault(snapshot.owner, set()).add(snapshot.uid)
        else:
            known = self.pods.get(snapshot.uid)
            self._count_started(known, snapshot)
            self.pods[snapshot.uid] = snapshot
            self._pods_of.setdefault(snapshot.job_uid, set()).add(snapshot.uid)
        return known is None or replace(known, version=snapshot.version) != snapshot

    def _state_of(self, job_uid: str) -> str | None:
        """The state of a Job; None where none is known."""
        job = self.jobs.get(job_uid)
        return state_of(job, self.pods_of(job_uid)) if job is not None else None

    def drop(self, kind: Kind, uid: str, version: str | None = None) -> AnyKey | None:
        """Forget an object that was gone at `version`, unless a newer one is known; without a version, one that is gone
        for good. Older news of it that arrive later are ignored. Returns the run or schedule to reconcile.
        """
        known = self.version(kind, uid)
        if known is not None and version is not None and int(known) > int(version):
            return None
        self._gone.add(uid, version)
        if known is None:
            return None
        if kind == "schedules":
            self.refused.pop(uid, None)
            return self.schedules.drop(uid)
        if kind == "runs":
            return self._drop_run(uid)
        self.notes.pop(uid, None)
        if kind == "jobs":
            job = self.jobs.pop(uid)
            self.progress.pop(uid, None)
            self.pods_started.pop(uid, None)
            _remove(self._jobs_of, job.owner, uid)
            return self._owner_of(job)
        pod = self.pods.pop(uid)
        _remove(self._pods_of, pod.job_uid, uid)
        return self._key_of_job(pod.job_uid)

    def is_news(self, kind: Kind, uid: str, version: str) -> bool:
        """Whether this version of an object is newer than all that is known of it."""
        return not self._gone.covers(uid, version) and _newer(version, self.version(kind, uid))

    def versions(self, kind: Kind) -> dict[str, str]:
        """resourceVersion of every object of a kind, by UID."""
        if kind == "schedules":
            return {one.uid: one.version for one in self.schedules.known.values()}
        if kind == "runs":
            return {run.uid: run.version for run in self.runs.values()}
        snapshots: Iterable[JobSnapshot | PodSnapshot] = self.jobs.values() if kind == "jobs" else self.pods.values()
        return {one.uid: one.version for one in snapshots}

    def view(self, run_uid: str) -> RunView:
        """Everything that is known of the Jobs of a run, or of a schedule."""
        refused = self.refused.get(run_uid, {}).values()
        return observe(self.jobs_of(run_uid), self.pods_of, self.notes, self.progress, refused, self.pods_started)

    def schedule_view(self, key: ScheduleKey, names: Iterable[str] = ()) -> ScheduleView:
        """Everything that is known of a schedule's runs, oldest first, of those that have one of these names, and of its Jobs."""
        schedule = self.schedules.known.get(key)
        if schedule is None:
            return ScheduleView()
        held = (self.runs.get((key.namespace, name)) for name in names)
        theirs = self.schedules.runs_of(key)
        uids = theirs | {run.uid for run in held if run is not None}
        children = [
            child_run(self.runs[self._keys[uid]], self._controls(schedule.uid, uid), uid not in theirs) for uid in uids
        ]
        children.sort(key=lambda run: (run.created or _LONG_AGO, run.name))
        own = self.view(schedule.uid)
        return ScheduleView(tuple(children), own.refused, own.jobs)

    def _controls(self, schedule_uid: str, run_uid: str) -> bool:
        return self.runs[self._keys[run_uid]].owner == schedule_uid

    def jobs_of(self, run_uid: str) -> list[JobSnapshot]:
        """The Jobs that a run or a schedule owns."""
        return [self.jobs[uid] for uid in self._jobs_of.get(run_uid, ())]

    def pods_of(self, job_uid: str) -> list[PodSnapshot]:
        """The pods of a Job."""
        return [self.pods[uid] for uid in self._pods_of.get(job_uid, ())]

    def key_of(self, run_uid: str) -> Key | None:
        """Namespace and name of the run with this UID."""
        return self._keys.get(run_uid)

    def refuse(self, run_uid: str, refusal: Refusal) -> None:
        """Remember that a Job of a run, or a run of a schedule, was not created. Of several refusals of one Job the time of the first one is kept."""
        if run_uid in self._gone:
            return
        named = self.refused.setdefault(run_uid, {})
        before = named.get(refusal.name)
        named[refusal.name] = refusal if before is None else _since(refusal, before)

    def admit(self, run_uid: str, name: str) -> None:
        """Forget that it was refused: it exists now."""
        self.refused.get(run_uid, {}).pop(name, None)

    def note(self, uid: str, note: Note) -> None:
        """Remember what an event says about a Job or a pod, unless that is gone by now."""
        if uid in self.jobs or uid in self.pods:
            self.notes[uid] = note

    def reached(self, job_uid: str, progress: Progress | Late) -> None:
        """Remember what the log of a Job said last, unless that is gone by now."""
        if job_uid in self.jobs:
            self.progress[job_uid] = progress

    def _count_started(self, before: PodSnapshot | None, now: PodSnapshot) -> None:
        if now.job_uid in self._gone and now.job_uid not in self.jobs:
            return
        if now.pod.phase != "Pending" and (before is None or before.pod.phase == "Pending"):
            self.pods_started[now.job_uid] += 1

    def in_states(self) -> dict[str, list[str]]:
        """For each state, the times since when the runs in it have been standing still."""
        found: dict[str, list[str]] = {}
        for run in self.runs.values():
            found.setdefault(run.state, []).append(run.since)
        return found

    def waiting_since(self) -> list[str]:
        """The times since when the runs that are held up have been standing still."""
        return [run.since for run in self.runs.values() if run.held_up]

    def promoted(self) -> list[Promoted]:
        """The promoted models of each run that observes them."""
        return [run.promoted for run in self.runs.values() if run.promoted is not None]

    def _put_run(self, run: RunSnapshot) -> Key | None:
        key = (run.namespace, run.name)
        before = self.runs.get(key)
        if before is not None and not _newer(run.version, before.version):
            return None
        if before is not None and before.uid != run.uid:
            # Names are unique: the one is gone since the other was created.
            self._gone.add(before.uid)
            self._drop_run(before.uid)
            before = None
        self.runs[key] = run
        self._keys[run.uid] = key
        self.schedules.run_changed(key[0], before, run)
        return key

    def _put_schedule(self, schedule: ScheduleSnapshot) -> ScheduleKey | None:
        key = ScheduleKey(schedule.namespace, schedule.name)
        before = self.schedules.known.get(key)
        if before is not None and not _newer(schedule.version, before.version):
            return None
        if before is not None and before.uid != schedule.uid:
            self._gone.add(before.uid)
            self.refused.pop(before.uid, None)
            self.schedules.drop(before.uid)
        self.schedules.put(key, schedule)
        return key

    def _drop_run(self, uid: str) -> Key | None:
        key = self._keys.pop(uid, None)
        self.refused.pop(uid, None)
        if key is not None and key in self.runs and self.runs[key].uid == uid:
            self.schedules.run_changed(key[0], self.runs.pop(key), None)
            self._name_is_free(key)
        return key

    def _name_is_free(self, key: Key) -> None:
        """A schedule that is about to use this name, or was refused it, may have it now."""
        for schedule, snapshot in self.schedules.known.items():
            if schedule.namespace == key[0]:
                refused = self.refused.get(snapshot.uid, {}).pop(key[1], None)
                if refused is not None or snapshot.pending == key[1]:
                    self.schedules.concerned(schedule)

    def version(self, kind: Kind, uid: str) -> str | None:
        """The resourceVersion that is known of an object, or None."""
        if kind == "schedules":
            return self.schedules.version(uid)
        if kind == "runs":
            key = self._keys.get(uid)
            return self.runs[key].version if key is not None else None
        snapshot = self.jobs.get(uid) if kind == "jobs" else self.pods.get(uid)
        return snapshot.version if snapshot is not None else None

    def _key_of_job(self, job_uid: str) -> AnyKey | None:
        job = self.jobs.get(job_uid)
        return self._owner_of(job) if job is not None else None

    def _owner_of(self, job: JobSnapshot) -> AnyKey | None:
        """The run or schedule that a Job belongs to."""
        return self._keys.get(job.owner) or self.schedules.key_of(job.owner)


def _newer(version: str, known: str | None) -> bool:
    """resourceVersions are etcd's revisions, numbers that grow; since 1.35 Kubernetes promises that they compare."""
    return known is None or int(version) > int(known)


def _since(refusal: Refusal, before: Refusal) -> Refusal:
    return Refusal(refusal.name, refusal.reason, refusal.message, refusal.lasting, before.since)


def _remove(index: dict[str, set[str]], owner: str, uid: str) -> None:
    members = index.get(owner, set())
    members.discard(uid)
    if not members:
        index.pop(owner, None)
