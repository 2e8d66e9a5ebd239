"""What the Jobs of a run look like: pods, devices, resources, deadlines."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, field_validator

from .schema import QUANTITY_PATTERN, ObjectName, Seconds, Strict, Text, each_once, rule, validations

_Whole: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]
Quantity: TypeAlias = _Whole | Annotated[str, StringConstraints(pattern=QUANTITY_PATTERN, max_length=32)]
KubernetesObject: TypeAlias = dict[str, Any]
"""Passed on to the pod as it stands; the API server checks it when the Job is created."""

_OPEN_OBJECT: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_ENV_NAME = rule(
    "!self.name.startsWith('RETRAIN_') && !self.name.startsWith('AWS_')",
    "names that begin with RETRAIN_ or AWS_ are set by the operator; use credentials for AWS_*",
    ".name",
)


class EnvVar(Strict):
    """An environment variable of every container of the run."""

    model_config = {"json_schema_extra": validations(_ENV_NAME)}

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128, description="Name of the variable.")
    value: str = Field("", max_length=4096, description="Its value; never a secret.")

    @field_validator("name")
    @classmethod
    def _not_ours(cls, name: str) -> str:
        if name.startswith(("RETRAIN_", "AWS_")):
            raise ValueError(_ENV_NAME["message"])
        return name


class LocalObject(Strict):
    """An object of the run's namespace."""

    name: ObjectName = Field(description="Its name.")


class Pods(Strict):
    """Fields of the pods of all Jobs of the run, as in a pod template."""

    image: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        None, description="Trainer image; the operator's default when unset. Naming one makes it part of the train key."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(None, description="As in a container.")
    image_pull_secrets: tuple[LocalObject, ...] = Field((), max_length=8, description="As in a pod.")
    node_selector: dict[str, Text] = Field({}, max_length=32, description="As in a pod.")
    tolerations: tuple[Annotated[KubernetesObject, Field(json_schema_extra=_OPEN_OBJECT)], ...] = Field(
        (), max_length=32, description="As in a pod."
    )
    affinity: KubernetesObject | None = Field(None, description="As in a pod.", json_schema_extra=_OPEN_OBJECT)
    runtime_class_name: ObjectName | None = Field(None, description="As in a pod.")
    priority_class_name: ObjectName | None = Field(None, description="As in a pod.")
    volumes: tuple[Annotated[KubernetesObject, Field(json_schema_extra=_OPEN_OBJECT)], ...] = Field(
        (), max_length=32, description="As in a pod; mount them with volumeMounts and name them in file:// locations."
    )
    volume_mounts: tuple[Annotated[KubernetesObject, Field(json_schema_extra=_OPEN_OBJECT)], ...] = Field(
        (), max_length=32, description="As in a container."
    )
    env: tuple[EnvVar, ...] = Field(
        (),
        max_length=64,
        description="More environment variables; not RETRAIN_* or AWS_*.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    labels: dict[str, Text] = Field({}, max_length=32, description="More labels of the pods.")
    annotations: dict[str, Text] = Field({}, max_length=32, description="More annotations of the pods.")
    fs_group: int | None = Field(
        None, ge=0, le=2_147_483_647, description="Group that owns mounted volumes; the trainer's own when unset."
    )

    @field_validator("env")
    @classmethod
    def _each_once(cls, env: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
        each_once([variable.name for variable in env])
        return env


class Resources(Strict):
    """Requests and limits of the container, as in a pod."""

    requests: dict[str, Quantity] = Field({}, max_length=16, description="What is set aside for the container.")
    limits: dict[str, Quantity] = Field({}, max_length=16, description="What the container may use at most.")


class Gpu(Strict):
    """Which extended resource stands for a GPU, and how many."""

    resource_name: str = Field(
        "nvidia.com/gpu",
        pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$",
        max_length=128,
        description="Name of the extended resource.",
    )
    count: int = Field(1, ge=1, le=16, description="How many a pod asks for.")


class Phase(Strict):
    """What every phase's Job has."""

    resources: Resources = Field(default=Resources(), description="Of the container.")
    backoff_limit: int = Field(
        3,
        ge=0,
        le=100,
        description="Retries after failures that may pass; a refused or impossible task is never retried.",
    )
    active_deadline_seconds: Seconds | None = Field(
        None, description="Longest time the Job may run; time suspended does not count."
    )
    pending_deadline_seconds: Seconds | None = Field(
        None, description="Longest time the Job may wait for its pod to start."
    )


class Train(Phase):
    """The training Jobs, one for each symbol."""

    device: Literal["GPU", "CPU"] = Field(
        "GPU", description="GPU on a machine without one fails at once and says so; it never trains on the CPU instead."
    )
    gpu: Gpu = Field(default=Gpu(), description="What a GPU is here.")


class Evaluate(Phase):
    """The evaluation Job, one index for each trained symbol."""

    device: Literal["GPU", "CPU"] = Field("CPU", description="Where the models are measured.")
    gpu: Gpu = Field(default=Gpu(), description="What a GPU is here.")


class Publish(Phase):
    """The Jobs that write the report, promote and deliver."""
