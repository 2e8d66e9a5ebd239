"""Notifications of a run: each thing that happens to it is told to each receiver that wants it, at least once.

What happened is found by comparing the status before the plan with the one that it writes, and both are written at once: an operator that dies
in between finds it again, one that dies later finds it waiting. A receiver that can't be told never changes what becomes of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from retrain_api.documents.results import NotifyResult
from retrain_api.documents.tasks import NotifyTask
from retrain_api.spec.notify import Told
from retrain_api.status.notified import Notified
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.decide.context import Context
from retrain_operator.decide.job_reasons import at_work
from retrain_operator.decide.phase_job import Failed, Result, Work, phase_job
from retrain_operator.decide.telling import News, listed, not_told, told, tried
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.manifests.tasks import notify_task
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

from .notified_words import fields, text, title, warns

_OF_THE_OBSERVATION = ("Decaying", "BelowPromise", "Held")
_OF_THE_RUN = frozenset(get_args(Told)) - {*_OF_THE_OBSERVATION}


@dataclass(frozen=True)
class Telling:
    """The status with what was told, and what to do next about it."""

    status: RetrainRunStatus
    steps: Steps


def advance(context: Context, status: RetrainRunStatus) -> Telling:
    """Note what this plan's status says that the run's did not, and tell one receiver at a time."""
    before, receivers = context.run.status, context.run.spec.notify
    if not receivers:
        return Telling(status.model_copy(update={"notified": None}), _ended(context))
    number = before.transitions or 0
    words = enumerate(_happened(before, status), number + 1)
    news = [News(index, word, text(context.run, status, word)) for index, word in words]
    entries, steps = _told(context, listed(receivers, before.notified or (), news, _now_true(before, number)), status)
    after = {"transitions": number + len(news), "notified": entries}
    return Telling(status.model_copy(update=after), steps)


def _happened(before: RetrainRunStatus, after: RetrainRunStatus) -> Iterator[str]:
    """The words of what happened between two statuses."""
    if after.state != before.state and after.state in _OF_THE_RUN:
        yield after.state
    known = before.observation.state if before.observation else None
    if after.observation and after.observation.state != known and after.observation.state in _OF_THE_OBSERVATION:
        yield after.observation.state


def _now_true(before: RetrainRunStatus, number: int) -> str | None:
    """What a receiver that is added now could know already; None where that is nothing, as of a new run."""
    observed = before.observation.state if before.observation else ""
    words = [word for word in (observed, before.state) if word in get_args(Told)]
    return f"{number}-{words[0]}" if words else None


def _told(
    context: Context, entries: Sequence[Notified], status: RetrainRunStatus
) -> tuple[tuple[Notified, ...], Steps]:
    """The entries after the first that waits is told, or while it is: one at a time, so that nobody is told by twenty pods at once."""
    after, found = list(entries), _waiting(context, entries)
    if found is None:
        return tuple(after), _ended(context)
    entry = entries[found]
    key = notify_key(entry.name, entry.pending or "")
    if any(job.live and job.key != key and at_work(job) for job in context.view.of_phase("notify")):
        return tuple(after), Steps()  # it is about to have told: what happened since waits for it
    work = Work("notify", key, partial(_task, context, status, entry), _accept, alone=True)
    job = phase_job(context, work)
    after[found] = _after(context, entry, key, job.outcome)
    steps = job.steps + Steps(create=job.create)
    if job.outcome is None:
        return tuple(after), steps
    rest, more = _told(context, after, status)
    return rest, steps + more


def _waiting(context: Context, entries: Sequence[Notified]) -> int | None:
    """The first that is to be told something, and of which it is not known already that this fails."""
    waits = (
        index
        for index, entry in enumerate(entries)
        if entry.pending and entry.failed_key != _memory(context, notify_key(entry.name, entry.pending))
    )
    return next(waits, None)


def _after(context: Context, entry: Notified, key: str, outcome: Result[NotifyResult] | Failed | None) -> Notified:
    if outcome is None:
        return tried(entry)
    return not_told(entry, outcome, _memory(context, key)) if isinstance(outcome, Failed) else told(entry, context.now)


def _memory(context: Context, key: str) -> str:
    return failed_key(context.run, "notify", key)


def _task(context: Context, status: RetrainRunStatus, entry: Notified) -> NotifyTask:
    key, word = entry.pending or "", entry.word
    more = fields(context.run, status, key, word)
    return notify_task(context.run, entry.name, key, title(context.run, word), entry.text, more, warns(word))


def _accept(document: Outcome, _: int) -> NotifyResult | None:
    return document if isinstance(document, NotifyResult) else None


def _ended(context: Context) -> Steps:
    """The end of Jobs that tell what nobody is to be told any more."""
    nothing = partial(_task, context, context.run.status, Notified(name=""))
    return phase_job(context, Work("notify", "", nothing, _accept, done=True)).steps
