"""Whatever breaks between the operator and the API server: the same end, no Job made twice, no result lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.api_proxy import CLOSE, GONE, ApiProxy, Asked, Cut, Fault, Refuse
from support.control_plane import ControlPlane
from support.fates import Fates, succeeds
from support.kubelet import Kubelet
from support.life import NAME, Life, Status
from support.operator_process import OperatorProcess, until
from support.planning import trained

ALONE = ("--no-leader-election",)
ENDED = ("Promoted", "Passed", "Rejected", "Failed")
ONE = {"symbols": ["BTC-USD"], "gate": {"minPassed": 1}}


@contextmanager
def through(
    plane: ControlPlane, kubelet: Kubelet, namespace: str, folder: Path, *flags: str
) -> Iterator[tuple[Life, ApiProxy]]:
    """An operator whose way to the API server leads through a proxy; pods succeed at once."""
    kubelet.fate = Fates()
    with ApiProxy(plane) as proxy:
        operator = OperatorProcess(
            plane, namespace, folder, kubeconfig=proxy.kubeconfig("admin"), flags=(*ALONE, *flags)
        )
        with operator:
            yield Life(plane, namespace, kubelet, operator), proxy


def held(kubelet: Kubelet) -> threading.Event:
    """Trainings that end well once the event is set."""
    release = threading.Event()
    kubelet.fate = Fates(train=lambda task: succeeds(trained(task), hold=release))
    return release


def is_whole(life: Life, status: Status) -> None:
    """The end of an undisturbed run."""
    assert (status["state"], status["trained"], status["gateSummary"]) == ("Promoted", "3/3", "3/3 Pass")
    assert [entry["attempts"] for entry in status["symbols"]] == [1, 1, 1]
    assert Counter(life.made()) == Counter(dict.fromkeys(life.made(), 1))
    assert len(life.made()) == 5
    fates = life.kubelet.fate
    assert isinstance(fates, Fates)
    assert set(Counter(fates.started).values()) == {1}, "no work was done twice"


def first(number: int, which: Callable[[Asked], bool], answer: Fault) -> Callable[[Asked], Fault]:
    """That answer to the first so many requests of a kind."""
    seen = [0]

    def fault(asked: Asked) -> Fault:
        if not which(asked):
            return None
        seen[0] += 1
        return answer if seen[0] <= number else None

    return fault


def makes_a_job(asked: Asked) -> bool:
    return asked.creates("jobs")


def writes_the_status(asked: Asked) -> bool:
    return asked.method == "PATCH" and asked.resource == "retrainruns/status"


NO_RIGHT = 'jobs.batch is forbidden: User "x" cannot create resource "jobs" in API group "batch"'
PASSING = [
    ("500 to a create", makes_a_job, Refuse(500, "InternalError")),
    ("429 to a create", makes_a_job, Refuse(429, "TooManyRequests", after=1)),
    ("503 to a create", makes_a_job, Refuse(503, "ServiceUnavailable")),
    ("no answer to a create that was carried out", makes_a_job, Cut(carried_out=True)),
    ("no answer to a create that was not", makes_a_job, Cut()),
    ("403 to a create, for want of a right", makes_a_job, Refuse(403, "Forbidden", NO_RIGHT)),
    ("403 to a create, for a quota", makes_a_job, Refuse(403, "Forbidden", "exceeded quota: jobs")),
    ("409 to a status write", writes_the_status, Refuse(409, "Conflict")),
    ("500 to a status write", writes_the_status, Refuse(500, "InternalError")),
    ("no answer to a status write that was carried out", writes_the_status, Cut(carried_out=True)),
]


@pytest.mark.parametrize(("which", "answer"), [case[1:] for case in PASSING], ids=[case[0] for case in PASSING])
def test_what_passes_leads_to_the_same_end(
    control_plane: ControlPlane,
    kubelet: Kubelet,
    namespace: str,
    tmp_path: Path,
    which: Callable[[Asked], bool],
    answer: Fault,
) -> None:
    with through(control_plane, kubelet, namespace, tmp_path) as (life, proxy):
        proxy.fault = first(2, which, answer)
        life.create()
        is_whole(life, life.ends(*ENDED))


@pytest.mark.parametrize(("code", "reason"), [(422, "Invalid"), (403, "Forbidden")])
def test_a_job_that_is_refused_for_good_is_not_asked_for_again(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, code: int, reason: str
) -> None:
    """What a schema or an admission policy refuses it will refuse again."""
    asked = list[str]()

    def fault(request: Asked) -> Fault:
        if request.creates("jobs") and "eth-usd" in request.body["metadata"]["name"]:
            asked.append(request.body["metadata"]["name"])
            return Refuse(code, reason, "spec.template: this can't be")
        return None

    with through(control_plane, kubelet, namespace, tmp_path) as (life, proxy):
        proxy.fault = fault
        life.create()
        status = life.ends("Promoted")
        assert life.operator.metric(f'retrain_reconcile_errors_total{{kind="{code}"}}') == 0
    entry = next(each for each in status["symbols"] if each["symbol"] == "ETH-USD")
    assert entry["state"] == "Failed"
    assert "spec.template: this can't be" in entry["message"]
    assert len(asked) == 1
    assert status["gateSummary"] == "2/3 Pass"


@pytest.mark.parametrize("instead", [CLOSE, GONE], ids=["closed", "gone"])
def test_watches_that_end_are_opened_again_and_miss_nothing(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, instead: dict[str, Any]
) -> None:
    broken = list[str]()

    def watched(resource: str, event: dict[str, Any]) -> dict[str, Any]:
        if resource in broken:
            return event
        broken.append(resource)
        return instead

    with through(control_plane, kubelet, namespace, tmp_path) as (life, proxy):
        release = held(kubelet)
        life.create()
        life.until(lambda status: status.get("state") == "Training")
        proxy.watched = watched
        release.set()
        is_whole(life, life.ends(*ENDED))
    assert set(broken) >= {"jobs", "pods"}


def test_silence_of_the_watches_is_made_good_by_a_resync(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    with through(control_plane, kubelet, namespace, tmp_path, "--resync-seconds=1") as (life, proxy):
        proxy.watched = lambda resource, event: None
        life.create()
        is_whole(life, life.ends(*ENDED))


def test_a_deletion_that_nobody_told_of_is_found_by_a_resync(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    with through(control_plane, kubelet, namespace, tmp_path, "--resync-seconds=1") as (life, proxy):
        release = held(kubelet)
        proxy.watched = lambda resource, event: None if event["type"] == "DELETED" else event
        life.create(**ONE)
        life.until_symbol("BTC-USD", state="Training")
        (job,) = life.jobs("train")
        delete(life, job)
        until(lambda: [j["metadata"]["uid"] for j in life.jobs("train")] not in ([], [job["metadata"]["uid"]]))
        release.set()
        life.ends("Promoted")
        assert len([name for name in life.made() if "-train-" in name]) == 2


def delete(life: Life, job: dict[str, Any]) -> None:
    path = f"/apis/batch/v1/namespaces/{life.namespace}/jobs/{job['metadata']['name']}"
    life.plane.request("DELETE", path, {"propagationPolicy": "Background"})


def test_a_job_deleted_by_hand_is_made_again(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    with through(control_plane, kubelet, namespace, tmp_path) as (life, _):
        release = held(kubelet)
        life.create(**ONE)
        life.until_symbol("BTC-USD", state="Training")
        delete(life, life.jobs("train")[0])
        until(lambda: len(life.made()) == 2)
        release.set()
        life.ends("Promoted")
        assert len([name for name in life.made() if "-train-" in name]) == 2


def test_a_result_that_is_lost_with_its_pod_is_read_from_the_store_by_a_second_job(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    with through(control_plane, kubelet, namespace, tmp_path) as (life, _):
        release = held(kubelet)
        life.create(**ONE)
        life.until_symbol("BTC-USD", state="Training")
        life.operator.kill()
        release.set()
        until(lambda: any(job["status"].get("completionTime") for job in life.jobs("train")))
        (pod,) = life.pods("train")
        life.plane.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}")
        until(lambda: not life.pods("train"))
        life.operator.start()
        status = life.ends("Promoted")
    assert status["gateSummary"] == "1/1 Pass"
    assert len({name for name in life.made() if "-train-" in name}) == 2


def test_an_api_server_that_is_away_for_half_a_minute_costs_only_that(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    release = held(kubelet)
    with OperatorProcess(control_plane, namespace, tmp_path, flags=ALONE) as operator:
        life = Life(control_plane, namespace, kubelet, operator)
        life.create()
        life.until(lambda status: status.get("state") == "Training")
        control_plane.stop_apiserver()
        time.sleep(30)
        control_plane.start_apiserver()
        # Or it would wait out a back-off of its own, up to a minute.
        control_plane.stop_controller_manager()
        control_plane.start_controller_manager()
        release.set()
        status = life.ends(*ENDED)
        assert operator.running()
    is_whole(life, status)
    assert life.runs.get(NAME)["status"]["state"] == "Promoted"
