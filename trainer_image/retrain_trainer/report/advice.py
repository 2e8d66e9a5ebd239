"""The part "Next steps": what the numbers point to, and the field of the spec that would change it.

A verdict alone leaves a reader with a dozen tables to search. Each rule here ties one cause to one change, worst cause first;
docs/report.md lists the same causes, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api.documents.tasks import PublishTask
from retrain_api.formatting import listed
from retrain_api.gate.judgement import Judgement

from . import causes
from .causes import MeasuredModel
from .text import code


@dataclass(frozen=True)
class Rule:
    """A cause, a function that returns how it shows in the numbers of one model (or None), and what to change."""

    cause: str
    shows: Callable[[MeasuredModel], str | None]
    steps: str
    fields: tuple[str, ...]


def next_steps(task: PublishTask, judgement: Judgement, evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each cause that shows in the numbers of any model; never empty."""
    known = [
        MeasuredModel(item, item.measurement, judgement.model(item.symbol), evaluations.get(item.symbol, {}), task.spec)
        for item in task.items
        if item.measurement is not None
    ]
    broken = [item.symbol for item in task.items if item.measurement is None]
    lines = [line for rule in RULES if (line := _line(rule, known))]
    if broken:
        lines.append(
            f"**Nothing to judge**: {listed(broken)}. Fix the cause named above, then use {code(f'retrain retry {task.run.name}')}."
        )
    if not lines and any(model.verdict != "Pass" for model in judgement.models):
        return ["No cause stands out in the numbers; the criteria above show by how much each model falls short."]
    return lines or ["Nothing to do: every model passes, and no number calls for a change."]


def _line(rule: Rule, known: Sequence[MeasuredModel]) -> str | None:
    found = [(model.item.symbol, shown) for model in known if (shown := rule.shows(model)) is not None]
    if not found:
        return None
    models = listed([f"{symbol} ({shown})" if shown else symbol for symbol, shown in found])
    values = {path: value for path in rule.fields if (value := known[0].field(path)) is not None}
    # The percentage beside a part's length in time is the default of the schema, and means nothing.
    now = [
        f"{code(path)} {_written(value)}"
        for path, value in values.items()
        if path.removesuffix("Percent") not in values.keys() - {path}
    ]
    current = f" Now: {', '.join(now)}." if now else ""
    return f"**{rule.cause}**: {models}. {rule.steps}{current}"


def _written(value: Any) -> str:
    """A value of the spec as a person writes it: 10 in place of 10.0, 0.00001 in place of 1e-05."""
    return f"{value:.10f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


RULES: tuple[Rule, ...] = (
    Rule(
        "It has learnt nothing",
        causes.nothing_learnt,
        "Whatever it reads on the test bars is luck, or the class that is more frequent. Try more informative "
        "`data.features`, another `label.horizonBars` or a lower `training.learningRate`.",
        ("label.horizonBars", "training.learningRate"),
    ),
    Rule(
        "It always says the same",
        causes.always_one_side,
        "Its probabilities stay on one side of 50 %, so whatever it reads is the class that is more frequent, and it trades one way "
        "only. Try more informative `data.features`, another `label.horizonBars` or `training.loss.positiveWeight` Auto.",
        ("label.horizonBars", "training.loss.positiveWeight"),
    ),
    Rule(
        "Too good to be true",
        causes.suspect,
        "Find out where the named figure or feature comes from. A column that knows later bars is mostly a longer bar joined before "
        "it closed, a centred mean, a shift the wrong way, or a label. List only the honest features in `data.features`, or "
        "approve the run if the figure is right after all. A model that also fails takes an override.",
        (),
    ),
    Rule(
        "The data was rewritten",
        causes.rewritten,
        "An earlier training was given other values for the same days. Ask the source of the candles what it corrected. A feature that "
        "changes while the candles stay is made with later bars, such as a centred mean or a scaling over the whole file: make it anew "
        "from past bars alone, or leave it out of `data.features`.",
        (),
    ),
    Rule(
        "Flat bars counted as down",
        causes.flat_as_down,
        "Set `label.ties` to Drop; otherwise always predicting down looks like skill.",
        ("label.ties",),
    ),
    Rule(
        "No better than the majority",
        causes.no_skill,
        "These features say nothing about this horizon: try another `label.horizonBars` or other `data.features`.",
        ("label.horizonBars",),
    ),
    Rule(
        "Under-fitted",
        causes.under_fitted,
        "It hardly tells up from down even on the bars it learnt from. Try more informative `data.features` first, then a "
        "larger `model.hiddenSize`, more `model.layers`, a longer `model.lookbackBars` or less `model.dropout`.",
        ("model.hiddenSize", "model.layers", "model.lookbackBars", "model.dropout"),
    ),
    Rule(
        "Stopped by the epoch limit",
        causes.ran_out,
        "The last epoch was the best, so more may be better still: raise `training.epochs`.",
        ("training.epochs",),
    ),
    Rule(
        "Over-fitted",
        causes.over_fitted,
        "It remembers its training bars. Use more history in `data.uri` (a longer `data.window`), more `model.dropout` or "
        "`training.weightDecay`, or a smaller `model.hiddenSize`.",
        ("data.window", "model.dropout", "training.weightDecay", "model.hiddenSize"),
    ),
    Rule(
        "The market changed between validation and test",
        causes.drifted,
        "Train on newer data, or hold back less of it with `split.validation` and `split.test` (or their percentages), so "
        "that the train part ends closer to today.",
        ("split.validation", "split.validationPercent", "split.test", "split.testPercent"),
    ),
    Rule(
        "The learning is old",
        causes.old_learning,
        "Let the train part end closer to the last bar: `split.validation` and `split.test` hold back a length of time, such as 14d, in "
        "place of a share of all bars, and a shorter `data.window` makes every part shorter.",
        ("data.window", "split.validation", "split.validationPercent", "split.test", "split.testPercent"),
    ),
    Rule(
        "Not calibrated",
        causes.never_calibrated,
        "Set `evaluation.calibration` to Platt.",
        ("evaluation.calibration",),
    ),
    Rule(
        "Not calibrated",
        causes.uncalibrated,
        "The calibration fitted on the validation bars does not hold on the test bars. Use more validation bars "
        "(`split.validation` or `split.validationPercent`) or newer data.",
        ("split.validation", "split.validationPercent"),
    ),
    Rule(
        "Too few test bars to be sure",
        causes.too_few_bars,
        "Use a longer file, or raise `split.test` or `split.testPercent`.",
        ("split.test", "split.testPercent"),
    ),
    Rule(
        "These test bars were used often",
        causes.tried_often,
        "Sooner or later the best of many tries passes by chance. Judge it once more on newer bars in `data.uri` before "
        "you trust it.",
        (),
    ),
    Rule(
        "A rule without training does about as well",
        causes.unfitted_rule,
        "Add `data.features` that hold more than the last prices, or use the rule instead of a model.",
        (),
    ),
    Rule(
        "No gain is left after fees",
        causes.eaten_by_fees,
        "Trade only on clear signals with a higher `evaluation.backtest.threshold`, or predict further ahead with "
        "`label.horizonBars`, so that a move is larger than its fees.",
        ("evaluation.backtest.threshold", "evaluation.backtest.feeBps", "label.horizonBars"),
    ),
)
