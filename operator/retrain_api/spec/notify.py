"""Who is told, where, and of what."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, StringConstraints, field_validator

from retrain_api.wire import Strict, each_once

from .forms import LABEL, ObjectName

Told: TypeAlias = Literal[
    "AwaitingApproval",
    "Promoted",
    "Passed",
    "Rejected",
    "Failed",
    "Skipped",
    "Decaying",
    "BelowPromise",
    "Held",
]
"""What of a run can be told: its states, and those of its observation."""

TOLD_UNLESS_SAID: frozenset[str] = frozenset(get_args(Told)) - {"Skipped"}

ScheduleTold: TypeAlias = Literal["Paused", "NoDeliveries", "Proven", "Unproven"]

_Name: TypeAlias = Annotated[str, StringConstraints(max_length=63), LABEL.check]


class _Receiver(Strict):
    name: _Name = Field(description="Name of the receiver in the status.")
    secret_name: ObjectName = Field(
        description="Secret whose key url holds one Apprise URL, such as slack://... or mailtos://...; the service's page in "
        "Apprise's documentation says how to write it."
    )


class Notify(_Receiver):
    """A receiver of what happens to a run."""

    on: tuple[Told, ...] | None = Field(
        None, min_length=1, max_length=9, description="What it is told; all but Skipped when unset."
    )

    @field_validator("on")
    @classmethod
    def _each_once(cls, on: tuple[str, ...] | None) -> tuple[str, ...] | None:
        each_once(on or ())
        return on

    def wants(self, told: str) -> bool:
        """Whether it is told of this."""
        return told in (TOLD_UNLESS_SAID if self.on is None else self.on)


class ScheduleNotify(_Receiver):
    """A receiver of what happens to a schedule."""

    on: tuple[ScheduleTold, ...] | None = Field(
        None, min_length=1, max_length=4, description="What it is told; all when unset."
    )

    @field_validator("on")
    @classmethod
    def _each_once(cls, on: tuple[str, ...] | None) -> tuple[str, ...] | None:
        each_once(on or ())
        return on

    def wants(self, told: str) -> bool:
        """Whether it is told of this."""
        return self.on is None or told in self.on
