"""The runs that a schedule makes: for a slot, at a person's word, and to replay a past slot.

A run of a slot is the template as of the slot's time. A replay is the template as of a past time, without all that would leave
a trace outside its store folder: it promotes nothing, is copied nowhere, asks for no fresh data, and sends no message.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from retrain_api.names import GROUP, KIND, LABEL_SCHEDULE, SCHEDULE_KIND, VERSION, label_value, replay_run, slot_run
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.run import Report, RetrainRunSpec
from retrain_api.wire import timestamp, to_wire


def slot_manifest(
    schedule: RetrainSchedule, slot: datetime, name: str | None = None, approval: bool = False, first: bool = False
) -> dict[str, Any]:
    """The run of a slot; `name` where it has another than the slot's. With `approval`, what would be promoted automatically
    waits for a person. The `first` one of a recipe needs no bars that are newer than those of its proof.
    """
    spec = slot_spec(schedule.spec.run_template.spec, timestamp(slot.astimezone(UTC)), approval, first)
    return _manifest(schedule, name or slot_run(schedule.metadata.name, slot), spec)


def replay_manifest(schedule: RetrainSchedule, proof_key: str, slot: datetime) -> dict[str, Any]:
    """The replay of a past slot, in the proof of that key."""
    spec = replay_spec(schedule.spec.run_template.spec, timestamp(slot.astimezone(UTC)))
    return _manifest(schedule, replay_run(schedule.metadata.name, proof_key, slot), spec)


def slot_spec(template: RetrainRunSpec, until: str, approval: bool = False, first: bool = False) -> RetrainRunSpec:
    """The template as of a time, learning only where there is something new: for the `first` run all is."""
    data = {"until": until, "min_new_bars": 0 if first else max(template.data.min_new_bars, 1)}
    promotion = template.promotion
    if approval and promotion.policy == "Automatic":
        promotion = promotion.model_copy(update={"policy": "Manual"})
    return template.model_copy(update={"data": template.data.model_copy(update=data), "promotion": promotion})


def replay_spec(template: RetrainRunSpec, until: str) -> RetrainRunSpec:
    """The template as of a past time: it measures, and does nothing else."""
    data = {"until": until, "min_new_bars": 0, "max_age": None, "wait_for": None}
    quiet = {"policy": "Never", "require_improvement": False}
    return template.model_copy(
        update={
            "data": template.data.model_copy(update=data),
            "promotion": template.promotion.model_copy(update=quiet),
            "backups": (),
            "report": Report(),
            "observation": None,
            "notify": (),
        }
    )


def _manifest(schedule: RetrainSchedule, name: str, spec: RetrainRunSpec) -> dict[str, Any]:
    """With the template's labels and annotations alone: the schedule's own may say that a GitOps tool made it."""
    given = schedule.spec.run_template.metadata
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": schedule.metadata.namespace,
        "labels": dict(given.labels) | {LABEL_SCHEDULE: label_value(schedule.metadata.name)},
        "ownerReferences": [schedule_owner(schedule)],
    }
    if given.annotations:
        metadata["annotations"] = dict(given.annotations)
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": to_wire(spec)}


def schedule_owner(schedule: RetrainSchedule) -> dict[str, Any]:
    """The schedule as an owner, without blockOwnerDeletion, which OpenShift allows only to those who may set finalizers on the owner."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": SCHEDULE_KIND,
        "name": schedule.metadata.name,
        "uid": schedule.metadata.uid,
        "controller": True,
    }
