"""Fates of a run's pods, decided by the task that each carries out: a whole run without one process.

kubelet.fate = Fates()                                     # everything succeeds at once
kubelet.fate = Fates(
    train=lambda task: fails(78, "NoGPU", "no GPU here") if task.symbol == "ETH-USD" else None,
    evaluate=lambda item: succeeds(measured(item, accuracy=0.5)),     # gets the EvaluateItem
    publish=lambda task: None,                             # None: it succeeds, as where nothing is set
    hold={"train": event},                                 # pods of that phase run until the event is set
)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from support.containers import Fate
from support.job_controller import index_of
from support.results import measured as measured
from support.results import parts_of, task_of
from support.results import result_of as result_of

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.results import Result, TaskFailure
from retrain_api.documents.tasks import (
    DeliverTask,
    EvaluateItem,
    NotifyTask,
    ObserveTask,
    PreflightTask,
    PublishTask,
    TrainTask,
)


def succeeds(result: Result, **fate: Any) -> Fate:
    """It ends well, with that result."""
    return Fate(message=encode_message(result), **fate)


def fails(exit_code: int, reason: str = "Scripted", message: str = "It was told to fail.", **fate: Any) -> Fate:
    """It ends with that exit code, and a failure as the trainer reports one."""
    return Fate(exit_code=exit_code, message=encode_message(TaskFailure(reason=reason, message=message)), **fate)


def killed(**fate: Any) -> Fate:
    """It ends without a message, as where memory ran out."""
    return Fate(exit_code=137, reason="OOMKilled", **fate)


@dataclass
class Fates:
    """What becomes of a run's pods. A pod of a phase for which nothing is set succeeds at once."""

    preflight: Callable[[PreflightTask], Fate | None] | None = None
    train: Callable[[TrainTask], Fate | None] | None = None
    evaluate: Callable[[EvaluateItem], Fate | None] | None = None
    publish: Callable[[PublishTask], Fate | None] | None = None
    deliver: Callable[[DeliverTask], Fate | None] | None = None
    observe: Callable[[ObserveTask], Fate | None] | None = None
    notify: Callable[[NotifyTask], Fate | None] | None = None
    hold: Mapping[str, threading.Event] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    """What pods were started for, in order: "train BTC-USD", "evaluate BTC-USD", "publish", "deliver"."""

    def __call__(self, pod: Mapping[str, Any]) -> Fate:
        """The pod's fate."""
        task = task_of(pod)
        subject = parts_of(task)[index_of(pod)]
        self.started.append(" ".join([task.kind, *filter(None, [getattr(subject, "symbol", None)])]))
        choose: Callable[[Any], Fate | None] | None = getattr(self, task.kind)
        fate = (choose(subject) if choose else None) or Fate(message=encode_message(result_of(subject)))
        gate = self.hold.get(task.kind)
        return replace(fate, hold=gate) if gate is not None and fate.hold is None else fate
