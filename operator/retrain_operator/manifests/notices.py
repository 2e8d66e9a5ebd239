"""The Jobs by which a schedule tells people: those of a run in all but their owner."""

from __future__ import annotations

from typing import Any

from retrain_api.names import KIND, LABEL_RUN, LABEL_SCHEDULE
from retrain_api.run import Metadata, RetrainRun
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.notify import Notify

from .runs import schedule_owner


def teller(schedule: RetrainSchedule) -> RetrainRun:
    """The schedule as a run that tells: its own receivers, and the pods and queues of its runs. Keys and names are that run's."""
    template = schedule.spec.run_template
    receivers = tuple(Notify(name=one.name, secret_name=one.secret_name) for one in schedule.spec.notify)
    metadata = schedule.metadata.model_dump() | {"labels": dict(template.metadata.labels)}
    return RetrainRun(
        api_version=schedule.api_version,
        kind=KIND,
        metadata=Metadata(**metadata),
        spec=template.spec.model_copy(update={"notify": receivers}),
    )


def of_schedule(schedule: RetrainSchedule, job: dict[str, Any]) -> dict[str, Any]:
    """A Job of the teller as one that the schedule owns, and that bears no run's label."""
    metadata = _relabelled(job["metadata"]) | {"ownerReferences": [schedule_owner(schedule)]}
    template = job["spec"]["template"]
    template = template | {"metadata": _relabelled(template["metadata"])}
    return job | {"metadata": metadata, "spec": job["spec"] | {"template": template}}


def _relabelled(metadata: dict[str, Any]) -> dict[str, Any]:
    labels = {LABEL_SCHEDULE if name == LABEL_RUN else name: value for name, value in metadata["labels"].items()}
    return metadata | {"labels": labels}
