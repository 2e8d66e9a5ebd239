"""Job manifests: a run and a task as batch/v1, the same for a cluster and for one machine. Pure."""

from __future__ import annotations

from typing import Any, Literal

from retrain_api.credentials import OPTIONAL_SECRET_KEYS, SECRET_KEYS, Credentials
from retrain_api.documents import TASK_VARIABLE, DeliverTask, EvaluateTask, PublishTask, TrainTask, encode_task
from retrain_api.errors import PERMANENT_EXIT_CODES, Interrupted
from retrain_api.keys import changed, digest
from retrain_api.names import (
    ANNOTATION_KEY,
    ANNOTATION_TEMPLATE,
    GROUP,
    KIND,
    LABEL_PHASE,
    LABEL_RUN,
    LABEL_SYMBOL,
    VERSION,
    backup_purpose,
    credential_prefix,
    job_name,
    label_value,
)
from retrain_api.run import RetrainRun
from retrain_api.schema import to_wire
from retrain_api.spec import RetrainRunSpec
from retrain_api.spec_pods import Evaluate, Phase, Pods, Train

from .observed import PhaseName

CONTAINER = "trainer"
TRAINER_USER = 65532
"""Fixed uid and gid of the trainer image; the restricted pod security profile asks for a non-root number."""

_COPIED_LABELS = ("kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class")
_RCLONE_FOLDER = "/etc/retrain/rclone"
_Task = TrainTask | EvaluateTask | PublishTask | DeliverTask


def template_key(spec: RetrainRunSpec, phase: PhaseName) -> str:
    """Digest of what shapes a phase's pods without being in any key: a failed task is tried again when it changes.

    Of the user's fields alone, so that a new release of the operator tries nothing again.
    """
    return digest(
        {
            "pods": changed(spec.pods),
            "phase": changed(phase_spec(spec, phase)),
            "artifacts": to_wire(spec.artifacts),
            "credentials": to_wire(spec.credentials) if spec.credentials else None,
            "dataCredentials": to_wire(spec.data.credentials) if spec.data.credentials else None,
            "backups": [to_wire(backup) for backup in spec.backups] if phase == "deliver" else None,
            "git": to_wire(spec.report.git) if phase == "deliver" and spec.report.git else None,
        }
    )


def phase_spec(spec: RetrainRunSpec, phase: PhaseName) -> Phase:
    """The spec's section on a phase; delivery is part of publishing."""
    return {"train": spec.train, "evaluate": spec.evaluate}.get(phase, spec.publish)


def name_of(run: RetrainRun, phase: PhaseName, symbol: str | None, key: str, again: bool = False) -> str:
    """Name of the Job for a key; `again` is the second one, made when the first one's result was lost."""
    template = template_key(run.spec, phase) + ("-again" if again else "")
    return job_name(run.metadata.name, phase, symbol, key, template)


def manifest(run: RetrainRun, task: _Task, key: str, image: str, again: bool = False) -> dict[str, Any]:
    """The Job that carries out `task`."""
    symbol = task.symbol if isinstance(task, TrainTask) else None
    phase: PhaseName = task.kind
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(run, phase, symbol, key, again),
            "namespace": run.metadata.namespace,
            "labels": _labels(run, phase, symbol)
            | {label: run.metadata.labels[label] for label in _COPIED_LABELS if label in run.metadata.labels},
            "annotations": {ANNOTATION_KEY: key, ANNOTATION_TEMPLATE: template_key(run.spec, phase)},
            "ownerReferences": [_owner(run)],
        },
        "spec": _job_spec(run, task, image, symbol),
    }


def _owner(run: RetrainRun) -> dict[str, Any]:
    """Without blockOwnerDeletion: OpenShift refuses it to whoever may not set finalizers on the owner."""
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


def _job_spec(run: RetrainRun, task: _Task, image: str, symbol: str | None) -> dict[str, Any]:
    phase = phase_spec(run.spec, task.kind)
    indexed = len(task.items) if isinstance(task, EvaluateTask) else None
    spec: dict[str, Any] = {
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _failure_rules("FailIndex" if indexed else "FailJob")},
        "template": _pod_template(run, task, phase, image, symbol),
    }
    if indexed:
        # FailJob in an Indexed Job ends the other indexes as well; FailIndex needs a limit for each index.
        spec |= {"completionMode": "Indexed", "completions": indexed, "parallelism": indexed}
        spec |= {"backoffLimitPerIndex": phase.backoff_limit, "maxFailedIndexes": indexed}
    else:
        spec |= {"backoffLimit": phase.backoff_limit}
    if phase.active_deadline_seconds:
        spec["activeDeadlineSeconds"] = phase.active_deadline_seconds
    return spec


def _failure_rules(permanent: Literal["FailJob", "FailIndex"]) -> list[dict[str, Any]]:
    """In the order they are tried: a disruption is nobody's fault, 75 goes on later, permanent errors end it."""

    def on_codes(action: str, codes: list[int]) -> dict[str, Any]:
        return {"action": action, "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": codes}}

    return [
        on_codes(permanent, list(PERMANENT_EXIT_CODES)),
        on_codes("Ignore", [Interrupted.exit_code]),
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def _pod_template(run: RetrainRun, task: _Task, phase: Phase, image: str, symbol: str | None) -> dict[str, Any]:
    pods = run.spec.pods
    return {
        "metadata": {
            "labels": dict(pods.labels) | _labels(run, task.kind, symbol),
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
                *_rclone_volumes(run.spec, task.kind),
                *(dict(volume) for volume in pods.volumes),
            ],
            **_scheduling(pods),
            **_service_account(run.spec, task.kind),
        },
    }


def _scheduling(pods: Pods) -> dict[str, Any]:
    """Fields of a pod that are passed through, without the empty ones."""
    fields: dict[str, Any] = {
        "imagePullSecrets": [{"name": secret.name} for secret in pods.image_pull_secrets],
        "nodeSelector": dict(pods.node_selector),
        "tolerations": [dict(toleration) for toleration in pods.tolerations],
        "affinity": pods.affinity,
        "runtimeClassName": pods.runtime_class_name,
        "priorityClassName": pods.priority_class_name,
    }
    return {name: value for name, value in fields.items() if value}


def _container(run: RetrainRun, task: _Task, phase: Phase, image: str) -> dict[str, Any]:
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
            *_credential_env(run.spec, task.kind),
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
            *_rclone_mounts(run.spec, task.kind),
            *(dict(mount) for mount in pods.volume_mounts),
        ],
    }


def _threads(pods: Pods, phase: Phase) -> list[dict[str, Any]]:
    """As many threads as the pod may use processors, rounded up; without a limit or a request, those of its node.

    A user's own number counts. Left alone, torch would take all that it sees. Measured: three trainings side by side on two cores, two threads each, took 190 s
    in place of 20, waiting for each other's threads.
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


def purposes(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, Credentials]:
    """The credentials that a phase's pods carry, by purpose; "" is the run's own."""
    own = {"": spec.credentials, "artifacts": spec.artifacts.credentials}
    if phase in ("train", "evaluate"):
        own["data"] = spec.data.credentials
    if phase == "deliver":
        own |= {backup_purpose(backup.name): backup.credentials for backup in spec.backups}
    return {purpose: credentials for purpose, credentials in own.items() if credentials is not None}


def _credential_env(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    """Secrets by reference, key by key: a value is never in a manifest."""
    entries = []
    for purpose, credentials in purposes(spec, phase).items():
        prefix = credential_prefix(purpose) if purpose else ""
        if credentials.secret_name:
            entries += [
                _secret_variable(prefix + key, credentials.secret_name, key, key in OPTIONAL_SECRET_KEYS)
                for key in SECRET_KEYS + OPTIONAL_SECRET_KEYS
            ]
        if credentials.rclone_config_secret_name:
            path = f"{_RCLONE_FOLDER}/{purpose or 'run'}/rclone.conf"
            entries.append({"name": (prefix or "RETRAIN_") + "RCLONE_CONFIG", "value": path})
    git = spec.report.git
    if phase == "deliver" and git is not None and git.secret_name:
        entries.append(_secret_variable("RETRAIN_GIT_TOKEN", git.secret_name, "token", False))
        entries.append(_secret_variable("RETRAIN_GIT_USERNAME", git.secret_name, "username", True))
    return entries


def _secret_variable(name: str, secret: str, key: str, optional: bool) -> dict[str, Any]:
    reference: dict[str, Any] = {"name": secret, "key": key}
    return {"name": name, "valueFrom": {"secretKeyRef": reference | ({"optional": True} if optional else {})}}


def _rclone_secrets(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, str]:
    return {
        purpose or "run": credentials.rclone_config_secret_name
        for purpose, credentials in purposes(spec, phase).items()
        if credentials.rclone_config_secret_name
    }


def _rclone_volumes(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    return [
        {"name": label_value(f"rclone-{purpose}"), "secret": {"secretName": secret}}
        for purpose, secret in _rclone_secrets(spec, phase).items()
    ]


def _rclone_mounts(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    return [
        {"name": label_value(f"rclone-{purpose}"), "mountPath": f"{_RCLONE_FOLDER}/{purpose}", "readOnly": True}
        for purpose in _rclone_secrets(spec, phase)
    ]


def _service_account(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, str]:
    """A pod has one service account: that of the artifacts, else the run's, else another purpose's."""
    given = {
        purpose: credentials.service_account_name
        for purpose, credentials in purposes(spec, phase).items()
        if credentials.service_account_name
    }
    account = given.get("artifacts") or given.get("") or next(iter(given.values()), None)
    return {"serviceAccountName": account} if account else {}
