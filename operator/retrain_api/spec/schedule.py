"""The spec of a RetrainSchedule: when a run is made, and what it must have shown on the past before it may promote."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from retrain_api.wire import Seconds, Strict

from .forms import Annotations, Labels
from .run import RetrainRunSpec


class WalkForward(Strict):
    """The proof: the template, replayed on past slots."""

    slots: int = Field(6, ge=1, le=52, description="How many past slots are replayed.")
    min_passed: int = Field(4, ge=1, le=52, description="How many of them must pass the gate.")
    parallelism: int = Field(1, ge=1, le=8, description="Replays at the same time.")


class TemplateMetadata(Strict):
    """What a run gets from its schedule beside a name."""

    labels: Labels = Field({}, description="Labels of each run.")
    annotations: Annotations = Field({}, description="Annotations of each run.")


class RunTemplate(Strict):
    """The runs of a schedule."""

    metadata: TemplateMetadata = Field(default=TemplateMetadata(), description="Labels and annotations of each run.")
    spec: RetrainRunSpec = Field(description="The spec of each run, as a RetrainRun has it.")


class RetrainScheduleSpec(Strict):
    """When to retrain, and what."""

    schedule: str = Field(
        min_length=1,
        max_length=100,
        description="When a run is made, as a CronJob has it: minute, hour, day of the month, month and day of the week, or "
        "@hourly, @daily, @weekly, @monthly.",
    )
    time_zone: str = Field(
        "Etc/UTC", min_length=1, max_length=64, description="IANA name of the zone that the schedule is read in."
    )
    suspend: bool = Field(False, description="Make no runs; those under way go on.")
    starting_deadline_seconds: Seconds | None = Field(
        None,
        description="How late a missed slot may still be made up for; however late when unset. Of several, only the newest is.",
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
