"""The Jobs that tell receivers, one at a time, for a run or a schedule: which is told next, and what its Job came to.

A receiver that can't be told holds up nobody: what failed is remembered, and the next one is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from retrain_api.documents.results import NotifyResult
from retrain_api.documents.tasks import NotifyTask
from retrain_api.status.notified import Notified
from retrain_operator.decide.context import Context
from retrain_operator.decide.job_reasons import at_work
from retrain_operator.decide.phase_job import Failed, PhaseJob, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

from .telling import not_told, told, tried


def tell(
    context: Context, entries: Sequence[Notified], task: Callable[[Notified], NotifyTask]
) -> tuple[tuple[Notified, ...], Steps]:
    """The entries after the first that waits is told, or while it is: one at a time, so that nobody is told by twenty pods at once."""
    after, found = list(entries), _waiting(context, entries)
    if found is None:
        return tuple(after), ended(context)
    entry = entries[found]
    key = notify_key(entry.name, entry.pending or "")
    if any(job.live and job.key != key and at_work(job) for job in context.view.of_phase("notify")):
        return tuple(after), Steps()  # it is about to have told: what happened since waits for it
    job = phase_job(context, Work("notify", key, partial(task, entry), _accept, alone=True))
    after[found] = _after(context, entry, key, job)
    steps = job.steps + Steps(create=job.create)
    if job.outcome is None:
        return tuple(after), steps
    rest, more = tell(context, after, task)
    return rest, steps + more


def ended(context: Context) -> Steps:
    """The end of Jobs that tell what nobody is to be told any more."""
    return phase_job(context, Work("notify", "", _never, _accept, done=True)).steps


def _waiting(context: Context, entries: Sequence[Notified]) -> int | None:
    """The first that is to be told something, and of which it is not known already that this fails."""
    waits = (
        index
        for index, entry in enumerate(entries)
        if entry.pending and entry.failed_key != _memory(context, notify_key(entry.name, entry.pending))
    )
    return next(waits, None)


def _after(context: Context, entry: Notified, key: str, job: PhaseJob[NotifyResult]) -> Notified:
    outcome = job.outcome
    if outcome is None:
        return tried(entry, job.waits.message if job.waits else "")
    return not_told(entry, outcome, _memory(context, key)) if isinstance(outcome, Failed) else told(entry, context.now)


def _memory(context: Context, key: str) -> str:
    return failed_key(context.run, "notify", key)


def _accept(document: Outcome, _: int) -> NotifyResult | None:
    return document if isinstance(document, NotifyResult) else None


def _never() -> NotifyTask:
    raise AssertionError("what is done is not done again")
