"""How a promoted model is observed: how often, for how long, and from how many bars on a word is said."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from retrain_api.time import Duration
from retrain_api.wire import Strict, rule

from .forms import Check, Length

_AN_HOUR = rule(
    "!self.matches('^[1-5]?[0-9]m$')",
    "must be at least an hour, such as 1h or 1d: each look is a Job",
)


def _too_often(text: str) -> str:
    try:
        often = Duration.parse(text).nanoseconds < Duration.parse("1h").nanoseconds
    except ValueError:  # its form has a sentence of its own
        return ""
    return str(_AN_HOUR["message"]) if often else ""


class Observation(Strict):
    """The bars that close after a promotion, judged by the promoted model, against what was promised."""

    every: Annotated[Length, Check(_AN_HOUR, _too_often)] = Field(
        "1d", description="How often it is looked at: at least 1h."
    )
    for_: Length | None = Field(
        None,
        alias="for",
        description="How long after the promotion; as long as the model is in service when unset.",
    )
    min_bars: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        100, description="Judged bars before anything but Observing is said."
    )
