"""How each cause of a poor result shows in the numbers of one model.

A verdict says that a model falls short, and these functions say why: each returns the numbers that show its cause, or None
where they do not. `advice` says what to change about each cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from retrain_api.documents.tasks import PublishItem
from retrain_api.formatting import bar, listed, quoted
from retrain_api.gate.judgement import JudgedModel
from retrain_api.measurement import Measurement
from retrain_api.model_times import apart, elapsed, times_in
from retrain_api.time import Duration

from .criteria import between, interval
from .text import code, share
from .value import AS_GOOD, always_the_same, best_unfitted, flat_share, learnt_nothing

POOR = 0.02
"""With an accuracy this close to the majority baseline, a model has learnt nothing."""
OVERFITTED = 0.05
"""With a train accuracy this far above its validation accuracy, a model remembers its training bars."""
DRIFTED = 0.05
"""With a test accuracy this far below the validation accuracy, the market has changed."""
OLD = timedelta(days=30)
"""Weights that end longer before the last bar have not seen what the market does today."""
OFTEN = 10
"""After this many models on the same test bars, a one-in-twenty chance is no longer rare."""
UNSURE = 0.02
"""If half an interval is wider than this, it hides the margins that the gate judges."""


@dataclass(frozen=True)
class MeasuredModel:
    """Everything known about one measured model: `judged` is its verdict, `document` its evaluation.json."""

    item: PublishItem
    measurement: Measurement
    judged: JudgedModel
    document: Mapping[str, Any]
    spec: Mapping[str, Any]

    def field(self, path: str) -> Any:
        """A field of the spec, such as label.ties; None where it is not set."""
        value: Any = self.spec
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def trained(self, name: str) -> float | None:
        """A figure that training stored in the model file, such as validationAccuracy."""
        value = self.document.get("training", {}).get(name)
        return value if isinstance(value, int | float) else None

    def misses(self, metric: str) -> bool:
        """Whether a criterion on `metric` is not met."""
        return any(criterion.metric == metric and not criterion.met for criterion in self.judged.criteria)

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the test bars."""
        return self.measurement.metrics.accuracy


def nothing_learnt(model: MeasuredModel) -> str | None:
    """Its validation loss is above that of always answering the base rate."""
    return learnt_nothing(model.document) or None


def always_one_side(model: MeasuredModel) -> str | None:
    """It says the same on all bars; left out where it has learnt nothing at all, which is said already."""
    same = always_the_same(model.document)
    return None if same is None or nothing_learnt(model) else " ".join(same)


def suspect(model: MeasuredModel) -> str | None:
    """Some figure or feature is too good to be true; the reasons of the verdict name it."""
    return "" if model.measurement.suspicions else None


def rewritten(model: MeasuredModel) -> str | None:
    """Days that an earlier training read have other values now; late corrections of a last day are none."""
    found = model.document.get("restated") or {}
    if found.get("late") or not {"day", "column"} <= found.keys():
        return None
    return f"column {code(found['column'])} on {found['day']}"


def flat_as_down(model: MeasuredModel) -> str | None:
    """Many flat bars count as down, so always predicting down is often right."""
    flat = flat_share(model.measurement, "Down") if model.field("label.ties") == "Down" else None
    return f"{share(flat)} of the test bars are flat" if flat is not None and flat > 0.1 else None


def no_skill(model: MeasuredModel) -> str | None:
    """Always predicting the more frequent class is at least as good."""
    accuracy, majority = model.accuracy, model.measurement.baselines.majority
    if accuracy is None or majority is None or accuracy > majority:
        return None
    return f"accuracy {share(accuracy)}, the more frequent class {share(majority)}"


def under_fitted(model: MeasuredModel) -> str | None:
    """Close to guessing even on the bars that the model was trained on."""
    majority = model.measurement.baselines.majority
    train, validation = model.trained("trainAccuracy"), model.trained("validationAccuracy")
    if majority is None or validation is None or not model.misses("accuracy"):
        return None
    if any(value is not None and value > max(majority, 0.5) + POOR for value in (train, validation)):
        return None
    return (
        f"validation {share(validation)}" if train is None else f"train {share(train)}, validation {share(validation)}"
    )


def ran_out(model: MeasuredModel) -> str | None:
    """The best epoch was the last one that the spec allowed, so more of them may be better still."""
    item, most = model.item, model.field("training.epochs")
    if item.best_epoch is None or item.epochs is None or model.judged.verdict == "Pass":
        return None
    return f"best epoch {item.best_epoch} of {item.epochs}" if item.best_epoch == item.epochs == most else None


def over_fitted(model: MeasuredModel) -> str | None:
    """Much better on train than on validation."""
    train, validation = model.trained("trainAccuracy"), model.trained("validationAccuracy")
    if train is None or validation is None or train - validation < OVERFITTED:
        return None
    return f"train {share(train)}, validation {share(validation)}"


def drifted(model: MeasuredModel) -> str | None:
    """Much worse on test than on validation."""
    validation, accuracy = model.trained("validationAccuracy"), model.accuracy
    if validation is None or accuracy is None or validation - accuracy < DRIFTED:
        return None
    return f"validation {share(validation)}, test {share(accuracy)}"


def old_learning(model: MeasuredModel) -> str | None:
    """The weights end long before the last bar, and more than a day of that is the split's choice."""
    until, data = times_in(model.document).trained_until, model.item.data
    if until is None or data is None:
        return None
    gap = elapsed(until, data.last_bar)
    needed = _held_back_at_least(model) + timedelta(days=1)
    return f"the weights end {apart(until, data.last_bar)} before the last bar" if gap > max(OLD, needed) else None


def _held_back_at_least(model: MeasuredModel) -> timedelta:
    """What no split can do without: a window with its label in validation and in test, and the purge before each."""
    bars = 4 * ((model.field("model.lookbackBars") or 0) + (model.field("label.horizonBars") or 0))
    return Duration.parse(model.field("data.interval") or "1m").as_timedelta * int(bars)


def uncalibrated(model: MeasuredModel) -> str | None:
    """The calibration fitted on validation does not hold on the test bars."""
    if not model.misses("calibrationError") or model.field("evaluation.calibration") == "None":
        return None
    return _calibration(model)


def never_calibrated(model: MeasuredModel) -> str | None:
    """The calibration error misses its bar, and calibration is turned off."""
    if not model.misses("calibrationError") or model.field("evaluation.calibration") != "None":
        return None
    return _calibration(model)


def _calibration(model: MeasuredModel) -> str | None:
    expected = model.measurement.calibration_error_expected
    beside = "" if expected is None else f", a perfectly calibrated model would read {share(expected)}"
    validation = (model.document.get("validation") or {}).get("calibrationError")
    fitted = "" if validation is None else f", {share(validation)} on validation"
    return f"{share(model.measurement.metrics.calibration_error)}{fitted}{beside}"


def too_few_bars(model: MeasuredModel) -> str | None:
    """An interval is too wide to settle a criterion, or there is none."""
    bound, accuracy = model.measurement.near_bound("accuracy", 95), model.accuracy
    if accuracy is None:
        return None
    unsettled = _unsettled(model)
    if unsettled is not None:
        return f"{model.measurement.bars:,} bars, {unsettled}" if unsettled else None
    if bound is None:
        return f"{model.measurement.bars:,} bars, too few for an interval"
    half = accuracy - bound
    return f"{model.measurement.bars:,} bars, accuracy at least {share(bound)} at 95 %" if half > UNSURE else None


def _unsettled(model: MeasuredModel) -> str | None:
    """The criteria whose bar lies in its 95 % interval; empty where all are settled, None without intervals."""
    known = [(one, interval(model.document, one.metric)) for one in model.judged.criteria]
    if not any(bounds for _, bounds in known):
        return None
    return listed(
        [
            f"{quoted(one.metric)} {between(one.metric, bounds)} at 95 % around {bar(one.metric, one.bound)}"
            for one, bounds in known
            if bounds and bounds[0] <= one.bound <= bounds[1]
        ]
    )


def tried_often(model: MeasuredModel) -> str | None:
    """It passes, but only after many models were tried on the same test bars."""
    before = model.measurement.judged_before
    if before is None or before < OFTEN or model.judged.verdict not in ("Pass", "Inconclusive"):
        return None
    return f"{before:,} models before this one"


def unfitted_rule(model: MeasuredModel) -> str | None:
    """Persistence or reversal does about as well; left out where even the majority does."""
    best, accuracy = best_unfitted(model.measurement), model.accuracy
    if best is None or accuracy is None or best[1] < accuracy - AS_GOOD or no_skill(model) is not None:
        return None
    return f"{best[0]} {share(best[1])}, the model {share(accuracy)}"


def eaten_by_fees(model: MeasuredModel) -> str | None:
    """The model has skill, but trading on it earns nothing after fees."""
    pnl = model.measurement.metrics.pnl
    if pnl is None or pnl > 0 or not model.measurement.trades or no_skill(model) is not None:
        return None
    return f"PnL {share(pnl)} over {model.measurement.trades:,} trades"
