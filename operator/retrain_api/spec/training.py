"""The network and how its weights are found: model, loss, schedule, early stopping."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from retrain_api.wire import Strict, rule, validations


class Model(Strict):
    """The network: an LSTM over the last lookbackBars bars, and one logit."""

    hidden_size: int = Field(128, ge=1, le=4096, description="Units of each LSTM layer and direction.")
    layers: int = Field(3, ge=1, le=16, description="LSTM layers.")
    dropout: float = Field(0.35, ge=0, lt=1, description="Dropout between layers and before the output.")
    bidirectional: bool = Field(True, description="Read each window in both directions.")
    lookback_bars: int = Field(60, ge=1, le=4096, description="Bars in a window.")


_WEIGHT = r"^(Auto|(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?)$"
_WEIGHT_WORDS = "must be Auto or a positive number below 1000000 (a fraction in quotes)"


class Loss(Strict):
    """Weighted binary cross-entropy on logits."""

    positive_weight: int | str = Field(
        "Auto",
        description="Weight of the up labels: Auto (down labels divided by up labels of the train part) or a "
        'positive number; a fraction is written in quotes, such as "1.5".',
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            **validations(
                rule(
                    "type(self) == string ? (self == 'Auto' || (self.matches('"
                    + _WEIGHT.replace("\\", "\\\\")
                    + "') && double(self) > 0.0)) : 0 < int(self) && int(self) <= 999999",
                    _WEIGHT_WORDS,
                )
            ),
        },
    )

    @field_validator("positive_weight", mode="before")
    @classmethod
    def _auto_or_positive(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(_WEIGHT_WORDS)
        text = str(value)
        if not re.fullmatch(_WEIGHT, text) or (text != "Auto" and float(text) <= 0):
            raise ValueError(_WEIGHT_WORDS)
        return value

    @property
    def weight(self) -> float | None:
        """The weight as a number, or None for Auto."""
        return None if self.positive_weight == "Auto" else float(self.positive_weight)


_CONSTANT_RULE = rule(
    "self.type != 'Constant' || (!has(self.t0) && !has(self.tMult) && !has(self.etaMin))",
    "t0, tMult and etaMin belong to type CosineAnnealingWarmRestarts; leave them out with type Constant",
)


class Scheduler(Strict):
    """Learning rate over the epochs; a union by `type`.

    The members have no schema defaults: a server-side t0 would make every Constant scheduler invalid.
    """

    model_config = {"json_schema_extra": validations(_CONSTANT_RULE)}

    type: Literal["CosineAnnealingWarmRestarts", "Constant"] = Field(
        "CosineAnnealingWarmRestarts", description="Which schedule; stepped once an epoch."
    )
    t0: int | None = Field(None, ge=1, le=10_000, description="Epochs until the first restart; 10 when unset.")
    t_mult: int | None = Field(None, ge=1, le=100, description="Factor on the epochs between restarts; 2 when unset.")
    eta_min: float | None = Field(None, ge=0, le=1, description="Lowest learning rate; 0.000001 when unset.")

    @model_validator(mode="after")
    def _constant_has_no_cosine_fields(self) -> Self:
        if self.type == "Constant" and (self.t0, self.t_mult, self.eta_min) != (None, None, None):
            raise ValueError(_CONSTANT_RULE["message"])
        return self

    def resolved(self) -> Scheduler:
        """The same schedule with nothing left unset."""
        if self.type == "Constant":
            return self
        return Scheduler(
            type=self.type,
            t0=10 if self.t0 is None else self.t0,
            t_mult=2 if self.t_mult is None else self.t_mult,
            eta_min=0.000001 if self.eta_min is None else self.eta_min,
        )


class EarlyStopping(Strict):
    """Stop when the validation loss no longer falls; the weights of the lowest one are kept."""

    patience: int = Field(7, ge=0, le=10_000, description="Epochs without improvement before stopping; 0 never stops.")
    min_delta: float = Field(
        0.001,
        ge=0,
        le=1,
        description="How much lower a validation loss must be for early stopping to count it as an improvement.",
    )


class Training(Strict):
    """How the weights are found."""

    epochs: int = Field(50, ge=1, le=10_000, description="Most epochs to train.")
    batch_size: int = Field(32, ge=1, le=65_536, description="Windows in a step.")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Highest learning rate of Adam.")
    weight_decay: float = Field(0.00001, ge=0, le=1, description="L2 penalty of Adam.")
    seed: int = Field(0, ge=0, le=2_147_483_647, description="Seed of weights, dropout and order of windows.")
    precision: Literal["Auto", "Float32", "BFloat16"] = Field(
        "Auto", description="Auto is bfloat16 autocast where the hardware is faster with it, else float32."
    )
    deterministic: bool = Field(False, description="Bit-identical results on a GPU too, at some cost of speed.")
    loss: Loss = Field(default=Loss(), description="The loss.")
    scheduler: Scheduler = Field(default=Scheduler().resolved(), description="The learning rate over the epochs.")
    early_stopping: EarlyStopping = Field(default=EarlyStopping(), description="When to stop early.")
