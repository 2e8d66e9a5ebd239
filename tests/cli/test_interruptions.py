"""SIGTERM while a task waits: it ends with 75, remembers nothing that did not happen, and the next start does it all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.git_server import GitServer, git
from support.local_run import until
from support.publishing_case import measured, publish_item, publish_task
from support.stopping import Pipe, evaluation_of, interrupted, opened, start, stop, trained_setup
from support.training_case import RUN, Ended, TrainingSetup, end, environment, lines_until

from retrain_api.documents.encoding import decode_message
from retrain_api.documents.results import DeliverResult, EvaluateResult, PublishResult, Result
from retrain_api.documents.tasks import DeliverTarget, DeliverTask, PublishTask, Task
from retrain_api.spec.gate import Baseline
from retrain_trainer.store.disk import locked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which files a process has open")

Require = Callable[[object, str], None]


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    return TrainingSetup(tmp_path / "setup")


def result_of(ended: Ended) -> Result:
    assert ended.code == 0, ended.everything
    found = decode_message(ended.message)
    assert isinstance(found, EvaluateResult | PublishResult | DeliverResult)
    return found


def run(setup: TrainingSetup, task: Task, **environ: str) -> Result:
    """What an undisturbed process leaves."""
    return result_of(end(setup, start(setup, task, task.kind, **environ)))


def stopped_at_lock(setup: TrainingSetup, task: Task, place: Path, **environ: str) -> Ended:
    """A task that is asked to stop while it waits to write the file `place`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place):
        process = start(setup, task, task.kind, **environ)
        opened(process, place.with_name(f".{place.name}.lock"))
        return stop(setup, process)


# evaluate


def test_an_evaluation_that_waits_for_its_baseline_makes_no_note_of_it(tmp_path: Path) -> None:
    setup, trained = trained_setup(tmp_path / "setup")
    old = Pipe(setup.root / "artifacts" / "old.pt")
    task = evaluation_of(trained, setup.store.uri, baseline=Baseline(uri=setup.store.uri_of("old.pt")))
    before = setup.files()
    process = start(setup, task, "evaluate")
    old.wait_for_reader(process)
    assert interrupted(stop(setup, process))
    assert setup.files() == before
    old.remove()
    setup.store.write("old.pt", setup.model_bytes(trained))
    result = run(setup, task)
    assert isinstance(result, EvaluateResult)
    document = json.loads(setup.store.read(result.details.uri.removeprefix(setup.store.uri)).data)
    assert document["baseline"]["difference"] == 0 and "note" not in document["baseline"]


def test_an_evaluation_that_waits_to_write_its_measurement_is_made_again(tmp_path: Path) -> None:
    setup, trained = trained_setup(tmp_path / "setup")
    task = evaluation_of(trained, setup.store.uri)
    folder = setup.root / "artifacts" / setup.folder.replace("a" * 16, "b" * 16)
    assert interrupted(stopped_at_lock(setup, task, folder / "evaluation.json"))
    # The predictions are written first, so that no measurement is without them; a second start writes the same bytes.
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["predictions.parquet"]
    result = run(setup, task)
    assert isinstance(result, EvaluateResult)
    assert result.measurement.judged_before == 0, "the first start measured the same model"


# publish


def publishing(setup: TrainingSetup) -> PublishTask:
    return publish_task(setup.store, [publish_item(setup.store, "BTC-USD", measured(0.7))])


def reported(setup: TrainingSetup) -> set[str]:
    return {path.name for path in (setup.root / "artifacts" / "reports").rglob("*") if path.is_file()}


def test_a_publication_that_is_stopped_while_it_draws_has_its_plots_later(setup: TrainingSetup, tmp_path: Path) -> None:
    task, settings = publishing(setup), Pipe(tmp_path / "matplotlibrc")
    process = start(setup, task, "publish", MATPLOTLIBRC=str(settings.path))
    settings.wait_for_reader(process)
    assert interrupted(stop(setup, process))
    assert reported(setup) == set()
    settings.remove()
    result = run(setup, task)
    assert isinstance(result, PublishResult)
    assert result.html and [model.symbol for model in result.promoted] == ["BTC-USD"]
    assert "report.html" in reported(setup)


@pytest.mark.parametrize("name", ["report.html", "BTC-USD.json", "published"])
def test_a_publication_that_waits_to_write_a_file_leaves_no_marker(setup: TrainingSetup, name: str) -> None:
    task = publishing(setup)
    artifacts = setup.root / "artifacts"
    report = artifacts / "reports" / RUN.namespace / RUN.name / RUN.uid / "1"
    marker = report / f"published-{task.publish_key}.json"
    place = {"report.html": report / name, "BTC-USD.json": artifacts / "promoted" / name, "published": marker}[name]
    assert interrupted(stopped_at_lock(setup, task, place))
    assert not marker.exists()
    result = run(setup, task)
    assert isinstance(result, PublishResult)
    assert result.html and [model.symbol for model in result.promoted] == ["BTC-USD"]
    assert {"report.html", "report.md", "results.json", marker.name} <= reported(setup)


# deliver

REPORT = "reports/default/nightly/uid/1/report.md"


def delivery(setup: TrainingSetup, *targets: DeliverTarget, **more: Any) -> DeliverTask:
    results = {"run": RUN.model_dump(), "number": 1}
    judgement = {"verdict": "Fail", "passed": 1, "required": 2, "total": 3}
    setup.store.write(REPORT, b"# Report\n")
    setup.store.write(
        REPORT.replace("report.md", "results.json"), json.dumps(results | {"judgement": judgement}).encode()
    )
    files = tuple(setup.store.uri_of(REPORT.replace("report.md", name)) for name in ("report.md", "results.json"))
    return DeliverTask(run=RUN, artifacts_uri=setup.store.uri, files=files, promoted=(), backups=targets, **more)


def outcomes(result: Result) -> list[tuple[str, bool]]:
    assert isinstance(result, DeliverResult)
    return [(target.name, target.ok) for target in result.targets]


@pytest.mark.parametrize("required", [False, True])
def test_a_copy_that_is_stopped_is_no_failed_copy(setup: TrainingSetup, required: bool) -> None:
    vault = setup.root / "vault"
    task = delivery(setup, DeliverTarget(name="vault", uri=f"file://{vault}/", required=required))
    assert interrupted(stopped_at_lock(setup, task, vault / REPORT))
    assert not (vault / REPORT).exists()
    assert outcomes(run(setup, task)) == [("vault", True)]
    assert (vault / REPORT).read_bytes() == b"# Report\n"


@pytest.fixture
def silent_git(git_server: GitServer) -> Iterator[tuple[GitServer, threading.Event, threading.Event]]:
    """A server with a repository that answers nothing until the second event; the first says that it was asked."""
    asked, goes_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        asked.set()
        goes_on.wait()

    git_server.before = wait
    git_server.repository()
    yield git_server, asked, goes_on
    goes_on.set()


def test_a_push_that_is_stopped_is_made_later(
    setup: TrainingSetup, silent_git: tuple[GitServer, threading.Event, threading.Event]
) -> None:
    server, asked, goes_on = silent_git
    task = delivery(setup, git={"url": server.url(), "branch": "main", "path": "reports"})
    environ = {"RETRAIN_GIT_TOKEN": server.token, "PATH": os.environ["PATH"]}
    process = start(setup, task, "deliver", **environ)
    until(asked.is_set, "git asks the server")
    assert interrupted(stop(setup, process))
    goes_on.set()
    assert outcomes(run(setup, task, **environ)) == [("report.git", True)]
    assert git("-C", server.folder / "reports.git", "log", "--format=%s", "main").startswith("default/nightly report 1")


# What Python itself swallows, or never gets to see

DEAF = """
import ctypes, sys, threading, time, types
from retrain_trainer.tasks.interruption import hold_back
hold_back()
from retrain_trainer.tasks import entry

def forever():
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)  # no signal ends this

def run(task, environ, log, stop):
    {body}

module = types.ModuleType("retrain_trainer.tasks.train")
module.run = run
sys.modules[module.__name__] = module
sys.exit(entry.main(["train"]))
"""
SWALLOWS = """
    while True:
        try:
            log("ready")
            time.sleep(600)
        except BaseException:
            pass
"""
IN_C = """
    threading.Timer(0.5, log, ["ready"]).start()  # by then the main thread is in there
    forever()
"""
IN_DEL = """
    class Slow:
        def __del__(self):
            log("ready")
            time.sleep(600)
    slow = Slow()
    del slow
    time.sleep(600)
"""
SAVES_FOREVER = """
    with stop.deferred():
        log("ready")
        forever()
"""
SAVES_SLOWLY = """
    with stop.deferred():
        log("ready")
        while not stop():
            time.sleep(0.01)
        time.sleep(4)
        log("saved")
"""


def stopped(setup: TrainingSetup, body: str, **environ: str) -> Ended:
    """A train command with this body that is asked to stop once it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF.format(body=body.strip())],
        env=environment(setup, setup.task(), **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = lines_until(process, "ready")
    return stop(setup, process, lines)


@pytest.mark.parametrize("body", [SWALLOWS, IN_C, IN_DEL], ids=["swallowed", "in C", "in __del__"])
def test_a_task_ends_though_its_main_thread_goes_on(setup: TrainingSetup, body: str) -> None:
    ended = stopped(setup, body)
    assert (ended.code, ended.failure.reason) == (75, "Interrupted")
    assert "Interrupted: Stopped on request;" in ended.errors


def test_a_checkpoint_that_hangs_is_given_up_before_the_grace_is_over(setup: TrainingSetup) -> None:
    ended = stopped(setup, SAVES_FOREVER, RETRAIN_GRACE_SECONDS="4")
    assert interrupted(ended)
    assert "could not be saved in time" in ended.failure.message


def test_a_checkpoint_that_takes_long_is_saved(setup: TrainingSetup) -> None:
    ended = stopped(setup, SAVES_SLOWLY)
    assert interrupted(ended)
    assert ended.lines == ["ready", "saved"]
    assert "continues from what was saved" in ended.failure.message


SLOW_IMPORT = """
import importlib, sys
open({pipe!r}).read()
sys.path.remove({folder!r})
del sys.modules["pydantic"]
sys.modules["pydantic"] = importlib.import_module("pydantic")
"""


def test_a_request_that_comes_before_the_task_is_read_is_heard(setup: TrainingSetup, tmp_path: Path) -> None:
    pipe, folder = Pipe(tmp_path / "pipe"), tmp_path / "modules"
    folder.mkdir()
    (folder / "pydantic.py").write_text(SLOW_IMPORT.format(pipe=str(pipe.path), folder=str(folder)))
    process = start(setup, setup.task(), PYTHONPATH=os.pathsep.join([str(folder), *sys.path]))
    pipe.wait_for_reader(process)
    process.terminate()
    pipe.remove()
    assert interrupted(stop(setup, process))
