"""`retrain gate replay`: judge stored measurements again, by the same gate or another, without GPU, data or models."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.formatting import headline
from retrain_api.gate.judgement import Judgement
from retrain_api.gate.older_rules import older_note
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import CRITERIA, LOWER_IS_BETTER
from retrain_api.schema.messages import sentences
from retrain_api.spec.bounds import bar_answer, percent_sign_answer
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.wire import to_wire
from retrain_cli.inputs.results_file import RecordedRun, load_results

EXIT_CODES = {"Pass": 0, "Fail": 3, "Error": 3, "Suspect": 4, "Inconclusive": 3}
"""As `retrain run` exits: 3 where the gate rejects, 4 where a person must look."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain gate` takes."""
    commands = parser.add_subparsers(dest="gate_command", required=True, metavar="COMMAND")
    replay = commands.add_parser("replay", help="judge stored measurements again, by the same gate or another")
    replay.add_argument("results", metavar="RESULTS", help="a results.json or its URI; the file is beside the report")
    replay.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="METRIC=VALUE",
        help="set another bar, such as accuracy=0.7; may be repeated",
    )
    replay.add_argument("--min-passed", type=int, metavar="N", help="models that must pass")
    replay.add_argument(
        "--confidence",
        type=int,
        choices=[90, 95, 99],
        help="require the near bound of this confidence interval to clear the bar too",
    )
    replay.add_argument(
        "--max-luck",
        type=int,
        metavar="PERCENT",
        help="require that luck explains the accuracy with no more than that, counting all models tried on the test bars",
    )
    replay.add_argument("-o", "--output", choices=["text", "json"], default="text")


def run(args: argparse.Namespace) -> int:
    """Print the verdict; exit code 1 where the same gate gives another verdict than the recorded one.

    Raises ConfigurationError for an invalid bar, NotFoundError and DataError for a missing or invalid file, and what the
    store raises.
    """
    recorded = load_results(args.results, os.environ)
    asked = {"minPassed": args.min_passed, "confidencePercent": args.confidence, "maxLuckPercent": args.max_luck}
    gate = with_bars(recorded.spec.get("gate", {}), args.set, asked)
    judgement = judge_again(recorded, gate)
    if args.output == "json":
        print(json.dumps(to_wire(judgement), indent=2))
    else:
        print("\n".join(lines(recorded, judgement)))
    if judgement != recorded.judgement and gate == recorded.spec.get("gate", {}):
        print(
            "This is not the recorded verdict: the file was changed, or the rules were.",
            file=sys.stderr,
        )
        return 1
    return EXIT_CODES[judgement.verdict]


def with_bars(gate: Mapping[str, Any], bars: Sequence[str], asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The gate of a spec with some of its bars, and what else is `asked` (None: as it is), replaced.

    Raises ConfigurationError("BadBar").
    """
    criteria = {criterion["metric"]: dict(criterion) for criterion in gate.get("criteria", ())}
    given: set[str] = set()
    for bar in bars:
        metric, value = parse_bar(bar)
        if metric in given:
            raise ConfigurationError(reasons.BAD_BAR, f"--set {bar}: {metric} is given twice.")
        given.add(metric)
        bound = "atMost" if metric in LOWER_IS_BETTER else "atLeast"
        criteria[metric] = {"metric": metric, bound: value}
    new: dict[str, Any] = {"criteria": list(criteria.values())} if bars else {}
    new |= {name: value for name, value in asked.items() if value is not None}
    return {**gate, **new}


def parse_bar(bar: str) -> tuple[str, float]:
    """Metric and value of METRIC=VALUE, as in a spec. Raises ConfigurationError("BadBar")."""
    metric, _, value = bar.partition("=")
    if metric not in CRITERIA:
        raise ConfigurationError(
            reasons.BAD_BAR, f"--set {bar}: there is no metric {metric}; write one of {', '.join(CRITERIA)}."
        )
    if answer := percent_sign_answer(metric, value):
        raise ConfigurationError(reasons.BAD_BAR, f"--set {bar}: {answer}.")
    try:
        number = float(value)
    except ValueError:
        raise ConfigurationError(reasons.BAD_BAR, f"--set {bar}: write METRIC=VALUE, such as accuracy=0.7.") from None
    if answer := bar_answer(metric, number):
        raise ConfigurationError(reasons.BAD_BAR, f"--set {bar}: {answer}.")
    return metric, number


def judge_again(recorded: RecordedRun, gate: Mapping[str, Any]) -> Judgement:
    """The judgement by that gate. Raises ConfigurationError("BadBar") for a gate that no run could have."""
    try:
        spec = RetrainRunSpec.model_validate({**recorded.spec, "gate": gate})
    except ValidationError as error:
        raise ConfigurationError(reasons.BAD_BAR, f"{sentences(error, 'spec')[0]}.") from None
    candidates = [
        Candidate(item.symbol, item.measurement, recorded_error(recorded.judgement, item.symbol))
        for item in recorded.items
    ]
    return judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement)


def recorded_error(judgement: Judgement, symbol: str) -> str:
    """Why a symbol has no measurement, as recorded."""
    reasons = next((model.bare_reasons() for model in judgement.models if model.symbol == symbol), ())
    return reasons[0] if reasons else "it was not measured"


def lines(recorded: RecordedRun, judgement: Judgement) -> list[str]:
    """The judgement as text, and how it differs from the recorded one."""
    text = [f"{recorded.name}: {headline_of(judgement)}"]
    for model in judgement.models:
        text += [f"  {model.symbol}: {model.verdict}", *(f"      {reason}" for reason in model.bare_reasons())]
    older = older_note({item.symbol: item.measurement for item in recorded.items})
    text += [f"{older}."] if older else []
    if judgement == recorded.judgement:
        return [*text, f"The same as recorded at {recorded.written_at}."]
    return [*text, f"Recorded at {recorded.written_at}: {headline_of(recorded.judgement)}"]


def headline_of(judgement: Judgement) -> str:
    """The verdict on a run in one line."""
    return f"{judgement.verdict}, {judgement.outcome}. {headline(judgement.summary)}."
