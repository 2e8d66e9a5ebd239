"""How far a training is: what the status says of it, and the two log lines that it is read from.

The trainer writes them, operator and terminal read them: a log needs no channel of its own. Best effort, so nothing is
ever decided from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from retrain_api.model_times import parsed
from retrain_api.wire import Lenient, Measured

_EPOCH = re.compile(
    r"^Epoch (\d+)/(\d+): Train Loss=([-\d.einfa]+), Val Loss=([-\d.einfa]+), Val Acc=([\d.nan]+), LR=([\d.e-]+)$"
)
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) ")
_STEP = re.compile(r"^Progress: epoch=(\d+) epochs=(\d+) windows=(\d+)/(\d+) rate=([\d.]+)$")


class Progress(Lenient):
    """How far a training is, read from its log. For display only: nothing is decided from it."""

    epoch: int = Field(description="The last finished epoch.")
    epochs: int = Field(description="Most epochs that the training may take.")
    train_loss: Measured = Field(None, description="Loss on train.")
    validation_loss: Measured = Field(None, description="Loss on validation.")
    validation_accuracy: Measured = Field(None, description="Accuracy on validation.")
    learning_rate: Measured = Field(None, description="Learning rate used in that epoch.")
    remaining_seconds: int | None = Field(
        None,
        description="Seconds from the end of that epoch to the end of the last one, at the pace of the last few epochs. It is the most that "
        "is left: early stopping ends a training sooner. Not known before the second epoch.",
    )


@dataclass(frozen=True)
class Step:
    """Where a training stands within its epoch; `rate` is in windows per second."""

    epoch: int
    epochs: int
    windows: int
    of_windows: int
    rate: float


_RECENT = 3
"""Epochs whose pace counts: enough that one slow epoch is no alarm, few enough to follow a node that gets busy."""


@dataclass(frozen=True)
class Pace:
    """When the last epochs of a training ended, in seconds, by their numbers: what its log or a clock says."""

    ends: tuple[tuple[int, float], ...] = ()

    def then(self, epoch: int, at: float) -> Pace:
        """With one more epoch. Where the numbers do not follow each other, a training was started anew, and so is the pace."""
        follows = bool(self.ends) and self.ends[-1][0] == epoch - 1
        return Pace((*self.ends[-_RECENT:], (epoch, at)) if follows else ((epoch, at),))

    def of(self, progress: Progress) -> Progress:
        """The progress, with what remains at this pace."""
        if len(self.ends) < 2:
            return progress
        (first, began), (last, ended) = self.ends[0], self.ends[-1]
        each = max(ended - began, 0.0) / (last - first)
        return progress.model_copy(update={"remaining_seconds": round(each * (progress.epochs - progress.epoch))})


def read_epoch(line: str) -> Progress | None:
    """The finished epoch that a line reports, or None."""
    match = _EPOCH.match(line.strip())
    if match is None:
        return None
    train, validation, accuracy, rate = (_number(text) for text in match.groups()[2:])
    return Progress(
        epoch=int(match[1]),
        epochs=int(match[2]),
        train_loss=train,
        validation_loss=validation,
        validation_accuracy=accuracy,
        learning_rate=rate,
    )


def read_step(line: str) -> Step | None:
    """The position within an epoch that a line reports, or None."""
    match = _STEP.match(line.strip())
    if match is None:
        return None
    epoch, epochs, windows, of_windows = (int(text) for text in match.groups()[:4])
    return Step(epoch, epochs, windows, of_windows, float(match[5]))


def last_epoch(lines: Iterable[str]) -> Progress | None:
    """The last finished epoch among the lines; with what remains where they begin with the time, as a kubelet writes it."""
    found, pace = None, Pace()
    for line in lines:
        at, text = _stamped(line)
        epoch = read_epoch(text)
        if epoch is not None:
            pace = Pace() if at is None else pace.then(epoch.epoch, at)
            found = pace.of(epoch)
    return found


def _stamped(line: str) -> tuple[float | None, str]:
    """A line without the time that it begins with, and that time in seconds."""
    match = _STAMP.match(line)
    time = parsed(match[1]) if match else None
    return (None, line) if match is None or time is None else (time.timestamp(), line[match.end() :])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
