"""Notifications of a run: each thing that happens to it is told to each receiver that wants it, at least once.

What happened is found by comparing the status before the plan with the one that it writes, and both are written at once: an operator that dies
in between finds it again, one that dies later finds it waiting. A receiver that can't be told never changes what becomes of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from retrain_api import reasons
from retrain_api.documents.tasks import NotifyTask
from retrain_api.spec.notify import Told
from retrain_api.status.notified import Notified
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.decide.context import Context
from retrain_operator.decide.observation.words import decaying
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.manifests.tasks import notify_task
from retrain_operator.state.effects import Steps, deletions

from .jobs import ended, tell
from .telling import News, listed
from .words import fields, text, title, warns

KEPT = 8
"""Jobs that stay for their logs: as many as there may be receivers."""
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
        return Telling(status.model_copy(update={"notified": None}), ended(context))
    number = before.transitions or 0
    words = enumerate(_happened(before, status), number + 1)
    news = [News(index, word, text(context.run, status, word)) for index, word in words]
    entries = listed(receivers, before.notified or (), news, _now_true(before, number))
    entries, steps = tell(context, entries, partial(_task, context, status))
    after = {"transitions": number + len(news), "notified": entries}
    return Telling(status.model_copy(update=after), steps + _without_old(context, entries))


def _without_old(context: Context, entries: Sequence[Notified]) -> Steps:
    """Deletes Jobs that have told, but for the last few: a model that is observed for years may be told of each week."""
    waiting = {notify_key(entry.name, entry.pending) for entry in entries if entry.pending}
    over = [job for job in context.view.of_phase("notify") if not job.live and job.state != "Deleting"]
    read = sorted((job for job in over if job.key not in waiting), key=lambda job: job.created or context.now)
    return Steps(delete=deletions(read[:-KEPT], reasons.EXPIRED))


def _happened(before: RetrainRunStatus, after: RetrainRunStatus) -> Iterator[str]:
    """The words of what happened between two statuses."""
    if after.state != before.state and after.state in _OF_THE_RUN:
        yield after.state
    known, observed = before.observation, after.observation
    if observed is None or observed.state not in _OF_THE_OBSERVATION:
        return
    if known is None or observed.state != known.state or decaying(observed) - decaying(known):
        yield observed.state


def _now_true(before: RetrainRunStatus, number: int) -> str | None:
    """What a receiver that is added now could know already; None where that is nothing, as of a new run."""
    observed = before.observation.state if before.observation else ""
    words = [word for word in (observed, before.state) if word in get_args(Told)]
    return f"{number}-{words[0]}" if words else None


def _task(context: Context, status: RetrainRunStatus, entry: Notified) -> NotifyTask:
    key, word = entry.pending or "", entry.word
    more = fields(context.run, status, key, word)
    return notify_task(context.run, entry.name, key, title(context.run, word), entry.text, more, warns(word))
