"""Values that a text or a few fields of a document become once, where they come in: bar lengths, durations, questions.

From there on the value is passed, so nobody reads "1m" a second time, and two models predict the same when their
questions are equal. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, Self, TypeAlias

from . import reasons
from .errors import ConfigurationError

Ties: TypeAlias = Literal["Drop", "Down"]
"""A bar whose close is unchanged after the horizon has no label (Drop), or counts as not up (Down)."""

UNITS = {"m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}
"""Nanoseconds of each unit."""
_INTERVAL = re.compile(r"[1-9][0-9]{0,3}[mhd]")
# Five digits of days are 8.6e18 ns, which an int64 just holds.
_DURATION = re.compile(r"[1-9][0-9]{0,4}[mhd]")


@dataclass(frozen=True)
class _Length:
    """A length of time as it was written. Lengths are equal when they last equally long: 60m and 1h are the same."""

    text: str = field(compare=False)
    nanoseconds: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Interval(_Length):
    """The time between two bars, such as 1m, 4h or 1d."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The interval that `text` says. Raises ConfigurationError("BadInterval") for any other text."""
        if not _INTERVAL.fullmatch(text):
            raise ConfigurationError(
                reasons.BAD_INTERVAL, f"Interval {text!r} must be a number and m, h or d, such as 1m, 4h or 1d."
            )
        return cls(text, _nanoseconds(text))


@dataclass(frozen=True)
class Duration(_Length):
    """A span of time in a spec, such as 90m, 36h or 180d."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The duration that `text` says. Raises ValueError for any other text, which pydantic reports as a wrong field."""
        if not _DURATION.fullmatch(text):
            raise ValueError(f"Duration {text!r} must be a number and m, h or d, such as 90m, 36h or 180d.")
        return cls(text, _nanoseconds(text))

    @property
    def as_timedelta(self) -> timedelta:
        """The same span for arithmetic with datetimes."""
        return timedelta(microseconds=self.nanoseconds // 1000)


def duration(text: str | None) -> Duration | None:
    """The duration of a field that may be unset."""
    return None if text is None else Duration.parse(text)


@dataclass(frozen=True)
class Question:
    """What a model predicts: is the close higher, `horizon` bars of `interval` after the last bar of a window?"""

    interval: Interval
    horizon: int
    ties: Ties

    @classmethod
    def parse(cls, interval: str, horizon: int, ties: Ties) -> Self:
        """The question of a document's fields. Raises ConfigurationError("BadInterval")."""
        return cls(Interval.parse(interval), horizon, ties)

    @property
    def horizon_nanoseconds(self) -> int:
        """Time from a bar to the bar that decides its label."""
        return self.horizon * self.interval.nanoseconds

    def __str__(self) -> str:
        return f"{self.horizon} bars of {self.interval} ahead with ties: {self.ties}"


class Shares(Protocol):
    """Sizes of the parts: shares of the rows in percent, or lengths of time in their place. Train is the rest.

    `spec.split` has them.
    """

    @property
    def validation_percent(self) -> int: ...

    @property
    def test_percent(self) -> int: ...

    @property
    def validation(self) -> str | None: ...

    @property
    def test(self) -> str | None: ...


@dataclass(frozen=True)
class Windows:
    """How rows become windows: `lookback` bars in each, and each whole in one part of the split.

    `window` is `data.window`: the length of time before the close of the last bar that the rows are taken from.
    """

    lookback: int
    split: Shares
    window: Duration | None = None


def in_utc(text: str) -> str:
    """A time of RFC 3339 in UTC and whole seconds, such as 2026-11-28T12:00:00Z: equal times have one text."""
    return _written(_read(text))


def earlier(text: str, now: datetime) -> str:
    """The earlier of a time of RFC 3339 and `now`, in UTC and whole seconds."""
    return _written(min(_read(text), now))


def nanoseconds_of(text: str) -> int:
    """Nanoseconds from 1970 to a time of RFC 3339, in whole seconds."""
    since = _read(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:  # a zone moves the last hours of the year 9999 out of the calendar
        return datetime.max.replace(tzinfo=UTC)


def _written(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _nanoseconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]
