"""A schedule on a real API server, as a person handles it.

schedules = Schedules(plane, namespace)
schedules.create("nightly", schedule="0 * * * *")          # runs of one symbol whose pods a kubelet ends
schedules.until("nightly", lambda status: status["state"] == "Active")
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from support.control_plane import ApiRefusal, ControlPlane
from support.operator_process import Runs, until

PATIENCE = 300.0
"""Seconds. Some of these runs really train."""

GROUP = "retrain.crpbot.dev"
TEMPLATE: dict[str, Any] = {
    "symbols": ["BTC-USD"],
    "data": {"uri": "s3://bucket/features/"},
    "split": {"test": "7d"},
    "artifacts": {"uri": "s3://bucket/models/"},
    "preflight": "Never",
}
RARELY = "0 0 29 2 *"
"""A schedule that makes no run by itself while a test lasts."""
Body = dict[str, Any]


def schedule_body(
    name: str,
    template: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    run_metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Body:
    """A schedule; `template` are fields of its runs' spec, `metadata` and `run_metadata` labels and annotations."""
    run = {"spec": TEMPLATE | dict(template or {})} | ({"metadata": dict(run_metadata)} if run_metadata else {})
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {"name": name, **(metadata or {})},
        "spec": {"schedule": "0 * * * *", "runTemplate": run} | spec,
    }


@dataclass(frozen=True)
class Schedules:
    """RetrainSchedules of a namespace, and their runs. `explain` says what an operator was doing."""

    plane: ControlPlane
    namespace: str
    explain: Callable[[], str] = str

    @property
    def runs(self) -> Runs:
        return Runs(self.plane, self.namespace)

    def path(self, name: str = "", part: str = "") -> str:
        """The API path."""
        root = f"/apis/{GROUP}/v1alpha1/namespaces/{self.namespace}/retrainschedules"
        return "/".join(filter(None, [root, name, part]))

    def create(self, name: str, **body: Any) -> Body:
        """A new schedule; see `schedule_body`."""
        return self.plane.request("POST", self.path(), schedule_body(name, **body))  # type: ignore[no-any-return]

    def start(self, name: str, **body: Any) -> None:
        """A new schedule whose slots count from now on by the operator's clock, which may be ahead of the API server's."""
        self.create(name, **body, suspend=True)
        self.until_state(name, "Suspended")
        self.patch(name, suspend=False)
        self.until(name, lambda status: status["state"] != "Suspended")

    def apply(self, body: Body, *flags: str) -> str:
        """kubectl apply. What it says."""
        return self.kubectl("apply", *flags, "-f", "-", input=yaml.safe_dump(body))

    def get(self, name: str) -> Body:
        """The schedule as it is stored."""
        return self.plane.request("GET", self.path(name))  # type: ignore[no-any-return]

    def status(self, name: str) -> Body:
        """Its status."""
        return self.get(name).get("status") or {}

    def patch(self, name: str, **spec: Any) -> Body:
        """Other values of some fields of the spec."""
        return self.plane.request("PATCH", self.path(name), {"spec": spec}, kind="merge-patch+json")  # type: ignore[no-any-return]

    def annotate(self, name: str, **values: str) -> None:
        """kubectl annotate, with our prefix."""
        notes = [f"{GROUP}/{key}={value}" for key, value in values.items()]
        self.kubectl("annotate", "--overwrite", "rts", name, *notes)

    def kubectl(self, *args: str, input: str | None = None) -> str:
        """kubectl in the namespace; what it printed."""
        return self.plane.kubectl("-n", self.namespace, *args, input=input).stdout

    def row(self, name: str) -> dict[str, str]:
        """What `kubectl get rts` prints of it, by column."""
        head, line = self.kubectl("get", "rts", name).splitlines()
        starts = [head.index(title) for title in head.split()]
        ends = [*starts[1:], None]
        return {title: line[start:end].strip() for title, start, end in zip(head.split(), starts, ends, strict=True)}

    def made(self, name: str) -> list[Body]:
        """Runs that bear its label, the oldest name first."""
        query = f"?labelSelector={GROUP}/schedule={name}"
        found = self.plane.request("GET", self.runs.path() + query)["items"]
        return sorted(found, key=lambda run: str(run["metadata"]["name"]))

    def names(self, name: str) -> list[str]:
        """Their names."""
        return [run["metadata"]["name"] for run in self.made(name)]

    def ever_made(self) -> list[str]:
        """Names of all runs that anybody ever created here, in order; from the audit log."""
        return [
            event["objectRef"]["name"]
            for event in self.plane.audit()
            if event["verb"] == "create"
            and event["objectRef"]["resource"] == "retrainruns"
            and event["objectRef"].get("namespace") == self.namespace
            and event["responseStatus"]["code"] == 201
        ]

    def until(self, name: str, holds: Callable[[Body], Any]) -> Body:
        """Wait until it holds of the status, as of the present generation; the status."""
        seen: Body = {}

        def check() -> bool:
            with contextlib.suppress(OSError):
                body = self.get(name)
                seen.clear()
                seen.update(body.get("status") or {})
                return seen.get("observedGeneration") == body["metadata"]["generation"] and bool(holds(seen))
            return False

        def explain() -> str:
            return f"{json.dumps(seen, indent=1)}\n{self.kubectl('get', 'rts,rtr')}\n{self.explain()}"

        until(check, explain, PATIENCE)
        return seen

    def until_state(self, name: str, state: str) -> Body:
        """Wait for a state; the status."""
        return self.until(name, lambda status: status.get("state") == state)

    def until_recent(self, name: str, *states: str) -> Body:
        """Wait until the newest runs ended so, the newest first; the status."""
        return self.until(
            name, lambda status: tuple(one["state"] for one in status.get("recent", ())[: len(states)]) == states
        )

    def until_run(self, name: str) -> Body:
        """Wait for a run of that name; the run."""

        def found() -> Body | None:
            try:
                return self.runs.get(name)
            except ApiRefusal as refusal:
                if refusal.status != 404:
                    raise
                return None

        return until(found, lambda: f"no {name}\n{self.kubectl('get', 'rts,rtr')}\n{self.explain()}")  # type: ignore[no-any-return]


def condition(status: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition; empty where there is none."""
    found = next((one for one in status["conditions"] if one["type"] == kind), {})
    return found.get("status", ""), found.get("reason", ""), found.get("message", "")
