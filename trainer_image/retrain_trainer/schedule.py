"""What changes from epoch to epoch: the learning rate, and whether to go on. Pure functions of the epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retrain_api.spec_data import EarlyStopping, Scheduler


def learning_rate(scheduler: Scheduler, highest: float, epoch: int) -> float:
    """Learning rate of an epoch, counted from 0.

    Cosine annealing with warm restarts (I. Loshchilov, F. Hutter, SGDR, ICLR 2017, equation 5), stepped once
    an epoch: the first period has t0 epochs, each next one tMult times as many, and each starts at `highest`.
    """
    schedule = scheduler.resolved()
    if schedule.type == "Constant":
        return highest
    assert schedule.t0 is not None and schedule.t_mult is not None and schedule.eta_min is not None
    since, period = _since_restart(epoch, schedule.t0, schedule.t_mult)
    return schedule.eta_min + (highest - schedule.eta_min) * (1 + math.cos(math.pi * since / period)) / 2


def _since_restart(epoch: int, period: int, factor: int) -> tuple[int, int]:
    """Epochs since the last restart, and the length of the period they are in."""
    if factor == 1:
        return epoch % period, period
    while epoch >= period:
        epoch -= period
        period *= factor
    return epoch, period


@dataclass(frozen=True)
class Patience:
    """Early stopping after some epochs: the best validation loss, its epoch (from 1), and epochs since."""

    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0


def observe(patience: Patience, epoch: int, validation_loss: float, min_delta: float) -> Patience:
    """After one more epoch (from 1). Only a loss more than `min_delta` below the best one is an improvement.

    Small improvements add up, for the best loss stays where it was until one of them counts.
    """
    if validation_loss < patience.best_loss - min_delta:
        return Patience(validation_loss, epoch, 0)
    return Patience(patience.best_loss, patience.best_epoch, patience.waited + 1)


def exhausted(patience: Patience, stopping: EarlyStopping) -> bool:
    """Whether to stop early; a patience of 0 never does. A warm restart does not reset the count."""
    return 0 < stopping.patience <= patience.waited
