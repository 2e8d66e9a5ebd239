"""One task of the trainer with several indexes, as processes on this machine, without a run around it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from retrain_api import reasons
from retrain_api.documents.encoding import TASK_VARIABLE, decode_message, encode_task
from retrain_api.documents.results import Result, TaskFailure
from retrain_api.documents.tasks import Task
from retrain_api.errors import ERRORS_BY_EXIT_CODE, NamedEnd, RetrainError, SoftwareError

from .executor import PAUSE, machine_cores
from .folder import make_folder
from .processes import TaskProcess, spawn

STOPPED = 75


def run_task(
    task: Task,
    command: str,
    indexes: int,
    place: Path,
    line: Callable[[str], None],
    stopping: Callable[[], bool],
    lock: int | None = None,
) -> list[Result] | None:
    """The result of each index; None where it was asked to stop. Raises the error of the first index that fails."""
    for name in ("logs", "messages"):
        make_folder(place / name)
    manifest = _manifest(task, command)
    waiting, working, done = list(range(indexes)), list[TaskProcess](), dict[int, Result]()
    parallel = min(machine_cores(), indexes)
    try:
        while len(done) < indexes:
            if stopping():
                return None
            while waiting and len(working) < parallel:
                index = waiting.pop(0)
                log, message = place / "logs" / f"{command}-{index}.log", place / "messages" / f"{command}-{index}.json"
                working.append(spawn(manifest, index, max(1, machine_cores() // parallel), log, message, lock))
            for process in [one for one in working if _collected(one, line)]:
                working.remove(process)
                done[process.index] = _result(process)
            time.sleep(PAUSE)
        return [done[index] for index in range(indexes)]
    finally:
        _end(working)


def _manifest(task: Task, command: str) -> dict[str, object]:
    container = {
        "command": ["python", "-m", "retrain_trainer", command],
        "env": [{"name": TASK_VARIABLE, "value": encode_task(task)}],
    }
    return {"metadata": {"name": command}, "spec": {"template": {"spec": {"containers": [container]}}}}


def _collected(process: TaskProcess, line: Callable[[str], None]) -> bool:
    """Pass on what it has written; whether it is over."""
    over = process.exit_code() is not None
    for text in process.new_lines(over):
        line(text)
    return over


def _result(process: TaskProcess) -> Result:
    code, found = process.exit_code(), decode_message(process.message_text())
    if code == 0 and found is not None and not isinstance(found, TaskFailure):
        return found
    if isinstance(found, TaskFailure):
        raise _error(code or 0, found)
    raise SoftwareError(reasons.NO_MESSAGE, f"A process ended with {code} and without a result; see {process.log}.")


def _error(code: int, failure: TaskFailure) -> NamedEnd:
    kind = ERRORS_BY_EXIT_CODE.get(code, SoftwareError)
    return (kind if issubclass(kind, RetrainError) else SoftwareError)(failure.reason, failure.message)


def _end(working: list[TaskProcess]) -> None:
    while running := [process for process in working if process.exit_code() is None]:
        for process in running:
            process.stop()
        time.sleep(PAUSE)
