"""The learning rate of each epoch, and early stopping. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from retrain_api.spec.training import EarlyStopping, Scheduler


def learning_rate(scheduler: Scheduler, highest: float, epoch: int) -> float:
    """Learning rate of an epoch, counted from 0.

    Cosine annealing with warm restarts (I. Loshchilov, F. Hutter, SGDR, ICLR 2017, equation 5), stepped once per
    epoch: the first period has t0 epochs, each following one tMult times as many, and each starts at `highest`.
    """
    schedule = scheduler.resolved()
    if schedule.type == "Constant":
        return highest
    assert schedule.t0 is not None and schedule.t_mult is not None and schedule.eta_min is not None
    since, period = _since_restart(epoch, schedule.t0, schedule.t_mult)
    return schedule.eta_min + (highest - schedule.eta_min) * (1 + math.cos(math.pi * since / period)) / 2


def _since_restart(epoch: int, period: int, factor: int) -> tuple[int, int]:
    """Epochs since the last restart, and the length of the current period."""
    if factor == 1:
        return epoch % period, period
    while epoch >= period:
        epoch -= period
        period *= factor
    return epoch, period


@dataclass(frozen=True)
class Patience:
    """The lowest validation loss and its epoch (from 1), whose weights are kept; and the state of early stopping: the loss
    that counted last as an improvement, and the epochs since.
    """

    best_loss: float = math.inf
    best_epoch: int = 0
    improved_to: float = math.inf
    waited: int = 0


def observe(patience: Patience, epoch: int, validation_loss: float, min_delta: float) -> Patience:
    """The state after one more epoch (from 1).

    Any lower loss is the best. For early stopping it must be more than `min_delta` below the one that counted last, which
    stays until then: small improvements add up.
    """
    lowest = validation_loss < patience.best_loss
    loss, best = (validation_loss, epoch) if lowest else (patience.best_loss, patience.best_epoch)
    if validation_loss < patience.improved_to - min_delta:
        return Patience(loss, best, improved_to=validation_loss, waited=0)
    return Patience(loss, best, patience.improved_to, patience.waited + 1)


def exhausted(patience: Patience, stopping: EarlyStopping) -> bool:
    """Whether to stop early. A patience of 0 never stops. A warm restart does not reset the count."""
    return 0 < stopping.patience <= patience.waited
