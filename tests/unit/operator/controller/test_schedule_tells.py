"""A schedule that tells people, against an API server with its Job controller: whatever is lost or dies, somebody hears of it, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.fake_api import Fault, Lost, Request, no_answer
from support.pod_status import Ended
from support.schedule_replica import SCHEDULE, FailsAt, Replica

from retrain_api.documents.encoding import TASK_VARIABLE, decode_task, encode_message
from retrain_api.documents.results import NotifyResult
from retrain_api.documents.tasks import NotifyTask

NOTIFY = [{"name": "ops", "secretName": "slack"}]


@dataclass
class Teller(Replica):
    """A replica whose receivers are told as soon as a pod is there."""

    told: list[str] | None = None

    def __post_init__(self) -> None:
        self.told = []
        super().__post_init__()
        self.api.edit(SCHEDULE, {"spec": {"notify": NOTIFY, "pauseAfterFailures": 1}})

    def everybody_works(self) -> None:
        """Job controller and pods, until nothing is left to do."""
        for _ in range(6):
            self.api.controllers()
            for name in list(self.api.jobs()):
                self._tell(name)
            self.api.controllers()
            self.api.stop_pods()
            self.settle()

    def _tell(self, name: str) -> None:
        for pod in self.api.pods(name):
            if pod["status"].get("phase", "Pending") != "Pending":
                continue
            (container,) = pod["spec"]["containers"]
            task = decode_task(next(one["value"] for one in container["env"] if one["name"] == TASK_VARIABLE))
            assert isinstance(task, NotifyTask) and self.told is not None
            self.told.append(task.key)
            self.api.end(pod, Ended(0, encode_message(NotifyResult(key=task.key, scheme="json"))))


def paused(fault: Callable[[Request], Fault] = lambda request: None, dies: bool = False) -> Teller:
    teller = Teller(fault=fault, dies=dies)
    teller.settle()
    teller.to_next_slot()
    teller.finish("Failed")
    teller.everybody_works()
    return teller


WRITES = len(paused().api.writes())


def test_it_is_told_and_its_job_is_gone() -> None:
    teller = paused()
    assert teller.told == ["uid-1/1-Paused"] and teller.api.jobs() == {}
    (entry,) = teller.status()["notified"]
    assert (entry["name"], entry["key"]) == ("ops", "1-Paused") and "pending" not in entry
    assert {one["type"]: one["status"] for one in teller.status()["conditions"]}["Notified"] == "True"


def test_what_is_told_stands_in_the_status_before_a_job_tells_it() -> None:
    pending = set()
    for request in paused().api.writes():
        if request.verb == "patch":
            pending |= {entry.get("pending") for entry in request.body.get("status", {}).get("notified") or ()}
        elif request.verb == "create" and request.body["kind"] == "Job":
            assert request.body["metadata"]["annotations"]["retrain.crpbot.dev/key"].partition("/")[2] in pending


@pytest.mark.parametrize("fault", [no_answer(), Lost()], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_wherever_it_dies_it_is_told_once(number: int, fault: Fault) -> None:
    teller = paused(FailsAt(number, fault), dies=True)
    assert teller.told == ["uid-1/1-Paused"] and teller.api.jobs() == {}


def test_at_rest_nothing_is_asked_of_the_api_server() -> None:
    teller = paused()
    before = len(teller.api.asked)
    assert teller.reconcile() is None and len(teller.api.asked) == before
