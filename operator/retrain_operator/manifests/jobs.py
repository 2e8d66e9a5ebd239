"""The Job of a task: its name, its owner, and what Kubernetes does when a pod of it fails.

A cluster and a single machine run the same manifests. The name is derived from the work alone, so a Job that is
created a second time meets its own name and nothing is done twice; the failure policy repeats the exit codes of
`retrain_api.errors`, so that the type of an error decides what is retried, and nothing else does.
"""

from __future__ import annotations

from typing import Any, Literal

from retrain_api.documents.tasks import EvaluateTask, ObserveTask, PreflightTask, TrainTask
from retrain_api.errors import PERMANENT_EXIT_CODES, Interrupted
from retrain_api.keys import changed, digest, once
from retrain_api.names import (
    ANNOTATION_KEY,
    ANNOTATION_QUEUE,
    ANNOTATION_TEMPLATE,
    CONTAINER,
    GROUP,
    KIND,
    LABEL_PHASE,
    LABEL_RUN,
    LABEL_SYMBOL,
    VERSION,
    job_name,
    job_queue,
    label_value,
    queue_labels,
)
from retrain_api.run import RetrainRun
from retrain_api.spec.pods import Phase, Resources
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.time import duration
from retrain_api.wire import to_wire
from retrain_operator.state.view import PhaseName

from .pods import Task, pod_template
from .receivers import receiver_of, secret_of

PREFLIGHT = Phase(
    resources=Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"cpu": "1", "memory": "1Gi"}),
    backoff_limit=2,
    active_deadline_seconds=1800,
    pending_deadline_seconds=900,
)
"""A preflight reads footers, and the time column of few row groups. Both limits, because a quota may ask for both. After either
deadline the training goes on without it: what only checks must not hold up for hours what works."""

_NOTIFY_SECONDS = 120
_NOTIFY_PENDING = 900

NOTIFY = Phase(
    resources=PREFLIGHT.resources,
    backoff_limit=0,
    active_deadline_seconds=_NOTIFY_PENDING + _NOTIFY_SECONDS,
    pending_deadline_seconds=_NOTIFY_PENDING,
)
"""A notification is a few requests, and the task tries three times within two minutes by itself. Kubernetes counts a Job's deadline from
when it admits the Job, not from the container's start: with two minutes alone a node that has to be started, or to pull the
image, would let nobody be told. So the Job has what it may wait, and the two minutes."""

_INDEXED = ("preflight", "evaluate", "observe")


@once
def template_key(run: RetrainRun, phase: PhaseName, key: str = "") -> str:
    """Digest of the retry token and of the fields that shape a phase's pods and are in no key: when any of them changes,
    a failed task is tried again. Of a notify Job, whose `key` says whom it tells, the Secret of that receiver is one of them, and
    nothing that has to do with stores.

    It covers what users set alone, so that a new release of the operator tries nothing again. As it is in the name of a
    Job too, a new token needs no memory of its own: it makes the remembered failure void and leads to a new Job.
    """
    spec = run.spec
    if phase == "notify":
        secret = secret_of(spec.notify, receiver_of(key))
        return digest({"pods": changed(spec.pods), "secret": secret, "retry": run.retry})
    return digest(
        {
            "pods": changed(spec.pods),
            "phase": None if phase == "preflight" else changed(phase_spec(spec, phase)),
            "artifacts": to_wire(spec.artifacts),
            "credentials": to_wire(spec.credentials) if spec.credentials else None,
            "dataCredentials": to_wire(spec.data.credentials) if spec.data.credentials else None,
            "backups": [to_wire(backup) for backup in spec.backups] if phase == "deliver" else None,
            "git": to_wire(spec.report.git) if phase == "deliver" and spec.report.git else None,
            "retry": run.retry,
        }
    )


def failed_key(run: RetrainRun, phase: PhaseName, key: str) -> str:
    """What a failure is remembered by: the same work with the same pod fields would fail again."""
    return digest({"key": key, "template": template_key(run, phase, key)})


def phase_spec(spec: RetrainRunSpec, phase: PhaseName) -> Phase:
    """The spec's section on a phase; delivery is part of publishing, and a preflight and a notification have none."""
    if phase == "preflight":
        return _preflight(spec)
    if phase == "notify":
        return NOTIFY
    if phase == "observe":
        return _observe(spec.evaluate)
    return {"train": spec.train, "evaluate": spec.evaluate}.get(phase, spec.publish)


def _preflight(spec: RetrainRunSpec) -> Phase:
    """With the time that it may wait for data."""
    wait = duration(spec.data.wait_for)
    seconds = 0 if wait is None else wait.nanoseconds // 10**9
    return PREFLIGHT.model_copy(update={"active_deadline_seconds": (PREFLIGHT.active_deadline_seconds or 0) + seconds})


def _observe(evaluate: Phase) -> Phase:
    """What an evaluation has, without its device and GPUs: a look reads few bars, on the CPU."""
    return Phase(
        resources=evaluate.resources,
        backoff_limit=evaluate.backoff_limit,
        active_deadline_seconds=evaluate.active_deadline_seconds,
        pending_deadline_seconds=evaluate.pending_deadline_seconds,
    )


def name_of(
    run: RetrainRun, phase: PhaseName, symbol: str | None, key: str, again: bool = False, indexes: int = 1
) -> str:
    """Name of the Job for a key; with `again`, of the second one, created when the first one's result was lost.

    `indexes` matters in the phases whose Job is an Indexed one.
    """
    template = template_key(run, phase, key) + ("-again" if again else "")
    return job_name(run.metadata.name, phase, symbol, key, template, indexes if phase in _INDEXED else None)


def manifest(run: RetrainRun, task: Task, key: str, image: str, again: bool = False) -> dict[str, Any]:
    """The Job that carries out `task`."""
    symbol = task.symbol if isinstance(task, TrainTask) else None
    indexes, queue = _indexes(task) or 1, job_queue(run.metadata.labels, task.kind)
    phase: PhaseName = task.kind
    labels = _labels(run, phase, symbol)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(run, phase, symbol, key, again, indexes),
            "namespace": run.metadata.namespace,
            "labels": labels | queue,
            "annotations": {
                ANNOTATION_KEY: key,
                ANNOTATION_TEMPLATE: template_key(run, phase, key),
                ANNOTATION_QUEUE: queue_labels(queue),
            },
            "ownerReferences": [_owner(run)],
        },
        "spec": _job_spec(run, task, image, labels),
    }


def _indexes(task: Task) -> int | None:
    """How many indexes the Job has; None for one that is no Indexed Job."""
    if isinstance(task, PreflightTask | ObserveTask):
        return task.indexes
    return len(task.items) if isinstance(task, EvaluateTask) else None


def _owner(run: RetrainRun) -> dict[str, Any]:
    """Without blockOwnerDeletion, which OpenShift allows only to those who may set finalizers on the owner."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": run.metadata.name,
        "uid": run.metadata.uid,
        "controller": True,
    }


def _labels(run: RetrainRun, phase: str, symbol: str | None) -> dict[str, str]:
    labels = {
        "app.kubernetes.io/name": "retrain",
        "app.kubernetes.io/instance": label_value(run.metadata.name),
        "app.kubernetes.io/component": phase,
        "app.kubernetes.io/managed-by": "retrain-operator",
        LABEL_RUN: label_value(run.metadata.name),
        LABEL_PHASE: phase,
    }
    return labels | ({LABEL_SYMBOL: symbol} if symbol else {})


def _job_spec(run: RetrainRun, task: Task, image: str, labels: dict[str, str]) -> dict[str, Any]:
    phase = phase_spec(run.spec, task.kind)
    indexed = _indexes(task)
    spec: dict[str, Any] = {
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _failure_rules("FailIndex" if indexed else "FailJob")},
        "template": pod_template(run, task, phase, image, labels),
    }
    if indexed:
        # FailJob would end the other indexes of an Indexed Job as well; FailIndex needs a limit for each index.
        spec |= {"completionMode": "Indexed", "completions": indexed, "parallelism": indexed}
        spec |= {"backoffLimitPerIndex": phase.backoff_limit, "maxFailedIndexes": indexed}
    else:
        spec |= {"backoffLimit": phase.backoff_limit}
    if phase.active_deadline_seconds:
        spec["activeDeadlineSeconds"] = phase.active_deadline_seconds
    return spec


def _failure_rules(permanent: Literal["FailJob", "FailIndex"]) -> list[dict[str, Any]]:
    """In the order Kubernetes tries them: permanent errors are not retried; a task that was interrupted (75) goes on
    later, uncounted; so does one whose pod was disrupted.
    """

    def on_codes(action: str, codes: list[int]) -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": codes}}

    return [
        on_codes(permanent, list(PERMANENT_EXIT_CODES)),
        on_codes("Ignore", [Interrupted.exit_code]),
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
