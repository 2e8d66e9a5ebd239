"""Next steps: what the numbers point to, and the field of the spec that would change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api.documents import PublishItem, PublishTask
from retrain_api.gate import JudgedModel, Judgement
from retrain_api.measurement import Measurement
from retrain_api.wording import bar, quoted

from .report_evidence import between, interval
from .report_text import code, listed, share
from .report_worth import AS_GOOD, best_unfitted, flat_share

POOR = 0.02
"""An accuracy this close to the majority baseline has learnt nothing."""
OVERFITTED = 0.05
"""Train accuracy this far above validation accuracy says that the model remembers its bars."""
DRIFTED = 0.05
"""Test accuracy this far below validation accuracy says that the market has changed."""
OFTEN = 10
"""Models judged on the same test bars: with as many tries one in twenty is no longer rare."""
UNSURE = 0.02
"""Half an interval this wide hides the margins that the gate judges."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one model; `judged` is its verdict."""

    item: PublishItem
    measurement: Measurement
    judged: JudgedModel
    details: Mapping[str, Any]
    spec: Mapping[str, Any]

    def field(self, path: str) -> Any:
        """A field of the spec, such as label.ties, or None where it is not given."""
        value: Any = self.spec
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def trained(self, name: str) -> float | None:
        """A figure that training left in the model file, such as validationAccuracy."""
        value = self.details.get("training", {}).get(name)
        return value if isinstance(value, int | float) else None

    def misses(self, metric: str) -> bool:
        """Whether a criterion on `metric` is not met."""
        return any(criterion.metric == metric and not criterion.met for criterion in self.judged.criteria)

    @property
    def accuracy(self) -> float | None:
        """On the test bars."""
        return self.measurement.metrics.accuracy


@dataclass(frozen=True)
class Rule:
    """A cause, how it shows in the numbers of one model (None where it does not), and what to change."""

    cause: str
    shows: Callable[[Evidence], str | None]
    steps: str
    fields: tuple[str, ...]


def next_steps(task: PublishTask, judgement: Judgement, evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each cause that shows in some model's numbers; never empty."""
    known = [
        Evidence(item, item.measurement, judgement.model(item.symbol), evaluations.get(item.symbol, {}), task.spec)
        for item in task.items
        if item.measurement is not None
    ]
    broken = [item.symbol for item in task.items if item.measurement is None]
    lines = [line for rule in RULES if (line := _line(rule, known))]
    if broken:
        lines.append(
            f"**Nothing to judge**: {listed(broken)}. Mend what the reason above names, then apply the run again."
        )
    return lines or ["Nothing: every model passes, and nothing in its numbers asks for a change."]


def _line(rule: Rule, known: Sequence[Evidence]) -> str | None:
    found = [(evidence.item.symbol, shown) for evidence in known if (shown := rule.shows(evidence)) is not None]
    if not found:
        return None
    models = listed([f"{symbol} ({shown})" if shown else symbol for symbol, shown in found])
    now = [f"{code(path)} {value}" for path in rule.fields if (value := known[0].field(path)) is not None]
    current = f" Now: {', '.join(now)}." if now else ""
    return f"**{rule.cause}**: {models}. {rule.steps}{current}"


def _suspect(evidence: Evidence) -> str | None:
    return "" if evidence.measurement.suspicions else None


def _flat_as_down(evidence: Evidence) -> str | None:
    flat = flat_share(evidence.measurement, "Down") if evidence.field("label.ties") == "Down" else None
    return f"{share(flat)} of the test bars are flat" if flat is not None and flat > 0.1 else None


def _no_skill(evidence: Evidence) -> str | None:
    accuracy, majority = evidence.accuracy, evidence.measurement.baselines.majority
    if accuracy is None or majority is None or accuracy > majority:
        return None
    return f"accuracy {share(accuracy)}, the more frequent class {share(majority)}"


def _under_fitted(evidence: Evidence) -> str | None:
    """Close to guessing on the bars it was trained on, too."""
    majority = evidence.measurement.baselines.majority
    train, validation = evidence.trained("trainAccuracy"), evidence.trained("validationAccuracy")
    if majority is None or validation is None or not evidence.misses("accuracy"):
        return None
    if any(value is not None and value > max(majority, 0.5) + POOR for value in (train, validation)):
        return None
    return (
        f"validation {share(validation)}" if train is None else f"train {share(train)}, validation {share(validation)}"
    )


def _ran_out(evidence: Evidence) -> str | None:
    """The best epoch was the last that the spec allowed, so more of them may be better still."""
    item, most = evidence.item, evidence.field("training.epochs")
    if item.best_epoch is None or item.epochs is None or evidence.judged.verdict == "Pass":
        return None
    return f"best epoch {item.best_epoch} of {item.epochs}" if item.best_epoch == item.epochs == most else None


def _over_fitted(evidence: Evidence) -> str | None:
    train, validation = evidence.trained("trainAccuracy"), evidence.trained("validationAccuracy")
    if train is None or validation is None or train - validation < OVERFITTED:
        return None
    return f"train {share(train)}, validation {share(validation)}"


def _drifted(evidence: Evidence) -> str | None:
    validation, accuracy = evidence.trained("validationAccuracy"), evidence.accuracy
    if validation is None or accuracy is None or validation - accuracy < DRIFTED:
        return None
    return f"validation {share(validation)}, test {share(accuracy)}"


def _uncalibrated(evidence: Evidence) -> str | None:
    if not evidence.misses("calibrationError") or evidence.field("evaluation.calibration") == "None":
        return None
    return _calibration(evidence)


def _never_calibrated(evidence: Evidence) -> str | None:
    if not evidence.misses("calibrationError") or evidence.field("evaluation.calibration") != "None":
        return None
    return _calibration(evidence)


def _calibration(evidence: Evidence) -> str | None:
    expected = evidence.measurement.calibration_error_expected
    beside = "" if expected is None else f", a perfectly calibrated model would read {share(expected)}"
    validation = (evidence.details.get("validation") or {}).get("calibrationError")
    fitted = "" if validation is None else f", {share(validation)} on validation"
    return f"{share(evidence.measurement.metrics.calibration_error)}{fitted}{beside}"


def _too_few_bars(evidence: Evidence) -> str | None:
    bound, accuracy = evidence.measurement.near_bound("accuracy", 95), evidence.accuracy
    if accuracy is None:
        return None
    unsettled = _unsettled(evidence)
    if unsettled is not None:
        return f"{evidence.measurement.bars:,} bars, {unsettled}" if unsettled else None
    if bound is None:
        return f"{evidence.measurement.bars:,} bars, too few for an interval"
    half = accuracy - bound
    return f"{evidence.measurement.bars:,} bars, accuracy at least {share(bound)} at 95 %" if half > UNSURE else None


def _unsettled(evidence: Evidence) -> str | None:
    """The criteria that lie within their 95 % intervals; empty where all are settled, None without intervals."""
    known = [(one, interval(evidence.details, one.metric)) for one in evidence.judged.criteria]
    if not any(bounds for _, bounds in known):
        return None
    return listed(
        [
            f"{quoted(one.metric)} {between(one.metric, bounds)} at 95 % around {bar(one.metric, one.bound)}"
            for one, bounds in known
            if bounds and bounds[0] <= one.bound <= bounds[1]
        ]
    )


def _tried_often(evidence: Evidence) -> str | None:
    before = evidence.measurement.judged_before
    if before is None or before < OFTEN or evidence.judged.verdict not in ("Pass", "Inconclusive"):
        return None
    return f"{before:,} models before this one"


def _unfitted_rule(evidence: Evidence) -> str | None:
    best, accuracy = best_unfitted(evidence.measurement), evidence.accuracy
    if best is None or accuracy is None or best[1] < accuracy - AS_GOOD or _no_skill(evidence) is not None:
        return None
    return f"{best[0]} {share(best[1])}, the model {share(accuracy)}"


def _eaten_by_fees(evidence: Evidence) -> str | None:
    pnl = evidence.measurement.metrics.pnl
    if pnl is None or pnl > 0 or not evidence.measurement.trades or _no_skill(evidence) is not None:
        return None
    return f"PnL {share(pnl)} over {evidence.measurement.trades:,} trades"


RULES: tuple[Rule, ...] = (
    Rule(
        "Too good to be believed",
        _suspect,
        "Look where the named figure or feature comes from; name the honest features in `data.features`, or approve "
        "the run if it is right after all.",
        (),
    ),
    Rule(
        "Flat bars counted as down",
        _flat_as_down,
        "Set `label.ties` to Drop, or always saying down looks like skill.",
        ("label.ties",),
    ),
    Rule(
        "No better than the majority",
        _no_skill,
        "These features say nothing about this horizon: try another `label.horizonBars` or other `data.features`.",
        ("label.horizonBars",),
    ),
    Rule(
        "Under-fitted",
        _under_fitted,
        "It hardly tells up from down even on bars it learnt from: more telling `data.features` first, then a larger "
        "`model.hiddenSize`, more `model.layers`, a longer `model.lookbackBars` or less `model.dropout`.",
        ("model.hiddenSize", "model.layers", "model.lookbackBars", "model.dropout"),
    ),
    Rule(
        "Stopped by the number of epochs",
        _ran_out,
        "It was still getting better: raise `training.epochs`.",
        ("training.epochs",),
    ),
    Rule(
        "Over-fitted",
        _over_fitted,
        "It remembers its bars: more history in `data.uri`, more `model.dropout` or `training.weightDecay`, or a "
        "smaller `model.hiddenSize`.",
        ("model.dropout", "training.weightDecay", "model.hiddenSize"),
    ),
    Rule(
        "The market changed between validation and test",
        _drifted,
        "Train on newer data, or keep less of it back with `split.validationPercent` and `split.testPercent`, so that "
        "train reaches nearer to today.",
        ("split.validationPercent", "split.testPercent"),
    ),
    Rule(
        "Not calibrated",
        _never_calibrated,
        "Set `evaluation.calibration` to Platt.",
        ("evaluation.calibration",),
    ),
    Rule(
        "Not calibrated",
        _uncalibrated,
        "The calibration of the validation bars does not hold on the test bars: more of them with "
        "`split.validationPercent`, or newer data.",
        ("split.validationPercent",),
    ),
    Rule(
        "Too few test bars to be sure",
        _too_few_bars,
        "Give a longer file, or raise `split.testPercent`.",
        ("split.testPercent",),
    ),
    Rule(
        "These test bars were judged often",
        _tried_often,
        "The best of many tries passes by chance sooner or later: judge once more on newer bars in `data.uri` before "
        "you trust it.",
        (),
    ),
    Rule(
        "A rule without training does as well",
        _unfitted_rule,
        "Add `data.features` that know more than the last prices, or do without a model.",
        (),
    ),
    Rule(
        "Nothing is left after fees",
        _eaten_by_fees,
        "Trade only what is clear with a higher `evaluation.backtest.threshold`, or predict further with "
        "`label.horizonBars`, so that a move is larger than its fees.",
        ("evaluation.backtest.threshold", "evaluation.backtest.feeBps", "label.horizonBars"),
    ),
)
