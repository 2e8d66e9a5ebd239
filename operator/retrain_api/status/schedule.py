"""The status of a RetrainSchedule: when, what came of it, what is next, and all that the operator remembers of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from retrain_api.wire import Lenient, Measured, Terse, known_or

from .condition import Condition
from .notified import Notified

ScheduleState: TypeAlias = Literal["Pending", "Active", "Proving", "Unproven", "Paused", "Suspended", "Invalid"]
ProofState: TypeAlias = Literal["Proving", "Proven", "Unproven"]


class Counting(Lenient):
    """Since when slots count: creation, a change of schedule or zone, or the end of a suspension or pause."""

    since: str = Field(description="Slots after this time count.")
    schedule: str = Field(description="The schedule that this was said of.")
    time_zone: str = Field(description="Its zone.")
    stopped: bool = Field(False, description="Whether no slot counts now: suspended or paused.")


class PendingRun(Lenient):
    """A run that is about to be made: written before it is created, so that it is made once, whatever happens between."""

    slot: str = Field(description="The time that it is made for; data.until of the run.")
    name: str = Field(description="Its name.")


class ActiveRun(Lenient):
    """A run of this schedule that was created and is not over."""

    slot: str = Field(description="The time that it was made for.")
    name: str = Field(description="Its name.")
    uid: str = Field(description="Its UID: a run of this name with another one is not ours.")


class RecentRun(Terse):
    """What came of a slot."""

    slot: str = Field(description="The time that the run was made for.")
    run: str = Field(description="Its name, of a missed slot the one that it would have had.")
    state: str = Field(
        description="Its state; Deleted where somebody deleted it before it was over, Missed where none was made in time."
    )
    result: str = Field("", description="What came of it, in a few words for the column.")
    line: str = Field("", description="Its verdict in one line.")
    promoted: str = Field("", description="Symbols that it promoted, of all.")


class Replay(Terse):
    """One replayed slot of a proof."""

    slot: str = Field(description="The past time that is replayed.")
    uid: str | None = Field(
        None, description="UID of its run, once that was seen; a replay that was deleted is not made again."
    )
    verdict: str | None = Field(
        None,
        description="Pass, or why not: Fail, Inconclusive, Suspect, Error, Failed, Skipped or Deleted; absent until it is over. One that is "
        "deleted later keeps its verdict until the gate changes.",
    )
    bars: int | None = Field(None, description="Judged test bars of all its symbols.")
    accuracy: Measured = Field(None, description="Accuracy over them.")


class Pooled(Lenient):
    """All test bars of a proof together."""

    bars: int = Field(description="Judged bars of all replays and symbols.")
    accuracy: Measured = Field(None, description="Accuracy over them.")


class WalkForwardStatus(Lenient):
    """The proof of the present recipe."""

    key: str = Field(description="Digest of the recipe: another recipe needs another proof.")
    gate: str = Field(
        "", description="Digest of the gate that the verdicts are by; a changed gate judges again what was measured."
    )
    state: Annotated[ProofState, known_or(ProofState, "Proving")] = Field(
        description="Proving until every replay is over, or too few are left to reach minPassed; then Proven or Unproven."
    )
    passed: int = Field(0, description="Replays that pass the gate as it is today.")
    slots: tuple[Replay, ...] = Field(
        (),
        description="The replays, newest slot first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    pooled: Pooled | None = Field(None, description="All test bars together.")


class RetrainScheduleStatus(Lenient):
    """The status as a whole."""

    observed_generation: int | None = Field(None, description="The generation of the spec that this status describes.")
    state: Annotated[ScheduleState, known_or(ScheduleState, "Pending")] = Field(
        "Pending", description="How the schedule is."
    )
    message: str = Field("", description="What that means, in a sentence.")
    result: str = Field("", description="What came of the last run, for the column.")
    next: str = Field("", description="When the next run is made, for the column: a time ahead, or why there is none.")
    next_time: str | None = Field(None, description="The same as a time; absent where there is none.")
    last_schedule_time: str | None = Field(None, description="The newest slot that a run was made for.")
    last_successful_time: str | None = Field(None, description="When a run of it last ended Promoted or Passed.")
    counting: Counting | None = Field(None, description="Since when slots count.")
    pending: PendingRun | None = Field(None, description="A run that is about to be created.")
    active: tuple[ActiveRun, ...] = Field(
        (), description="Its runs that are not over.", json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    failures: int = Field(0, description="Failed runs in a row.")
    last_handled_trigger: str | None = Field(None, description="The trigger token that was acted upon.")
    last_handled_resume: str | None = Field(None, description="The resume token that was acted upon.")
    walk_forward: WalkForwardStatus | None = Field(None, description="The proof on the past.")
    decayed: tuple[str, ...] | None = Field(
        None, description="First 8 hex digits of the models for whose decay a run was made, the last ones."
    )
    transitions: int | None = Field(
        None, description="How many times something happened that people can be told of; absent where nobody is told."
    )
    notified: tuple[Notified, ...] | None = Field(None, description="Whom the operator has told what.")
    recent: tuple[RecentRun, ...] = Field(
        (), description="The last ten runs, newest first.", json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Conditions, as in every Kubernetes API.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )


UNSEEN_SCHEDULE: dict[str, Any] = {"observedGeneration": 0, "state": "Pending", "message": "Waits for the operator."}
"""The status of a schedule that no operator has seen yet."""
