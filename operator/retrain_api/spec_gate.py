"""What a run must show, and what happens then: gate and promotion."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from .schema import Strict, Uri, each_once, rule, validations

Metric: TypeAlias = Literal[
    "accuracy", "calibrationError", "f1", "auc", "brier", "winRate", "pnl", "sharpe", "maxDrawdown"
]

LOWER_IS_BETTER: frozenset[str] = frozenset({"calibrationError", "brier", "maxDrawdown"})
"""Metrics a criterion bounds from above; all others it bounds from below."""

_ONE_BOUND = rule("has(self.atLeast) != has(self.atMost)", "exactly one of atLeast and atMost must be given")
_DIRECTION = rule(
    "(self.metric in ['calibrationError', 'brier', 'maxDrawdown']) ? !has(self.atLeast) : !has(self.atMost)",
    "calibrationError, brier and maxDrawdown take atMost; every other metric takes atLeast",
)


class Criterion(Strict):
    """One bar that a model's test metrics must clear."""

    model_config = {"json_schema_extra": validations(_ONE_BOUND, _DIRECTION)}

    metric: Metric = Field(description="What is judged, as measured on the test bars.")
    at_least: float | None = Field(None, description="Lowest value that passes.")
    at_most: float | None = Field(None, description="Highest value that passes.")

    @model_validator(mode="after")
    def _one_bound_in_the_right_direction(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(_ONE_BOUND["message"])
        if (self.metric in LOWER_IS_BETTER) != (self.at_most is not None):
            raise ValueError(_DIRECTION["message"])
        return self

    @property
    def bound(self) -> float:
        """The bar itself."""
        bound = self.at_most if self.at_least is None else self.at_least
        assert bound is not None
        return bound


DEFAULT_CRITERIA: tuple[Criterion, ...] = (
    Criterion(metric="accuracy", at_least=0.68),
    Criterion(metric="calibrationError", at_most=0.05),
)


class Gate(Strict):
    """When is a model good enough, and how many of them must be?"""

    criteria: tuple[Criterion, ...] = Field(
        DEFAULT_CRITERIA,
        min_length=1,
        max_length=9,
        description="Bars that a model must clear, one for each metric; your list replaces the default one.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["metric"]},
    )
    min_passed: int | None = Field(
        None, ge=1, le=64, description="Models that must pass; two thirds of the symbols, rounded up, when unset."
    )
    when_unreachable: Literal["Stop", "Continue"] = Field(
        "Stop", description="What happens to the rest when minPassed can no longer be reached."
    )
    confidence_percent: Literal[90, 95, 99] | None = Field(
        None,
        description="When set, the near bound of this confidence interval must clear the bar too; "
        "a model of which only the measured value does is Inconclusive.",
    )

    @field_validator("criteria")
    @classmethod
    def _one_for_each_metric(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        each_once([criterion.metric for criterion in criteria])
        return criteria


class Baseline(Strict):
    """A model file that every candidate is compared with."""

    uri: Uri = Field(
        description="The model file; also a plain state_dict (.pt) of an older LSTM with one linear layer after its last "
        "step. That one is fed with this run's features in their order, scaled as for the new model."
    )
    lookback_bars: int = Field(60, ge=1, le=4096, description="Bars in a window of a plain state_dict.")
    trained_until: str | None = Field(
        None,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        max_length=10,
        description="Last day (UTC) that a plain state_dict has learnt from, such as 2025-05-31; later bars alone are "
        "compared. Unset, it may have learnt from the test bars, and the report says so.",
    )


class Promotion(Strict):
    """What happens to models that pass."""

    policy: Literal["Automatic", "Manual", "Never"] = Field(
        "Automatic",
        description="Automatic promotes what passes (and waits for approval where a model is Suspect), Manual "
        "waits for approval, Never promotes nothing.",
    )
    require_improvement: bool = Field(
        False, description="A model must also be more accurate than the one promoted today, on the same test bars."
    )
    baseline: Baseline | None = Field(None, description="A model file to compare with besides.")
