"""Many schedules that fire in the same minute, beside the finished runs of a year: a team's operator on a Saturday at three.

First what is at rest: how long a start takes, what the operator costs and asks while nothing happens. Then the slot: when each schedule's
first Job is there. Times and processor time are reported; counts, bytes and memory are asserted.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .figures import quantile, seconds
from .plane import ScalePlane, cpu_seconds, peak_mib, resident_mib
from .subjects import Ours, started

Body = dict[str, Any]
GROUP = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default"
NEVER = "0 0 29 2 *"
KEPT = 10
"""Finished runs of each schedule before its slot; runsHistoryLimit is as much."""
MOST_MIB, MOST_STATUS = 250, 8_192
AT_REST = re.compile(r"watch .*|(get|update) leases|list (retrainschedules|retrainruns|jobs|pods)")
"""What an operator asks that has nothing to do."""
_RUN = re.compile(r"s\d{3}-\d{12}")
_CONNECTIONS = 8
_PATIENCE = 1200.0


@dataclass(frozen=True)
class Size:
    """How much of it there is; `rest` are the seconds for which nothing happens, a whole time between two resyncs."""

    schedules: int = 200
    at_rest: int = 10_000
    rest: float = 300.0


@dataclass
class Scene:
    """A control plane with the operator."""

    size: Size
    plane: ScalePlane
    subject: Ours = field(default_factory=Ours)
    operator: subprocess.Popen[bytes] | None = None

    def start(self, objects: int = 0) -> Body:
        """Start the operator. Seconds until it has read all and leads, and until it has reconciled so many objects."""
        begun = time.monotonic()
        self.operator = started(self.subject, self.plane)
        self.until(lambda: self.ready() and self.metric("retrain_is_leader") == 1.0)
        leads = time.monotonic() - begun
        self.until(lambda: self.metric("retrain_reconcile_duration_seconds_count") >= objects)
        return {"start_s": round(leads, 1), "start_reconciled_s": round(time.monotonic() - begun, 1)}

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.subject.port}/readyz", timeout=60):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """End the operator cleanly: the next one need not wait for its Lease."""
        if self.operator is not None:
            self.operator.terminate()
            self.operator.wait(timeout=60)

    def metric(self, name: str) -> float:
        """A metric without labels; NaN where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.subject.port}/metrics", timeout=60) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return float("nan")
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), float("nan"))

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds."""
        end = time.monotonic() + _PATIENCE
        while not holds():
            assert self.operator is None or self.operator.poll() is None, "the operator has ended"
            assert time.monotonic() < end, "it takes too long"
            time.sleep(0.2)

    def asked(self, since: int) -> list[Body]:
        """What the operator asked since that many events."""
        return [event for event in self.plane.audit()[since:] if event["user"]["username"] == "operator"]


def measured_schedules(size: Size, binaries: Path, keep: bool) -> Body:
    """The measurement, as in the JSON line. Raises AssertionError where counts, bytes or memory are wrong."""
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    scene = Scene(size, ScalePlane(binaries, folder))
    try:
        scene.plane.start_all()
        scene.subject.install(scene.plane)
        return _measure(scene)
    finally:
        scene.stop()
        scene.plane.stop()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _measure(scene: Scene) -> Body:
    finished = _one_finished(scene)
    filling = time.monotonic()
    _fill(scene, finished)
    filling = time.monotonic() - filling
    ready = scene.start(scene.size.at_rest + scene.size.schedules)
    time.sleep(40)  # the first resyncs, and what is written after a start
    rest = _rest(scene)
    slot = _slot(scene)
    found = {
        "scenario": "schedules",
        "schedules": scene.size.schedules,
        "at_rest": scene.size.at_rest,
        "run_status_bytes": _compact(finished["status"]),
        **ready,
        "fill_s": round(filling),
        **rest,
        **slot,
        "load": [round(value, 1) for value in os.getloadavg()],
        "cores": os.cpu_count(),
    }
    print(json.dumps(found), flush=True)
    _check(found, scene.size)
    return found


def _check(found: Body, size: Size) -> None:
    wrong = {name: count for name, count in found["asked_at_rest"].items() if not AT_REST.fullmatch(name)}
    assert not wrong, f"at rest the operator asked {wrong}"
    assert found["rss_rest_mib"] < MOST_MIB, f"at rest it holds {found['rss_rest_mib']} MiB, {MOST_MIB} are allowed"
    assert found["made"] == {"1": size.schedules}, f"runs made of a schedule in one slot: {found['made']}"
    assert found["deleted"] == size.schedules, f"{found['deleted']} runs were deleted for their history limit"
    assert found["ended"] == {"Promoted": size.schedules}, f"the runs of the slot ended as {found['ended']}"
    assert found["schedule_status_bytes"] < MOST_STATUS, (
        f"a schedule's status takes {found['schedule_status_bytes']} bytes"
    )


def _one_finished(scene: Scene) -> Body:
    """A run as the operator leaves it."""
    scene.start()
    scene.plane.request("POST", scene.subject.path, scene.subject.document("model"))
    scene.until(lambda: scene.subject.done(scene.plane) == 1)
    time.sleep(12)
    scene.stop()
    found: Body = scene.plane.request("GET", f"{scene.subject.path}/model")
    return found


def _fill(scene: Scene, finished: Body) -> None:
    """The schedules, which never fire yet, and the finished runs: ten of each schedule, the others of nobody."""
    send(scene.plane, [[("POST", f"{GROUP}/retrainschedules", _schedule(name))] for name in _names(scene.size)])
    uids = {
        one["metadata"]["name"]: one["metadata"]["uid"]
        for one in scene.plane.request("GET", f"{GROUP}/retrainschedules")["items"]
    }
    begin = datetime(2025, 11, 1, 3, tzinfo=UTC)
    slots = [f"{begin + timedelta(weeks=week):%Y%m%d%H%M}" for week in range(KEPT)]
    runs = [(f"{name}-{slot}", name) for name in uids for slot in slots]
    runs += [(f"rest-{number:05d}", "") for number in range(max(0, scene.size.at_rest - len(runs)))]
    send(scene.plane, (list(_stored(finished, run, name, uids.get(name, ""))) for run, name in runs))


def _stored(finished: Body, run: str, schedule: str, uid: str) -> Iterator[tuple[str, str, Body]]:
    """The requests that store a finished run."""
    meta: Body = {"name": run}
    if schedule:
        owner = {"apiVersion": finished["apiVersion"], "kind": "RetrainSchedule", "name": schedule, "uid": uid}
        meta |= {
            "labels": {"retrain.crpbot.dev/schedule": schedule},
            "ownerReferences": [owner | {"controller": True}],
        }
    body = {"apiVersion": finished["apiVersion"], "kind": finished["kind"], "metadata": meta, "spec": finished["spec"]}
    yield "POST", f"{GROUP}/retrainruns", body
    yield "PATCH", f"{GROUP}/retrainruns/{run}/status", {"status": finished["status"]}


def _schedule(name: str) -> Body:
    document = Ours().document(name)
    template = {"spec": document["spec"]}
    return {
        "apiVersion": document["apiVersion"],
        "kind": "RetrainSchedule",
        "metadata": {"name": name},
        "spec": {"schedule": NEVER, "runsHistoryLimit": KEPT, "runTemplate": template},
    }


def _names(size: Size) -> list[str]:
    return [f"s{number:03d}" for number in range(size.schedules)]


def _rest(scene: Scene) -> Body:
    assert scene.operator is not None
    spent, since = cpu_seconds(scene.operator.pid), len(scene.plane.audit())
    time.sleep(scene.size.rest)
    spent = cpu_seconds(scene.operator.pid) - spent
    return {
        "rest_cpu": round(spent / scene.size.rest, 4),
        "rss_rest_mib": round(resident_mib(scene.operator.pid)),
        "rss_start_peak_mib": round(peak_mib(scene.operator.pid)),
        "asked_at_rest": dict(Counter(map(_words, scene.asked(since)))),
    }


def _slot(scene: Scene) -> Body:
    """Let all of them fire at the next minute that is far enough ahead."""
    assert scene.operator is not None
    now = datetime.now(UTC)
    slot = (now + timedelta(seconds=60 + scene.size.schedules / 4)).replace(second=0, microsecond=0) + timedelta(
        minutes=1
    )
    change = {"spec": {"schedule": f"{slot.minute} {slot.hour} * * *"}}
    send(scene.plane, [[("PATCH", f"{GROUP}/retrainschedules/{name}", change)] for name in _names(scene.size)])
    time.sleep(max(0.0, (slot - timedelta(seconds=3) - datetime.now(UTC)).total_seconds()))
    spent, since = cpu_seconds(scene.operator.pid), len(scene.plane.audit())
    begun = scene.subject.done(scene.plane)
    scene.until(lambda: scene.subject.done(scene.plane) - begun >= scene.size.schedules)
    ended = (datetime.now(UTC) - slot).total_seconds()
    time.sleep(15)
    spent = cpu_seconds(scene.operator.pid) - spent
    asked = scene.asked(since)
    firsts = sorted(at - slot.timestamp() for at in _first_jobs(asked).values())
    runs = [one for one in _listed(scene, "retrainruns") if f"{slot:%Y%m%d%H%M}" in one["metadata"]["name"]]
    made = Counter(name[:4] for name in _created(asked))
    sizes = [_compact(one["status"]) for one in _listed(scene, "retrainschedules")]
    return {
        "first_job_s": {"p50": quantile(firsts, 0.5), "p99": quantile(firsts, 0.99)},
        "all_complete_s": round(ended, 1),
        "made": {str(count): number for count, number in Counter(made.values()).items()},
        "deleted": sum(_words(event) == "delete retrainruns" for event in asked),
        "ended": dict(Counter(one["status"]["state"] for one in runs)),
        "requests_per_slot": round(
            sum(not AT_REST.fullmatch(_words(event)) for event in asked) / scene.size.schedules, 1
        ),
        "cpu_ms_per_slot": round(spent / scene.size.schedules * 1000),
        "schedule_status_bytes": max(sizes),
        "rss_peak_mib": round(peak_mib(scene.operator.pid)),
    }


def _listed(scene: Scene, plural: str) -> list[Body]:
    found: list[Body] = scene.plane.request("GET", f"{GROUP}/{plural}")["items"]
    return found


def _first_jobs(asked: Iterable[Body]) -> dict[str, float]:
    """When the first Job of each run was there."""
    found: dict[str, float] = {}
    for event in asked:
        run = _RUN.match(str(event.get("objectRef", {}).get("name", "")))
        if _words(event) == "create jobs" and event["responseStatus"]["code"] == 201 and run:
            found.setdefault(run[0], seconds(event["stageTimestamp"]))
    return found


def _created(asked: Iterable[Body]) -> list[str]:
    """Names of the runs that were created."""
    ok = (one for one in asked if _words(one) == "create retrainruns" and one["responseStatus"]["code"] == 201)
    return [event["objectRef"]["name"] for event in ok]


def _words(event: Body) -> str:
    about = event.get("objectRef") or {}
    part = f"/{about['subresource']}" if about.get("subresource") else ""
    return f"{event['verb']} {about.get('resource', event.get('requestURI', ''))}{part}"


def _compact(value: Body) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def send(plane: ScalePlane, work: Iterable[list[tuple[str, str, Body]]]) -> None:
    """Send requests as a person with all rights, over several connections; those of one list one after the other."""
    left, lock, wrong = iter(work), threading.Lock(), list[str]()

    def worker() -> None:
        link = http.client.HTTPSConnection("127.0.0.1", plane.port, timeout=60, context=plane.trust)
        while True:
            with lock:
                requests = next(left, None)
            if requests is None:
                return
            for method, path, body in requests:
                kind = "merge-patch+json" if method == "PATCH" else "json"
                headers = {"Authorization": f"Bearer {plane.tokens['admin']}", "Content-Type": f"application/{kind}"}
                link.request(method, path, json.dumps(body), headers)
                answer = link.getresponse()
                said = answer.read()
                if answer.status not in (200, 201):
                    wrong.append(said.decode()[:500])

    threads = [threading.Thread(target=worker) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]
