"""Which run is made now: that of the slot that is due, else that of a person's trigger; one at a time, and what stands in its way.

The run's name is written into the status before the run is created. Whatever happens between (the operator dies, an answer is
lost) the next plan finds either the run, by its name and owner, or the slot still without one; so it is made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retrain_api.names import slot_run, triggered_run
from retrain_api.status.schedule import PendingRun
from retrain_api.wire import timestamp
from retrain_operator.manifests.runs import slot_manifest

from .children import busy, made_for, slot_of
from .context import Context, read_time
from .hindrances import may_ask

_MEASURED = ("Promoted", "Passed", "Rejected", "AwaitingApproval")
"""States of a run whose models were measured."""


@dataclass(frozen=True)
class Making:
    """The run that is promised and to be created. `trigger` is the token that is acted upon; `behind` is the run that it, or
    what was asked for, waits for. `requeue_at` is when to reconcile again.
    """

    pending: PendingRun | None = None
    create: tuple[dict[str, Any], ...] = ()
    trigger: str | None = None
    behind: str = ""
    requeue_at: datetime | None = None


@dataclass(frozen=True)
class Terms:
    """On which terms runs are made. `may`: whether at all; `approval`: a person must agree to what they promote; `again`: a
    person has just changed something, so what was refused for good is asked for once more.
    """

    may: bool = True
    approval: bool = False
    again: bool = False


def making(context: Context, due: datetime | None, terms: Terms) -> Making:
    """The run to make now."""
    promised = _promised_trigger(context)
    if not terms.may:
        return Making(promised)
    at_work = busy(context.owned)
    token = context.schedule.trigger
    if at_work:
        return Making(promised, behind=at_work[0].name if promised or due or token else "")
    if promised is None and due is not None:
        return _made(context, PendingRun(slot=timestamp(due), name=slot_run(context.name, due)), terms)
    if promised is not None:
        return _made(context, promised, terms)
    return _triggered(context, token, terms) if token else Making()


def _promised_trigger(context: Context) -> PendingRun | None:
    """The run of a trigger that was acted upon and that nobody has seen yet. Of slots, the one that is due is promised anew."""
    pending = context.status.pending
    if pending is None or slot_of(context.name, pending.name) is not None:
        return None
    there = context.view.named(pending.name)
    return None if there is not None and there.owned else pending


def _triggered(context: Context, token: str, terms: Terms) -> Making:
    """The run of a trigger, as of this second."""
    name = triggered_run(context.name, context.now)
    if context.view.named(name) is not None or name in {line.run for line in context.status.recent}:
        return Making(requeue_at=context.now + timedelta(seconds=1))
    made = _made(context, PendingRun(slot=timestamp(context.now), name=name), terms)
    return Making(made.pending, made.create, trigger=token)


def _made(context: Context, pending: PendingRun, terms: Terms) -> Making:
    """A name that something else has is not made, nor taken over."""
    if not may_ask(context, pending.name, terms.again):
        return Making(pending)
    first = _is_first(context)
    manifest = slot_manifest(context.schedule, read_time(pending.slot), pending.name, terms.approval, first)
    return Making(pending, (manifest,))


def _is_first(context: Context) -> bool:
    """Whether replays alone have measured this recipe. They promote nothing, so bars that only they have seen are new to a run that may."""
    found = context.status.walk_forward
    if found is None or not found.slots:
        return False
    proof = max(read_time(entry.slot) for entry in found.slots)
    times = [read_time(line.slot) for line in context.status.recent if line.state in _MEASURED]
    times += [
        time
        for run in context.owned
        if run.status.state in _MEASURED and (time := made_for(context.name, run.name)) is not None
    ]
    return all(time <= proof for time in times)
