"""One task from the environment to its exit code: what `python -m retrain_trainer COMMAND` does."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrain_api.documents import (
    TASK_VARIABLE,
    TERMINATION_VARIABLE,
    Result,
    TaskFailure,
    decode_task,
    encode_message,
)
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError

from .interruption import Stop

COMMANDS = {
    "train": "training_task",
    "evaluate": "evaluate_task",
    "publish": "publish_task",
    "deliver": "deliver_task",
}
"""Command -> module with its `run`; loaded when needed, for only two of them need torch."""

USAGE = f"""usage: python -m retrain_trainer {{{",".join(COMMANDS)}}}

Runs the task in the environment variable {TASK_VARIABLE} (JSON). The result is JSON in the file that
{TERMINATION_VARIABLE} names, or in /dev/termination-log."""

_FULL_DISK = {errno.ENOSPC, errno.EDQUOT}


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run a command; its exit code, which the error's type gives (see retrain_api.errors)."""
    if any(argument in ("-h", "--help") for argument in arguments):
        print(USAGE)
        return 0
    stop = Stop()
    stop.listen()
    try:
        result = run(arguments, environ, stop)
        stop.settle()
        write_message(encode_message(result), environ)
        return 0
    except Exception as problem:
        stop.settle()
        return failed(problem, environ)


def run(arguments: Sequence[str], environ: Mapping[str, str], stop: Stop) -> Result:
    """The result of the command with the task in the environment."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        given = " ".join(arguments) or "nothing"
        raise ConfigurationError("BadCommand", f"The command is {given}; it must be one of {', '.join(COMMANDS)}.")
    command = arguments[0]
    if not environ.get(TASK_VARIABLE):
        raise ConfigurationError("NoTask", f"{TASK_VARIABLE} is not set; it must hold the task as JSON.")
    task = decode_task(environ[TASK_VARIABLE])
    if task.kind != command:
        raise ConfigurationError("BadTask", f"The command is {command}, and {TASK_VARIABLE} holds a {task.kind} task.")
    module: Any = importlib.import_module(f".{COMMANDS[command]}", __package__)
    extra = (stop,) if command == "train" else ()
    result: Result = module.run(task, environ, say, *extra)
    return result


def say(line: str) -> None:
    """A line of the log, at once."""
    print(line, flush=True)


def failed(problem: Exception, environ: Mapping[str, str]) -> int:
    """Say what went wrong, leave it as the termination message; the exit code."""
    error = explained(problem)
    if error is not problem:
        traceback.print_exception(problem)
    print(f"{error.reason}: {error.message}", file=sys.stderr, flush=True)
    try:
        write_message(encode_message(TaskFailure(reason=error.reason, message=error.message)), environ)
    except SoftwareError as unwritten:
        print(f"{unwritten.reason}: {unwritten.message}", file=sys.stderr, flush=True)
    return error.exit_code


def explained(problem: Exception) -> RetrainError:
    """The problem as one of ours. What has no name yet is a SoftwareError, and its traceback is in the log."""
    if isinstance(problem, RetrainError):
        return problem
    if isinstance(problem, OSError) and problem.errno in _FULL_DISK:
        place = f" ({problem.filename})" if problem.filename else ""
        return SoftwareError(
            "DiskFull", f"The disk is full{place}; free space, or give the task a larger scratch volume."
        )
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return SoftwareError(
            "OutOfMemory",
            "The memory is too small; give the task more, or lower training.batchSize or the model's size.",
        )
    first = (str(problem).splitlines() or [""])[0][:300]
    return SoftwareError(
        "Unexpected", f"The task failed in a way that has no name yet: {type(problem).__name__}: {first}"
    )


def write_message(text: str, environ: Mapping[str, str]) -> None:
    """Leave the termination message. Raises SoftwareError where it can't: a result that is not told is none."""
    place = Path(environ.get(TERMINATION_VARIABLE) or "/dev/termination-log")
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SoftwareError(
            "NoMessage",
            f"The result can't be written to {place} ({error.strerror}); set {TERMINATION_VARIABLE} to a file.",
        ) from None
