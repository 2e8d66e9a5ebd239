"""Fates of a run's pods, decided by the task that each carries out: a whole run without one process.

kubelet.fate = Fates()                                     # everything succeeds at once
kubelet.fate = Fates(
    train=lambda task: fails(78, "NoGPU", "no GPU here") if task.symbol == "ETH-USD" else None,
    evaluate=lambda item: succeeds(measured(item, accuracy=0.5)),     # gets the EvaluateItem
    publish=lambda task: None,                             # None: it succeeds, as where nothing is said
    hold={"train": event},                                 # pods of that phase run until the event is set
)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from retrain_api.documents import (
    Delivered,
    DeliverResult,
    DeliverTask,
    EvaluateItem,
    EvaluateResult,
    EvaluateTask,
    FileRef,
    PublishTask,
    Result,
    TaskFailure,
    TrainTask,
    decode_task,
    encode_message,
)
from support.containers import Fate
from support.planning import passing, published, trained

INDEX = "batch.kubernetes.io/job-completion-index"


def said(result: Result) -> str:
    """A result as termination message."""
    return encode_message(result)


def succeeds(result: Result, **fate: Any) -> Fate:
    """It ends well, with that result."""
    return Fate(message=said(result), **fate)


def fails(exit_code: int, reason: str = "Scripted", message: str = "It was told to fail.", **fate: Any) -> Fate:
    """It ends with that exit code, and a failure as the trainer reports one."""
    return Fate(exit_code=exit_code, message=said(TaskFailure(reason=reason, message=message)), **fate)


def killed(**fate: Any) -> Fate:
    """It ends without a word, as where memory ran out."""
    return Fate(exit_code=137, reason="OOMKilled", **fate)


def measured(item: EvaluateItem, **figures: float) -> EvaluateResult:
    """The result for an item; figures as in support.planning.passing, which passes the usual gate."""
    return EvaluateResult(
        symbol=item.symbol,
        evaluate_key=item.evaluate_key,
        model_sha256=item.model.sha256,
        measurement=passing(**figures),
        details=FileRef(uri=f"s3://bucket/models/runs/{item.evaluate_key}/evaluation.json", sha256="e" * 64),
    )


def delivered(task: DeliverTask) -> DeliverResult:
    """Every copy went well."""
    return DeliverResult(targets=tuple(Delivered(name=backup.name, ok=True) for backup in task.backups))


def task_of_pod(pod: Mapping[str, Any]) -> TrainTask | EvaluateTask | PublishTask | DeliverTask:
    """The task that a pod was told to carry out."""
    env = pod["spec"]["containers"][0]["env"]
    return decode_task(next(entry["value"] for entry in env if entry["name"] == "RETRAIN_TASK"))


@dataclass
class Fates:
    """What becomes of a run's pods. A pod of a phase about which nothing is said succeeds at once."""

    train: Callable[[TrainTask], Fate | None] | None = None
    evaluate: Callable[[EvaluateItem], Fate | None] | None = None
    publish: Callable[[PublishTask], Fate | None] | None = None
    deliver: Callable[[DeliverTask], Fate | None] | None = None
    hold: Mapping[str, threading.Event] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    """What pods were started for, in order: "train BTC-USD", "evaluate BTC-USD", "publish", "deliver"."""

    def __call__(self, pod: Mapping[str, Any]) -> Fate:
        """The pod's fate."""
        task = task_of_pod(pod)
        subject = task.items[int(pod["metadata"]["annotations"][INDEX])] if isinstance(task, EvaluateTask) else task
        self.started.append(" ".join([task.kind, *filter(None, [getattr(subject, "symbol", None)])]))
        choose: Callable[[Any], Fate | None] | None = getattr(self, task.kind)
        fate = (choose(subject) if choose else None) or Fate(message=said(_result(subject)))
        gate = self.hold.get(task.kind)
        return replace(fate, hold=gate) if gate is not None and fate.hold is None else fate


def _result(subject: Any) -> Result:
    match subject:
        case TrainTask():
            return trained(subject)
        case EvaluateItem():
            return measured(subject)
        case PublishTask():
            return published(subject)
        case DeliverTask():
            return delivered(subject)
    raise AssertionError(f"no such task: {subject}")
