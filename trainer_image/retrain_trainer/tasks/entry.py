"""Runs one task, from the environment to the exit code: what `python -m retrain_trainer COMMAND` does.

The operator sees only two things of a task: its exit code, which decides whether a retry makes sense, and its termination
message. Every way a task can end must produce both, including ways that nobody foresaw. A failure without a name is mostly a
bug, which comes again, so it is tried once more and not as often as a store that is away: in a new process, since torch can't
go on after some failures, and in the same pod, since Kubernetes has no limit for one exit code.
"""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from retrain_api import reasons
from retrain_api.documents.encoding import (
    GRACE_SECONDS,
    GRACE_VARIABLE,
    TASK_VARIABLE,
    TERMINATION_VARIABLE,
    decode_task,
    encode_message,
)
from retrain_api.documents.results import Result, TaskFailure
from retrain_api.documents.tasks import (
    EvaluateTask,
    NotifyTask,
    ObserveTask,
    PreflightTask,
    PublishTask,
    ScoreTask,
    TrainTask,
)
from retrain_api.errors import ConfigurationError, Interrupted, NamedEnd, SoftwareError, UnforeseenError
from retrain_api.unforeseen import unforeseen, wants_tracebacks

from .interruption import STOPPED, Stop, hold_back

COMMANDS = ("preflight", "train", "evaluate", "publish", "deliver", "observe", "score", "notify")
"""Each is a module in this folder with a function `run`. It is loaded when needed, because only four of them need torch."""

USAGE = f"""usage: python -m retrain_trainer {{{",".join(COMMANDS)}}}

Runs the task in the environment variable {TASK_VARIABLE} (JSON). The result is JSON in the file that
{TERMINATION_VARIABLE} names, or in /dev/termination-log."""

SECOND_TRY = "RETRAIN_SECOND_TRY"
"""Set in the environment of the second try."""
TRY_AGAIN = -1
"""What `main` returns in place of an exit code after an unforeseen failure of the first try: `start_again` must follow."""

_FULL_DISK = {errno.ENOSPC, errno.EDQUOT}
_BROKEN_DISK = {errno.EIO, errno.ESTALE}
_OF_A_GPU = re.compile(r"CUDA (driver )?error|cuDNN error|CUDNN_STATUS|CUBLAS_STATUS|CUSOLVER_STATUS|HIP error")
_A_BUG_ON_A_GPU = "device-side assert"


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command and return its exit code, which follows from the type of the error (see retrain_api.errors), or
    TRY_AGAIN.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        print(USAGE)
        return 0
    stop = Stop()
    try:
        code = outcome(arguments, environ, stop)
    except BaseException as problem:  # a request to stop, at any point above, and whatever else is no Exception
        stop.settle()
        code = failed(problem, environ)
    if code != TRY_AGAIN:
        return code
    hold_back()  # until the new process listens
    return failed(Interrupted(reasons.INTERRUPTED, STOPPED), environ) if stop() else TRY_AGAIN


def outcome(arguments: Sequence[str], environ: Mapping[str, str], stop: Stop) -> int:
    """Run a command and write its message; the exit code. Raises Interrupted on a request to stop."""
    try:
        stop.listen(float(environ.get(GRACE_VARIABLE) or GRACE_SECONDS), partial(end_now, environ=environ))
        result = run(arguments, environ, stop)
        stop.settle()
        write_message(encode_message(result), environ)
        return 0
    except Exception as problem:
        stop.settle()
        return failed(problem, environ)


def run(arguments: Sequence[str], environ: Mapping[str, str], stop: Stop) -> Result:
    """Run the command with the task in the environment. Raises ConfigurationError, and what the command raises."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        given = " ".join(arguments) or "nothing"
        raise ConfigurationError(
            reasons.BAD_COMMAND, f"The command is {given}; it must be one of {', '.join(COMMANDS)}."
        )
    command = arguments[0]
    if not environ.get(TASK_VARIABLE):
        raise ConfigurationError(reasons.NO_TASK, f"{TASK_VARIABLE} is not set; it must hold the task as JSON.")
    task = decode_task(environ[TASK_VARIABLE])
    if task.kind != command:
        raise ConfigurationError(
            reasons.BAD_TASK, f"The command is {command}, and {TASK_VARIABLE} holds a {task.kind} task."
        )
    module = load(command)
    extra = (stop,) if command == "train" else ()
    result: Result = module.run(task, environ, log_line, *extra)
    return result


def load(command: str) -> ModuleType:
    """The command's module. Looking for garbage meanwhile takes a tenth of the import of torch, whose objects all stay."""
    gc.disable()
    try:
        return importlib.import_module(f".{command}", __package__)
    finally:
        gc.enable()


def log_line(line: str) -> None:
    """Write a line of the log without buffering it."""
    print(line, flush=True)


def end_now(request: Interrupted, environ: Mapping[str, str]) -> NoReturn:
    """End the process from another thread, with message and exit code, whatever the main thread is doing."""
    try:
        failed(request, environ)
    finally:
        os._exit(request.exit_code)


def failed(problem: BaseException, environ: Mapping[str, str]) -> int:
    """Print what went wrong, write it as the termination message, and return the exit code or TRY_AGAIN."""
    error = named(problem, environ)
    if error is not problem and wants_tracebacks(environ):
        traceback.print_exception(problem)
    print(f"{error.reason}: {error.message}", file=sys.stderr, flush=True)
    if isinstance(error, UnforeseenError) and not environ.get(SECOND_TRY):
        print("It is tried once more.", file=sys.stderr, flush=True)
        return TRY_AGAIN
    try:
        write_message(encode_message(TaskFailure(reason=error.reason, message=error.message)), environ)
    except SoftwareError as unwritten:
        print(f"{unwritten.reason}: {unwritten.message}", file=sys.stderr, flush=True)
    return error.exit_code


def named(problem: BaseException, environ: Mapping[str, str]) -> NamedEnd:
    """The exception as one of ours; UnforeseenError for one that has no name. No other library's words are passed on."""
    if isinstance(problem, NamedEnd):
        return problem
    if isinstance(problem, OSError) and (error := _of_the_disk(problem)):
        return error
    return _of_the_machine(problem) or UnforeseenError(reasons.UNEXPECTED, unforeseen(_operation(environ), problem))


def _of_the_disk(problem: OSError) -> SoftwareError | None:
    place = f" ({problem.filename})" if problem.filename else ""
    if problem.errno in _FULL_DISK:
        return SoftwareError(
            reasons.DISK_FULL, f"The disk is full{place}; free space, or give the task a larger scratch volume."
        )
    if problem.errno in _BROKEN_DISK:
        return SoftwareError(reasons.DISK_FAILED, f"The disk failed{place}; look at the disk or the volume.")
    return None


def _of_the_machine(problem: BaseException) -> SoftwareError | None:
    no_memory = isinstance(problem, OSError) and problem.errno == errno.ENOMEM
    if no_memory or isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return SoftwareError(
            reasons.OUT_OF_MEMORY,
            "The task ran out of memory; give it more, or lower training.batchSize or the model's size.",
        )
    words = str(problem)
    if isinstance(problem, RuntimeError) and _OF_A_GPU.search(words) and _A_BUG_ON_A_GPU not in words:
        return SoftwareError(
            reasons.GPU_FAILED, "The GPU failed in the middle of the work; look at it with nvidia-smi, and at its node."
        )
    return None


def _operation(environ: Mapping[str, str]) -> str:
    """What the task does, to begin a sentence with."""
    try:
        task = decode_task(environ[TASK_VARIABLE])
        if isinstance(task, TrainTask):
            return f"The training of {task.symbol}"
        if isinstance(task, EvaluateTask):
            return f"The measurement of {task.items[int(environ.get('JOB_COMPLETION_INDEX', '0'))].symbol}"
        if isinstance(task, ScoreTask):
            return f"The backfill of {task.items[int(environ.get('JOB_COMPLETION_INDEX', '0'))].symbol}"
        if isinstance(task, PreflightTask):
            return "The preflight"
        if isinstance(task, ObserveTask):
            return "The look at the promoted models"
        if isinstance(task, NotifyTask):
            return f"Telling {task.receiver}"
    except (ConfigurationError, LookupError, ValueError):
        return "The task"
    return "Writing the report" if isinstance(task, PublishTask) else "Making the copies"


def write_message(text: str, environ: Mapping[str, str]) -> None:
    """Write the termination message. Raises SoftwareError where that fails, because a result nobody reads is lost."""
    place = Path(environ.get(TERMINATION_VARIABLE) or "/dev/termination-log")
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SoftwareError(
            reasons.NO_MESSAGE,
            f"The result can't be written to {place} ({error.strerror}); set {TERMINATION_VARIABLE} to a file that can be written.",
        ) from None


def start_again() -> NoReturn:
    """Become a new process of the same command, for its second try. It keeps pid, environment and open lock."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {SECOND_TRY: "1"})


def leave(code: int) -> NoReturn:
    """End the process without taking Python and torch apart, which takes a second and longer than stopping may."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
