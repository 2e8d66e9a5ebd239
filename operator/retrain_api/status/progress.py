"""How far a training is: what the status says of it, and the two log lines that it is read from.

The trainer writes them, operator and terminal read them: a log needs no channel of its own. Best effort, so nothing is
ever decided from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from retrain_api.wire import Lenient, Measured

_EPOCH = re.compile(
    r"^Epoch (\d+)/(\d+): Train Loss=([-\d.einfa]+), Val Loss=([-\d.einfa]+), Val Acc=([\d.nan]+), LR=([\d.e-]+)$"
)
_STEP = re.compile(r"^Progress: epoch=(\d+) epochs=(\d+) windows=(\d+)/(\d+) rate=([\d.]+)$")


class Progress(Lenient):
    """How far a training is, read from its log. For display only: nothing is decided from it."""

    epoch: int = Field(description="The last finished epoch.")
    epochs: int = Field(description="Most epochs that the training may take.")
    train_loss: Measured = Field(None, description="Loss on train.")
    validation_loss: Measured = Field(None, description="Loss on validation.")
    validation_accuracy: Measured = Field(None, description="Accuracy on validation.")
    learning_rate: Measured = Field(None, description="Learning rate used in that epoch.")


@dataclass(frozen=True)
class Step:
    """Where a training stands within its epoch; `rate` is in windows per second."""

    epoch: int
    epochs: int
    windows: int
    of_windows: int
    rate: float


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
    """The last finished epoch among the lines."""
    found = None
    for line in lines:
        found = read_epoch(line) or found
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
