"""A condition, as in every Kubernetes API; kstatus, `kubectl wait` and Argo CD read it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from retrain_api.wire import Terse


class Condition(Terse):
    """As in every Kubernetes API."""

    type: str = Field(description="Type of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, in a sentence.")
    last_transition_time: str = Field(description="When status last changed.")
