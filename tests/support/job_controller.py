"""What the Job controller of Kubernetes 1.34 does with a Job and its pods, as far as our Jobs go. Pure, one sync at a time.

The bodies are never changed in place. `tests/api/test_job_controller.py` puts the same scenarios through this and through
the real controller, and compares what both write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from support.pod_status import condition, find, timestamp

Body = Mapping[str, Any]

INDEX = "batch.kubernetes.io/job-completion-index"
TRACKING = "batch.kubernetes.io/job-tracking"
_FAILURES = "batch.kubernetes.io/job-index-failure-count"
_IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=10), timedelta(minutes=10)


@dataclass(frozen=True)
class Synced:
    """What one sync asks for: the Job's status, pods to create and delete, and pods that are counted and may go.

    `next_pod_at`: when the next pod may be made that waits for its back-off now.
    """

    status: dict[str, Any]
    create: tuple[dict[str, Any], ...] = ()
    delete: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    next_pod_at: datetime | None = None


def sync(job: Body, pods: Sequence[Body], now: datetime) -> Synced:
    """One sync of a Job with the pods that it controls."""
    status = dict(job.get("status", {}))
    if is_finished(job):
        return Synced(status, release=tuple(_name(pod) for pod in pods if _tracked(pod)))
    it = _Sync(job, pods, now)
    if "startTime" not in status and not it.suspended:
        status["startTime"] = timestamp(now)
    end = it.end()
    if end is not None:
        delete, create, next_pod_at = it.active, (), None
    else:
        delete, create, next_pod_at = it.manage()
        kept = len(it.active) - len(delete) + len(create)
        if len(it.succeeded) >= it.completions and not kept:
            end = it.condition("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods")
        elif not it.going:
            status |= it.suspension(status)
    counted = [pod for pod in it.pods if _tracked(pod) and it.may_go(pod, end)]
    status |= it.counters(status, delete, create, counted, end)
    status |= it.ending(status, end)
    # Pods of a Job that is suspended may go uncounted.
    release = [*counted, *(pod for pod in delete if pod not in counted)]
    return Synced(status, create, *(tuple(map(_name, some)) for some in (delete, release)), next_pod_at)


def is_finished(job: Body) -> bool:
    """Whether the Job is Complete or Failed."""
    return any(find(job.get("status", {}), kind) for kind in ("Complete", "Failed"))


def is_active(pod: Body) -> bool:
    """Whether the pod has not ended and nobody asked it to."""
    return not has_ended(pod) and "deletionTimestamp" not in pod["metadata"]


def has_ended(pod: Body) -> bool:
    """Whether the pod succeeded or failed."""
    return pod["status"]["phase"] in ("Succeeded", "Failed")


@dataclass(frozen=True)
class _Sync:
    """A Job that is not finished, and what follows from it."""

    job: Body
    pods: Sequence[Body]
    now: datetime

    @property
    def spec(self) -> Body:
        spec: Body = self.job["spec"]
        return spec

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend"))

    @property
    def going(self) -> bool:
        return "deletionTimestamp" in self.job["metadata"]

    @property
    def completions(self) -> int:
        return int(self.spec.get("completions", 1))

    @property
    def indexed(self) -> bool:
        return self.spec.get("completionMode") == "Indexed"

    @cached_property
    def active(self) -> tuple[Body, ...]:
        return tuple(pod for pod in self.pods if is_active(pod))

    @cached_property
    def terminating(self) -> tuple[Body, ...]:
        return tuple(pod for pod in self.pods if not has_ended(pod) and not is_active(pod))

    @cached_property
    def succeeded(self) -> Collection[Any]:
        """Indexes that succeeded or, of a Job without them, as many things as pods that did."""
        ended = [pod for pod in self.pods if pod["status"]["phase"] == "Succeeded"]
        status = self.job.get("status", {})
        if self.indexed:
            return indexes(status.get("completedIndexes", "")) | {index_of(pod) for pod in ended}
        return range(status.get("succeeded", 0) + sum(map(_tracked, ended)))

    @cached_property
    def failed(self) -> list[Body]:
        return [pod for pod in self.pods if pod["status"]["phase"] == "Failed"]

    @cached_property
    def failed_indexes(self) -> frozenset[int]:
        known = indexes(self.job.get("status", {}).get("failedIndexes", ""))
        return known | {index_of(pod) for pod in self.failed if self.fails_index(pod)}

    def fails_index(self, pod: Body) -> bool:
        """Whether the pod's failure is the last that its index may have."""
        action, counted, _ = self.rule(pod)
        within = _annotation(pod, _FAILURES) < self.spec["backoffLimitPerIndex"]
        return action == "FailIndex" or (counted and not within)

    def condition(self, kind: str, reason: str, message: str) -> dict[str, Any]:
        return condition(kind, True, timestamp(self.now), reason, message) | {"lastProbeTime": timestamp(self.now)}

    def rule(self, pod: Body) -> tuple[str, bool, str]:
        """The failure policy's action for a pod, whether the failure counts, and the sentence about it."""
        for number, rule in enumerate(self.spec.get("podFailurePolicy", {}).get("rules", ())):
            matched = _match(rule, pod)
            if matched:
                action = rule["action"]
                return action, action != "Ignore", f"{matched} matching {action} rule at index {number}"
        return "", True, ""

    def end(self) -> dict[str, Any] | None:
        """The condition that ends the Job, as it stands or as it is found now."""
        status = self.job.get("status", {})
        known = find(status, "SuccessCriteriaMet") or find(status, "FailureTarget")
        if known is not None:
            return dict(known)
        why = next(filter(None, (self._policy(), self._backoff(), self._deadline(), self._indexes())), None)
        return self.condition("FailureTarget", *why) if why else None

    def _policy(self) -> tuple[str, str] | None:
        found = (message for action, _, message in map(self.rule, self.failed) if action == "FailJob")
        message = next(found, None)
        return ("PodFailurePolicy", message) if message else None

    def _backoff(self) -> tuple[str, str] | None:
        new = sum(self.rule(pod)[1] for pod in self.failed if _tracked(pod))
        over = self.job.get("status", {}).get("failed", 0) + new > self._limit
        return ("BackoffLimitExceeded", "Job has reached the specified backoff limit") if over else None

    @property
    def _limit(self) -> float:
        return float(self.spec.get("backoffLimit", float("inf") if "backoffLimitPerIndex" in self.spec else 6))

    def _deadline(self) -> tuple[str, str] | None:
        over = self.deadline is not None and self.now >= self.deadline
        return ("DeadlineExceeded", "Job was active longer than specified deadline") if over else None

    @property
    def deadline(self) -> datetime | None:
        seconds, started = self.spec.get("activeDeadlineSeconds"), self.job.get("status", {}).get("startTime")
        if seconds is None or started is None or self.suspended:
            return None
        return datetime.fromisoformat(started) + timedelta(seconds=seconds)

    def _indexes(self) -> tuple[str, str] | None:
        if "backoffLimitPerIndex" not in self.spec or not self.failed_indexes:
            return None
        if len(self.failed_indexes) > self.spec.get("maxFailedIndexes", self.completions):
            reason = "MaxFailedIndexesExceeded"
            return reason, "Job has exceeded the specified maximal number of failed indexes"
        over = len(self.failed_indexes) + len(self.succeeded) >= self.completions
        return ("FailedIndexes", "Job has failed indexes") if over else None

    def manage(self) -> tuple[tuple[Body, ...], tuple[dict[str, Any], ...], datetime | None]:
        """Pods to delete and to create, and when the next one is due."""
        if self.going:
            return (), (), None
        if self.suspended:
            return self.active, (), None
        wanted = min(self.completions - len(self.succeeded), self.spec.get("parallelism", 1))
        room = max(wanted - len(self.active) - len(self.terminating), 0)
        due = [(index, self.due(index)) for index in self.pending()[:room]]
        create = tuple(self.pod(index) for index, at in due if at is None or at <= self.now)
        return (), create, min((at for _, at in due if at is not None and at > self.now), default=None)

    def pending(self) -> list[int | None]:
        """The indexes that lack a pod; None for each pod of a Job without indexes."""
        if not self.indexed:
            return [None] * self.completions
        busy = {index_of(pod) for pod in (*self.active, *self.terminating)} | set(self.succeeded)
        lost = self.failed_indexes if "backoffLimitPerIndex" in self.spec else ()
        return [index for index in range(self.completions) if index not in busy and index not in lost]

    def due(self, index: int | None) -> datetime | None:
        """When the next pod may be made: 10 s after a failure, twice as long after each further one, counted or not."""
        failed = [pod for pod in self.failed if index is None or index_of(pod) == index]
        if not failed:
            return None
        waits = min(_FIRST_BACKOFF * 2 ** min(len(failed) - 1, 10), _LONGEST_BACKOFF)
        return max(map(_end_of, failed)) + waits

    def pod(self, index: int | None) -> dict[str, Any]:
        """A new pod, without what the API server fills in."""
        meta, template = self.job["metadata"], self.spec["template"]
        of = template.get("metadata", {})
        labels = {"batch.kubernetes.io/job-name": meta["name"], "batch.kubernetes.io/controller-uid": meta["uid"]}
        notes = dict(of.get("annotations", {}))
        if index is not None:
            labels[INDEX] = notes[INDEX] = str(index)
            notes |= self.failure_counts(index) if "backoffLimitPerIndex" in self.spec else {}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
        name = meta["name"] if index is None else f"{meta['name']}-{index}"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": f"{name}-",
                "namespace": meta["namespace"],
                "labels": {**of.get("labels", {}), **labels},
                **({"annotations": notes} if notes else {}),
                "finalizers": [TRACKING],
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }

    def failure_counts(self, index: int) -> dict[str, str]:
        """How often the index has failed: the pod that is replaced knows of those before it."""
        before = [pod for pod in self.failed if index_of(pod) == index]
        counted = sum(self.rule(pod)[1] for pod in before)
        ignored = len(before) - counted
        return {_FAILURES: str(counted)} | ({_IGNORED: str(ignored)} if ignored else {})

    def suspension(self, status: Body) -> dict[str, Any]:
        """The condition that says whether the Job is suspended; a Job that goes on starts anew."""
        known = find(status, "Suspended")
        if self.suspended == (known is not None):
            return {}
        others = [one for one in status.get("conditions", ()) if one["type"] != "Suspended"]
        reason, message = ("JobSuspended", "Job suspended") if self.suspended else ("JobResumed", "Job resumed")
        one = self.condition("Suspended", reason, message) | {"status": str(self.suspended)}
        started = {} if self.suspended else {"startTime": timestamp(self.now)}
        return {"conditions": [*others, one], **started}

    def may_go(self, pod: Body, end: Body | None) -> bool:
        """Whether the pod needs to be kept no longer for counting it."""
        if self.going or end is not None or pod["status"]["phase"] == "Succeeded":
            return True
        if pod["status"]["phase"] != "Failed":
            return False
        last = [one for one in self.failed if index_of(one) == index_of(pod)][-1]
        held = self.indexed and "backoffLimitPerIndex" in self.spec and pod is last
        return not held or index_of(pod) in self.failed_indexes

    def counters(
        self,
        status: Body,
        delete: Collection[Body],
        create: Collection[Body],
        counted: Iterable[Body],
        end: Body | None,
    ) -> dict[str, Any]:
        """How many pods there are of each sort. A Job that fails counts all of its pods that have not succeeded."""
        fails = end is not None and end["type"] == "FailureTarget"
        new = [pod for pod in counted if pod["status"]["phase"] == "Failed" or (fails and not has_ended(pod))]
        deleted = {_name(pod) for pod in delete}
        ready = [pod for pod in self.active if find(pod["status"], "Ready") and _name(pod) not in deleted]
        counts = {
            "active": len(self.active) - len(delete) + len(create),
            "ready": len(ready),
            "terminating": len(self.terminating) + len(delete),
            "succeeded": len(self.succeeded),
            "failed": status.get("failed", 0) + sum(self.rule(pod)[1] for pod in new),
            "uncountedTerminatedPods": {},
        }
        if self.indexed:
            counts["completedIndexes"] = spans(self.succeeded)
        if "backoffLimitPerIndex" in self.spec:
            counts["failedIndexes"] = spans(self.failed_indexes)
        return counts

    def ending(self, status: Body, end: Body | None) -> dict[str, Any]:
        """The condition that ends the Job and, once no pod is left that still ends, the one that says so for good."""
        if end is None:
            return {}
        conditions = list(status.get("conditions", ()))
        if not find(status, end["type"]):
            conditions.append(end)
        if status["terminating"]:
            return {"conditions": conditions}
        final = "Complete" if end["type"] == "SuccessCriteriaMet" else "Failed"
        conditions.append(self.condition(final, end["reason"], end["message"]))
        done = {"completionTime": timestamp(self.now)} if final == "Complete" else {}
        return {"conditions": conditions, **done}


def _match(rule: Body, pod: Body) -> str:
    """What of the pod a rule of the failure policy matches, in words; empty where it matches nothing."""
    meta = pod["metadata"]
    who = f"{meta['namespace']}/{meta['name']}"
    codes = rule.get("onExitCodes")
    for one in pod["status"].get("containerStatuses", ()) if codes else ():
        code = one["state"].get("terminated", {}).get("exitCode", 0)
        named = codes.get("containerName") in (None, one["name"])
        if code and named and (code in codes["values"]) == (codes["operator"] == "In"):
            return f"Container {one['name']} for pod {who} failed with exit code {code}"
    for wanted in rule.get("onPodConditions", ()):
        found = find(pod["status"], wanted["type"], wanted.get("status", "True"))
        if found:
            return f"Pod {who} has condition {wanted['type']}"
    return ""


def index_of(pod: Body) -> int:
    """The pod's completion index; 0 for a pod of a Job without indexes."""
    return _annotation(pod, INDEX)


def _annotation(pod: Body, name: str) -> int:
    return int(pod["metadata"].get("annotations", {}).get(name, 0))


def _end_of(pod: Body) -> datetime:
    ends = [one["state"].get("terminated", {}).get("finishedAt") for one in pod["status"].get("containerStatuses", ())]
    times = [*filter(None, ends), pod["metadata"]["creationTimestamp"]]
    return datetime.fromisoformat(times[0])


def _tracked(pod: Body) -> bool:
    return TRACKING in pod["metadata"].get("finalizers", ())


def _name(pod: Body) -> str:
    return str(pod["metadata"]["name"])


def indexes(text: str) -> frozenset[int]:
    """ "0,2-3" as {0, 2, 3}."""
    parts = [part.split("-") for part in text.split(",") if part]
    return frozenset(index for part in parts for index in range(int(part[0]), int(part[-1]) + 1))


def spans(found: Iterable[int]) -> str:
    """{0, 2, 3} as "0,2-3"; of two in a row both are named, as the real controller does it: "2,3"."""
    rows: list[list[int]] = []
    for index in sorted(found):
        if rows and rows[-1][-1] == index - 1:
            rows[-1].append(index)
        else:
            rows.append([index])
    return ",".join(f"{row[0]}-{row[-1]}" if len(row) > 2 else ",".join(map(str, row)) for row in rows)
