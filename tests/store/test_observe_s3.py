"""Looks at promoted models on a real S3 server: killed at each write, asked to stop, two at once. The record is always the same one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from support.local_run import until
from support.measured_run import SYMBOL, returning_table
from support.observed_model import ObservedModel
from support.stopping import interrupted, start, stop
from support.training_case import Ended, TrainingSetup, end

from retrain_api.documents.encoding import decode_message, encode_message
from retrain_api.documents.results import ObserveResult
from retrain_api.documents.tasks import ObserveItem, ObserveTask
from retrain_api.names import promoted_pointer
from retrain_trainer.measure.observed.record_files import Record, read_record
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import observe

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
LONG = returning_table(5_000)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> ObservedModel:
    """A model that was promoted on a disk, and later bars."""
    model = ObservedModel(tmp_path_factory.mktemp("observed"), table=lambda rows: LONG[:rows])
    assert model.run.published().promoted
    model.write(LONG)
    return model


@dataclass(frozen=True)
class World:
    """The model as that of three symbols in a store, and looks at it as processes that reach the server through the proxy."""

    store: Store
    environ: dict[str, str]
    setup: TrainingSetup
    task: ObserveTask

    def start(self) -> subprocess.Popen[str]:
        others = {"AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true"}
        return start(self.setup, self.task, "observe", **self.environ, **others)

    def look(self, s3: Any) -> ObserveResult:
        """An undisturbed look, in this process, as its message says it."""
        found = decode_message(encode_message(observe.run(self.task, s3.environ(), lambda line: None)))
        assert isinstance(found, ObserveResult)
        return found

    @property
    def records(self) -> list[Record | None]:
        return [read_record(self.store, symbol, self.sha256) for symbol in SYMBOLS]

    @property
    def sha256(self) -> str:
        pointer = json.loads(self.store.read(promoted_pointer(SYMBOL)).data)
        return str(pointer["model"]["sha256"])

    def forget(self) -> None:
        for key in self.store.list("observed/"):
            self.store.delete(key)


@pytest.fixture
def world(s3: Any, s3_root: str, proxy: Any, promoted: ObservedModel, tmp_path: Path) -> World:
    store = open_store(s3_root, s3.environ(), 30)
    uri = promoted.pointer.model.uri
    for name in (uri, uri.removesuffix(".pt") + ".json"):
        key = name.removeprefix(promoted.store.uri)
        store.write(key, promoted.store.read(key).data)
    model = {"uri": store.uri_of(uri.removeprefix(promoted.store.uri)), "sha256": promoted.pointer.model.sha256}
    for symbol in SYMBOLS:
        pointer = json.loads(promoted.pointer.encode()) | {"symbol": symbol, "model": model}
        store.write(promoted_pointer(symbol), json.dumps(pointer).encode())
    items = tuple(ObserveItem(symbol=symbol, data_uri=f"file://{promoted.run.file}") for symbol in SYMBOLS)
    task = promoted.task("2026-01-01T00:00:00Z", items=items, artifacts_uri=store.uri)
    return World(store, s3.environ(endpoint=proxy.endpoint), TrainingSetup(tmp_path / "setup"), task)


def undisturbed(world: World, s3: Any) -> tuple[ObserveResult, list[Record | None]]:
    """What a look finds that nobody disturbs; the store is then as if nobody had looked."""
    found = world.look(s3), world.records
    assert all(record is not None and record.blocks for record in found[1])
    world.forget()
    return found


def finished(world: World, process: subprocess.Popen[str]) -> ObserveResult:
    ended: Ended = end(world.setup, process)
    assert ended.code == 0, ended.everything
    found = decode_message(ended.message)
    assert isinstance(found, ObserveResult)
    return found


@pytest.mark.parametrize("written", [False, True], ids=["before the write", "after the write"])
def test_a_look_that_is_killed_at_a_write_is_completed_by_the_next(
    world: World, s3: Any, proxy: Any, written: bool
) -> None:
    expected = undisturbed(world, s3)
    for place in range(len(SYMBOLS)):
        process, met = world.start(), [0]

        def kill(exchange: Any, place: int = place, met: list[int] = met, process: Any = process) -> None:
            if exchange.handler.command == "PUT" and "observed/" in exchange.handler.path:
                met[0] += 1
                if met[0] == place + 1:
                    if written:
                        exchange.forward()
                    process.kill()
                    exchange.hang_up()
                    return
            answer, data = exchange.forward()
            exchange.reply(answer.status, answer.getheaders(), data)

        proxy.always = kill
        assert process.wait(120) == -signal.SIGKILL, process.communicate()
        process.communicate()
        assert len(world.store.list("observed/")) == place + written
        assert (world.look(s3), world.records) == expected
        world.forget()


def test_a_look_that_is_asked_to_stop_goes_on_later(
    world: World, s3: Any, stalled: Callable[..., AbstractContextManager[Any]]
) -> None:
    expected = undisturbed(world, s3)
    with stalled("PUT", "observed/ETH-USD") as stall:
        process = world.start()
        until(lambda: stall.reached.is_set() or process.poll() is not None, "the second write")
        assert interrupted(stop(world.setup, process))
    assert [record is None for record in world.records] == [False, True, True]
    assert (finished(world, world.start()), world.records) == expected


def test_of_two_looks_at_once_each_finds_the_same_and_nothing_is_judged_twice(
    world: World, s3: Any, proxy: Any, tmp_path: Path
) -> None:
    expected = undisturbed(world, s3)
    both, answers = Barrier(2), []

    def together(exchange: Any) -> None:
        """Both are about to write the same file, at the same time."""
        contested = exchange.handler.command == "PUT" and "observed/" in exchange.handler.path
        if contested:
            both.wait(120)
        answer, data = exchange.forward()
        answers.append((contested, answer.status))
        exchange.reply(answer.status, answer.getheaders(), data)

    proxy.always = together
    other = World(world.store, world.environ, TrainingSetup(tmp_path / "other"), world.task)
    processes = [world.start(), other.start()]
    found = [finished(one, process) for one, process in zip((world, other), processes, strict=True)]
    assert found == [expected[0]] * 2 and world.records == expected[1]
    refused = [status for contested, status in answers if contested and status == 412]
    assert len(refused) == len(SYMBOLS) == len(world.store.list("observed/"))


def test_a_damaged_record_is_one_symbols_problem(world: World, s3: Any) -> None:
    expected = undisturbed(world, s3)[0]
    world.look(s3)
    (key,) = world.store.list("observed/ETH-USD/")
    world.store.write(key, world.store.read(key).data[:100])
    found = world.look(s3)
    assert [one.reason for one in found.symbols] == ["", "RecordDamaged", ""]
    assert key in found.symbols[1].problem
    assert (found.symbols[0], found.symbols[2]) == (expected.symbols[0], expected.symbols[2])


def test_a_store_that_refuses_ends_the_look(world: World, proxy: Any) -> None:
    environ = {**world.environ, "AWS_SECRET_ACCESS_KEY": "another"}
    process = World(world.store, environ, world.setup, world.task).start()
    ended = end(world.setup, process)
    assert ended.code == 77 and ended.failure.reason == "CredentialsRefused", ended.everything
