"""Reconciles one run: read the cache, plan, carry the plan out.

It is given a run's name and nothing about what happened, so it does not matter which event led here or how many were
lost on the way. It also decides how often a status is worth writing: otherwise every epoch of every training would be
a write to the API server.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from retrain_api.errors import ConfigurationError
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus, is_finished
from retrain_operator.decide.conditions import unreadable
from retrain_operator.decide.context import Settings
from retrain_operator.decide.job_reasons import held_up
from retrain_operator.decide.run.plan import plan
from retrain_operator.kube.apply import Writer
from retrain_operator.kube.clock import Clock, now_utc
from retrain_operator.kube.diagnostics import Owner
from retrain_operator.kube.events import event_body
from retrain_operator.state.cache import Cache, Key
from retrain_operator.state.effects import Basis, Plan, RunPlan

log = logging.getLogger(__name__)


_AWAITED = ("Failed", "Evaluated")
_UNSEEN_REST = 600.0
"""Seconds that small steps wait which change no column: `kubectl get -w` would print the same row again."""
_FOLLOW_UP = 2.0
"""Seconds after a write until the run is looked at for what follows from the write itself. The watch brings no news of our own write, and
nearly always nothing follows: at once, these looks were 5 of 17 reconciles a run. Whatever else happens is looked at at once."""
_LONGEST_REST = 6.0
"""At most this many times `minor_every`. With a thousand runs at once small steps were 2.7 of 22 requests a run."""


class StatusMetrics(Protocol):
    """Counts what the written statuses report."""

    def wrote(self, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
        """A status write succeeded."""


@dataclass
class Reconciler:
    """Reconciles runs. Its only memory is the cache, and when it last wrote each status.

    `explain` is told of every run whose Jobs may wait for what only events tell.

    `minor_every`: seconds between two status writes that report only small steps of a symbol. The time is stretched
    while many runs wait (`crowd` is how many of them wait in the queue for each worker), and where no column shows them.
    """

    cache: Cache
    writer: Writer
    explain: Callable[[Owner], None]
    post: Callable[[dict[str, Any]], None]
    requeue_after: Callable[[Key, float], None]
    metrics: StatusMetrics
    settings: Settings
    identity: str
    minor_every: float
    crowd: Callable[[], float]
    clock: Clock = now_utc
    wrote_at: dict[Key, float] = field(default_factory=dict)

    async def reconcile(self, key: Key) -> None:
        """Bring the run one step further. Superseded, ApiError, Unreachable and NotLeading mean: try again later."""
        snapshot = self.cache.runs.get(key)
        if snapshot is None or snapshot.deleting:
            self.wrote_at.pop(key, None)
            return
        if snapshot.over_elsewhere:
            return
        try:
            run = snapshot.run
        except ConfigurationError as error:
            body = snapshot.body
            if not _is_over(body):
                plan_of_it = _unreadable(body, str(error), self.clock())
                await self.writer.carry_out(body, plan_of_it, lambda: self._rests(key))
            return
        self.explain((key, snapshot.uid))
        now = self.clock()
        decided = plan(run, self.cache.view(run.metadata.uid), now, self.settings)
        if decided.requeue_at is not None:
            self.requeue_after(key, (decided.requeue_at - now).total_seconds())
        wait = self._rest(key, run.status, decided)
        if wait > 0:
            self.requeue_after(key, wait)
            return
        if decided.create or decided.delete or decided.status != run.status:
            await self._carry_out(key, snapshot.body, run.status, decided)

    def _rest(self, key: Key, before: RetrainRunStatus, decided: RunPlan) -> float:
        """Seconds that this plan can wait, because a write now would change nothing that anyone waits for."""
        if decided.create or decided.delete or decided.events or not minor(before, decided.status):
            return 0.0
        if decided.status == before:
            # There is nothing to wait with: after a start every finished run was reconciled twice.
            return 0.0
        rest = self.minor_every * min(1.0 + self.crowd(), _LONGEST_REST)
        if unseen(before, decided.status) and before.state not in FINAL_STATES:
            rest = _UNSEEN_REST
        return self.wrote_at.setdefault(key, time.monotonic()) + rest - time.monotonic()

    async def _carry_out(self, key: Key, body: Mapping[str, Any], before: RetrainRunStatus, decided: RunPlan) -> None:
        def wrote() -> None:
            # Now, and not after the rest: where that fails, the next plan finds the transition written and has no event.
            self._rests(key)
            self.metrics.wrote(before, decided.status)
            _log_transition(key, before, decided.status)
            for event in decided.events:
                self.post(event_body(body, event, self.identity, self.clock()))

        await self.writer.carry_out(body, decided, wrote)

    def _rests(self, key: Key) -> None:
        """The status was just written: the next small step waits."""
        self.wrote_at[key] = time.monotonic()
        self.requeue_after(key, _FOLLOW_UP)


def minor(before: RetrainRunStatus, after: RetrainRunStatus) -> bool:
    """Whether nothing changed that a person or a tool waits for: the state, the generation, the gate, the promotion, a
    condition's status, a symbol's failure, or a reason that holds a symbol up and held none up before. Nor a measurement: where
    another one was lost with its pod, the next plan asks for it once this one stands in the status.
    """

    def awaited(status: RetrainRunStatus) -> tuple[Any, ...]:
        flags = tuple((condition.type, condition.status) for condition in status.conditions)
        symbols = tuple((entry.symbol, entry.state in _AWAITED and entry.state) for entry in status.symbols)
        return status.state, status.observed_generation, status.gate, status.promotion, flags, symbols

    known = {None, *map(held_up, before.symbols)}
    return awaited(before) == awaited(after) and known.issuperset(map(held_up, after.symbols))


def unseen(before: RetrainRunStatus, after: RetrainRunStatus) -> bool:
    """Whether `kubectl get` shows nothing of it, and no symbol is held up or goes on."""
    return before.columns == after.columns and [*map(held_up, before.symbols)] == [*map(held_up, after.symbols)]


def _unreadable(body: Mapping[str, Any], sentence: str, now: datetime) -> RunPlan:
    """The plan for a run whose spec can't be read: to say so, and nothing else."""
    meta = body["metadata"]
    basis = Basis(meta["uid"], meta["resourceVersion"])
    return Plan(basis, (), (), unreadable(body, sentence, now), (), None)


def _is_over(body: Mapping[str, Any]) -> bool:
    """Whether the run was finished with this very spec: that this release can't read it changes nothing any more."""
    status = body.get("status") or {}
    return is_finished(status) and status.get("observedGeneration") == body["metadata"].get("generation")


def _log_transition(key: Key, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
    if before.state != after.state:
        log.info("%s: %s", after.state, after.message, extra={"run": _name(key)})
    known = {entry.symbol: entry.state for entry in before.symbols}
    for entry in after.symbols:
        if known.get(entry.symbol) != entry.state:
            fields = {"run": _name(key), "symbol": entry.symbol, "reason": entry.reason}
            log.info("%s %s%s", entry.symbol, entry.state, f": {entry.message}" if entry.message else "", extra=fields)


def _name(key: Key) -> str:
    return "/".join(key)
