"""Delivery: copies of report and promoted models in other places. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api.documents import DeliverResult, DeliverTask
from retrain_api.keys import digest
from retrain_api.schema import to_wire
from retrain_api.status import Backups

from .jobs import manifest, name_of, template_key
from .observed import ObservedJob
from .publishing import Published
from .tasks import deliver_task
from .work import Context, Steps, ended_late, failed_key, failure, kept_waiting, overdue, serving


@dataclass(frozen=True)
class Delivered:
    """Status part and steps after looking at the copies."""

    backups: Backups | None
    steps: Steps
    settled: bool
    failed: tuple[str, str] | None = None


def advance(context: Context, published: Published) -> Delivered:
    """Copies in other places, once the report is out; best effort unless a place is required."""
    spec = context.run.spec
    before = context.run.status.backups or Backups()
    if not spec.backups and spec.report.git is None:
        return Delivered(None, serving(context, "deliver", None, "", complete=True).steps, settled=True)
    if published.failed:
        return Delivered(before, Steps(), settled=True)
    task = deliver_task(context.run, published.report, published.symbols, published.promotion.models)
    key = digest({"publish": published.report.publish_key, "task": to_wire(task)})
    memory = failed_key(context, "deliver", key)
    done = before.failed_key == memory or (before.key == key and before.failed_key is None)
    serve = serving(context, "deliver", None, key, complete=done)
    if done:
        return Delivered(before, serve.steps, settled=True, failed=_broken(context, before))
    job = _current(context, serve.job, key, before)
    if job is None or (job.state == "Complete" and not serve.lost and not isinstance(job.outcome(), DeliverResult)):
        created = Steps(create=(manifest(context.run, task, key, context.judging_image, again=job is not None),))
        return Delivered(before, serve.steps + created, settled=False)
    late, again = overdue(context, job)
    if late:
        reason, message = kept_waiting(job)
        after = Backups(failed_key=memory, message=f"{reason}: {message}")
        return Delivered(after, serve.steps + ended_late(job), settled=True, failed=_broken(context, after))
    if job.live or job.state == "Deleting":
        return Delivered(before, serve.steps + Steps(look_again_at=again), settled=False)
    after = _delivered(job, task, key, memory)
    return Delivered(after, serve.steps, settled=True, failed=_broken(context, after))


def _current(context: Context, job: ObservedJob | None, key: str, before: Backups) -> ObservedJob | None:
    """The Job that counts: where some copies of this very report were not made, only one with the pod fields of now."""
    outdated = job is not None and job.state == "Complete" and job.template != template_key(context.run.spec, "deliver")
    if not outdated or before.key != key:
        return job
    return context.observed.named(name_of(context.run, "deliver", None, key))


def _delivered(job: ObservedJob, task: DeliverTask, key: str, memory: str) -> Backups:
    said = job.outcome()
    if not isinstance(said, DeliverResult):
        lost = ("ResultLost", "It completed twice without a result.")
        reason, message = failure(job) if job.state == "Failed" else lost
        return Backups(failed_key=memory, message=f"{reason}: {message}")
    wrong = {target.name for target in said.targets if not target.ok}
    told = sorted(said.targets, key=lambda target: target.ok)  # what is wrong first
    message = "; ".join(f"{target.name}: {'delivered' if target.ok else target.message.rstrip('.')}" for target in told)
    if any(backup.required and backup.name in wrong for backup in task.backups):
        return Backups(failed_key=memory, message=message)
    return Backups(key=key, failed_key=memory if wrong else None, ok=not wrong, message=message)


def _broken(context: Context, backups: Backups) -> tuple[str, str] | None:
    """A delivery that failed breaks the run only where a place is required."""
    required = any(backup.required for backup in context.run.spec.backups)
    return ("BackupFailed", backups.message) if backups.failed_key and backups.key is None and required else None
