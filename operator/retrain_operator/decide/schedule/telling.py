"""Notifications of a schedule: told as those of a run are, by Jobs that the schedule owns.

A run ends and its Jobs with it; a schedule goes on for years, so Jobs that have told are deleted once the status says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from retrain_api import reasons
from retrain_api.documents.tasks import NotifyTask
from retrain_api.status.notified import Notified
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.decide import context as of_run
from retrain_operator.decide.notification.jobs import ended, tell
from retrain_operator.decide.notification.telling import News, events, listed
from retrain_operator.manifests.notices import of_schedule, teller
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.manifests.tasks import notify_task
from retrain_operator.state.effects import Event, Steps, deletions
from retrain_operator.state.view import RunView

from . import told_words
from .context import Context
from .happened import happened, now_true


@dataclass(frozen=True)
class Telling:
    """The status with what was told, what to do next about it, and what is said of it here."""

    status: RetrainScheduleStatus
    steps: Steps
    events: tuple[Event, ...] = ()


def advance(context: Context, status: RetrainScheduleStatus) -> Telling:
    """Note what this plan's status says that the schedule's did not, and tell one receiver at a time."""
    if not context.spec.notify:
        steps = ended(_teller(context)) if context.view.jobs else Steps()
        return Telling(status.model_copy(update={"notified": None}), _owned(context, steps, ()))
    before, number = context.status, context.status.transitions or 0
    words = enumerate(happened(context, status), number + 1)
    news = [News(at, word, told_words.text(context, status, word)) for at, word in words]
    true = now_true(context)
    entries = listed(context.spec.notify, before.notified or (), news, f"{number}-{true}" if true else None)
    steps = Steps()
    if context.view.jobs or any(entry.pending for entry in entries):  # else nothing is to be told, as most of the time
        entries, steps = tell(_teller(context), entries, partial(_task, context, status))
    after = status.model_copy(update={"transitions": number + len(news), "notified": entries})
    return Telling(after, _owned(context, steps, entries), events(before.notified, entries))


def _teller(context: Context) -> of_run.Context:
    """The schedule as a run that tells."""
    settings, asked = context.settings, context.spec.run_template.spec.pods.image
    image = asked if asked and settings.allows(asked) else settings.default_image
    view = RunView(context.view.jobs, context.view.refused)
    return of_run.Context(teller(context.schedule), view, context.now, image, settings.evaluator_image)


def _task(context: Context, status: RetrainScheduleStatus, entry: Notified) -> NotifyTask:
    key, word = entry.pending or "", entry.word
    title, found = told_words.title(context, word), told_words.fields(context, status, key)
    return notify_task(teller(context.schedule), entry.name, key, title, entry.text, found, told_words.warns(word))


def _owned(context: Context, steps: Steps, entries: Sequence[Notified]) -> Steps:
    """The Jobs made the schedule's, and the end of those that are read."""
    waiting = {notify_key(entry.name, entry.pending) for entry in entries if entry.pending and not entry.failed_key}
    over = [job for job in context.view.jobs if not job.live and job.state != "Deleting" and job.key not in waiting]
    create = tuple(of_schedule(context.schedule, manifest) for manifest in steps.create)
    delete = {one.uid: one for one in (*deletions(over, reasons.EXPIRED), *steps.delete)}
    return replace(steps, create=create, delete=tuple(delete.values()))
