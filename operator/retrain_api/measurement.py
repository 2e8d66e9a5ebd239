"""What an evaluation measured of one model: all that the gate may judge by.

It is stored in the status, in results.json and beside the model, so that a verdict can be repeated without data or GPU.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AfterValidator, Field, PlainSerializer, field_validator

from .wire import BOUND_DIGITS, Bound, Lenient, Measured, MeasuredDown, MeasuredUp, Terse, UpperBound, down, finite, up

RULES = 2
"""The rules that this release measures and judges by. A measurement without any was made by release 0.1.0 or before rules were
numbered: that is 1. It is judged as it was then, so that no finished run is published again and no approval goes stale."""

CONFIDENCES: tuple[int, ...] = (90, 95, 99)
"""Confidence levels in percent, in the order of `Measurement.near_bounds`."""


Metric: TypeAlias = Literal[
    "accuracy",
    "calibrationError",
    "f1",
    "auc",
    "brier",
    "winRate",
    "pnl",
    "sharpe",
    "maxDrawdown",
    "leadOverLogistic",
]
"""Every metric that a criterion can name, in the order of `Measurement.near_bounds`."""

LEAD: Metric = "leadOverLogistic"
CRITERIA: tuple[str, ...] = get_args(Metric)
METRICS: tuple[str, ...] = tuple(metric for metric in CRITERIA if metric != LEAD)
"""Every metric that is computed from a model's own answers. The lead compares two models' answers."""

LOWER_IS_BETTER: frozenset[str] = frozenset({"calibrationError", "brier", "maxDrawdown"})
"""Metrics a criterion bounds from above; all others it bounds from below."""


CHAMPION_DIGITS = 12
"""Hex digits that name a champion: of its file's sha256 a status has no room for more."""


class Metrics(Lenient):
    """Metrics on the test bars; shares and probabilities are 0 to 1, PnL and drawdown are shares of the account."""

    accuracy: MeasuredDown = Field(None, description="Share of the judged bars whose direction was right, at 0.5.")
    calibration_error: MeasuredUp = Field(None, description="Expected calibration error of the up class.")
    f1: MeasuredDown = Field(None, description="F1 of the up class.")
    auc: MeasuredDown = Field(None, description="Area under the ROC curve.")
    brier: MeasuredUp = Field(None, description="Mean squared error of the probability.")
    win_rate: MeasuredDown = Field(None, description="Share of the trades that earned money after fees.")
    pnl: MeasuredDown = Field(
        None, description="Change of the account after fees, each trade staking the whole account."
    )
    sharpe: MeasuredDown = Field(
        None,
        description="Annualised Sharpe ratio of the account's daily returns, two digits; none of fewer than 20 days.",
    )
    max_drawdown: MeasuredUp = Field(None, description="Deepest fall of the equity from a peak.")

    def value(self, metric: str) -> float | None:
        """The metric by its name in a criterion, such as calibrationError."""
        return self.model_dump(by_alias=True)[metric]  # type: ignore[no-any-return]


class Baselines(Lenient):
    """Accuracies of rules without skill or without training, on the same bars."""

    majority: MeasuredUp = Field(None, description="Always the class that is more frequent in the test.")
    persistence: Measured = Field(None, description="The last move goes on.")
    reversal: Measured = Field(None, description="The close returns to its 20-bar mean.")
    logistic: MeasuredUp = Field(None, description="Logistic regression on the same features.")
    p: UpperBound = Field(
        None,
        description="How often a model without skill is right as often: a one-sided p-value, from its calls moved against the "
        "labels.",
    )


class Champion(Lenient):
    """The model promoted today, measured on the same test bars less those it was trained or validated on."""

    sha256: str = Field(description="Of its file; the first 12 hex digits.")
    bars: int = Field(0, description="Bars that both were measured on.")
    accuracy: Measured = Field(None, description="The champion's accuracy on these bars.")
    difference: MeasuredDown = Field(None, description="The challenger's accuracy less the champion's, on these bars.")
    low: Bound = Field(None, description="Lower bound of the difference's 95 % interval.")
    high: Bound = Field(None, description="Upper bound of the difference's 95 % interval.")
    p: UpperBound = Field(
        None,
        description="How often a model that is no better comes out this far above the champion: a paired, one-sided p-value.",
    )
    note: str | None = Field(None, description="Why there is no comparison.")


def _two_digits_up(value: float | None) -> float | None:
    return up(value, 2)


Luck: TypeAlias = Annotated[float | None, AfterValidator(_two_digits_up), PlainSerializer(_two_digits_up)]
"""Two digits are what the draws behind it are good for, and a status holds one for each symbol."""

NearBound: TypeAlias = Annotated[float | None, AfterValidator(finite), PlainSerializer(finite)]


class Measurement(Terse):
    """All of one model's figures that the gate reads."""

    metrics: Metrics = Field(default_factory=lambda: Metrics(), description="Point values.")
    near_bounds: tuple[tuple[NearBound, NearBound, NearBound], ...] = Field(
        (),
        description="For each metric, in the order of CRITERIA, the bound of its 90, 95 and 99 % interval on the "
        "side of failing. A list, because a status holds one for each symbol.",
    )
    baselines: Baselines = Field(
        default_factory=lambda: Baselines(), description="What the model must be compared with."
    )
    champion: Champion | None = Field(None, description="The comparison with the model promoted today.")
    bars: int = Field(0, description="Test bars that were judged.")
    flat_bars: int = Field(0, description="Test bars whose close was unchanged after the horizon.")
    trades: int = Field(0, description="Trades of the backtest.")
    calibration_error_expected: Measured = Field(
        None, description="What a perfectly calibrated model would read with as many bars."
    )
    judged_before: int | None = Field(
        None,
        description="Other models that were tried on these test bars, under any symbol's name; none where it is not known.",
    )
    luck: Luck = Field(
        None,
        description="How much of the accuracy luck explains: the probability that, of all models without skill that were "
        "and will be tried on these bars, one comes as far; none where it was not measured.",
    )
    market: str = Field(
        "",
        description="How the close moved on the test bars, in 14 letters that nearly agree where two symbols are one market.",
    )
    suspicions: tuple[str, ...] = Field((), description="Why the figures are too good to be believed.")
    few_blocks: int | None = Field(
        None,
        description="Blocks of dependent bars that fit into the test bars, where they are fewer than ten.",
    )
    rules: int | None = Field(
        default_factory=lambda: RULES,  # a factory, so that no API server writes it into what it has stored
        description="The rules that it was measured under and is judged by; none is 1, of before they were numbered.",
    )

    @field_validator("near_bounds")
    @classmethod
    def _towards_failing(
        cls, bounds: tuple[tuple[float | None, float | None, float | None], ...]
    ) -> tuple[tuple[float | None, ...], ...]:
        """Three digits, cut towards failing, as the gate judges by them."""
        cuts = (up if metric in LOWER_IS_BETTER else down for metric in CRITERIA)
        return tuple(tuple(cut(bound, BOUND_DIGITS) for bound in row) for cut, row in zip(cuts, bounds, strict=False))

    def near_bound(self, metric: str, confidence: Literal[90, 95, 99]) -> float | None:
        """The interval's bound on the side of failing, or None where it was not measured."""
        bounds = dict(zip(CRITERIA, self.near_bounds, strict=False)).get(metric)
        return None if bounds is None else bounds[CONFIDENCES.index(confidence)]

    def value(self, metric: str) -> float | None:
        """The metric by its name in a criterion, such as calibrationError or leadOverLogistic."""
        return self.lead if metric == LEAD else self.metrics.value(metric)

    @property
    def lead(self) -> float | None:
        """Accuracy less that of the logistic regression, both as they are stored: cut towards failing."""
        accuracy, logistic = self.metrics.accuracy, self.baselines.logistic
        return None if accuracy is None or logistic is None else round(accuracy - logistic, 9)


def _as_stored(measurement: Measurement) -> Measurement:
    """A document that names no rules was written before they were numbered; only what is made now is of today's by default."""
    return measurement if "rules" in measurement.model_fields_set else measurement.model_copy(update={"rules": None})


Stored: TypeAlias = Annotated[Measurement, AfterValidator(_as_stored)]
"""A measurement in a status, a result or a task."""
