"""How long a backfill takes: from slots that are finished or, before any is, from the epochs of those at work. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import median

from retrain_api.formatting import age
from retrain_api.status.progress import Progress
from retrain_api.status.run import RetrainRunStatus


@dataclass(frozen=True)
class Slots:
    """Seconds that finished slots took; of each at work how long it has been so, and how much of its epochs was done in that time."""

    finished: tuple[float, ...]
    working: tuple[tuple[float, float], ...]
    waiting: int
    parallel: int


@dataclass(frozen=True)
class Left:
    """Seconds that are left; `at_most` where only epochs say so, for early stopping ends a training sooner."""

    seconds: float
    at_most: bool

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'about'} {age(self.seconds)}" if self.seconds >= 5 else "a moment"


def time_left(slots: Slots) -> Left | None:
    """How long it still takes; None while nothing was measured."""
    each, at_most = _each(slots)
    if each is None:
        return None
    at_work = [max(each - so_far, 0.0) for so_far, _ in slots.working]
    places = max(min(slots.parallel, slots.waiting + len(at_work)), 1)
    whole = (sum(at_work) + slots.waiting * each) / places
    return Left(max(whole, max(at_work, default=0.0)), at_most)


def _each(slots: Slots) -> tuple[float | None, bool]:
    """Seconds of one slot. The median: a slot that was interrupted seems to have taken a night."""
    if slots.finished:
        return median(slots.finished), False
    paces = [so_far / done for so_far, done in slots.working if done > 0]
    return (max(paces), True) if paces else (None, True)


def taken(status: RetrainRunStatus) -> float | None:
    """Seconds that a finished run took on the clock; None where it does not say."""
    if status.start_time is None or status.completion_time is None:
        return None
    begun, ended = datetime.fromisoformat(status.start_time), datetime.fromisoformat(status.completion_time)
    return (ended - begun).total_seconds()


def epochs_done(status: RetrainRunStatus) -> float:
    """The share of its symbols' epochs that a run at work has done; a symbol with a model has done all of its own."""
    done = [1.0 if entry.model_uri else _share(entry.progress) for entry in status.symbols]
    return sum(done) / max(len(done), 1)


def _share(progress: Progress | None) -> float:
    return 0.0 if progress is None else progress.epoch / progress.epochs
