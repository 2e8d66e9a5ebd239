"""When a model is good enough, and what happens to those that are: gate and promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from retrain_api.measurement import CRITERIA, LOWER_IS_BETTER, Metric
from retrain_api.wire import FieldError, Strict, each_once, is_admission, rule, validations

from .bounds import bar_answer, bar_rule, percent_sign_answer
from .forms import DAY, Length, Uri

_ONE_BOUND = rule("has(self.atLeast) != has(self.atMost)", "exactly one of atLeast and atMost must be given")
_DIRECTION = rule(
    "(self.metric in ['calibrationError', 'brier', 'maxDrawdown']) ? !has(self.atLeast) : !has(self.atMost)",
    "calibrationError, brier and maxDrawdown take atMost; every other metric takes atLeast",
)

_BARS = {field: bar_rule(field) for field in ("atLeast", "atMost")}


class Criterion(Strict):
    """One bar that a model's test metrics must clear."""

    model_config = {"json_schema_extra": validations(_ONE_BOUND, _DIRECTION, *_BARS.values())}

    metric: Metric = Field(
        description="What is judged, as measured on the test bars; leadOverLogistic is the accuracy less that of a logistic "
        "regression on the same features, 0.02 for 2 points."
    )
    at_least: float | None = Field(None, description="Lowest value that passes; 0.68 for 68 percent.")
    at_most: float | None = Field(None, description="Highest value that passes; 0.05 for 5 percent.")

    @model_validator(mode="after")
    def _one_bound_in_the_right_direction(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(_ONE_BOUND["message"])
        if (self.metric in LOWER_IS_BETTER) != (self.at_most is not None):
            raise ValueError(_DIRECTION["message"])
        return self

    @model_validator(mode="before")
    @classmethod
    def _without_percent_signs(cls, given: Any) -> Any:
        known = isinstance(given, Mapping) and given.get("metric") in CRITERIA
        for field in _BARS if known else ():
            if answer := percent_sign_answer(given["metric"], given.get(field)):
                raise FieldError(_BARS[field] | {"message": answer})
        return given

    @model_validator(mode="after")
    def _within_the_metrics_range(self, info: ValidationInfo) -> Self:
        answer = bar_answer(self.metric, self.bound)
        if answer and is_admission(info):
            raise FieldError(_BARS["atMost" if self.at_least is None else "atLeast"] | {"message": answer})
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
    """When is a model good enough, and how many models must be?"""

    criteria: tuple[Criterion, ...] = Field(
        DEFAULT_CRITERIA,
        min_length=1,
        max_length=10,
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
    max_luck_percent: int | None = Field(
        None,
        ge=1,
        le=50,
        description="When set, a model is Inconclusive where luck explains its accuracy with a higher probability than this, "
        "counting every model that was tried on the same test bars. 5 keeps the promotions of models without skill to at most "
        "5 % of markets, however many are tried.",
    )

    @field_validator("criteria")
    @classmethod
    def _one_for_each_metric(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        each_once([criterion.metric for criterion in criteria])
        return criteria

    @property
    def accuracy_bar(self) -> float | None:
        """The bar of accuracy, which a promoted model is held to as well; None where none is asked for."""
        return next((one.bound for one in self.criteria if one.metric == "accuracy"), None)


class Baseline(Strict):
    """A model file that every candidate is compared with."""

    uri: Uri = Field(
        description="The model file; also a plain state_dict (.pt) of an older LSTM with one linear layer after its last "
        "step. That one is fed with this run's features in their order, scaled as for the new model."
    )
    lookback_bars: int = Field(60, ge=1, le=4096, description="Bars in a window of a plain state_dict.")
    trained_until: Annotated[str, DAY.added_check] | None = Field(
        None,
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
    baseline: Baseline | None = Field(None, description="Another model file to compare every candidate with.")
    expires_after: Length | None = Field(
        None,
        description="How long a promoted model is good for, such as 21d, counted from the time up to which it was tested. The "
        "pointer says when that is over; then the model is not promoted any more, and `load_promoted` refuses it. Unset, never.",
    )
