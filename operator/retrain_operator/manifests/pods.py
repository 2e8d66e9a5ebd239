"""The pod of a task: one container that may do nothing but its work, on the nodes and with the resources that the run
asks for.

By itself it fulfils the restricted pod security profile. Without these fields Jobs would be refused in every namespace
that enforces the profile, and a trainer could act on the cluster with a service account's token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from retrain_api.documents.encoding import TASK_VARIABLE, encode_task
from retrain_api.documents.tasks import (
    DeliverTask,
    EvaluateTask,
    NotifyTask,
    ObserveTask,
    PreflightTask,
    PublishTask,
    TrainTask,
)
from retrain_api.names import CONTAINER
from retrain_api.run import RetrainRun
from retrain_api.spec.pods import Evaluate, Phase, Pods, Train

from .credentials import credential_mounts, credential_variables, credential_volumes, service_account
from .receivers import url_variables

Task: TypeAlias = PreflightTask | TrainTask | EvaluateTask | PublishTask | DeliverTask | ObserveTask | NotifyTask

TRAINER_USER = 65532
"""Fixed uid and gid of the trainer image; the restricted pod security profile asks for a non-root number."""


def pod_template(run: RetrainRun, task: Task, phase: Phase, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The template of the pods that carry out `task`. `labels` take precedence over the user's own."""
    pods = run.spec.pods
    return {
        "metadata": {
            "labels": dict(pods.labels) | dict(labels),
            **({"annotations": dict(pods.annotations)} if pods.annotations else {}),
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": TRAINER_USER,
                "runAsGroup": TRAINER_USER,
                "fsGroup": TRAINER_USER if pods.fs_group is None else pods.fs_group,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(run, task, phase, image)],
            "volumes": [
                {"name": "retrain-scratch", "emptyDir": {}},
                *credential_volumes(run.spec, task.kind),
                *(dict(volume) for volume in pods.volumes),
            ],
            **_scheduling(pods),
            **service_account(run.spec, task.kind),
        },
    }


def _scheduling(pods: Pods) -> dict[str, Any]:
    """The fields of the spec that are passed on to the pod as they are, without the empty ones."""
    fields: dict[str, Any] = {
        "imagePullSecrets": [{"name": secret.name} for secret in pods.image_pull_secrets],
        "nodeSelector": dict(pods.node_selector),
        "tolerations": [dict(toleration) for toleration in pods.tolerations],
        "affinity": pods.affinity,
        "runtimeClassName": pods.runtime_class_name,
        "priorityClassName": pods.priority_class_name,
    }
    return {name: value for name, value in fields.items() if value}


def _container(run: RetrainRun, task: Task, phase: Phase, image: str) -> dict[str, Any]:
    pods = run.spec.pods
    return {
        "name": CONTAINER,
        "image": image,
        **({"imagePullPolicy": pods.image_pull_policy} if pods.image_pull_policy else {}),
        "command": ["python", "-m", "retrain_trainer", task.kind],
        "env": [
            *_threads(pods, phase),
            *({"name": variable.name, "value": variable.value} for variable in pods.env),
            {"name": TASK_VARIABLE, "value": encode_task(task)},
            *credential_variables(run.spec, task.kind),
            *(url_variables(run.spec.notify, task.receiver) if isinstance(task, NotifyTask) else ()),
        ],
        "resources": _resources(phase),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "retrain-scratch", "mountPath": "/tmp"},
            *credential_mounts(run.spec, task.kind),
            *(dict(mount) for mount in pods.volume_mounts),
        ],
    }


def _threads(pods: Pods, phase: Phase) -> list[dict[str, Any]]:
    """As many threads as the pod may use processors, rounded up; without a limit or a request, as many as its node has.

    A number that the user sets takes precedence. Left alone, torch starts a thread for every processor it sees.
    Measured: three trainings side by side on two cores, with two threads each, took 190 s instead of 20 because they
    waited for each other's threads.
    """
    if any(variable.name == "OMP_NUM_THREADS" for variable in pods.env):
        return []
    bounded = next((kind for kind in ("limits", "requests") if "cpu" in getattr(phase.resources, kind)), "limits")
    source = {"containerName": CONTAINER, "resource": f"{bounded}.cpu", "divisor": "1"}
    return [{"name": "OMP_NUM_THREADS", "valueFrom": {"resourceFieldRef": source}}]


def _resources(phase: Phase) -> dict[str, Any]:
    requests, limits = dict(phase.resources.requests), dict(phase.resources.limits)
    if isinstance(phase, Train | Evaluate) and phase.device == "GPU":
        limits[phase.gpu.resource_name] = phase.gpu.count
    return {name: amounts for name, amounts in (("requests", requests), ("limits", limits)) if amounts}
