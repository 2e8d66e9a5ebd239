"""Whether this cluster has schedules, and what keeps the cache of them up to date while it has.

An operator may be newer than what is installed around it: the CRD of the first release knew no schedules, its roles no rights to them.
It works on runs all the same, and says that schedules are off and why. It looks again at each resync, so that it needs no restart
once both are there. kopf is not asked to watch what isn't there: it would end, and the watch of runs with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrain_api.names import GROUP, SCHEDULE_PLURAL
from retrain_operator.kube.api import Api, ApiError, Unreachable
from retrain_operator.kube.paths import API
from retrain_operator.kube.resync import prime, resync
from retrain_operator.kube.rights import missing_for_schedules
from retrain_operator.kube.watch import Watches, WatchHandler
from retrain_operator.state.cache import AnyKey, Cache
from retrain_operator.state.snapshot import SCHEDULES

log = logging.getLogger(__name__)

_RETRY_DELAY = 5.0
"""Seconds after which watches that ended are begun anew."""


@dataclass
class ScheduleWatch:
    """`off` says why there are no schedules here; None while there are."""

    api: Api
    cache: Cache
    namespaces: Sequence[str]
    handler: WatchHandler
    off: str | None = "nobody has looked for them yet"
    _on: asyncio.Event = field(default_factory=asyncio.Event)

    async def refresh(self, patience: float = 0.0) -> list[AnyKey]:
        """Bring the cache of schedules up to date; returns those of which a watch had missed a change. Call it before a list of runs: a
        status names runs that an older list may lack.

        Raises ApiError and Unreachable where schedules are on and can't be listed, for a reason that is not theirs.
        """
        try:
            if self.off is not None:
                await self._look()
                return []
            return await resync(self.api, self.cache, self.namespaces, patience, SCHEDULES)
        except ApiError as error:
            if error.status not in (403, 404):
                raise
            self._turn_off(str(error))
            return []

    async def follow(self) -> None:
        """Watch schedules for ever, whenever they are on."""
        while True:
            await self._on.wait()
            watches = Watches(self.handler.handle, self.namespaces, SCHEDULES)
            try:
                await watches.watch()
                trouble = "their watch ended"
            except asyncio.CancelledError:
                watches.stop()
                raise
            except Exception as error:  # kopf's own errors have no public base class in common
                trouble = f"their watch failed: {error}"
            await asyncio.sleep(_RETRY_DELAY)
            await self._check(trouble)

    async def _look(self) -> None:
        try:
            why = await self._reason()
            if why is None:
                await prime(self.api, self.cache, self.namespaces, SCHEDULES)
                # What was deleted while they were off is still in the cache.
                await resync(self.api, self.cache, self.namespaces, 0.0, SCHEDULES)
        except (ApiError, Unreachable) as error:
            why = str(error)
        if why is not None:
            self._turn_off(why)
            return
        self.off = None
        self._on.set()
        log.info("schedules: on; there are %d", len(self.cache.schedules.known))
        for key in self.cache.schedules.known:
            self.handler.add(key)

    async def _check(self, trouble: str) -> None:
        """The watch is no more: because schedules are, or for nothing that would stay."""
        try:
            why = await self._reason()
        except (ApiError, Unreachable) as error:
            why = None
            trouble = f"{trouble}; {error}"
        if why is not None:
            self._turn_off(why)
        else:
            log.warning("schedules: %s; it is begun anew", trouble)

    async def _reason(self) -> str | None:
        """Why there are no schedules here."""
        served = await self.api.get(API)
        if SCHEDULE_PLURAL not in {one["name"] for one in served["resources"]}:
            return f"the CRD {SCHEDULE_PLURAL}.{GROUP} is not installed; apply that of this release"
        missing = await missing_for_schedules(self.api, self.namespaces)
        return "; ".join(missing) or None

    def _turn_off(self, why: str) -> None:
        if why != self.off:
            log.warning("schedules: off: %s", why)
        self.off = why
        self._on.clear()
