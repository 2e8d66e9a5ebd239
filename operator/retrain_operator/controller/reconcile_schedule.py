"""Reconciles one schedule: read the cache, plan, carry the plan out. See `reconcile`, which does the same of a run.

The runs that a schedule makes are written by the same writer in the same order: its status first, which names the run that is about
to be made, then the run. So an operator that dies between two writes finds in the status what it was about to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from retrain_api.errors import ConfigurationError
from retrain_api.names import replay_run
from retrain_api.schedule import RetrainSchedule, parse_stored_schedule
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_operator.decide.context import Settings
from retrain_operator.decide.schedule.conditions import unreadable
from retrain_operator.decide.schedule.plan import plan
from retrain_operator.kube.apply import Writer, status_change
from retrain_operator.kube.clock import Clock
from retrain_operator.kube.diagnostics import Owner
from retrain_operator.kube.events import event_body
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.effects import Basis, Plan, SchedulePlan
from retrain_operator.state.schedules import ScheduleKey

log = logging.getLogger(__name__)


class ScheduleMetrics(Protocol):
    """Counts what the written statuses report."""

    def wrote_schedule(self, before: RetrainScheduleStatus, after: RetrainScheduleStatus) -> None:
        """A status write succeeded."""


@dataclass
class ScheduleReconciler:
    """Reconciles schedules. Its only memory is the cache."""

    cache: Cache
    writer: Writer
    explain: Callable[[Owner], None]
    post: Callable[[dict[str, Any]], None]
    requeue_after: Callable[[AnyKey, float], None]
    metrics: ScheduleMetrics
    settings: Settings
    identity: str
    clock: Clock

    async def reconcile(self, key: ScheduleKey) -> None:
        """Bring the schedule one step further. Superseded, ApiError, Unreachable and NotLeading mean: try again later."""
        snapshot = self.cache.schedules.known.get(key)
        if snapshot is None or snapshot.deleting:
            return
        body = snapshot.body
        try:
            schedule = parse_stored_schedule(snapshot.text)
        except ConfigurationError as error:
            await self._carry_out(key, body, RetrainScheduleStatus(), self._unreadable(body, str(error)))
            return
        for name in _unseen(schedule, self.cache):
            await self.writer.look_up(key.namespace, name)
        self.explain((key, snapshot.uid))
        now = self.clock()
        decided = plan(schedule, self.cache.schedule_view(key, _named(schedule)), now, self.settings)
        if decided.requeue_at is not None:
            self.requeue_after(key, (decided.requeue_at - now).total_seconds())
        await self._carry_out(key, body, schedule.status, decided)

    async def _carry_out(
        self, key: ScheduleKey, body: Mapping[str, Any], before: RetrainScheduleStatus, decided: SchedulePlan
    ) -> None:
        def wrote() -> None:
            # A step may follow from what was written, and the watch brings no news of our own write.
            if self._is_kept(key, decided):
                self.requeue_after(key, 0.0)
            self.metrics.wrote_schedule(before, decided.status)
            if before.state != decided.status.state:
                log.info("%s: %s", decided.status.state, decided.status.message, extra={"schedule": str(key)})
            for event in decided.events:
                self.post(event_body(body, event, self.identity, self.clock()))

        await self.writer.carry_out(body, decided, wrote)

    def _is_kept(self, key: ScheduleKey, decided: SchedulePlan) -> bool:
        """Whether the API server stores all of the status that was just written. It drops fields that an older CRD does not know; then
        the same is left to write, and writing it at once would never end (20 writes a second)."""
        stored = self.cache.schedules.known.get(key)
        left = {} if stored is None else status_change(stored.body.get("status") or {}, decided.status)
        if left:
            log.warning(
                "the CRD of schedules does not know status.%s; apply that of this release",
                ", status.".join(sorted(left)),
                extra={"schedule": str(key)},
            )
        return not left

    def _unreadable(self, body: Mapping[str, Any], sentence: str) -> SchedulePlan:
        """The plan for a schedule whose spec can't be read: to say so, and nothing else."""
        meta = body["metadata"]
        basis = Basis(meta["uid"], meta["resourceVersion"])
        return Plan(basis, (), (), unreadable(body, sentence, self.clock()), (), None)


def _unseen(schedule: RetrainSchedule, cache: Cache) -> list[str]:
    """Names of the runs under way that the cache does not have: one that is only late must not look deleted."""
    status, proof = schedule.status, schedule.status.walk_forward
    runs = [(run.uid, run.name) for run in status.active]
    if proof is not None:
        runs += [
            (one.uid, _replay(schedule, proof.key, one.slot)) for one in proof.slots if one.uid and not one.verdict
        ]
    return [name for uid, name in runs if cache.key_of(uid) is None]


def _replay(schedule: RetrainSchedule, proof: str, slot: str) -> str:
    return replay_run(schedule.metadata.name, proof, datetime.fromisoformat(slot))


def _named(schedule: RetrainSchedule) -> tuple[str, ...]:
    """The name that is about to be used: a run that has it may be nobody's."""
    pending = schedule.status.pending
    return (pending.name,) if pending is not None else ()
