"""What a run learns from and how: data, label, split, model, training, evaluation."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from .credentials import Credentials
from .schema import INTERVAL_PATTERN, WEIGHT_PATTERN, Strict, Uri, each_once, rule, validations

FeatureName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Data(Strict):
    """Where the feature files are, and what in them is used."""

    uri: Uri = Field(
        description="Folder of the feature files: s3://bucket/path/, file:///mounted/path/ (a relative "
        "file://./path/ is resolved against the YAML file by `retrain run`) or rclone://remote/path/."
    )
    filename: str = Field(
        "features_{symbol}_{interval}_latest.parquet",
        min_length=1,
        max_length=255,
        pattern=r"^[^/]+$",
        description="Name of a symbol's file; {symbol} and {interval} are filled in.",
    )
    interval: str = Field(
        "1m",
        pattern=INTERVAL_PATTERN,
        max_length=5,
        description="Time between two bars: a number and m, h or d. A file with another spacing is refused.",
    )
    features: tuple[FeatureName, ...] | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="Names of the feature columns to use; all of them when unset. A file that holds only "
        "candles gets the built-in feature set.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    credentials: Credentials | None = Field(
        None, description="Credentials for the data alone; the run's credentials when unset."
    )

    @field_validator("features")
    @classmethod
    def _distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        each_once(names or ())
        return names


class Label(Strict):
    """What is predicted: is the close higher after so many bars?"""

    horizon_bars: int = Field(15, ge=1, le=10_000, description="Bars between the prediction and its outcome.")
    ties: Literal["Drop", "Down"] = Field(
        "Drop",
        description="A bar whose close is unchanged after the horizon: left out (Drop) or counted as not up "
        "(Down). Down lets a model that always says down look skilled where many bars are flat.",
    )


_SPLIT_RULE = rule(
    "self.validationPercent + self.testPercent <= 80",
    "validationPercent and testPercent must add up to 80 or less, so that 20 percent are left to train on",
    ".testPercent",
)


class Split(Strict):
    """Train, validation and test, in time order, with lookbackBars + horizonBars left out at each border."""

    model_config = {"json_schema_extra": validations(_SPLIT_RULE)}

    validation_percent: int = Field(15, ge=1, le=50, description="Share of the rows for validation, in percent.")
    test_percent: int = Field(15, ge=1, le=50, description="Share of the rows for test, in percent; train is the rest.")

    @field_validator("test_percent", mode="after")
    @classmethod
    def _leave_rows_to_train(cls, test: int, info: object) -> int:
        validation = getattr(info, "data", {}).get("validation_percent", 0)
        if validation + test > 80:
            raise ValueError(_SPLIT_RULE["message"])
        return test


class Model(Strict):
    """The network: an LSTM over the last lookbackBars bars, and one logit."""

    hidden_size: int = Field(128, ge=1, le=4096, description="Units of each LSTM layer and direction.")
    layers: int = Field(3, ge=1, le=16, description="LSTM layers.")
    dropout: float = Field(0.35, ge=0, lt=1, description="Dropout between layers and before the output.")
    bidirectional: bool = Field(True, description="Read each window in both directions.")
    lookback_bars: int = Field(60, ge=1, le=4096, description="Bars in a window.")


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
                    + WEIGHT_PATTERN.replace("\\", "\\\\")
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
        if not re.fullmatch(WEIGHT_PATTERN, text) or (text != "Auto" and float(text) <= 0):
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
    """Stop when the validation loss no longer falls; the best weights are kept."""

    patience: int = Field(7, ge=0, le=10_000, description="Epochs without improvement before stopping; 0 never stops.")
    min_delta: float = Field(0.001, ge=0, le=1, description="How much lower a validation loss must be to count.")


class Training(Strict):
    """How the weights are found."""

    epochs: int = Field(50, ge=1, le=10_000, description="Most epochs.")
    batch_size: int = Field(32, ge=1, le=65_536, description="Windows in a step.")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Highest learning rate of Adam.")
    weight_decay: float = Field(0.00001, ge=0, le=1, description="L2 penalty of Adam.")
    seed: int = Field(0, ge=0, le=2_147_483_647, description="Seed of weights, dropout and order of windows.")
    precision: Literal["Auto", "Float32", "BFloat16"] = Field(
        "Auto", description="Auto is bfloat16 autocast where the chip computes it, else float32."
    )
    deterministic: bool = Field(False, description="Bit-identical results on a GPU too, at some cost of speed.")
    loss: Loss = Field(default=Loss(), description="The loss.")
    scheduler: Scheduler = Field(default=Scheduler().resolved(), description="The learning rate over the epochs.")
    early_stopping: EarlyStopping = Field(default=EarlyStopping(), description="When to stop early.")


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
