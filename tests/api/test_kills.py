"""The operator killed (SIGKILL) before or after each write of a run's life, and started again: the same end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.api_proxy import ApiProxy, Asked, Cut, Fault
from support.control_plane import ControlPlane
from support.fates import Fates, succeeds
from support.kubelet import Kubelet
from support.life import Life, Status
from support.operator_process import OperatorProcess
from support.planning import trained
from support.results import DECAYED, observed

BOTH = pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
PATIENCE = 240.0


def named(asked: Asked) -> str:
    """A write by what it does: the Job that it makes or ends, or the state that it tells of."""
    if asked.creates("jobs"):
        return str(asked.body["metadata"]["name"])
    if asked.method == "DELETE":
        return f"DELETE {asked.body['preconditions']['uid']}"
    # Without a status it is the proof of a plan whose status was written before.
    status = asked.body.get("status", {})
    told = [(one.get("key"), one.get("pending")) for one in status.get("notified") or ()]
    return f"{asked.method} {asked.resource} {status.get('state', '')} {status.get('observed', '')} {told}"


@dataclass
class Killer:
    """Kills the operator once at each write. `met`: the writes; `kills`: those at which it was alive."""

    life: Life
    carried_out: bool
    met: set[str] = field(default_factory=set)
    kills: list[str] = field(default_factory=list)

    def fault(self, asked: Asked) -> Fault:
        """What the proxy asks."""
        if not asked.writes:
            return None
        if not self.life.operator.running():
            return Cut()  # what the dead one still had on its way
        write = named(asked)
        if write in self.met:
            return None
        self.met.add(write)
        return Cut(lambda: self._kill(write), self.carried_out)

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Start it again and again until it holds of the status."""
        end = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < end, self.life.operator.log_tail()
            if not self.life.operator.running():
                self.life.operator.start()
            status = self.life.status()
            if holds(status):
                return status
            time.sleep(0.02)

    def _kill(self, write: str) -> None:
        self.kills.extend([write] if self.life.operator.running() else [])
        self.life.operator.kill()


@contextmanager
def killing(
    plane: ControlPlane, kubelet: Kubelet, namespace: str, folder: Path, carried_out: bool
) -> Iterator[tuple[Life, Killer]]:
    """A life whose operator dies at each of its writes."""
    with ApiProxy(plane) as proxy:
        operator = OperatorProcess(
            plane, namespace, folder, kubeconfig=proxy.kubeconfig("admin"), flags=("--no-leader-election",)
        )
        life = Life(plane, namespace, kubelet, operator)
        killer = Killer(life, carried_out)
        proxy.fault = killer.fault
        try:
            yield life, killer
        finally:
            operator.kill()


@BOTH
def test_at_every_write_of_a_run_that_is_promoted(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, carried_out: bool
) -> None:
    kubelet.fate = fates = Fates()
    with killing(control_plane, kubelet, namespace, tmp_path, carried_out) as (life, killer):
        life.create()
        status = killer.until(lambda status: status.get("state") == "Promoted")
    assert (status["trained"], status["gateSummary"]) == ("3/3", "3/3 Pass")
    assert [entry["attempts"] for entry in status["symbols"]] == [1, 1, 1]
    assert len(life.made()) == len(set(life.made())) == 5, "no Job is made twice"
    assert set(Counter(fates.started).values()) == {1}, "no work is done twice"
    # Five Jobs, and Queued, Evaluating, Publishing and Promoted at the least. The three trainings are created together:
    # one kill may stand for all of them.
    assert len(killer.met) >= 9, killer.met
    assert len(killer.kills) >= 7, killer.kills


@BOTH
def test_at_every_write_of_a_run_that_is_suspended_and_goes_on(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, carried_out: bool
) -> None:
    kubelet.fate = Fates(train=lambda task: succeeds(trained(task), hold=threading.Event()))
    with killing(control_plane, kubelet, namespace, tmp_path, carried_out) as (life, killer):
        life.create()
        killer.until(lambda _: [pod["status"]["phase"] for pod in life.pods("train")] == ["Running"] * 3)
        life.change(suspend=True)
        killer.until(lambda status: status.get("state") == "Suspended" and not life.jobs())
        kubelet.fate = Fates()
        life.change(suspend=False)
        status = killer.until(lambda status: status.get("state") == "Promoted")
    assert status["trained"] == "3/3"
    assert [write for write in killer.met if write.startswith("DELETE")], killer.met
    # The first trainings were ended and made again under the same names.
    assert set(Counter(life.made()).values()) == {1, 2}


@BOTH
def test_at_every_write_of_a_look_and_of_what_people_are_told(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, carried_out: bool
) -> None:
    kubelet.fate = fates = Fates(observe=lambda task: succeeds(observed(task, **DECAYED)))
    receivers = [{"name": "ops", "secretName": "ops"}]
    with killing(control_plane, kubelet, namespace, tmp_path, carried_out) as (life, killer):
        life.create(symbols=["BTC-USD"], observation={"every": "1d"}, notify=receivers)
        status = killer.until(lambda status: _told(status) == "Decaying")
    assert (status["state"], status["observation"]["state"], status["transitions"]) == ("Promoted", "Decaying", 2)
    assert len(life.made()) == len(set(life.made())), "no Job is made twice"
    assert fates.started.count("observe") == 1, "nobody looks twice"
    assert len([write for write in killer.met if "Decaying" in write]) >= 2, killer.met


def _told(status: Status) -> str:
    """The word that the receiver was told last, nothing pending."""
    last = (status.get("notified") or [{}])[0]
    return "" if "pending" in last else str(last.get("key", "")).rsplit("-", 1)[-1]
