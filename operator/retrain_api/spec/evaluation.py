"""How a trained model is measured on the test bars; the gate judges what comes of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from retrain_api.wire import Strict, rule, validations

# The API server compares a whole number with the whole part of a minimum: it would take a threshold of 0.
_THRESHOLD_RULE = rule("self >= 0.5", "must be at least 0.5")


class Backtest(Strict):
    """A plain strategy on the test bars: long or short when the probability is clear enough."""

    threshold: float = Field(
        0.5,
        ge=0.5,
        lt=1,
        description="Long above it, short when the probability of down is above it.",
        json_schema_extra=validations(_THRESHOLD_RULE),
    )
    fee_bps: float = Field(10, ge=0, le=1000, description="Fee of each fill, in hundredths of a percent.")


class Evaluation(Strict):
    """How a model is measured on the test bars."""

    calibration: Literal["Platt", "None"] = Field(
        "Platt", description="Platt scaling fitted on validation, or none; the loss weight is taken off either way."
    )
    calibration_bins: int = Field(15, ge=2, le=100, description="Equal-width bins of the calibration error.")
    backtest: Backtest = Field(default=Backtest(), description="The backtest.")
