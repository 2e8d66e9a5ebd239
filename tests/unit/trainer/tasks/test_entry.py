"""From a task in the environment to an exit code and a message, whatever happens in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.training_case import TrainingSetup

from retrain_api.documents.encoding import TASK_VARIABLE, TERMINATION_VARIABLE, decode_message, encode_task
from retrain_api.documents.results import TaskFailure, TrainResult
from retrain_api.errors import ERRORS_BY_EXIT_CODE, Interrupted, RetrainError
from retrain_trainer.tasks import entry as command
from retrain_trainer.tasks.entry import SECOND_TRY, TRY_AGAIN, main
from retrain_trainer.tasks.interruption import Stop

HEX = "d" * 64


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, before)


class Job:
    """A container: its environment, and what it leaves."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.message = root / "message"
        self.setup = TrainingSetup(root / "setup")
        self.environ = {TASK_VARIABLE: encode_task(self.setup.task()), TERMINATION_VARIABLE: str(self.message)}
        self.monkeypatch = monkeypatch

    def run(self, *arguments: str, does: Callable[..., Any] | None = None) -> int:
        """The exit code; `does` stands in for the training."""
        if does is not None:
            module = SimpleNamespace(run=does)
            self.monkeypatch.setattr(command, "importlib", SimpleNamespace(import_module=lambda *_: module))
        return main(arguments or ("train",), self.environ)

    @property
    def failure(self) -> TaskFailure:
        found = decode_message(self.message.read_text())
        assert isinstance(found, TaskFailure)
        return found


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(tmp_path, monkeypatch)


def raising(problem: BaseException) -> Callable[..., Any]:
    def run(*_: Any) -> Any:
        raise problem

    return run


def result(warnings: tuple[str, ...] = ()) -> TrainResult:
    return TrainResult(
        symbol="BTC-USD",
        train_key="a" * 16,
        model={"uri": "file:///m.pt", "sha256": HEX},  # type: ignore[arg-type]
        data={"uri": "file:///d", "sha256": HEX, "first_bar": "", "last_bar": "", "rows": 1},  # type: ignore[arg-type]
        epochs=3,
        best_epoch=2,
        duration_seconds=1.5,
        warnings=warnings,
    )


def test_a_result_is_the_message_and_0(job: Job) -> None:
    assert job.run(does=lambda *_: result(("one gap",))) == 0
    assert decode_message(job.message.read_text()) == result(("one gap",))


def test_a_long_result_fits_the_message(job: Job) -> None:
    assert job.run(does=lambda *_: result(("ü" * 3000,) * 5)) == 0
    assert len(job.message.read_bytes()) <= 4096
    assert decode_message(job.message.read_text()) == result()


@pytest.mark.parametrize("code", sorted(ERRORS_BY_EXIT_CODE.keys() - {71}))
def test_the_type_of_an_error_is_the_exit_code(job: Job, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    error: RetrainError = ERRORS_BY_EXIT_CODE[code]("SomeReason", "One sentence.")
    assert job.run(does=raising(error)) == code
    assert (job.failure.reason, job.failure.message) == ("SomeReason", "One sentence.")
    assert capsys.readouterr() == ("", "SomeReason: One sentence.\n"), "and no traceback"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/scratch/x"), "DiskFull"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "DiskFull"),
        (MemoryError(), "OutOfMemory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried ..."), "OutOfMemory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "OutOfMemory"),
        (OSError(errno.EIO, "Input/output error", "/scratch/x"), "DiskFailed"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "GPUFailed"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "GPUFailed"),
    ],
)
def test_what_the_machine_does_has_a_name_and_is_tried_again(
    job: Job, problem: Exception, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job.run(does=raising(problem)) == 70
    assert job.failure.reason == reason
    said = capsys.readouterr().err
    assert "Traceback" not in said and "CUDA" not in said and said.count("\n") == 1


STRANGERS = [
    ZeroDivisionError("division by zero"),
    RuntimeError("x" * 9000 + "\nmore of a library's words"),
    RuntimeError("CUDA error: device-side assert triggered"),
    RecursionError("maximum recursion depth exceeded"),
    KeyError("https://key:secret@host/"),
    OSError(errno.ENOENT, "No such file or directory", "/tmp/x"),
    ExceptionGroup("several", [ValueError("one"), ValueError("two")]),
    AssertionError(),
]


@pytest.mark.parametrize("problem", STRANGERS, ids=lambda problem: type(problem).__name__)
def test_what_nobody_foresaw_is_tried_once_more_and_then_told_in_our_words(
    job: Job, problem: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job.run(does=raising(problem)) == TRY_AGAIN
    assert not job.message.exists()
    job.environ[SECOND_TRY] = "1"
    assert job.run(does=raising(problem)) == 71
    assert job.failure.reason == "Unexpected"
    assert job.failure.message.startswith(
        "The training of BTC-USD failed in a way that has no name yet, at retrain_trainer."
    )
    assert job.failure.message.endswith(": please report it, with that place.")
    first, again, second = capsys.readouterr().err.splitlines()
    assert first == second == f"Unexpected: {job.failure.message}" and again == "It is tried once more."


def test_at_the_level_debug_the_log_has_the_traceback(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.environ |= {"LOG_LEVEL": "debug", SECOND_TRY: "1"}
    assert job.run(does=raising(ValueError("of a library"))) == 71
    assert "Traceback" in capsys.readouterr().err and "of a library" not in job.failure.message


def test_a_request_to_stop_between_two_tries_is_met(job: Job) -> None:
    class Late(Stop):
        def settle(self) -> None:
            super().settle()
            signal.raise_signal(signal.SIGTERM)

    job.monkeypatch.setattr(command, "Stop", Late)
    assert job.run(does=raising(ZeroDivisionError())) == 75
    assert job.failure.reason == "Interrupted"


FAILING = """
import importlib, os, pathlib, sys, types
from retrain_trainer.tasks import entry

def run(*_):
    with open(sys.argv[2], "a") as journal:
        print(os.getpid(), file=journal)
    raise ZeroDivisionError("a library's words")

importlib.import_module = lambda *_: types.SimpleNamespace(run=run)
if (code := entry.main(sys.argv[1:2])) == entry.TRY_AGAIN:
    entry.start_again()
entry.leave(code)
"""


def test_the_second_try_is_a_new_program_in_the_same_process(job: Job, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    journal = tmp_path / "journal"
    command = [sys.executable, str(tmp_path / "failing.py"), "train", str(journal)]
    ended = subprocess.run(command, env=os.environ | job.environ, capture_output=True, text=True)
    assert ended.returncode == 71
    first, second = journal.read_text().split()
    assert first == second
    assert "Traceback" not in ended.stderr and "library's words" not in ended.stderr + job.failure.message


def test_a_long_error_fits_the_message(job: Job) -> None:
    assert job.run(does=raising(ERRORS_BY_EXIT_CODE[65]("Long", "€" * 20_000))) == 65
    assert len(job.message.read_bytes()) <= 4096
    assert job.failure.message.startswith("€" * 500)


@pytest.mark.parametrize(
    ("arguments", "task", "reason", "words"),
    [
        (("dance",), None, "BadCommand", "must be one of preflight, train, evaluate, publish, deliver, observe, score"),
        (("train", "now"), None, "BadCommand", "train now"),
        (("evaluate",), None, "BadTask", "holds a train task"),
        (("train",), "", "NoTask", "RETRAIN_TASK is not set"),
        (("train",), "{", "BadTask", "same release"),
        (("train",), '{"kind": "train"}', "BadTask", "same release"),
        (("train",), '{"kind": "dance"}', "BadTask", "same release"),
    ],
)
def test_an_invalid_task_is_64(job: Job, arguments: tuple[str, ...], task: str | None, reason: str, words: str) -> None:
    if task is not None:
        job.environ[TASK_VARIABLE] = task
    assert job.run(*arguments) == 64
    assert job.failure.reason == reason
    assert words in job.failure.message


def test_no_command_is_64(job: Job) -> None:
    assert main((), job.environ) == 64
    assert job.failure.message.startswith("The command is nothing")


@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_succeeds(job: Job, argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.run(argument) == 0
    assert "preflight,train,evaluate,publish,deliver,observe,score" in capsys.readouterr().out


def test_a_result_that_can_not_be_written_is_an_error(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.environ[TERMINATION_VARIABLE] = "/nowhere/message"
    assert job.run(does=lambda *_: result()) == 70
    assert "NoMessage: The result can't be written to /nowhere/message" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_interrupts_what_has_nothing_to_save(job: Job, number: signal.Signals) -> None:
    def wait(*_: Any) -> Any:
        signal.raise_signal(number)
        raise AssertionError("it went on")

    assert job.run(does=wait) == 75
    assert job.failure.reason == "Interrupted"


def deferred(stop: Stop, *acts: Callable[[], Any]) -> None:
    """Do this, while requests wait."""
    with stop.deferred():
        for act in acts:
            act()


def test_a_deferred_request_waits_for_the_end_of_the_block() -> None:
    stop = Stop()
    seen: list[bool] = []
    with pytest.raises(Interrupted):
        deferred(stop, stop.request, stop.request, lambda: seen.append(stop()))
    assert seen == [True]


def test_a_request_before_a_deferred_block_interrupts_at_its_beginning() -> None:
    stop = Stop()
    with pytest.raises(Interrupted):
        stop.request()
    with pytest.raises(Interrupted):
        deferred(stop, raising(AssertionError("it went on")))


def test_a_failure_inside_a_deferred_block_is_the_one_that_is_raised() -> None:
    stop = Stop()
    with pytest.raises(ZeroDivisionError):
        deferred(stop, stop.request, raising(ZeroDivisionError()))


def test_nothing_interrupts_the_message() -> None:
    stop = Stop()
    stop.settle()
    stop.request()
