"""The spec of a RetrainSchedule: when a run is made, and what it must have shown on the past before it may promote."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from retrain_api.names import GROUP, LABEL_CPU_QUEUE
from retrain_api.wire import FieldError, Seconds, Strict, each_once, rule, validations

from .cron_form import Schedule, TimeZone
from .forms import Annotations, Check, Labels
from .notify import ScheduleNotify
from .run import RetrainRunSpec

NAME_ROOM = 40
"""A replay is NAME-wf-KEY-SLOT: with 23 characters more it is still a label's value, of 63 at most, on its Jobs."""
SHORT_NAME = rule(
    f"size(self.metadata.name) <= {NAME_ROOM}",
    f"must have at most {NAME_ROOM} characters: the names of its runs are longer by up to 23, and their Jobs have room for 63",
    ".metadata.name",
)
"""On the resource itself; `retrain_api.schedule` checks it here."""

_ENOUGH = rule(
    "self.minPassed <= self.slots",
    "minPassed must not be greater than slots; where it is not written it is 4",
    ".minPassed",
)


class WalkForward(Strict):
    """The proof: the template, replayed on past slots."""

    model_config = {"json_schema_extra": validations(_ENOUGH)}

    slots: int = Field(6, ge=1, le=52, description="How many past slots are replayed.")
    min_passed: int = Field(4, ge=1, le=52, description="How many of them must pass the gate.")
    parallelism: int = Field(1, ge=1, le=8, description="Replays at the same time.")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.min_passed > self.slots:
            raise FieldError(_ENOUGH)
        return self


# An approval in the template would approve what nobody has looked at; by its tracking Argo CD takes a run for its own and prunes it.
_ARGO = "argocd.argoproj.io/"
_TRACKED = "app.kubernetes.io/instance"
_OTHERS_ANNOTATIONS = rule(
    f"!self.exists(name, name.startsWith('{GROUP}/') || name.startsWith('{_ARGO}'))",
    f"annotations of {GROUP} are a person's answers and tokens to one run, and those of argocd.argoproj.io are Argo CD's: leave them out",
)
_OTHERS_LABELS = rule(
    f"!self.exists(name, name.startsWith('{GROUP}/') && name != '{LABEL_CPU_QUEUE}')",
    f"of the labels of {GROUP} a template may have {LABEL_CPU_QUEUE} alone; the others are the operator's",
)
_UNTRACKED = rule(
    f"!self.exists(name, name.startsWith('{_ARGO}') || name == '{_TRACKED}')",
    f"labels of argocd.argoproj.io and {_TRACKED} say what Argo CD tracks: it would remove the runs as its own; leave them out",
)


def _others_annotations(names: dict[str, str]) -> str:
    return _OTHERS_ANNOTATIONS["message"] if any(name.startswith((f"{GROUP}/", _ARGO)) for name in names) else ""


def _others_labels(names: dict[str, str]) -> str:
    ours = any(name.startswith(f"{GROUP}/") and name != LABEL_CPU_QUEUE for name in names)
    return _OTHERS_LABELS["message"] if ours else ""


def _untracked(names: dict[str, str]) -> str:
    return _UNTRACKED["message"] if any(name.startswith(_ARGO) or name == _TRACKED for name in names) else ""


_TemplateLabels: TypeAlias = Annotated[Labels, Check(_OTHERS_LABELS, _others_labels), Check(_UNTRACKED, _untracked)]
_TemplateAnnotations: TypeAlias = Annotated[Annotations, Check(_OTHERS_ANNOTATIONS, _others_annotations)]


class TemplateMetadata(Strict):
    """What a run gets from its schedule beside a name."""

    labels: _TemplateLabels = Field({}, description="Labels of each run, such as those of a queue.")
    annotations: _TemplateAnnotations = Field({}, description="Annotations of each run.")


_NOT_SUSPENDED = rule(
    "!has(self.spec.suspend) || !self.spec.suspend",
    "a run that is made suspended never ends, and the next one waits for it; suspend the schedule itself, with spec.suspend",
    ".spec.suspend",
)
_NO_UNTIL = rule(
    "!has(self.spec.data.until)",
    "each run learns as of its own slot; leave until out",
    ".spec.data.until",
)


class RunTemplate(Strict):
    """The runs of a schedule."""

    model_config = {"json_schema_extra": validations(_NOT_SUSPENDED, _NO_UNTIL)}

    metadata: TemplateMetadata = Field(default=TemplateMetadata(), description="Labels and annotations of each run.")
    spec: RetrainRunSpec = Field(
        description="The spec of each run, as a RetrainRun has it, but for suspend and data.until."
    )

    @model_validator(mode="after")
    def _left_to_the_schedule(self) -> Self:
        if self.spec.suspend:
            raise FieldError(_NOT_SUSPENDED)
        if self.spec.data.until is not None:
            raise FieldError(_NO_UNTIL)
        return self


_TEST_LENGTH = rule(
    "!has(self.walkForward) || has(self.runTemplate.spec.split.test)",
    "walkForward needs the length of the test part in time, such as 14d, so that no bar is tested in two replays",
    ".runTemplate.spec.split.test",
)


class RetrainScheduleSpec(Strict):
    """When to retrain, and what."""

    model_config = {"json_schema_extra": validations(_TEST_LENGTH)}

    schedule: Schedule = Field(
        description="When a run is made, as a CronJob has it, in quotes: minute, hour, day of the month, month and day of the week, such "
        "as 0 3 * * 6 for Saturdays at three, or @hourly, @daily, @weekly, @monthly.",
    )
    time_zone: TimeZone = Field("Etc/UTC", description="IANA name of the zone that the schedule is read in.")
    suspend: bool = Field(False, description="Make no runs; those under way go on.")
    starting_deadline_seconds: Seconds | None = Field(
        None,
        description="How late a missed slot may still be made up for; however late when unset. Of several, only the newest is.",
    )
    when_decaying: Literal["Wait", "Retrain"] = Field(
        "Wait",
        description="Retrain makes one run out of turn for each model that decays; Wait leaves it to the next slot. Only promoted models "
        "that are observed can be seen to decay (`runTemplate.spec.observation`).",
    )
    notify: tuple[ScheduleNotify, ...] = Field(
        (),
        max_length=8,
        description="Who is told what becomes of the schedule; of its runs, runTemplate.spec.notify tells.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    walk_forward: WalkForward | None = Field(
        None,
        description="Replay past slots first, and promote only when enough of them pass; no proof is asked for when unset.",
    )
    pause_after_failures: int = Field(
        3,
        ge=0,
        le=100,
        description="Pause after so many failed runs in a row; Rejected and Skipped are no failures. 0 is never.",
    )
    runs_history_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        10, description="How many finished runs are kept, failed ones aside."
    )
    failed_runs_history_limit: Annotated[int, Field(ge=0, le=1000)] = Field(
        3, description="How many failed runs are kept."
    )
    run_template: RunTemplate = Field(description="The runs that the schedule makes.")

    @field_validator("notify")
    @classmethod
    def _each_receiver_once(cls, notify: tuple[ScheduleNotify, ...]) -> tuple[ScheduleNotify, ...]:
        each_once([receiver.name for receiver in notify])
        return notify

    @model_validator(mode="after")
    def _replays_apart(self) -> Self:
        if self.walk_forward is not None and self.run_template.spec.split.test is None:
            raise FieldError(_TEST_LENGTH)
        return self
