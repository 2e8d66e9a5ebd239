"""Who is told, where, and when.

The field is `when` and not `on`, because YAML as kubectl reads it takes an unquoted `on` for true: the field would be named "true".
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, StringConstraints, field_validator

from retrain_api.wire import Strict, each_once

from .forms import LABEL, SECRET_NAME

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

_SecretName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=253), SECRET_NAME.check]
_Name: TypeAlias = Annotated[str, StringConstraints(max_length=63), LABEL.check]


class _Receiver(Strict):
    name: _Name = Field(description="Name of the receiver in the status.")
    secret_name: _SecretName = Field(
        description="Secret whose key url holds one Apprise URL, such as slack://... or mailtos://...; the service's page in "
        "Apprise's documentation says how to write it."
    )

    @field_validator("when", check_fields=False)  # each kind of receiver has its own words
    @classmethod
    def _each_once(cls, when: tuple[str, ...] | None) -> tuple[str, ...] | None:
        each_once(when or ())
        return when


class Notify(_Receiver):
    """A receiver of what happens to a run."""

    when: tuple[Told, ...] | None = Field(
        None, min_length=1, max_length=9, description="What it is told of; all but Skipped when unset."
    )

    def wants(self, told: str) -> bool:
        """Whether it is told of this."""
        return told in (TOLD_UNLESS_SAID if self.when is None else self.when)


class ScheduleNotify(_Receiver):
    """A receiver of what happens to a schedule."""

    when: tuple[ScheduleTold, ...] | None = Field(
        None, min_length=1, max_length=4, description="What it is told of; all when unset."
    )

    def wants(self, told: str) -> bool:
        """Whether it is told of this."""
        return self.when is None or told in self.when
