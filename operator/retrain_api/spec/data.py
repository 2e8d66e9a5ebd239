"""What a run learns from: the feature files, what is predicted from them, and how the bars are split."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from retrain_api.time import earlier
from retrain_api.wire import FieldError, Strict, each_once, rule, timestamp, validations

from .credentials import Credentials
from .forms import FILE_NAME, INTERVAL, TIME, Length, Uri

FeatureName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Data(Strict):
    """Where the feature files are, and what in them is used."""

    uri: Uri = Field(
        description="Folder of the feature files: s3://bucket/path/, file:///mounted/path/ (a relative "
        "file://./path/ is resolved against the YAML file by `retrain run`) or rclone://remote/path/."
    )
    filename: Annotated[str, FILE_NAME.check] = Field(
        "features_{symbol}_{interval}_latest.parquet",
        min_length=1,
        max_length=255,
        description="Name of a symbol's file; {symbol} and {interval} are filled in.",
    )
    interval: Annotated[str, INTERVAL.check] = Field(
        "1m",
        max_length=5,
        description="Time between two bars: a number and m, h or d. A file with another spacing is refused.",
    )
    features: tuple[FeatureName, ...] | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="Names of the features to use, built-in ones and columns of the file together. When unset, all columns "
        "of the file but candles, what exchanges' files carry beside them, what only grows and what is constant; where none "
        "is left, the built-in features.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    built_in: bool | None = Field(
        None,
        description="Whether the 31 built-in features are computed beside the features that are named or found. When unset, "
        "only those are computed that data.features names and the file lacks, or all where nothing else is left to learn from.",
    )
    until: Annotated[str, TIME.check] | None = Field(
        None,
        max_length=35,
        description="The time as of which the run learns, such as 2025-05-31T18:00:00Z: a bar is used where it had closed by "
        "then, and whatever later bars hold changes nothing. When unset, it is the time at which its first training begins. See status.asOf.",
    )
    window: Length | None = Field(
        None,
        description="Only bars of this length before the close of the last used bar, such as 180d; all bars when unset. A "
        "file that can't fill 95 percent of it is refused. The warm-up of features is taken from before it.",
    )
    max_age: Length | None = Field(
        None,
        description="How old the newest closed bar may be at the time as of which the run learns, counted from the bar's close, such "
        "as 2h; an older file is refused (DataStale). Any age when unset.",
    )
    min_new_bars: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="How many closed bars a symbol's file must have after the last one that was used: by the newest measured model "
        "of the same symbol and recipe in this store, or by the promoted one, whichever is later. With fewer the symbol is Skipped "
        "(NoNewBars), which is no failure. What was never measured with this recipe is never skipped.",
    )
    wait_for: Length | None = Field(
        None,
        description="How long the preflight looks each minute for the bars that maxAge and minNewBars ask for, such as 2h, "
        "before it says that they are missing. When unset it looks once.",
    )
    credentials: Credentials | None = Field(
        None, description="Credentials for the data alone; the run's credentials when unset."
    )

    def as_of(self, now: datetime) -> str:
        """The time as of which work learns that begins `now`, in UTC: `until` where that is over, for no bar is known before its time."""
        return timestamp(now) if self.until is None else earlier(self.until, now)

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


_PERCENT = 15


def _once(part: str) -> dict[str, str]:
    """The rule that a part has one size. The API server fills the percent in, so its default can't be told from none."""
    return rule(
        f"!has(self.{part}) || self.{part}Percent == {_PERCENT}",
        f"{part} and {part}Percent both say how long this part is; leave {part}Percent out",
        f".{part}Percent",
    )


_ONE_SIZE = {part: _once(part) for part in ("validation", "test")}


class Split(Strict):
    """Train, validation and test, in time order, with lookbackBars + horizonBars left out at each border."""

    model_config = {"json_schema_extra": validations(_SPLIT_RULE, *_ONE_SIZE.values())}

    validation_percent: int = Field(_PERCENT, ge=1, le=50, description="Share of the rows for validation, in percent.")
    test_percent: int = Field(
        _PERCENT, ge=1, le=50, description="Share of the rows for test, in percent; train is the rest."
    )
    validation: Length | None = Field(
        None, description="Length of the validation part in time, such as 14d, in place of validationPercent."
    )
    test: Length | None = Field(
        None,
        description="Length of the test part in time, such as 14d, in place of testPercent: the bars of this length before "
        "the close of the last used bar.",
    )

    @field_validator("test_percent", mode="after")
    @classmethod
    def _leave_rows_to_train(cls, test: int, info: object) -> int:
        validation = getattr(info, "data", {}).get("validation_percent", 0)
        if validation + test > 80:
            raise ValueError(_SPLIT_RULE["message"])
        return test

    @model_validator(mode="after")
    def _one_size_each(self) -> Self:
        if self.validation and self.validation_percent != _PERCENT:
            raise FieldError(_ONE_SIZE["validation"])
        if self.test and self.test_percent != _PERCENT:
            raise FieldError(_ONE_SIZE["test"])
        return self
