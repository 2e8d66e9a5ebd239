"""Finds the Jobs and pods whose status does not say why they wait.

A quota that is used up, a volume that can't be mounted, a place in a queue: only events tell of these. Reading the
events of everything that waits would be far too many requests, so this picks the few objects worth the question.
Without it a run that no pod is created for would say no more than that it waits to start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from retrain_api import reasons

from .snapshot import JobSnapshot, PodSnapshot

PATIENCE = timedelta(seconds=6)
"""A Job usually has its pod within tens of milliseconds, and a volume is mounted within a second or two. Where a
hundred runs start at once their pods come seconds late, and reading events would delay them further."""


@dataclass(frozen=True)
class Unexplained:
    """A Job or pod that has been waiting since `since`."""

    namespace: str
    uid: str
    since: datetime


def unexplained(jobs: Iterable[JobSnapshot], pods: Callable[[str], Iterable[PodSnapshot]]) -> Iterator[Unexplained]:
    """Live Jobs without pods, suspended Jobs, and pods that wait for their container without a reason.

    `pods` gives the pods of a Job's UID.
    """
    for job in jobs:
        if job.deleting or job.finished is not None:
            continue
        own = list(pods(job.uid))
        if not own:
            yield Unexplained(job.namespace, job.uid, job.started or job.created)
        for pod in own:
            if pod.pod.phase == "Pending" and pod.node and pod.pod.waiting_reason in (None, reasons.CONTAINER_CREATING):
                yield Unexplained(pod.namespace, pod.uid, pod.created)
