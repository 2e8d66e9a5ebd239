"""The operator under load: requests, waiting, processor time and memory for N runs of three symbols.

Each N gets a fresh etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, whose pods run for 2 seconds, so
a run takes at least 6 seconds. Prints one JSON line for each measurement, and a table that compares us with our peers. The
peers are measured too where --peers names a folder with bins/ and src/; otherwise stored figures are shown (docs/scale.md).

    python benchmarks/operator_scale.py [--runs 1 100] [--repeat 1] [--peers FOLDER] [--keep]
    python benchmarks/operator_scale.py schedules [--schedules 200] [--at-rest 10000] [--rest 300] [--keep]

It fails where the operator's memory goes beyond 250 MiB. The second is many schedules that fire in one minute beside a year's
finished runs (benchmarks/scale/schedules.py).
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from scale.figures import counted, lateness, quantile  # noqa: E402
from scale.plane import PROGRAMS, ScalePlane, cpu_seconds, machine_ticks, peak_mib  # noqa: E402
from scale.schedules import MOST_MIB, Size, measured_schedules  # noqa: E402
from scale.subjects import OURS, Argo, JobSet, Ours, Subject, started  # noqa: E402
from scale.table import table  # noqa: E402

CONNECTIONS = 8
SETTLED = 8.0
"""Seconds that a controller gets to start, and at the end to write what it still holds back."""
ALONE = 5
"""For N = 1, the number of runs one after the other: the figures are medians, and the first run pays for lazy imports."""
CAP = 600.0


def measured(subject: Subject, runs: int, binaries: Path, keep: bool) -> dict[str, Any]:
    """One measurement, as in the JSON line."""
    folder = Path(tempfile.mkdtemp(prefix="scale-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    plane = ScalePlane(binaries, folder)
    controller: subprocess.Popen[bytes] | None = None
    try:
        plane.start_all()
        subject.install(plane)
        controller = started(subject, plane)
        time.sleep(SETTLED)
        assert controller.poll() is None, (folder / f"{subject.name}.log").read_text()[-2000:]
        return _measure(subject, runs, plane, controller)
    finally:
        if controller is not None:
            controller.kill()
        plane.stop()
        if keep:
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _measure(subject: Subject, runs: int, plane: ScalePlane, controller: subprocess.Popen[bytes]) -> dict[str, Any]:
    idle = cpu_seconds(controller.pid)
    time.sleep(5)
    idle = (cpu_seconds(controller.pid) - idle) / 5
    resting, skipped = peak_mib(controller.pid), len(plane.audit())
    busy, ticks = machine_ticks()
    before, spent, begun = plane.cpu(), cpu_seconds(controller.pid), time.time()
    done = 0
    for number in range(ALONE if runs == 1 else 1):
        submit(subject, range(number, number + 1) if runs == 1 else range(runs), plane)
        done = until_done(subject, number + 1 if runs == 1 else runs, plane)
    ended = time.time()
    objects = ALONE if runs == 1 else runs
    time.sleep(SETTLED)
    spent = cpu_seconds(controller.pid) - spent
    after, (busy_after, ticks_after) = plane.cpu(), machine_ticks()
    found = counted(plane.audit()[skipped:], "operator", "admin", subject.resource, subject.child)
    told = events_of(subject, plane)
    waits, ends = found.waits(found.first), found.waits(found.last)
    return {
        "subject": subject.name,
        "runs": runs,
        "done": done,
        "all_complete_s": round(ended - begun, 1),
        "first_child_s": {"p50": quantile(waits, 0.5), "p99": quantile(waits, 0.99)},
        "complete_s": {"p50": quantile(ends, 0.5), "max": quantile(ends, 1.0)},
        "requests_per_run": round(found.requests.total() / objects, 2),
        "requests": {what: round(count / objects, 2) for what, count in found.requests.most_common(12)},
        "refused": dict(found.refused),
        "children": found.children,
        "events_per_run": round(len(told) / objects, 2),
        "event_late_s": {"p50": quantile(told, 0.5), "max": quantile(told, 1.0)},
        "cpu_ms_per_run": round(spent / objects * 1000, 1),
        "idle_cpu": round(idle, 4),
        "rss_idle_mib": round(resting),
        "rss_peak_mib": round(peak_mib(controller.pid)),
        "status_bytes": status_bytes(subject, plane),
        "cpu_s": {"controller": round(spent, 1)} | {name: round(after[name] - before[name], 1) for name in after},
        "machine_busy": round((busy_after - busy) / max(1, ticks_after - ticks), 2),
        "cores": os.cpu_count(),
    }


def submit(subject: Subject, numbers: range, plane: ScalePlane) -> None:
    """Creates objects with these numbers, over several connections."""
    names, lock, wrong = iter(f"o{number:05d}" for number in numbers), threading.Lock(), list[str]()

    def work() -> None:
        link = http.client.HTTPSConnection("127.0.0.1", plane.port, timeout=60, context=plane.trust)
        headers = {"Authorization": f"Bearer {plane.tokens['admin']}", "Content-Type": "application/json"}
        while True:
            with lock:
                name = next(names, None)
            if name is None:
                return
            link.request("POST", subject.path, json.dumps(subject.document(name)), headers)
            answer = link.getresponse()
            said = answer.read()
            if answer.status != 201:
                wrong.append(said.decode()[:500])

    threads = [threading.Thread(target=work) for _ in range(min(CONNECTIONS, len(numbers)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]


def until_done(subject: Subject, runs: int, plane: ScalePlane) -> int:
    """Waits until all are complete, or it takes too long; the number of complete ones."""
    done, begun = 0, time.time()
    while done < runs and time.time() - begun < CAP:
        time.sleep(0.5 if runs < 10 else 2 if runs < 500 else 5)
        with contextlib.suppress(OSError):
            done = subject.done(plane)
    return done


def events_of(subject: Subject, plane: ScalePlane) -> list[float]:
    """For each event about an object, how many seconds after what it tells it was stored, sorted; times are whole seconds."""
    query = f"?fieldSelector=involvedObject.kind={subject.kind}"
    return lateness(plane.request("GET", f"/api/v1/namespaces/default/events{query}")["items"])


def status_bytes(subject: Subject, plane: ScalePlane) -> int:
    """Mean size of a finished object's status, as compact JSON."""
    items = plane.request("GET", f"{subject.path}?limit=20")["items"]
    sizes = [len(json.dumps(item.get("status", {}), separators=(",", ":"))) for item in items]
    return round(sum(sizes) / len(sizes))


def subjects(peers: Path | None) -> Iterator[Subject]:
    """Our operator, and the peers whose binaries are there."""
    yield Ours()
    if peers is not None and (peers / "bins" / "jobset-manager").exists():
        yield JobSet(peers / "bins", peers / "src")
    if peers is not None and (peers / "bins" / "workflow-controller").exists():
        yield Argo(peers / "bins", peers / "src")


def main() -> None:
    """Measure: a line each, and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", choices=["runs", "schedules"], default="runs", help="what is measured")
    parser.add_argument("--schedules", type=int, default=200, help="schedules that fire in one minute")
    parser.add_argument("--at-rest", type=int, default=10_000, help="finished runs beside them")
    parser.add_argument("--rest", type=float, default=300.0, help="seconds for which nothing happens")
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[1, 100], help="numbers of runs to measure, one number after the other"
    )
    parser.add_argument("--repeat", type=int, default=1, help="measurements of each, side by side in the table")
    parser.add_argument("--peers", type=Path, help="folder with the peers' bins/ and src/")
    parser.add_argument("--keep", action="store_true", help="keep logs and audit log")
    asked = parser.parse_args()
    got = subprocess.run(
        [ROOT / "scripts" / "kube_binaries.sh", *PROGRAMS], stdout=subprocess.PIPE, text=True, check=True
    )
    binaries = Path(got.stdout.strip().splitlines()[-1])
    if asked.scenario == "schedules":
        measured_schedules(Size(asked.schedules, asked.at_rest, asked.rest), binaries, asked.keep)
        return
    lines = []
    for runs, _, subject in itertools.product(asked.runs, range(asked.repeat), subjects(asked.peers)):
        lines.append(measured(subject, runs, binaries, asked.keep))
        print(json.dumps(lines[-1]), flush=True)
    print(table(lines))
    most = max(line["rss_peak_mib"] for line in lines if line["subject"] == OURS)
    if most > MOST_MIB:
        sys.exit(f"the operator held {most} MiB, more than {MOST_MIB}")


if __name__ == "__main__":
    main()
