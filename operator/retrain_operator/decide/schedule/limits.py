"""Which runs that are over are removed: beyond the limits, and never one that is still needed.

Needed is a run whose model is in service, or goes on being observed: until a look has found that another model stands, the run must be
there to say so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from retrain_api import reasons
from retrain_api.status.run import FINAL_STATES
from retrain_operator.state.effects import Deletion
from retrain_operator.state.schedule_view import ChildRun

from .children import is_observed, is_replay, is_waiting, made_for, promotes
from .context import Context

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def surplus(context: Context, proof: Collection[str]) -> tuple[Deletion, ...]:
    """The runs to delete. `proof` has the names of the replays of the present proof, which are its evidence."""
    ours = sorted(context.owned, key=lambda run: age(context, run), reverse=True)
    served = in_service(ours)
    over = [run for run in ours if run.name not in proof and (_is_over(run) or _superseded(context, run, ours))]
    failed = [run for run in over if run.status.state == "Failed"]
    others = [run for run in over if run.status.state != "Failed"]
    beyond = others[context.spec.runs_history_limit :] + failed[context.spec.failed_runs_history_limit :]
    return tuple(
        Deletion(run.name, run.uid, reasons.HISTORY_LIMIT, "runs")
        for run in beyond
        if run.uid not in served and not is_observed(run) and not run.deleting
    )


def in_service(newest_first: Sequence[ChildRun]) -> frozenset[str]:
    """UIDs of the runs whose models are in service: of each symbol the newest run that promoted one, and the one that did so last.

    They differ where a person approved an older run after a newer one was promoted; a pointer names the model of either.
    """
    newest: dict[str, str] = {}
    for run in newest_first:
        for symbol in promotes(run):
            newest.setdefault(symbol, run.uid)
    return frozenset(newest.values()) | {run.uid for run in last_promoted(newest_first).values()}


def last_promoted(newest_first: Sequence[ChildRun]) -> dict[str, ChildRun]:
    """Of each symbol the run that moved its pointer last: it is the one that observes what the pointer names."""
    found: dict[str, ChildRun] = {}
    for run in sorted(newest_first, key=_promoted_at, reverse=True):
        for symbol in promotes(run):
            found.setdefault(symbol, run)
    return found


def _promoted_at(run: ChildRun) -> str:
    promotion = run.status.promotion
    return (promotion.at or "") if promotion is not None else ""


def _is_over(run: ChildRun) -> bool:
    """In a final state that this release knows: what it can't read it does not remove."""
    return run.status.state in FINAL_STATES


def _superseded(context: Context, run: ChildRun, ours: Sequence[ChildRun]) -> bool:
    """Whether a newer run waits for a person in its place, or has promoted."""
    return is_waiting(run) and any(
        (is_waiting(other) or promotes(other)) and age(context, other) > age(context, run)
        for other in ours
        if not is_replay(context.name, other.name)
    )


def age(context: Context, run: ChildRun) -> tuple[datetime, str]:
    """What runs are ordered by: the time that they were made for. Replays of an earlier proof come last: they take up no run's room."""
    return made_for(context.name, run) or _LONG_AGO, run.name
