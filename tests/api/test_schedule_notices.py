"""People are told what becomes of a schedule, on a real API server, by Jobs that come and go with what they tell."""

from __future__ import annotations

import json
import threading
from typing import Any

from support.fates import Fates, fails
from support.kubelet import Kubelet
from support.operator_process import until
from support.results import task_of
from support.schedule_life import GROUP, RARELY, Body, Schedules, condition

PHONE = {"name": "phone", "secretName": "telegram"}


def notices(schedules: Schedules) -> list[Body]:
    """The notify Jobs there are."""
    return [job for job in schedules.runs.jobs() if job["metadata"]["labels"]["retrain.crpbot.dev/phase"] == "notify"]


def entry(status: Any) -> dict[str, Any]:
    (found,) = status.get("notified") or ({},)
    return found  # type: ignore[no-any-return]


def fail(schedules: Schedules) -> None:
    """A schedule whose first run is made at once, and fails."""
    now = {"annotations": {f"{GROUP}/trigger": "a"}}
    schedules.create("nightly", metadata=now, schedule=RARELY, pauseAfterFailures=1, notify=[PHONE])


def test_a_pause_is_told_once_and_its_job_goes(schedules: Schedules, kubelet: Kubelet) -> None:
    said: list[str] = []
    kubelet.fate = Fates(
        train=lambda task: fails(78, "NoGPU", "No GPU here."), notify=lambda task: said.append(task.body)
    )
    fail(schedules)
    status = schedules.until("nightly", lambda status: entry(status).get("key") == "1-Paused")
    assert status["state"] == "Paused" and condition(status, "Notified")[:2] == ("True", "Told")
    until(lambda: not notices(schedules))
    (body,) = said
    assert f"retrain schedule resume nightly -n {schedules.namespace}" in body and "NoGPU" in body
    schedules.annotate("nightly", resume="a", trigger="b")
    schedules.until(
        "nightly",
        lambda status: entry(status).get("key", "").endswith("-Paused") and entry(status)["key"] != "1-Paused",
    )
    assert len(said) == 2


def test_who_can_not_be_told_holds_up_nothing_and_another_secret_tries_again(
    schedules: Schedules, kubelet: Kubelet
) -> None:
    kubelet.fate = Fates(train=lambda task: fails(78), notify=lambda task: fails(65, "ReceiverRefused", "It says no."))
    fail(schedules)
    status = schedules.until("nightly", lambda status: condition(status, "Notified")[0] == "False")
    assert "phone was not told of Paused: ReceiverRefused: It says no." in condition(status, "Notified")[2]
    kubelet.fate = Fates()
    schedules.patch("nightly", notify=[PHONE | {"secretName": "slack"}], suspend=True)
    status = schedules.until("nightly", lambda status: entry(status).get("key") == "1-Paused")
    assert "pending" not in entry(status) and "slack" not in json.dumps(status)


def test_its_job_is_the_schedules_and_goes_with_it(schedules: Schedules, kubelet: Kubelet) -> None:
    kubelet.fate = Fates(train=lambda task: fails(78), hold={"notify": threading.Event()})
    fail(schedules)
    (job,) = until(lambda: notices(schedules))
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("RetrainSchedule", "nightly")
    assert getattr(task_of(job), "receiver", None) == "phone"
    schedules.kubectl("delete", "rts", "nightly", "--timeout=60s")
    until(lambda: not notices(schedules))
