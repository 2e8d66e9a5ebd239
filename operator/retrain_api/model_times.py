"""The three times of a model: what its weights know, what was known when it was chosen, and what it was tested on.

A bar's timestamp is its opening, and a label reads a close a horizon later. So none of these is a timestamp of a row: each is
the time at which the bar closed that decided the last outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, ValidationError

from .formatting import counted
from .wire import Lenient, timestamp


class Times(Lenient):
    """As files and the status carry them (RFC 3339, UTC); all unset in what the first release wrote."""

    trained_until: str | None = Field(
        None,
        description="When the last label that the weights learnt from was decided: the close of its outcome's bar.",
    )
    known_until: str | None = Field(
        None,
        description="When the last outcome of the validation part was decided: nothing later had a part in the choice of weights.",
    )
    tested_until: str | None = Field(
        None,
        description="When the last outcome that the test judged was decided; only later bars are new to the model.",
    )

    @property
    def times(self) -> Times:
        """The three alone, of a document that has other fields as well."""
        return Times(trained_until=self.trained_until, known_until=self.known_until, tested_until=self.tested_until)


def times_in(document: Mapping[str, Any]) -> Times:
    """The times in a card, a pointer or an evaluation; those that are missing, or no times, are unset."""
    try:
        found = Times.model_validate(document)
    except ValidationError:
        return Times()
    return Times(**{name: text for name, text in found if text is not None and parsed(text) is not None})


def parsed(text: str) -> datetime | None:
    """The time that a text says, UTC where it names no zone; None where it says none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def oldest(texts: Iterable[str | None]) -> str | None:
    """The earliest of the times that are given; None without any."""
    known = [time for text in texts if text is not None and (time := parsed(text)) is not None]
    return timestamp(min(known).astimezone(UTC)) if known else None


def elapsed(earlier: str, later: str) -> timedelta:
    """The time from one to the other; none where either text is no time."""
    begin, end = parsed(earlier), parsed(later)
    return end - begin if begin and end else timedelta()


def apart(earlier: str, later: str) -> str:
    """How far apart two times are, to nearest, in the largest unit of which there are at least two: 215 days, 9 hours."""
    span = elapsed(earlier, later)
    units = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)))
    noun, unit = next(((noun, unit) for noun, unit in units if span >= 2 * unit), ("minute", timedelta(minutes=1)))
    return counted(round(span / unit), noun)
