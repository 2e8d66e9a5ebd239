"""What must not have happened in a soak, from all that was seen of it. Pure: an empty list is a good soak."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retrain_api.status.run import FINAL_STATES

Body = Mapping[str, Any]
GROWTH = 1.1
"""How much more memory the operator may take in the last third than in the second."""
ENOUGH = 30
"""Samples of memory below which nothing is said of its growth."""


@dataclass(frozen=True)
class Seen:
    """What there was at the end; of the store also what was seen of it all along."""

    runs: Sequence[Body]
    jobs: Sequence[Body]
    pods: Sequence[Body]
    pointers: Mapping[str, Body]
    """By symbol."""
    models: Mapping[str, str]
    """sha256 of the file at each location that a pointer or a status names; "" where there is none."""
    written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """When each training's result was written, as often as it was seen to differ."""
    memory: Sequence[float] = ()
    """MB of the operator, in the order of time."""


def losses(seen: Seen) -> list[str]:
    """One sentence each."""
    return [*unfinished(seen), *wrongly_promoted(seen), *bad_pointers(seen), *orphans(seen), *twice(seen), *grown(seen)]


def unfinished(seen: Seen) -> Iterator[str]:
    """Runs that have not ended, or of which it is not said."""
    for run in seen.runs:
        status = run.get("status", {})
        finished = {one["type"]: one["status"] for one in status.get("conditions", ())}.get("Finished")
        if status.get("state") not in FINAL_STATES or finished != "True":
            yield f"{name(run)} is {status.get('state')}, Finished {finished}: {status.get('message')}"
        elif status.get("observedGeneration") != run["metadata"]["generation"]:
            yield f"{name(run)} tells of an older spec"


def wrongly_promoted(seen: Seen) -> Iterator[str]:
    """Models that were promoted and did not pass."""
    for run in seen.runs:
        status = run.get("status", {})
        promoted = [model["symbol"] for model in status.get("promotion", {}).get("models", ())]
        if promoted and status["gate"]["verdict"] != "Pass":
            yield f"{name(run)} promoted {', '.join(promoted)} with the verdict {status['gate']['verdict']}"
        if status.get("state") == "Promoted" and not promoted:
            yield f"{name(run)} is Promoted without a model"


def bad_pointers(seen: Seen) -> Iterator[str]:
    """Pointers and promotions to files that are not there, or to other bytes; promotions that no pointer keeps."""
    named = {
        model["uri"] for run in seen.runs for model in run.get("status", {}).get("promotion", {}).get("models", ())
    }
    for symbol, pointer in seen.pointers.items():
        model = pointer["model"]
        if seen.models.get(model["uri"]) != model["sha256"]:
            yield f"the pointer of {symbol} names {model['uri']}, whose bytes are not those it says"
        if model["uri"] not in named:
            yield f"the pointer of {symbol} names {model['uri']}, which no run promoted"
    yield from (f"{uri} was promoted and is not there" for uri in sorted(named) if not seen.models.get(uri))


def orphans(seen: Seen) -> Iterator[str]:
    """Jobs of runs that are gone, pods of Jobs that are gone, and pods that still run."""
    runs = {run["metadata"]["uid"] for run in seen.runs}
    jobs = {job["metadata"]["uid"] for job in seen.jobs}
    yield from (f"Job {name(job)} has no run" for job in seen.jobs if not owners(job) & runs)
    yield from (f"pod {name(pod)} has no Job" for pod in seen.pods if not owners(pod) & jobs)
    for pod in seen.pods:
        if pod["status"]["phase"] in ("Running", "Pending"):
            yield f"pod {name(pod)} is {pod['status']['phase']} after its run's end"


def twice(seen: Seen) -> Iterator[str]:
    """Trainings whose result was written more than once."""
    for place, moments in sorted(seen.written.items()):
        if len(moments) > 1:
            yield f"{place} was written {len(moments)} times"


def grown(seen: Seen) -> Iterator[str]:
    """Memory that grows from the second third to the last."""
    third = len(seen.memory) // 3
    if len(seen.memory) < ENOUGH:
        return
    before, after = statistics.median(seen.memory[third:-third]), statistics.median(seen.memory[-third:])
    if after > GROWTH * before:
        yield f"the operator took {before:.0f} MB in the second third and {after:.0f} MB in the last"


def owners(body: Body) -> set[str]:
    """Uids."""
    return {str(one["uid"]) for one in body["metadata"].get("ownerReferences", ())}


def name(body: Body) -> str:
    """For a person."""
    return str(body["metadata"]["name"])
