"""What the Jobs of a run are made of: pods, devices, resources, deadlines."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from retrain_api.wire import FieldError, Seconds, Strict, each_once, is_admission, rule, validations

from .amounts import amount
from .forms import RESOURCE, VARIABLE, Annotations, Check, Labels, ObjectName, Quantity

KubernetesObject: TypeAlias = dict[str, Any]
"""Passed on to the pod as it stands; the API server checks it when the Job is created."""

_OPEN_OBJECT: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_NAMED_OBJECT: dict[str, Any] = _OPEN_OBJECT | {
    "properties": {"name": {"type": "string", "maxLength": 253, "description": "Its name, which volumeMounts use."}}
}
_VOLUME = rule(
    "!has(self.name) || (!self.name.startsWith('retrain-') && !self.name.startsWith('rclone-'))",
    "volumes whose names begin with retrain- or rclone- are the operator's own; choose another name",
    ".name",
)


def _volume(volume: KubernetesObject) -> str:
    name = volume.get("name", "")
    if not isinstance(name, str):
        return "must be a string"
    if len(name) > 253:
        return "must have at most 253 characters"
    return _VOLUME["message"] if name.startswith(("retrain-", "rclone-")) else ""


_ENV_NAME = rule(
    "!self.name.startsWith('RETRAIN_') && !self.name.startsWith('AWS_')",
    "names that begin with RETRAIN_ or AWS_ are set by the operator; AWS_* and ca.crt belong into the Secret of credentials",
    ".name",
)


class EnvVar(Strict):
    """An environment variable of every container of the run."""

    model_config = {"json_schema_extra": validations(_ENV_NAME)}

    name: Annotated[str, VARIABLE.check] = Field(max_length=128, description="Name of the variable.")
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
    node_selector: Labels = Field({}, description="As in a pod.")
    tolerations: tuple[Annotated[KubernetesObject, Field(json_schema_extra=_OPEN_OBJECT)], ...] = Field(
        (), max_length=32, description="As in a pod."
    )
    affinity: KubernetesObject | None = Field(None, description="As in a pod.", json_schema_extra=_OPEN_OBJECT)
    runtime_class_name: ObjectName | None = Field(None, description="As in a pod.")
    priority_class_name: ObjectName | None = Field(None, description="As in a pod.")
    volumes: tuple[
        Annotated[KubernetesObject, Field(json_schema_extra=_NAMED_OBJECT), Check(_VOLUME, _volume, added=True)], ...
    ] = Field(
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
    labels: Labels = Field({}, description="More labels of the pods.")
    annotations: Annotations = Field({}, description="More annotations of the pods.")
    fs_group: int | None = Field(
        None, ge=0, le=2_147_483_647, description="Group that owns mounted volumes; the trainer's own when unset."
    )

    @field_validator("env")
    @classmethod
    def _each_once(cls, env: tuple[EnvVar, ...]) -> tuple[EnvVar, ...]:
        each_once([variable.name for variable in env])
        return env


_ABOVE = rule(
    "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
    "!isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) || "
    "!quantity(string(self.requests[name])).isGreaterThan(quantity(string(self.limits[name]))))",
    "a request must not be above the limit of the same resource",
    ".requests",
)


class Resources(Strict):
    """Requests and limits of the container, as in a pod."""

    model_config = {"json_schema_extra": validations(_ABOVE)}

    requests: dict[str, Quantity] = Field({}, max_length=16, description="What is set aside for the container.")
    limits: dict[str, Quantity] = Field({}, max_length=16, description="What the container may use at most.")

    @model_validator(mode="after")
    def _requests_within_limits(self, info: ValidationInfo) -> Self:
        shared = self.requests.keys() & self.limits.keys()
        if is_admission(info) and any(amount(self.requests[name]) > amount(self.limits[name]) for name in shared):
            raise FieldError(_ABOVE)
        return self


class Gpu(Strict):
    """Which extended resource stands for a GPU, and how many."""

    resource_name: Annotated[str, RESOURCE.check] = Field(
        "nvidia.com/gpu",
        max_length=128,
        description="Name of the extended resource.",
    )
    count: int = Field(1, ge=1, le=16, description="How many a pod asks for. A task uses one, however many it has.")


class Phase(Strict):
    """What every phase's Job has."""

    resources: Resources = Field(default=Resources(), description="Of the container.")
    backoff_limit: int = Field(
        3,
        ge=0,
        le=100,
        description="Retries after failures that may pass; a refused or impossible task is not retried by itself.",
    )
    active_deadline_seconds: Seconds | None = Field(
        None, description="Longest time the Job may run; time suspended does not count."
    )
    pending_deadline_seconds: Seconds | None = Field(
        None, description="Longest time the Job may wait for its pod to start."
    )


# Shared GPUs and parts of one have names of their own: nvidia.com/gpu.shared, nvidia.com/mig-1g.5gb, aliyun.com/gpu-mem. Intel's
# are gpu.intel.com/i915 and gpu.intel.com/xe.
_GPU_PREFIXES = ("gpu.", "nvidia.com/mig-")
_GPU_NAMES = " || ".join(["name.contains('/gpu')", *(f"name.startsWith('{prefix}')" for prefix in _GPU_PREFIXES)])


def _is_gpu(name: str) -> bool:
    return "/gpu" in name or name.startswith(_GPU_PREFIXES)


def _no_gpu_rule(phase: str, advice: str, named: str = "") -> dict[str, str]:
    """GPUs among a phase's resources would be thrown away, or asked for beside those of `gpu`."""
    none = " && ".join(
        f"(!has(self.resources.{kind}) || !self.resources.{kind}.exists(name, {_GPU_NAMES}{named}))"
        for kind in ("requests", "limits")
    )
    return rule(f"!has(self.resources) || ({none})", f"{advice}, not in {phase}.resources", ".resources")


def _gpu_rule(phase: str) -> dict[str, str]:
    asked = f"GPUs are asked for in {phase}.gpu (resourceName, count)"
    return _no_gpu_rule(phase, asked, " || name == self.gpu.resourceName")


_GPUS_OF_TRAIN, _GPUS_OF_EVALUATE = _gpu_rule("train"), _gpu_rule("evaluate")
_GPUS_OF_PUBLISH = _no_gpu_rule("publish", "GPUs are asked for in train.gpu and evaluate.gpu")


class Train(Phase):
    """The training Jobs, one for each symbol."""

    model_config = {"json_schema_extra": validations(_GPUS_OF_TRAIN)}

    device: Literal["GPU", "CPU"] = Field(
        "GPU",
        description="Where the models are trained. GPU fails at once on a machine without one; it never falls back to the CPU.",
    )
    gpu: Gpu = Field(default=Gpu(), description="What a GPU is here.")

    @model_validator(mode="after")
    def _gpus_in_their_own_field(self, info: ValidationInfo) -> Self:
        return _without_gpus(self, self.gpu.resource_name, _GPUS_OF_TRAIN, info)


class Evaluate(Phase):
    """The evaluation Job, one index for each trained symbol."""

    model_config = {"json_schema_extra": validations(_GPUS_OF_EVALUATE)}

    device: Literal["GPU", "CPU"] = Field("CPU", description="Where the models are measured.")
    gpu: Gpu = Field(default=Gpu(), description="What a GPU is here.")

    @model_validator(mode="after")
    def _gpus_in_their_own_field(self, info: ValidationInfo) -> Self:
        return _without_gpus(self, self.gpu.resource_name, _GPUS_OF_EVALUATE, info)


class Publish(Phase):
    """The Jobs that write the report, promote and deliver."""

    model_config = {"json_schema_extra": validations(_GPUS_OF_PUBLISH)}

    @model_validator(mode="after")
    def _no_gpus(self, info: ValidationInfo) -> Self:
        return _without_gpus(self, "", _GPUS_OF_PUBLISH, info)


_AnyPhase = TypeVar("_AnyPhase", bound=Phase)


def _without_gpus(phase: _AnyPhase, resource: str, broken: dict[str, str], info: ValidationInfo) -> _AnyPhase:
    names = phase.resources.requests.keys() | phase.resources.limits.keys()
    if is_admission(info) and any(_is_gpu(name) or name == resource for name in names):
        raise FieldError(broken)
    return phase
