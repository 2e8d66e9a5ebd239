"""Which Jobs and pods wait without saying why: only events tell of a quota, a missing volume, a queue. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .seen import SeenJob, SeenPod

PATIENCE = timedelta(seconds=6)
"""A Job usually has its pod within tens of milliseconds, and a volume is mounted within a second or two; where a
hundred runs begin at once pods come seconds late, and asking why would make them later."""


@dataclass(frozen=True)
class Puzzle:
    """Something that waits since `since`."""

    namespace: str
    uid: str
    since: datetime


def puzzles(jobs: Iterable[SeenJob], pods: Callable[[str], Iterable[SeenPod]]) -> Iterator[Puzzle]:
    """Live Jobs without pods, suspended Jobs, and pods that wait for their container without a reason."""
    for job in jobs:
        if job.deleting or job.finished is not None:
            continue
        own = list(pods(job.uid))
        if not own:
            yield Puzzle(job.namespace, job.uid, job.started or job.created)
        for pod in own:
            if pod.pod.phase == "Pending" and pod.node and pod.pod.waiting_reason in (None, "ContainerCreating"):
                yield Puzzle(pod.namespace, pod.uid, pod.created)
