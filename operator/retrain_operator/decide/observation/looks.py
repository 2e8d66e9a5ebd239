"""When promoted models are looked at: at once, then at each `every`, and for the last time at the end of `for`.

A look has one time, which is in the status before its Job is made: so a plan that is repeated makes no second Job, and a look that is
late judges no other bars than a punctual one would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from retrain_api.keys import digest
from retrain_api.run import RetrainRun
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import PromotedModel
from retrain_api.time import Duration, duration
from retrain_operator.state.snapshot import read_time


@dataclass(frozen=True)
class Looks:
    """The times of the looks at models that were promoted at some time; `end` is None where they go on for good."""

    every: timedelta
    end: datetime | None = None

    @classmethod
    def of(cls, run: RetrainRun, began: str | None) -> Looks:
        """As the spec asks for them, of models that were promoted at `began`."""
        spec = run.spec.observation
        assert spec is not None
        start, lasts = read_time(began), duration(spec.for_)
        end = start + lasts.as_timedelta if start and lasts else None
        return cls(Duration.parse(spec.every).as_timedelta, end)

    def after(self, last: datetime | None, now: datetime) -> datetime | None:
        """The look after the one at `last`. One that is overdue is made now; none comes after the end."""
        if last is None:
            return self.judged_until(now)
        if self.end is not None and last >= self.end:
            return None
        return self.judged_until(max(last + self.every, now))

    def judged_until(self, time: datetime) -> datetime:
        """Up to when a look of that time judges bars: a look that is repeated after the end, after a failure, judges no later ones."""
        return time if self.end is None else min(time, self.end)


def models_key(models: Sequence[PromotedModel]) -> str:
    """Digest of what is observed. A file's name has the digest of its bytes."""
    return digest({"models": {model.symbol: model.uri for model in models}})


def look_key(run: RetrainRun, observation: ObservationStatus, time: str) -> str:
    """Key of the look of that time, at these models, against the bar of today."""
    asked = {"observe": run.metadata.uid, "models": observation.models, "time": time}
    return digest(asked | {"bar": run.spec.gate.accuracy_bar})
