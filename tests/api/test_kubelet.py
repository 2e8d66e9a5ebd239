"""The test kubelet does to pods what a real one does, in both of its modes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.containers import Fate, Process
from support.control_plane import ControlPlane
from support.kubelet import Kubelet
from support.local_run import until

LEAVES = 'import os, sys; open(os.environ["RETRAIN_TERMINATION_LOG"], "w").write("words"); print("a line"); '
WAITS_FOR_TERM = (
    "import os, signal, sys, time\n"
    "def stop(*_):\n"
    '    open(os.environ["RETRAIN_TERMINATION_LOG"], "w").write("saved")\n'
    "    sys.exit(75)\n"
    "signal.signal(signal.SIGTERM, stop)\n"
    'print("waits", flush=True)\n'
    "while True: time.sleep(0.05)\n"
)
DEAF = WAITS_FOR_TERM.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")


class Bed:
    """A namespace, and what a test does in it."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.core = plane, f"/api/v1/namespaces/{namespace}"
        self.namespace, self.jobs = namespace, f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def job(
        self, code: str = "", limits: dict[str, str] | None = None, volumes: tuple[Any, ...] = (), **container: Any
    ) -> None:
        """Make the Job `one`, which runs Python code."""
        main = {"name": "trainer", "image": "registry.example/trainer:1", "command": ["python", "-c", code]}
        main |= {"resources": {"limits": limits or {}}} | container
        spec = {"restartPolicy": "Never", "containers": [main], "volumes": volumes}
        body = {"metadata": {"name": "one"}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
        self.plane.request("POST", self.jobs, body)

    def condition(self, kind: str) -> dict[str, Any] | None:
        """The Job's condition of that kind, where it is true."""
        found = self.plane.request("GET", f"{self.jobs}/one").get("status", {}).get("conditions", [])
        return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)

    def pods(self) -> list[dict[str, Any]]:
        return list(self.plane.request("GET", f"{self.core}/pods")["items"])

    def phase(self) -> str:
        """Of the one pod there is; empty while there is none."""
        return next((pod["status"]["phase"] for pod in self.pods()), "")

    def state(self) -> dict[str, Any]:
        """Of the one pod's container."""
        statuses = self.pods()[0]["status"].get("containerStatuses") or [{"state": {}}]
        return dict(statuses[0]["state"])

    def seen(self, what: str, of: Callable[[], Any]) -> Any:
        return until(of, f"in {self.namespace}: {what}")


@pytest.fixture
def bed(control_plane: ControlPlane, namespace: str) -> Bed:
    return Bed(control_plane, namespace)


def test_a_job_completes_as_a_process_and_leaves_its_words(bed: Bed, kubelet: Kubelet) -> None:
    bed.job(LEAVES)
    bed.seen("the Job completes", lambda: bed.condition("Complete"))
    ended = bed.state()["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (0, "Completed", "words")


def test_a_job_completes_as_a_test_says(bed: Bed, kubelet: Kubelet) -> None:
    kubelet.fate = lambda pod: Fate(message="words")
    bed.job("raise SystemExit('never run')")
    bed.seen("the Job completes", lambda: bed.condition("Complete"))
    assert bed.state()["terminated"]["message"] == "words"


@pytest.mark.parametrize("scripted", [False, True])
def test_an_exit_code_is_on_the_pod_and_fails_the_job(bed: Bed, kubelet: Kubelet, scripted: bool) -> None:
    kubelet.fate = (lambda pod: Fate(exit_code=78, message="words")) if scripted else None
    bed.job(LEAVES + "sys.exit(78)")
    bed.seen("the Job fails", lambda: bed.condition("Failed"))
    ended = bed.state()["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (78, "Error", "words")


def test_a_killed_process_shows_137(bed: Bed, kubelet: Kubelet) -> None:
    bed.job(WAITS_FOR_TERM)
    bed.seen("it runs", lambda: bed.phase() == "Running")
    container = kubelet.pods[f"{bed.namespace}/{bed.pods()[0]['metadata']['name']}"].container
    assert isinstance(container, Process)
    container.kill()
    bed.seen("it failed", lambda: bed.phase() == "Failed")
    assert bed.state()["terminated"]["exitCode"] == 137


@pytest.mark.parametrize(
    ("code", "grace", "exit_code", "message"), [(WAITS_FOR_TERM, 30, 75, "saved"), (DEAF, 1, 137, None)]
)
def test_a_deleted_pod_gets_its_grace_and_its_exit_code_is_seen_before_it_goes(
    bed: Bed, kubelet: Kubelet, code: str, grace: int, exit_code: int, message: str | None
) -> None:
    # Without an owner, so that nothing but the kubelet decides when the pod goes; the finalizer shows what was left.
    main = {"name": "trainer", "image": "registry.example/trainer:1", "command": ["python", "-c", code]}
    meta = {"name": "one", "finalizers": ["example.com/look"]}
    pod = {"metadata": meta, "spec": {"restartPolicy": "Never", "containers": [main]}}
    bed.plane.request("POST", f"{bed.core}/pods", pod)
    bed.seen("it listens", lambda: "waits" in bed.plane.kubectl("logs", "-n", bed.namespace, "one", check=False).stdout)
    bed.plane.request("DELETE", f"{bed.core}/pods/one", {"gracePeriodSeconds": grace})
    bed.seen("the kubelet lets it go", lambda: bed.pods()[0]["metadata"]["deletionGracePeriodSeconds"] == 0)
    ended = bed.state()["terminated"]
    assert (bed.phase(), ended["exitCode"], ended.get("message")) == ("Failed", exit_code, message)
    bed.plane.request("PATCH", f"{bed.core}/pods/one", {"metadata": {"finalizers": None}}, kind="merge-patch+json")
    bed.seen("it is gone", lambda: not bed.pods())


def test_an_evicted_pod_says_so(bed: Bed, kubelet: Kubelet) -> None:
    bed.job(WAITS_FOR_TERM)
    bed.seen("it runs", lambda: bed.phase() == "Running")
    meta = bed.pods()[0]["metadata"]
    path = f"{bed.core}/pods/{meta['name']}"
    bed.plane.request("PATCH", path, {"metadata": {"finalizers": ["example.com/look"]}}, kind="merge-patch+json")
    bed.plane.request("POST", f"{path}/eviction", {"metadata": {"name": meta["name"]}})
    bed.seen("it ended", lambda: bed.plane.request("GET", path)["status"]["phase"] == "Failed")
    conditions = bed.plane.request("GET", path)["status"]["conditions"]
    assert ("DisruptionTarget", "True", "EvictionByEvictionAPI") in [
        (one["type"], one["status"], one.get("reason")) for one in conditions
    ]
    bed.plane.request("PATCH", path, {"metadata": {"finalizers": None}}, kind="merge-patch+json")


def test_a_pod_without_room_waits_for_it(bed: Bed, kubelet: Kubelet) -> None:
    kubelet.offer({"nvidia.com/gpu": 1})
    kubelet.fate = lambda pod: Fate()
    bed.job(limits={"nvidia.com/gpu": "2"})

    def refusal() -> list[str]:
        conditions = [one for pod in bed.pods() for one in pod["status"].get("conditions", ())]
        return [one["message"] for one in conditions if one.get("reason") == "Unschedulable"]

    assert bed.seen("it is unschedulable", refusal) == ["0/1 nodes are available: 1 Insufficient nvidia.com/gpu."]
    kubelet.offer({"nvidia.com/gpu": 2})
    bed.seen("the Job completes", lambda: bed.condition("Complete"))


def test_a_missing_secret_keeps_a_container_from_being_made(bed: Bed, kubelet: Kubelet) -> None:
    wanted = {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "words", "key": "first"}}}
    optional = {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "none", "key": "a", "optional": True}}}
    bed.job('import os; assert os.environ["WORD"] == "hush" and "NONE" not in os.environ', env=[wanted, optional])
    state = bed.seen("it waits", lambda: bed.pods() and bed.state().get("waiting"))
    assert state == {"reason": "CreateContainerConfigError", "message": 'secret "words" not found'}
    bed.plane.request("POST", f"{bed.core}/secrets", {"metadata": {"name": "words"}, "stringData": {"first": "hush"}})
    bed.seen("the Job completes", lambda: bed.condition("Complete"))


def test_a_missing_volume_keeps_a_container_from_being_made(bed: Bed, kubelet: Kubelet) -> None:
    bed.job(
        'import os; assert open(os.environ["CONFIG"]).read() == "hush"',
        volumes=({"name": "files", "secret": {"secretName": "words"}},),
        volumeMounts=[{"name": "files", "mountPath": "/etc/files"}],
        env=[{"name": "CONFIG", "value": "/etc/files/first"}],
    )
    events = f"{bed.core}/events?fieldSelector=reason=FailedMount"
    told = bed.seen("it waits", lambda: bed.plane.request("GET", events)["items"])
    assert told[0]["message"] == 'MountVolume.SetUp failed for volume "files" : secret "words" not found'
    bed.plane.request("POST", f"{bed.core}/secrets", {"metadata": {"name": "words"}, "stringData": {"first": "hush"}})
    bed.seen("the Job completes", lambda: bed.condition("Complete"))


def test_a_pod_that_waits_for_its_image_says_so_until_it_is_let_go(bed: Bed, kubelet: Kubelet) -> None:
    pulled = threading.Event()
    kubelet.fate = lambda pod: Fate(hold=pulled, waiting_reason="ImagePullBackOff", waiting_message="not there")
    bed.job()
    state = bed.seen("it waits", lambda: bed.pods() and bed.state().get("waiting"))
    assert (bed.phase(), state) == ("Pending", {"reason": "ImagePullBackOff", "message": "not there"})
    pulled.set()
    bed.seen("the Job completes", lambda: bed.condition("Complete"))


@pytest.mark.parametrize("scripted", [False, True])
def test_the_log_is_read_through_the_api(bed: Bed, kubelet: Kubelet, scripted: bool) -> None:
    kubelet.fate = (lambda pod: Fate(log=("one", "two", "three"))) if scripted else None
    bed.job('print("one\\ntwo\\nthree")')
    bed.seen("the Job completes", lambda: bed.condition("Complete"))
    read = bed.plane.kubectl("logs", "-n", bed.namespace, "job/one", "--tail=2")
    assert read.stdout == "two\nthree\n"
    stamped = bed.plane.kubectl("logs", "-n", bed.namespace, "job/one", "--timestamps", "--since=1h").stdout
    assert [line.split(" ")[1] for line in stamped.splitlines()] == ["one", "two", "three"]


def test_pods_end_while_the_api_server_is_away_and_are_reported_later(bed: Bed, kubelet: Kubelet) -> None:
    over = threading.Event()
    kubelet.fate = lambda pod: Fate(hold=over, message="words")
    bed.job()
    bed.seen("it runs", lambda: bed.phase() == "Running")
    bed.plane.stop_apiserver()
    over.set()
    bed.plane.start_apiserver()
    bed.seen("the Job completes", lambda: bed.condition("Complete"))
    assert bed.state()["terminated"]["message"] == "words"
