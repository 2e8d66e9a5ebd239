"""A schedule tells people of itself, on a real API server: by Jobs that it owns, each thing once, over a restart of the operator."""

from __future__ import annotations

import json
import threading

from support.fates import Fates, fails
from support.kubelet import Kubelet
from support.operator_process import OperatorProcess, until
from support.results import task_of
from support.schedule_life import GROUP, RARELY, Schedules, condition

from retrain_api.documents.tasks import NotifyTask

OPS = {"name": "ops", "secretName": "ops-url"}


def paused(schedules: Schedules, kubelet: Kubelet, gate: threading.Event) -> None:
    """A schedule whose run failed, so that it is paused; its notification runs until the gate opens."""
    kubelet.fate = Fates(train=lambda task: fails(78, "NoGPU", "no GPU here"), hold={"notify": gate})
    notes = {"annotations": {f"{GROUP}/trigger": "now"}}
    schedules.create("nightly", schedule=RARELY, metadata=notes, pauseAfterFailures=1, notify=[OPS])
    schedules.until_state("nightly", "Paused")


def test_it_tells_once_by_a_job_of_its_own_that_then_goes(
    schedules: Schedules, kubelet: Kubelet, clocked_operator: OperatorProcess
) -> None:
    gate = threading.Event()
    paused(schedules, kubelet, gate)
    jobs = until(lambda: [job for job in schedules.runs.jobs() if "-notify-" in job["metadata"]["name"]])
    (job,) = jobs
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("RetrainSchedule", "nightly")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    secrets = [
        one["valueFrom"]["secretKeyRef"] for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})
    ]
    assert secrets == [{"name": "ops-url", "key": "url"}]
    task = task_of(job)
    assert isinstance(task, NotifyTask)
    assert "Paused" in task.title and "nightly" in task.title and "retrain schedule resume nightly" in task.body
    clocked_operator.kill()
    gate.set()
    clocked_operator.start()
    status = schedules.until("nightly", lambda status: (status.get("notified") or [{}])[0].get("at"))
    (told,) = status["notified"]
    assert (told["key"], "pending" in told, status["transitions"]) == ("1-Paused", False, 1)
    assert condition(status, "Notified")[:2] == ("True", "Told")
    until(lambda: not [job for job in schedules.runs.jobs() if "-notify-" in job["metadata"]["name"]])
    made = [event for event in schedules.plane.audit() if creates_a_notice(event, schedules)]
    assert len(made) == 1
    assert "ops-url" not in json.dumps(schedules.get("nightly")["status"])


def creates_a_notice(event: dict, schedules: Schedules) -> bool:
    about = event.get("objectRef", {})
    return (
        (event["verb"], about.get("resource"), about.get("namespace")) == ("create", "jobs", schedules.namespace)
        and "-notify-" in about.get("name", "")
        and event["responseStatus"]["code"] == 201
    )
