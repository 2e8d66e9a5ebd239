"""What an evaluation measured of one model: the only input of the gate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .schema import Bound, Lenient, Measured, Terse

CONFIDENCES: tuple[int, ...] = (90, 95, 99)
"""Confidence levels in percent, in the order of `Measurement.near_bounds`."""


METRICS: tuple[str, ...] = (
    "accuracy",
    "calibrationError",
    "f1",
    "auc",
    "brier",
    "winRate",
    "pnl",
    "sharpe",
    "maxDrawdown",
)
"""Every metric a criterion can name, in the order of `Measurement.near_bounds`."""


class Metrics(Lenient):
    """Metrics on the test bars; shares and probabilities are 0 to 1, PnL and drawdown are shares of the account."""

    accuracy: Measured = Field(None, description="Share of the judged bars whose direction was right, at 0.5.")
    calibration_error: Measured = Field(None, description="Expected calibration error of the up class.")
    f1: Measured = Field(None, description="F1 of the up class.")
    auc: Measured = Field(None, description="Area under the ROC curve.")
    brier: Measured = Field(None, description="Mean squared error of the probability.")
    win_rate: Measured = Field(None, description="Share of the trades that earned money after fees.")
    pnl: Measured = Field(None, description="Change of the account after fees, each trade staking the whole account.")
    sharpe: Measured = Field(None, description="Annualised Sharpe ratio of the mark-to-market bar returns.")
    max_drawdown: Measured = Field(None, description="Deepest fall of the equity from a peak.")

    def value(self, metric: str) -> float | None:
        """The metric by its name in a criterion, such as calibrationError."""
        return self.model_dump(by_alias=True)[metric]  # type: ignore[no-any-return]


class Baselines(Lenient):
    """Accuracies of rules without skill or without training, on the same bars."""

    majority: Measured = Field(None, description="Always the class that is more frequent in the test.")
    persistence: Measured = Field(None, description="The last move goes on.")
    reversal: Measured = Field(None, description="The close returns to its 20-bar mean.")
    logistic: Measured = Field(None, description="Logistic regression on the same features.")


class Champion(Lenient):
    """The model promoted today, measured on the same test bars less those it was trained or validated on."""

    sha256: str = Field(description="Of its file; the first 12 hex digits.")
    bars: int = Field(0, description="Bars that both were measured on.")
    accuracy: Measured = Field(None, description="The champion's accuracy on these bars.")
    difference: Measured = Field(None, description="The challenger's accuracy less the champion's, on these bars.")
    low: Bound = Field(None, description="Lower bound of the difference's 95 % interval.")
    high: Bound = Field(None, description="Upper bound of the difference's 95 % interval.")
    note: str | None = Field(None, description="Why there is no comparison.")


class Measurement(Terse):
    """All of one model's figures that the gate reads."""

    metrics: Metrics = Field(default_factory=lambda: Metrics(), description="Point values.")
    near_bounds: tuple[tuple[Bound, Bound, Bound], ...] = Field(
        (),
        description="For each metric, in the order of METRICS, the bound of its 90, 95 and 99 % interval on the "
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
        None, description="Other models of this symbol that these test bars have judged; none where it is not known."
    )
    suspicions: tuple[str, ...] = Field((), description="Why the figures are too good to be believed.")

    def near_bound(self, metric: str, confidence: Literal[90, 95, 99]) -> float | None:
        """The interval's bound on the side of failing, or None where it was not measured."""
        bounds = dict(zip(METRICS, self.near_bounds, strict=False)).get(metric)
        return None if bounds is None else bounds[CONFIDENCES.index(confidence)]
