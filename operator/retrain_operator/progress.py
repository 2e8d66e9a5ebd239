"""Progress of a training, read from the lines of its log. Best effort: nothing is ever decided from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from retrain_api.status import Progress

_EPOCH = re.compile(
    r"^Epoch (\d+)/(\d+): Train Loss=([-\d.einfa]+), Val Loss=([-\d.einfa]+), Val Acc=([\d.nan]+), LR=([\d.e-]+)$"
)
_STEP = re.compile(r"^Progress: epoch=(\d+) epochs=(\d+) windows=(\d+)/(\d+) rate=([\d.]+)$")


@dataclass(frozen=True)
class Step:
    """Where a training is within its epoch; `rate` in windows a second."""

    epoch: int
    epochs: int
    windows: int
    of_windows: int
    rate: float


def epoch_line(line: str) -> Progress | None:
    """The finished epoch that a line tells of, or None."""
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


def step_line(line: str) -> Step | None:
    """The position within an epoch that a line tells of, or None."""
    match = _STEP.match(line.strip())
    if match is None:
        return None
    epoch, epochs, windows, of_windows = (int(text) for text in match.groups()[:4])
    return Step(epoch, epochs, windows, of_windows, float(match[5]))


def last_epoch(lines: Iterable[str]) -> Progress | None:
    """The last finished epoch among the lines."""
    found = None
    for line in lines:
        found = epoch_line(line) or found
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
