"""`retrain gate replay`: the verdict once more from stored measurements; without a GPU, data or models."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from retrain_api.documents import PublishItem
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.gate import Candidate, Judgement, judge
from retrain_api.schema import to_wire
from retrain_api.spec import RetrainRunSpec
from retrain_api.spec_gate import LOWER_IS_BETTER
from retrain_api.wording import headline

from .report_command import read_report

EXIT_CODES = {"Pass": 0, "Fail": 3, "Error": 3, "Suspect": 4, "Inconclusive": 3}
"""As `retrain run` ends: 3 for a gate that rejects, 4 for what a person must look at."""


@dataclass(frozen=True)
class Recorded:
    """What a results.json says."""

    name: str
    written_at: str
    spec: Mapping[str, Any]
    items: tuple[PublishItem, ...]
    judgement: Judgement


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain gate` takes."""
    commands = parser.add_subparsers(dest="gate_command", required=True, metavar="COMMAND")
    replay = commands.add_parser("replay", help="judge stored measurements again, by the same gate or by another")
    replay.add_argument("results", metavar="RESULTS", help="a results.json, or its URI; it lies beside the report")
    replay.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="METRIC=VALUE",
        help="another bar, such as accuracy=0.7; may be repeated",
    )
    replay.add_argument("--min-passed", type=int, metavar="N", help="models that must pass")
    replay.add_argument(
        "--confidence", type=int, choices=[90, 95, 99], help="the near bound of this interval must clear the bar too"
    )
    replay.add_argument("-o", "--output", choices=["text", "json"], default="text")


def run(args: argparse.Namespace) -> int:
    """Print the verdict; 1 where the same gate gives another verdict than the recorded one.

    Raises ConfigurationError for a bar that is none, NotFoundError and DataError for a file that is none, and what the
    store raises.
    """
    recorded = parse(read(args.results, os.environ), args.results)
    gate = changed(recorded.spec.get("gate", {}), args.set, args.min_passed, args.confidence)
    found = again(recorded, gate)
    same = found == recorded.judgement
    if args.output == "json":
        print(json.dumps(to_wire(found), indent=2))
    else:
        print("\n".join(lines(recorded, found)))
    if not same and gate == recorded.spec.get("gate", {}):
        print(
            "This is not the verdict that was recorded: the file was changed, or judged by other rules.",
            file=sys.stderr,
        )
        return 1
    return EXIT_CODES[found.verdict]


def read(place: str, environ: Mapping[str, str]) -> str:
    """The text of a file or of an object in a store."""
    if "://" in place:
        return read_report(place, environ)
    try:
        return Path(place).read_text("utf-8", "replace")
    except OSError as error:
        raise NotFoundError("ResultsNotFound", f"{place} cannot be read: {error.strerror}.") from None


def parse(text: str, place: str) -> Recorded:
    """What the file says. Raises DataError("BadResults")."""
    try:
        found = json.loads(text)
        return Recorded(
            name=str(found["run"]["name"]),
            written_at=str(found["writtenAt"]),
            spec=dict(found["spec"]),
            items=tuple(PublishItem.model_validate(item) for item in found["items"]),
            judgement=Judgement.model_validate(found["judgement"]),
        )
    except (ValueError, KeyError, TypeError):
        raise DataError(
            "BadResults", f"{place} is no results.json of a run; it lies beside the report, in the store's reports/."
        ) from None


def changed(
    gate: Mapping[str, Any], bars: Sequence[str], min_passed: int | None, confidence: int | None
) -> Mapping[str, Any]:
    """The gate of a spec with other bars. Raises ConfigurationError("BadBar")."""
    criteria = {criterion["metric"]: dict(criterion) for criterion in gate.get("criteria", ())}
    for bar in bars:
        metric, value = bar_of(bar)
        bound = "atMost" if metric in LOWER_IS_BETTER else "atLeast"
        criteria[metric] = {"metric": metric, bound: value}
    new: dict[str, Any] = {"criteria": list(criteria.values())} if bars else {}
    new |= {} if min_passed is None else {"minPassed": min_passed}
    new |= {} if confidence is None else {"confidencePercent": confidence}
    return {**gate, **new}


def bar_of(bar: str) -> tuple[str, float]:
    """Metric and value of METRIC=VALUE; a value may be in percent."""
    metric, _, value = bar.partition("=")
    try:
        number = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise ConfigurationError("BadBar", f"--set {bar}: write METRIC=VALUE, such as accuracy=0.7.") from None
    return metric, number


def again(recorded: Recorded, gate: Mapping[str, Any]) -> Judgement:
    """The verdict by that gate. Raises ConfigurationError("BadBar") for a gate that no run could have."""
    try:
        spec = RetrainRunSpec.model_validate({**recorded.spec, "gate": gate})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError("BadBar", f"spec.{where}: {first['msg']}.") from None
    candidates = [
        Candidate(item.symbol, item.measurement, broken(recorded.judgement, item.symbol)) for item in recorded.items
    ]
    return judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement)


def broken(judgement: Judgement, symbol: str) -> str:
    """Why a symbol has no measurement, as it was recorded."""
    reasons = next((model.bare_reasons() for model in judgement.models if model.symbol == symbol), ())
    return reasons[0] if reasons else "it was not measured"


def lines(recorded: Recorded, found: Judgement) -> list[str]:
    """The verdict for a person."""
    said = [f"{recorded.name}: {in_short(found)}"]
    for model in found.models:
        said += [f"  {model.symbol}: {model.verdict}", *(f"      {reason}" for reason in model.bare_reasons())]
    if found == recorded.judgement:
        return [*said, f"The same as recorded at {recorded.written_at}."]
    return [*said, f"Recorded at {recorded.written_at}: {in_short(recorded.judgement)}"]


def in_short(judgement: Judgement) -> str:
    """The verdict on a run in one line."""
    return f"{judgement.verdict}, {judgement.outcome}. {headline(judgement.summary)}."
