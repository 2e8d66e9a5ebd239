"""The operator killed (SIGKILL) before or after each write of a schedule's slots, and started again: every slot has one run.

The slots are days away: the operator's clock is ahead, by a week more for each slot.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.api_proxy import ApiProxy, Asked, Cut, Fault
from support.control_plane import ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.operator_ahead import VARIABLE
from support.operator_process import OperatorProcess
from support.planning import run_document

from retrain_api.cron import Cron

NAME, SCHEDULE = "every-saturday", "0 3 * * 6"
PATIENCE = 240.0
Status = dict[str, Any]


def named(asked: Asked) -> str:
    """A write of a slot by what it does: the run that it makes or ends, or what the schedule's status then says."""
    if asked.creates("retrainruns"):
        return f"create {asked.body['metadata']['name']}"
    if asked.method == "DELETE":
        return f"delete {asked.body['preconditions']['uid']}"
    status = asked.body.get("status", {})
    told = [name for name in ("pending", "active", "recent", "nextTime", "counting") if name in status]
    return (
        f"{asked.resource} {told} {status.get('lastScheduleTime', '')} {(status.get('pending') or {}).get('name', '')}"
    )


def of_the_schedule(asked: Asked) -> bool:
    """Writes of its runs' own lives have a test of their own (test_kills.py)."""
    ends = asked.method == "DELETE" and asked.resource == "retrainruns"
    return asked.resource == "retrainschedules/status" or asked.creates("retrainruns") or ends


@dataclass
class Killer:
    """Kills the operator once at each write of a slot."""

    plane: ControlPlane
    namespace: str
    operator: OperatorProcess
    carried_out: bool
    met: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)

    def fault(self, asked: Asked) -> Fault:
        """What the proxy asks."""
        if not asked.writes or not of_the_schedule(asked):
            return None
        if not self.operator.running():
            return Cut()  # what the dead one still had on its way
        write = named(asked)
        if write in self.met:
            return None
        self.met.append(write)
        return Cut(lambda: self._kill(write), self.carried_out)

    def to(self, now: datetime) -> None:
        """Another time: the operator ends and starts again with another clock."""
        self.operator.kill()
        self.operator.environ[VARIABLE] = str((now - datetime.now(UTC)).total_seconds())

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Start it again and again until it holds of the schedule's status."""
        end = time.monotonic() + PATIENCE
        while True:
            status = self.status()
            assert time.monotonic() < end, f"{status}\n{self.met}\n{self.operator.log_tail()}"
            if not self.operator.running():
                self.operator.start()
            if holds(status):
                return status
            time.sleep(0.02)

    def status(self) -> Status:
        """The schedule's status."""
        path = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{self.namespace}/retrainschedules/{NAME}"
        return self.plane.request("GET", path).get("status") or {}

    def names(self) -> list[str]:
        """Names of the runs there are."""
        path = f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{self.namespace}/retrainruns"
        return [run["metadata"]["name"] for run in self.plane.request("GET", path)["items"]]

    def made(self) -> list[str]:
        """Names of all runs that were ever created, from the audit log."""
        asked = ((event, event.get("objectRef", {})) for event in self.plane.audit())
        return [
            about["name"]
            for event, about in asked
            if (event["verb"], about.get("resource"), about.get("namespace"))
            == ("create", "retrainruns", self.namespace)
            and event["responseStatus"]["code"] == 201
        ]

    def _kill(self, write: str) -> None:
        self.kills.extend([write] if self.operator.running() else [])
        self.operator.kill()


@contextmanager
def killing(plane: ControlPlane, kubelet: Kubelet, namespace: str, folder: Path, carried_out: bool) -> Iterator[Killer]:
    """An operator that dies at each write of a slot, and a schedule that it has not seen yet."""
    kubelet.fate = Fates()
    with ApiProxy(plane) as proxy:
        operator = OperatorProcess(
            plane,
            namespace,
            folder,
            kubeconfig=proxy.kubeconfig("admin"),
            flags=("--no-leader-election",),
            module="support.operator_ahead",
            environ={VARIABLE: "0"},
        )
        killer = Killer(plane, namespace, operator, carried_out)
        proxy.fault = killer.fault
        document = run_document()
        template = {"spec": document["spec"]}
        body = {
            "apiVersion": document["apiVersion"],
            "kind": "RetrainSchedule",
            "metadata": {"name": NAME},
            "spec": {"schedule": SCHEDULE, "runsHistoryLimit": 1, "runTemplate": template},
        }
        plane.request("POST", f"/apis/retrain.crpbot.dev/v1alpha1/namespaces/{namespace}/retrainschedules", body)
        try:
            yield killer
        finally:
            operator.kill()


@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
def test_at_every_write_of_three_slots(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, carried_out: bool
) -> None:
    cron = Cron.parse(SCHEDULE, "Etc/UTC")
    slot, expected = datetime.now(UTC), []
    with killing(control_plane, kubelet, namespace, tmp_path, carried_out) as killer:
        killer.until(lambda status: status.get("state") == "Active")
        for _ in range(3):
            following = cron.after(slot)
            assert following is not None
            slot = following
            expected.append(f"{NAME}-{slot:%Y%m%d%H%M}")
            killer.to(slot + timedelta(seconds=1))
            killer.until(lambda status: expected[-1] in ended(status))
        # The limit of one run: the others go, and going is among the writes.
        killer.until(lambda status: killer.names() == expected[-1:])
        status = killer.status()
    assert Counter(killer.made()) == Counter(expected), "no slot twice, none lost"
    assert ended(status)[:3] == expected[::-1]
    assert status["lastScheduleTime"] == f"{slot:%Y-%m-%dT%H:%M:%SZ}"
    assert not status.get("active") and not status.get("pending")
    # Of each slot at the least: the promise, the run, that it was seen, that it is over.
    assert len(killer.met) >= 12, killer.met
    assert len(killer.kills) >= 10, killer.kills


def ended(status: Status) -> list[str]:
    """Names of the runs that the status says are over, newest first."""
    return [one["run"] for one in status.get("recent", ()) if one["state"] == "Promoted"]
