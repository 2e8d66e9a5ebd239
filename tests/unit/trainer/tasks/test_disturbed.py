"""A request to stop, or a store that is away for a while, at every call to the store in turn: the task ends with that,
remembers nothing that did not happen, and the next start leaves what an undisturbed one leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import NOW, RUN, measured, publish_item, publish_task
from support.stopping import evaluation_of, trained_setup
from support.training_case import TrainingSetup

from retrain_api.documents.results import DeliverResult, EvaluateResult, PublishResult, TrainResult
from retrain_api.documents.tasks import DeliverTarget, DeliverTask
from retrain_api.errors import Interrupted, NamedEnd, RetrainError, StoreUnreachable
from retrain_api.spec.gate import Baseline
from retrain_trainer.report import html
from retrain_trainer.store.file import FileStore
from retrain_trainer.store.locate import open_artifacts
from retrain_trainer.tasks import deliver as deliver_task
from retrain_trainer.tasks import evaluate as evaluate_task
from retrain_trainer.tasks import publish as publish_task_module

CALLS = ("head", "read", "write", "download", "upload", "delete", "list")
STOPPED = Interrupted("Interrupted", "Stopped on request.")
AWAY = StoreUnreachable("StoreUnreachable", "The store gave no usable answer for 300 s.")


class Disturbance:
    """Raises `error` at the call with that number, before or after it is done."""

    def __init__(self, number: int, error: NamedEnd, after: bool) -> None:
        self.number, self.error, self.after = number, error, after
        self.calls = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def disturbed(*arguments: Any, **named: Any) -> Any:
            hit, self.calls = self.calls == self.number, self.calls + 1
            if not hit:
                return call(*arguments, **named)
            if self.after:
                with suppress(RetrainError):
                    call(*arguments, **named)
            raise self.error

        return disturbed


@contextmanager
def disturbed(number: int, error: NamedEnd, after: bool) -> Iterator[Disturbance]:
    """Every file store, inside the block."""
    disturbance = Disturbance(number, error, after)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(FileStore, name, disturbance.around(getattr(FileStore, name)))
        yield disturbance


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def back_to(folder: Path, kept: Path) -> Iterator[None]:
    """The folder as it is now, again after the block: a path in it keeps its name."""
    shutil.copytree(folder, kept)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        kept.rename(folder)


def check(run: Callable[[], Any], folder: Path, error: NamedEnd, after: bool, expected_calls: int) -> None:
    """Disturb every call in turn, from the same beginning, and compare with a start that nothing disturbed."""
    kept, before = folder.parent / "kept", contents(folder)
    with back_to(folder, kept):
        expected = run()
        left = contents(folder)
    assert left != before
    for number in count():
        with back_to(folder, kept):
            with disturbed(number, error, after) as disturbance:
                found, raised = outcome(run)
            if disturbance.calls <= number:
                break
            assert raised is error, f"call {number} was disturbed, and nobody noticed: {found or raised}"
            assert run() == expected, f"call {number}"
            assert contents(folder) == left, f"call {number}"
    assert number >= expected_calls, "the calls were not seen"


def outcome(run: Callable[[], Any]) -> tuple[Any, NamedEnd | None]:
    try:
        return run(), None
    except NamedEnd as raised:
        return None, raised


DISTURBANCES = pytest.mark.parametrize(
    ("error", "after"),
    [(STOPPED, False), (STOPPED, True), (AWAY, False), (AWAY, True)],
    ids=["stopped before a call", "stopped after a call", "away before a call", "away after a call"],
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingSetup, TrainResult]:
    setup, result = trained_setup(tmp_path_factory.mktemp("trained") / "setup")
    setup.store.write("old.pt", setup.model_bytes(result))
    return setup, result


@DISTURBANCES
def test_an_evaluation(trained: tuple[TrainingSetup, TrainResult], error: NamedEnd, after: bool) -> None:
    setup, result = trained
    task = evaluation_of(result, setup.store.uri, baseline=Baseline(uri=setup.store.uri_of("old.pt")))

    def run() -> EvaluateResult:
        return evaluate_task.run(task, {}, lambda line: None)

    check(run, setup.root / "artifacts", error, after, 7)


@DISTURBANCES
def test_a_publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: NamedEnd, after: bool) -> None:
    monkeypatch.setattr(html, "draw", lambda facts: {})
    monkeypatch.setattr(html, "page", lambda facts, drawn: f"<html>{facts.promotion}")
    setup = TrainingSetup(tmp_path / "setup")
    task = publish_task(setup.store, [publish_item(setup.store, "BTC-USD", measured(0.7))])

    def run() -> PublishResult:
        store, locate = open_artifacts(task.artifacts_uri, {})
        return publish_task_module.publish(task, store, locate, NOW, lambda line: None)

    check(run, setup.root / "artifacts", error, after, 20)


@pytest.mark.parametrize("after", [False, True])
def test_a_delivery_that_is_stopped(tmp_path: Path, after: bool) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    setup.store.write("report.md", b"# Report\n")
    targets = tuple(
        DeliverTarget(name=name, uri=f"file://{setup.root}/artifacts/{name}/", required=name == "vault")
        for name in ("vault", "attic")
    )
    task = DeliverTask(
        run=RUN, artifacts_uri=setup.store.uri, files=(setup.store.uri_of("report.md"),), promoted=(), backups=targets
    )

    def run() -> DeliverResult:
        return deliver_task.run(task, {}, lambda line: None)

    check(run, setup.root / "artifacts", STOPPED, after, 3)
