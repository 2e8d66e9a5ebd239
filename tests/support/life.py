"""One run and all around it: what a test of its life does and waits for.

    life.create(parallelism=1)                       # a run of three symbols, with some fields of its spec set
    life.until_symbol("BTC-USD", reason="Unschedulable")
    life.ends("Promoted")

The kubelet's pods succeed at once, where `life.kubelet.fate` says nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.control_plane import ControlPlane
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, Runs, until
from support.planning import run_document

NAME = "improved-lstm"
Status = dict[str, Any]


@dataclass(frozen=True)
class Life:
    """A namespace with a kubelet, and an operator that watches it among others."""

    plane: ControlPlane
    namespace: str
    kubelet: Kubelet
    operator: OperatorProcess

    @property
    def runs(self) -> Runs:
        return Runs(self.plane, self.namespace)

    def create(self, **spec: Any) -> dict[str, Any]:
        """The run `improved-lstm`."""
        return self.runs.create(run_document(**spec))

    def change(self, **spec: Any) -> None:
        """Other values of some fields."""
        self.runs.patch(NAME, {"spec": spec})

    def status(self) -> Status:
        """The status as it stands."""
        return self.runs.get(NAME).get("status") or {}

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Wait until it holds of the status."""
        return self.runs.until(NAME, holds, self.operator.log_tail)

    def ends(self, *states: str) -> Status:
        """Wait for one of the states."""
        return self.runs.until_state(NAME, *states, explain=self.operator.log_tail)

    def until_symbol(self, symbol: str, **fields: Any) -> dict[str, Any]:
        """Wait until the entry of a symbol has these values; the entry."""

        def holds(status: Status) -> bool:
            entry = entry_of(status, symbol)
            return all(entry.get(name) == value for name, value in fields.items())

        return entry_of(self.until(holds), symbol)

    def jobs(self, phase: str = "") -> list[dict[str, Any]]:
        """The Jobs there are, of one phase or of all."""
        return [job for job in self.runs.jobs() if phase in ("", job["metadata"]["labels"]["retrain.crpbot.dev/phase"])]

    def pods(self, phase: str = "") -> list[dict[str, Any]]:
        """The pods there are, of one phase or of all."""
        pods = self.plane.request("GET", f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return [pod for pod in pods if phase in ("", pod["metadata"]["labels"].get("retrain.crpbot.dev/phase"))]

    def made(self) -> list[str]:
        """Names of all Jobs that were ever created, in order; from the audit log."""
        return [
            event["objectRef"]["name"]
            for event in self.plane.audit()
            if event["verb"] == "create"
            and event["objectRef"]["resource"] == "jobs"
            and event["objectRef"].get("namespace") == self.namespace
            and event["responseStatus"]["code"] == 201
        ]

    def quota(self, **hard: int | str) -> None:
        """A ResourceQuota that is in force; `pods=0`, or `jobs=1` for count/jobs.batch."""
        names = {"jobs": "count/jobs.batch"}
        wanted = {names.get(name, name): str(value) for name, value in hard.items()}
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "limit"}, "spec": {"hard": wanted}}
        path = f"/api/v1/namespaces/{self.namespace}/resourcequotas"
        self.plane.request("POST", path, body)
        until(lambda: bool(self.plane.request("GET", f"{path}/limit").get("status", {}).get("hard")))

    def lift_quota(self) -> None:
        """Take it away."""
        self.plane.request("DELETE", f"/api/v1/namespaces/{self.namespace}/resourcequotas/limit")


def entry_of(status: Status, symbol: str) -> dict[str, Any]:
    """What a status says of a symbol."""
    found = (entry for entry in status.get("symbols", ()) if entry["symbol"] == symbol)
    return next(found, {})
