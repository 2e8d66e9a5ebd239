"""Delivery: copies of the report and of the promoted models in other places.

Copies are best effort unless a place is `required`. Delivery has a Job of its own because a slow or broken backup must
neither delay a promotion nor undo it.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.documents.results import DeliverResult
from retrain_api.documents.tasks import DeliverTask
from retrain_api.keys import digest
from retrain_api.status.run import Backups
from retrain_api.wire import to_wire
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Failed, Result, Waiting, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import deliver_task
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

from .publishing import Published


@dataclass(frozen=True)
class Delivered:
    """The part of the status that is about copies, what to do next about them, and why that waits."""

    backups: Backups | None
    steps: Steps
    settled: bool
    failed: tuple[str, str] | None = None
    waits: Waiting | None = None


def advance(context: Context, published: Published) -> Delivered:
    """Copies in other places, once the report is out; best effort unless a place is required."""
    spec, before = context.run.spec, context.run.status.backups or Backups()
    wanted = bool(spec.backups) or spec.report.git is not None
    if published.failed and wanted:
        return Delivered(before, Steps(), settled=True)
    task = deliver_task(context.run, published.report, published.symbols, published.promotion.models)
    key = digest({"publish": published.report.publish_key, "task": to_wire(task)}) if wanted else ""
    memory = failed_key(context.run, "deliver", key)
    done = not wanted or before.failed_key == memory or (before.key == key and before.failed_key is None)
    # With `before.key` the required copies are made, and what a Job with earlier credentials says of the others is old.
    work = Work("deliver", key, lambda: task, _accept, done=done, fresh=before.key == key)
    job = phase_job(context, work)
    after = before if job.outcome is None else _delivered(job.outcome, task, key, memory)
    settled = done or job.outcome is not None
    failed = _broken(context, after) if settled and wanted else None
    return Delivered(after if wanted else None, job.steps + Steps(create=job.create), settled, failed, job.waits)


def _accept(document: Outcome, _: int) -> DeliverResult | None:
    return document if isinstance(document, DeliverResult) else None


def _delivered(outcome: Result[DeliverResult] | Failed, task: DeliverTask, key: str, memory: str) -> Backups:
    if isinstance(outcome, Failed):
        return Backups(failed_key=memory, message=f"{outcome.reason}: {outcome.message}")
    targets = outcome.document.targets
    failed = {target.name for target in targets if not target.ok}
    ordered = sorted(targets, key=lambda target: target.ok)  # failures first
    parts = (f"{target.name}: {'delivered' if target.ok else target.message.rstrip('.')}" for target in ordered)
    message = "; ".join(parts)
    if any(backup.required and backup.name in failed for backup in task.backups):
        return Backups(failed_key=memory, message=message)
    return Backups(key=key, failed_key=memory if failed else None, ok=not failed, message=message)


def _broken(context: Context, backups: Backups) -> tuple[str, str] | None:
    """A delivery that failed breaks the run only where a place is required."""
    required = any(backup.required for backup in context.run.spec.backups)
    return (reasons.BACKUP_FAILED, backups.message) if backups.failed_key and backups.key is None and required else None
