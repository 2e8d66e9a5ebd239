"""A promoted run that is observed, on a cluster in memory: time goes by, and its looks find what the test says."""

from __future__ import annotations

from typing import Any

from support.planning import Cluster, task_of
from support.results import DECAYED, looked

from retrain_api.documents.results import Looked, ObserveResult
from retrain_api.documents.tasks import ObserveTask
from retrain_api.status.observation import ObservationStatus, ObservedSymbol
from retrain_operator.state.effects import Plan
from retrain_operator.state.view import JobView

DAY = 86_400.0


class ObservedRun:
    """A run of some symbols that was just promoted; its first look is under way."""

    def __init__(self, symbols: tuple[str, ...] = ("BTC-USD",), every: str = "1d", **spec: Any) -> None:
        observation = {"every": every} | spec.pop("observation", {})
        self.cluster = Cluster.of(symbols=list(symbols), observation=observation, **spec)
        while not self.looks:
            self.cluster.settle()
            for job in self.cluster.jobs.values():
                if job.live and job.phase != "observe":
                    self.cluster.finish(job)
        self.cluster.settle()

    @property
    def looks(self) -> list[JobView]:
        """Jobs of looks that are there."""
        return self.cluster.of_phase("observe")

    @property
    def live(self) -> list[JobView]:
        """Those that are under way."""
        return [job for job in self.looks if job.live]

    @property
    def made(self) -> list[str]:
        """Names of all looks that ever were."""
        return [name for name in self.cluster.created if "-observe-" in name]

    @property
    def status(self) -> ObservationStatus:
        """What the run says of its models."""
        found = self.cluster.run.status.observation
        assert found is not None
        return found

    def symbol(self, name: str = "BTC-USD") -> ObservedSymbol:
        """What it says of one."""
        return next(one for one in self.status.symbols if one.symbol == name)

    @property
    def events(self) -> list[str]:
        """Reasons of all events since the promotion."""
        reasons = [event.reason for event in self.cluster.events]
        return reasons[reasons.index("Promoted") + 1 :]

    def condition(self) -> tuple[str, str] | None:
        """Status and reason of Holding."""
        found = self.cluster.run.status.conditions
        return next(((one.status, one.reason) for one in found if one.type == "Holding"), None)

    def task(self) -> ObserveTask:
        """Of the look that is under way."""
        (job,) = self.live
        found = task_of(self.cluster.manifests[job.name])
        assert isinstance(found, ObserveTask)
        return found

    def later(self, days: float = 1.0) -> Plan:
        """So much later, and reconciled."""
        self.cluster.later(days * DAY)
        return self.cluster.settle()

    def find(self, _each: dict[str, Any] | None = None, /, **by_symbol: dict[str, Any]) -> Plan:
        """The look finds these numbers, of all symbols or by the first three letters of each; else they hold."""
        task = self.task()
        numbers = {item.symbol: (_each or {}) | by_symbol.get(item.symbol[:3], {}) for item in task.items}
        return self.answer({symbol: _looked(task, symbol, each) for symbol, each in numbers.items()})

    def answer(self, found: dict[str, Looked]) -> Plan:
        """The look ends with these answers."""
        task = self.task()
        (job,) = self.live
        parts = [task.items_of(index) for index in range(task.indexes)]
        results = [
            ObserveResult(
                observe_key=task.observe_key, symbols=tuple(found[item.symbol] for item in part if item.symbol in found)
            )
            for part in parts
        ]
        self.cluster.finish(job, results)
        return self.cluster.settle()

    def fail(self, reason: str = "StoreUnavailable", message: str = "The store is away.") -> Plan:
        """The look fails."""
        (job,) = self.live
        self.cluster.fail(job, reason, message)
        return self.cluster.settle()

    def decay(self) -> Plan:
        """The look finds a fall."""
        return self.find(DECAYED)


def _looked(task: ObserveTask, symbol: str, numbers: dict[str, Any]) -> Looked:
    item = next(one for one in task.items if one.symbol == symbol)
    return looked(task, item, **numbers)
