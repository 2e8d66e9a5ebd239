"""What the cache keeps of a run: a team's Jobs stay for days, and every byte of them is there a thousand times."""

from __future__ import annotations

import sys
from typing import Any

from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import Node, Replica

MOST = 32_768
"""Bytes of a finished run of three symbols, with its five Jobs and seven pods: 25,500 were counted. With each result as objects
they were 65,000."""


def size(kept: Any, seen: set[int]) -> int:
    """Bytes of an object and of all that it alone refers to."""
    if id(kept) in seen or isinstance(kept, type):
        return 0
    seen.add(id(kept))
    parts: list[Any] = []
    if isinstance(kept, dict):
        parts = [*kept, *kept.values()]
    elif isinstance(kept, list | tuple | set | frozenset):
        parts = list(kept)
    else:
        names = {name for one in type(kept).__mro__ for name in getattr(one, "__slots__", ())}
        parts = [*vars(kept).values()] if hasattr(kept, "__dict__") else []
        parts += [getattr(kept, name) for name in names if hasattr(kept, name)]
    return sys.getsizeof(kept) + sum(size(part, seen) for part in parts)


def test_a_finished_run_takes_little_with_all_its_jobs_and_pods() -> None:
    replica = Replica(FakeCluster())
    replica.api.put(run_document())
    replica.live(Node(replica.api))
    cache = replica.cache
    assert (len(cache.runs), len(cache.jobs), len(cache.pods)) == (1, 5, 7)
    assert size([cache.runs, cache.jobs, cache.pods], set()) < MOST
