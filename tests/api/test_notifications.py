"""People are told what becomes of a run, on a real API server: each thing at least once, and by no word of the Secret."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.fates import Fates, fails, succeeds
from support.kubelet import REAL_TRAINER
from support.life import NAME, Life
from support.operator_process import until
from support.receivers import Webhook
from support.results import DECAYED, measured, observed, task_of
from support.schedule_life import condition

from retrain_api.documents.tasks import NotifyTask

OPS = {"name": "ops", "secretName": "ops-url"}
TOKEN = "tok-6f1b9c2e77"
MANUAL = {"promotion": {"policy": "Manual"}}


def told(life: Life) -> list[NotifyTask]:
    """The tasks of all notify Jobs there are, in the order in which they were made."""
    order = {name: place for place, name in enumerate(life.made())}
    jobs = sorted(life.jobs("notify"), key=lambda job: order[job["metadata"]["name"]])
    return [task for task in map(task_of, jobs) if isinstance(task, NotifyTask)]


def words(life: Life) -> list[str]:
    """What was told: Promoted, Decaying."""
    return [task.key.rsplit("-", 1)[-1] for task in told(life)]


def notified(status: Any, name: str = "ops") -> dict[str, Any]:
    return next((one for one in status.get("notified", ()) if one["name"] == name), {})


def until_told(life: Life, word: str, name: str = "ops") -> dict[str, Any]:
    """Wait until a receiver was told of that, and nothing is pending."""
    return life.until(
        lambda status: (
            notified(status, name).get("key", "").endswith(f"-{word}") and "pending" not in notified(status, name)
        )
    )


def test_a_promotion_is_told_with_what_a_person_needs(life: Life) -> None:
    life.create(notify=[OPS])
    status = until_told(life, "Promoted")
    assert notified(status) == {"name": "ops", "key": "1-Promoted", "at": notified(status)["at"]}
    assert condition(status, "Notified")[:2] == ("True", "Told")
    (task,) = told(life)
    assert "Promoted" in task.title and NAME in task.title
    assert status["report"]["markdown"] in task.body or status["report"]["html"] in task.body


def test_the_job_carries_the_url_alone_and_as_a_reference(life: Life) -> None:
    life.create(notify=[OPS], credentials={"secretName": "aws"}, backups=[{"name": "vault", "uri": "s3://vault/"}])
    until_told(life, "Promoted")
    (job,) = life.jobs("notify")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    secret = [one for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})]
    assert secret == [{"name": "RETRAIN_NOTIFY_URL", "valueFrom": {"secretKeyRef": {"name": "ops-url", "key": "url"}}}]
    assert "aws" not in json.dumps(job)
    assert json.dumps(life.jobs()).count("ops-url") == 1
    assert "ops-url" not in json.dumps(life.status())


@pytest.mark.parametrize(
    ("fate", "spec", "word"),
    [
        ({"evaluate": lambda item: succeeds(measured(item, accuracy=0.5))}, {}, "Rejected"),
        ({"train": lambda task: fails(78, "NoGPU", "no GPU here")}, {}, "Failed"),
        ({}, {"promotion": {"policy": "Never"}}, "Passed"),
        ({"observe": lambda task: succeeds(observed(task, **DECAYED))}, {"observation": {"every": "1d"}}, "Decaying"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_end_has_its_word(life: Life, fate: Any, spec: Any, word: str) -> None:
    life.kubelet.fate = Fates(**fate)
    life.create(symbols=["BTC-USD"], notify=[OPS, OPS | {"name": "quiet", "when": ["Skipped"]}], **spec)
    status = until_told(life, word)
    assert words(life)[-1] == word
    assert "key" not in notified(status, "quiet") and "pending" not in notified(status, "quiet")
    assert {task.receiver for task in told(life)} == {"ops"}
    task = told(life)[-1]
    assert task.warning == (word != "Passed")


def test_a_person_is_told_what_to_type_and_then_what_came_of_it(life: Life) -> None:
    life.create(symbols=["BTC-USD"], notify=[OPS], **MANUAL)
    until_told(life, "AwaitingApproval")
    (asked,) = told(life)
    assert f"retrain approve {NAME}" in asked.body and life.namespace in asked.body
    digest = life.status()["gate"]["digest"]
    life.runs.annotate(NAME, approve=f"{digest} by ada: looks right")
    until_told(life, "Promoted")
    assert words(life) == ["AwaitingApproval", "Promoted"]
    assert life.status()["transitions"] == 2


def test_of_several_that_wait_the_newest_alone_is_told(life: Life) -> None:
    gate = threading.Event()
    life.kubelet.fate = Fates(hold={"notify": gate})
    life.create(symbols=["BTC-USD"], notify=[OPS], observation={"every": "1d"}, **MANUAL)
    life.ends("AwaitingApproval")
    until(lambda: life.pods("notify"))
    life.kubelet.fate = Fates(hold={"notify": gate}, observe=lambda task: succeeds(observed(task, **DECAYED)))
    life.runs.annotate(NAME, approve=f"{life.status()['gate']['digest']} by ada: looks right")
    life.until(lambda status: status.get("observed", "").startswith("Decaying"))
    assert len(life.jobs("notify")) == 1, "one at a time"
    gate.set()
    status = until_told(life, "Decaying")
    assert words(life) == ["AwaitingApproval", "Decaying"]
    assert status["transitions"] == 3


def test_one_that_is_added_later_is_not_told_what_is_long_so(life: Life) -> None:
    life.create(symbols=["BTC-USD"])
    life.ends("Promoted")
    assert "transitions" not in life.status()
    life.change(notify=[OPS])
    status = life.until(lambda status: bool(notified(status)))
    assert "pending" not in notified(status)
    life.kubelet.fate = Fates(evaluate=lambda item: succeeds(measured(item, accuracy=0.5)))
    life.runs.annotate(NAME, rerun="one")
    until_told(life, "Rejected")
    assert words(life) == ["Rejected"]
    life.change(notify=[])
    status = life.until(lambda status: not status.get("notified"))
    assert condition(status, "Notified") == ("", "", "")


def token(life: Life) -> None:
    life.runs.annotate(NAME, retry="one")


def another_secret(life: Life) -> None:
    life.change(notify=[OPS | {"secretName": "another"}])


@pytest.mark.parametrize("mended", [token, another_secret])
def test_who_cant_be_told_is_named_and_told_again_once_that_is_mended(
    life: Life, mended: Callable[[Life], None]
) -> None:
    refused = "The receiver (json) refused it with 403."
    life.kubelet.fate = Fates(notify=lambda task: fails(64, "ReceiverFailed", refused))
    life.create(symbols=["BTC-USD"], notify=[OPS])
    status = life.until(lambda status: condition(status, "Notified")[1] == "NotTold")
    verdict, _, message = condition(status, "Notified")
    assert verdict == "False" and "ops" in message and refused in message
    assert (status["state"], condition(status, "Ready")[0]) == ("Promoted", "True")
    (event,) = [one for one in life.runs.events(NAME) if one["reason"] == "NotTold"]
    assert event["type"] == "Warning"
    life.kubelet.fate = Fates()
    mended(life)
    status = until_told(life, "Promoted")
    assert condition(status, "Notified")[:2] == ("True", "Told")


def test_a_secret_that_is_not_there_is_named_and_waited_for(life: Life) -> None:
    """The pod is a real one, and carries what the trainer of these tests does not know: it only has to begin."""
    simple = Fates()
    life.kubelet.fate = lambda pod: None if isinstance(task_of(pod), NotifyTask) else simple(pod)
    life.create(symbols=["BTC-USD"], notify=[OPS])
    status = life.until(lambda status: "ops-url" in condition(status, "Notified")[2])
    assert condition(status, "Notified")[:2] == ("Unknown", "Telling")
    life.kubelet.fate = simple
    path = f"/api/v1/namespaces/{life.namespace}/secrets"
    life.plane.request("POST", path, {"metadata": {"name": "ops-url"}, "stringData": {"url": "json://localhost"}})
    until_told(life, "Promoted")


def everything(plane: ControlPlane, namespace: str) -> str:
    """All objects of the namespace but Secrets."""
    kinds = "retrainruns,retrainschedules,jobs,pods,events,configmaps"
    return plane.kubectl("-n", namespace, "get", kinds, "-o", "yaml").stdout


@pytest.mark.parametrize("code", [200, 403], ids=["told", "refused"])
def test_the_real_trainer_tells_a_real_receiver_and_its_address_is_nowhere(life: Life, code: int) -> None:
    """The Secret is in the API server, and the pod runs `python -m retrain_trainer notify`."""
    simple = Fates()
    life.kubelet.environ = REAL_TRAINER | {"PYTHONPATH": os.pathsep.join(sys.path)}
    life.kubelet.fate = lambda pod: None if isinstance(task_of(pod), NotifyTask) else simple(pod)
    with Webhook(code) as receiver:
        secret = {"url": f"json://ada:{TOKEN}@{receiver.place}/hook-{TOKEN}"}
        path = f"/api/v1/namespaces/{life.namespace}/secrets"
        life.plane.request("POST", path, {"metadata": {"name": "ops-url"}, "stringData": secret})
        life.create(symbols=["BTC-USD"], notify=[OPS])
        status = life.until(lambda status: bool({"key", "failedKey"} & notified(status).keys()))
    assert condition(status, "Notified")[1] == ("Told" if code == 200 else "NotTold"), status
    assert "Promoted" in json.dumps(receiver.bodies[0])
    logs = "".join(
        life.plane.kubectl("-n", life.namespace, "logs", pod["metadata"]["name"]).stdout for pod in life.pods("notify")
    )
    shown = {"objects": everything(life.plane, life.namespace), "logs": logs, "operator": life.operator.log.read_text()}
    assert "json://" in logs
    for where, text in shown.items():
        assert TOKEN not in text, where
        assert receiver.place not in text, where
