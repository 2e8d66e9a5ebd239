"""One look at one run: observe, plan, apply. Called with a key; everything else is read from the cache."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from retrain_api.errors import ConfigurationError
from retrain_api.run import parse_stored
from retrain_api.status import RetrainRunStatus

from .apply import Writer
from .asides import Explainer
from .cache import Cache, Key
from .events import event_body
from .plan import Plan, plan
from .unreadable import unreadable
from .work import Settings, held_up

log = logging.getLogger(__name__)


_LONGEST_REST = 6.0
"""Times `minor_every` at most. With a thousand runs at once small steps were 2.7 of 22 requests a run."""


class Counted(Protocol):
    """What is told of a status that was written."""

    def wrote(self, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
        """A status write succeeded."""


@dataclass
class Reconciler:
    """Looks at runs; its memory is the cache, and when it last wrote each status.

    `minor_every`: seconds between two status writes that tell only of a symbol's small steps; more of them where there is
    a crowd: `crowd` is how many runs wait for a look, for each worker.
    """

    cache: Cache
    writer: Writer
    explainer: Explainer
    post: Callable[[dict[str, Any]], None]
    look_later: Callable[[Key, float], None]
    counted: Counted
    settings: Settings
    identity: str
    minor_every: float
    crowd: Callable[[], float]
    wrote_at: dict[Key, float] = field(default_factory=dict)

    async def look(self, key: Key) -> None:
        """Bring the run a step on. Raises Superseded, ApiError, Unreachable and NotLeading: look again later."""
        seen = self.cache.runs.get(key)
        body = seen.body if seen is not None else None
        if seen is None or body is None or "deletionTimestamp" in body["metadata"]:
            self.wrote_at.pop(key, None)
            return
        try:
            run = parse_stored(seen.text, body)
        except ConfigurationError as error:
            await self._write(key, body, None, unreadable(body, str(error), datetime.now(UTC)))
            return
        await self.explainer.explain(key, run.metadata.uid)
        now = datetime.now(UTC)
        decided = plan(run, self.cache.observed(run.metadata.uid), now, self.settings)
        if decided.look_again_at is not None:
            self.look_later(key, (decided.look_again_at - now).total_seconds())
        wait = self._rest(key, run.status, decided)
        if wait > 0:
            self.look_later(key, wait)
            return
        await self._carry_out(key, body, run.status, decided)

    def _rest(self, key: Key, before: RetrainRunStatus, decided: Plan) -> float:
        """Seconds that this plan can wait, because a write now would tell nobody anything that he waits for."""
        if decided.create or decided.delete or decided.events or not minor(before, decided.status):
            return 0.0
        rest = self.minor_every * min(1.0 + self.crowd(), _LONGEST_REST)
        return self.wrote_at.get(key, 0.0) + rest - time.monotonic()

    async def _carry_out(self, key: Key, body: Mapping[str, Any], before: RetrainRunStatus, decided: Plan) -> None:
        meta = body["metadata"]
        await self._write(key, body, before, decided.status)
        for event in decided.events:
            self.post(event_body(body, event, self.identity, datetime.now(UTC)))
        for deletion in decided.delete:
            log.info("delete Job %s", deletion.name, extra={"run": _name(key), "reason": deletion.reason})
            await self.writer.delete(meta["namespace"], deletion)
        for manifest in decided.create:
            log.info("create Job %s", manifest["metadata"]["name"], extra={"run": _name(key)})
        await self.writer.create(meta["uid"], decided.create)

    async def _write(
        self, key: Key, body: Mapping[str, Any], before: RetrainRunStatus | None, after: RetrainRunStatus
    ) -> None:
        if not await self.writer.status(body, after):
            return
        self.wrote_at[key] = time.monotonic()
        self.look_later(key, 0.0)
        if before is not None:
            self.counted.wrote(before, after)
            _log_transition(key, before, after)


def minor(before: RetrainRunStatus, after: RetrainRunStatus) -> bool:
    """Whether nothing changed that a person or a tool waits for: state, generation, a condition's status, a symbol's
    failure or why it is held up."""

    def told(status: RetrainRunStatus) -> tuple[Any, ...]:
        flags = tuple((condition.type, condition.status) for condition in status.conditions)
        symbols = tuple((entry.symbol, entry.state == "Failed", held_up(entry)) for entry in status.symbols)
        return status.state, status.observed_generation, status.gate, status.promotion, flags, symbols

    return told(before) == told(after)


def _log_transition(key: Key, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
    if before.state != after.state:
        log.info("%s: %s", after.state, after.message, extra={"run": _name(key)})
    known = {entry.symbol: entry.state for entry in before.symbols}
    for entry in after.symbols:
        if known.get(entry.symbol) != entry.state:
            said = {"run": _name(key), "symbol": entry.symbol, "reason": entry.reason}
            log.info("%s %s%s", entry.symbol, entry.state, f": {entry.message}" if entry.message else "", extra=said)


def _name(key: Key) -> str:
    return "/".join(key)
