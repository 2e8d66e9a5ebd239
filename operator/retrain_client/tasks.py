"""What carries out the tasks of a run, processes here and pods on a cluster, and which of them a person means who asks for logs.

Both carry the same task document, so that what a log is about is read in one way. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from retrain_api.documents.encoding import TASK_VARIABLE, decode_task
from retrain_api.documents.tasks import EvaluateTask, ObserveTask, PreflightTask, TrainTask
from retrain_api.errors import ConfigurationError
from retrain_api.names import CONTAINER
from retrain_operator.state.view import PhaseName

PHASES: tuple[str, ...] = get_args(PhaseName)
"""Every phase that has tasks."""


@dataclass(frozen=True)
class TaskRun:
    """The newest process or pod of a task. `source` names it, `created` is a time by which those of one place are sorted.

    A task without `symbols` works for all of them at once.
    """

    phase: str
    symbols: tuple[str, ...]
    source: str
    created: str
    begun: bool

    @property
    def label(self) -> str:
        """What stands before its lines where there are several: its symbol, or its phase."""
        first, *more = self.symbols or (self.phase,)
        return f"{first} and {len(more)} more" if more else first


def symbols_of(pod_spec: Mapping[str, Any], index: int) -> tuple[str, ...]:
    """The symbols that an index of a Job works for; none where it is all of them, or where a newer release wrote the task."""
    variables = (
        variable
        for container in pod_spec["containers"]
        if container["name"] == CONTAINER
        for variable in container.get("env", ())
    )
    text = next((variable.get("value", "") for variable in variables if variable["name"] == TASK_VARIABLE), "")
    try:
        task = decode_task(text)
    except ConfigurationError:
        return ()
    match task:
        case TrainTask():
            return (task.symbol,)
        case EvaluateTask():
            return tuple(item.symbol for item in task.items[index : index + 1])
        case PreflightTask() | ObserveTask():
            return tuple(item.symbol for item in task.items_of(index))
    return ()


def newest(tasks: Iterable[TaskRun]) -> list[TaskRun]:
    """Of each task its last process or pod, by phase and symbol: what was replaced says nothing of how the run stands."""
    last: dict[tuple[str, tuple[str, ...]], TaskRun] = {}
    for task in sorted(tasks, key=lambda task: task.created):
        last[task.phase, task.symbols] = task
    return sorted(last.values(), key=lambda task: (PHASES.index(task.phase), task.symbols))


def meant(tasks: Sequence[TaskRun], symbol: str | None = None, phase: str | None = None) -> list[TaskRun]:
    """The tasks of a symbol and a phase. Without a symbol, of all; without a phase, of the one whose task is the newest."""
    found = [task for task in tasks if symbol is None or symbol in task.symbols]
    if phase is None:
        phase = max(found, key=_when).phase if found else ""
    return [task for task in found if task.phase == phase]


def _when(task: TaskRun) -> tuple[str, int]:
    """The API server's times have whole seconds: of what was created in the same one, the later phase is the newer."""
    return task.created, PHASES.index(task.phase)
