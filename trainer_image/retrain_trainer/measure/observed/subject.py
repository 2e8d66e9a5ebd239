"""Whom a look is at: the model that a symbol's pointer names, what it must keep to, and into which blocks its bars are cut."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.measurement import Measurement
from retrain_api.model_times import parsed, times_in
from retrain_api.observation.blocks import Blocks, rule_in
from retrain_api.observation.record import Nulls
from retrain_api.observation.state import nulls_at
from retrain_api.time import Interval, nanoseconds_of
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import Pointer
from retrain_trainer.store.base import Store

from .card import card_of, measurement_in


@dataclass(frozen=True)
class Subject:
    """A promoted model that can be observed. Its test ended at `tested_until` (ns UTC)."""

    pointer: Pointer
    measurement: Measurement
    blocks: Blocks
    nulls: Nulls
    tested_until: int

    def judged_share(self, interval: Interval) -> float:
        """How many of the bars in the time of its test were judged: the others were missing, or ties."""
        first, last = parsed(self.pointer.test.first_bar), self.pointer.test.end
        span = int((last - first).total_seconds()) * 1_000_000_000 if first else 0
        share = self.measurement.bars / max(span // interval.nanoseconds + 1, 1)
        return min(share, 1.0) or 1.0


def subject_of(store: Store, pointer: Pointer, bar: float | None) -> Subject:
    """The model in service, held to the gate's `bar` where it has one. Raises DataError("NotMeasurable") and what the store raises."""
    card = card_of(store, pointer.model.uri)
    measurement = measurement_in(card) or Measurement(metrics=pointer.metrics)
    blocks = rule_in(to_wire(pointer)).blocks or rule_in(card).blocks
    tested = pointer.tested_until or times_in(card).tested_until
    if blocks is None or tested is None:
        missing = "into which blocks its bars are cut" if blocks is None else "until when it was tested"
        raise not_measurable(
            f"An earlier release promoted the model {pointer.model.sha256[:8]}, and neither its pointer nor its card says {missing}; "
            "promote a model that this release has trained"
        )
    nulls = nulls_at(bar, measurement)
    if nulls is None:
        raise not_measurable(
            f"The gate asks for no accuracy, and the card of the model {pointer.model.sha256[:8]} does not say how often the more "
            "frequent direction came on its test bars; give gate.criteria one for accuracy"
        )
    return Subject(pointer, measurement, blocks, nulls, nanoseconds_of(tested))


def not_measurable(what: str) -> DataError:
    """The error for a model that can't be observed."""
    return DataError(reasons.NOT_MEASURABLE, f"{what}.")
