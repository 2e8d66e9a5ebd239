"""A run that is promoted and then observed, on a real API server, by a clock that the test sets forward.

life = ObservedLife(plane, namespace, kubelet, operator, clock)
life.promoted(every="1d")                  # a run of one symbol, promoted, and looked at for the first time
life.look()                                # the clock goes to the next look; the status after it
life.says(**DECAYED)                       # what looks find from now on, of every symbol
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from support.clocked_operator import ForwardClock
from support.containers import Fate
from support.fates import Fates, succeeds
from support.life import NAME, Life, Status
from support.planning import run_document
from support.results import looked

from retrain_api.documents.results import ObserveResult
from retrain_api.documents.tasks import ObserveTask

PATIENT = {"pendingDeadlineSeconds": 365 * 86_400}
"""The operator's clock is days ahead of what the API server says of a Job."""


@dataclass(frozen=True)
class ObservedLife(Life):
    """One run and all around it, with the clock of its operator."""

    clock: ForwardClock

    def promoted(self, every: str = "1d", symbols: tuple[str, ...] = ("BTC-USD",), **fields: Any) -> Status:
        """The status after the first look; `fields` are those of the observation."""
        self.create(symbols=list(symbols), observation={"every": every, **fields}, evaluate=PATIENT)
        return self.until(lambda status: bool(seen(status).get("lastTime")))

    def look(self) -> Status:
        """The next look, at its time; the status after it."""
        before = seen(self.status())
        self.forward(moment(before["nextTime"]) + timedelta(seconds=1))
        return self.until(lambda status: seen(status).get("lastTime", "") > before["lastTime"])

    def forward(self, time: datetime) -> None:
        """The clock is set, and the operator hears of the run: its timers count by this machine's clock."""
        self.clock.to(time)
        self.runs.annotate(NAME, note=time.isoformat())

    def nothing_happens(self, until: datetime) -> None:
        """The clock goes there and the run has been planned again: a run that the operator heard of later is over."""
        self.forward(until)
        marker = run_document(symbols=["BTC-USD"]) | {"metadata": {"name": f"marker-{until:%Y%m%d%H%M%S}"}}
        name = self.runs.create(marker)["metadata"]["name"]
        self.runs.until_state(name, "Promoted", explain=self.operator.log_tail)

    def says(self, symbol: str = "", **numbers: Any) -> None:
        """What looks find, as in `support.results.looked`, of one symbol or of all; the others hold."""

        def found(task: ObserveTask) -> Fate:
            symbols = tuple(
                looked(task, item, **(numbers if symbol in ("", item.symbol) else {})) for item in task.items
            )
            return succeeds(ObserveResult(observe_key=task.observe_key, symbols=symbols))

        self.kubelet.fate = Fates(observe=found)

    def looks(self) -> list[str]:
        """Names of all observe Jobs of the run that were ever made."""
        return [name for name in self.made() if name.startswith(f"{NAME}-observe-")]

    def told(self, reason: str) -> list[str]:
        """Messages of the run's events of that reason."""
        return [event["message"] for event in self.runs.events(NAME) if event["reason"] == reason]

    def column(self, title: str) -> str:
        """What `kubectl get -o wide` prints of the run below a title."""
        head, line = self.plane.kubectl("-n", self.namespace, "get", "rtr", NAME, "-o", "wide").stdout.splitlines()
        begin = head.index(title)
        after = [head.index(name) for name in head.split() if head.index(name) > begin]
        return line[begin : min(after, default=None)].strip()


def seen(status: Mapping[str, Any]) -> dict[str, Any]:
    """The observation of a status; empty where there is none."""
    return dict(status.get("observation") or {})


def moment(text: str) -> datetime:
    """A time of a status."""
    return datetime.fromisoformat(text)
