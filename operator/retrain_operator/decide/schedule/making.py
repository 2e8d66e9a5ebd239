"""Which run is made now: that of the slot that is due, else that of a person's trigger, else that of a model that decays.

One is made at a time; what is asked for meanwhile waits.

The run's name is written into the status before the run is created. Whatever happens between (the operator dies, an answer is
lost) the next plan finds either the run, by its name and owner, or the slot still without one; so it is made once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from retrain_api.names import decay_run, slot_run, triggered_run
from retrain_api.status.schedule import PendingRun
from retrain_api.wire import timestamp
from retrain_operator.manifests.runs import slot_manifest

from .children import busy, decayed_model, made_for, slot_of
from .context import Context, read_time
from .decaying import Decay, decay
from .hindrances import may_ask

_MEASURED = ("Promoted", "Passed", "Rejected", "AwaitingApproval")
"""States of a run whose models were measured."""


@dataclass(frozen=True)
class Making:
    """The run that is promised and to be created. `trigger` is the token that is acted upon; `behind` is the run that it, or
    what was asked for, waits for; `decays` the symbol whose model asks for one. `decayed` is what is to be remembered of models that
    decayed, None where that is what it was. `requeue_at` is when to reconcile again.
    """

    pending: PendingRun | None = None
    create: tuple[dict[str, Any], ...] = ()
    trigger: str | None = None
    behind: str = ""
    decays: str = ""
    decayed: tuple[str, ...] | None = None
    requeue_at: datetime | None = None


@dataclass(frozen=True)
class Terms:
    """On which terms runs are made. `may`: whether at all; `paused`: only where a person asks for one; `approval`: a person must
    agree to what they promote; `again`: a person has just changed something, so what was refused for good is asked for once more.
    """

    may: bool = True
    paused: bool = False
    approval: bool = False
    again: bool = False


def making(context: Context, due: datetime | None, terms: Terms) -> Making:
    """The run to make now."""
    promised = _promised(context)
    if not terms.may or (terms.paused and promised is not None and _is_for_decay(context, promised)):
        return Making(promised)
    found = None if terms.paused else decay(context)
    at_work = busy(context.owned)
    token = context.schedule.trigger
    if at_work:
        behind = at_work[0].name if promised or due or token or found else ""
        return Making(promised, behind=behind, decays=found.symbol if found else "")
    if due is not None and (promised is None or _gives_way(context, promised, terms)):
        return _made(context, PendingRun(slot=timestamp(due), name=slot_run(context.name, due)), terms)
    if promised is not None:
        return _made(context, promised, terms)
    if token:
        return _triggered(context, token, terms)
    return _for_decay(context, found, terms) if found else Making()


def _promised(context: Context) -> PendingRun | None:
    """The run out of turn that is to be made and that nobody has seen yet. Of slots, the one that is due is promised anew."""
    pending = context.status.pending
    if pending is None or slot_of(context.name, pending.name) is not None:
        return None
    there = context.view.named(pending.name)
    return None if there is not None and there.owned else pending


def _gives_way(context: Context, promised: PendingRun, terms: Terms) -> bool:
    """Whether a slot takes its place: where the run of a decayed model can't be made for good, that of the slot does as well."""
    return _is_for_decay(context, promised) and not may_ask(context, promised.name, terms.again)


def _is_for_decay(context: Context, pending: PendingRun) -> bool:
    return decayed_model(context.name, pending.name) is not None


def _for_decay(context: Context, found: Decay, terms: Terms) -> Making:
    """The run of a model that decays, as of this second. It is remembered with the promise, so that it is the only one."""
    pending = PendingRun(slot=timestamp(context.now), name=decay_run(context.name, found.model))
    return replace(_made(context, pending, terms), decays=found.symbol, decayed=found.remembered)


def _triggered(context: Context, token: str, terms: Terms) -> Making:
    """The run of a trigger, as of this second."""
    name = triggered_run(context.name, context.now)
    used = {line.run for line in context.status.recent} | {one.name for one in context.status.active}
    if context.view.named(name) is not None or name in used:
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
        if run.status.state in _MEASURED and (time := made_for(context.name, run)) is not None
    ]
    return all(time <= proof for time in times)
