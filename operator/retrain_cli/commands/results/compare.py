"""`retrain compare`: the measured models of several runs in one table."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.tasks import PublishItem
from retrain_api.errors import CredentialsError, DataError, NotFoundError
from retrain_api.status.symbol import SymbolStatus
from retrain_cli.display.comparisons.document import comparison_document
from retrain_cli.display.comparisons.table import ComparedRun, comparison
from retrain_cli.display.document import add_json_argument
from retrain_cli.inputs.results_place import FoundResults, find_results
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import RunHandle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain compare` takes."""
    parser.description = (
        "Shows the models of several runs in one table, and compares the first with each of the others. For a run on a "
        "cluster the figures come from its status, and from its results.json too if this machine can read it: that adds "
        "test periods and intervals. RUN may also be a results.json, or the URI of one."
    )
    add_run_arguments(parser, nargs="+")
    add_json_argument(parser, "Comparison")


def run(args: argparse.Namespace) -> int:
    """Print a table for each symbol; raises what `named_run` and the store raise."""
    runs = distinctly_named([compared(args, text) for text in args.run])
    print(comparison_document(runs) if args.json else "\n".join(comparison(runs)).rstrip())
    return 0


def distinctly_named(runs: list[ComparedRun]) -> list[ComparedRun]:
    """The same runs; those that share a name are numbered by their position."""
    names = [each.name for each in runs]
    return [
        replace(each, name=f"{each.name} ({position})") if names.count(each.name) > 1 else each
        for position, each in enumerate(runs, start=1)
    ]


def compared(args: argparse.Namespace, text: str) -> ComparedRun:
    """The run that an argument stands for: the name of a run, or a results.json or its URI."""
    if "://" in text or text.endswith(".json"):
        return from_results(find_results(args, text, os.environ))
    found = named_run(args, text)
    uri = found.status.report.results if found.status.report else None
    if found.spec is not None or uri is None:
        return from_status(found)
    try:
        return from_results(find_results(args, uri, os.environ))
    except NotFoundError:
        return from_status(found)  # it has the figures; architecture and test period are lost with the report


def from_results(found: FoundResults) -> ComparedRun:
    """With everything that the evaluations recorded, as far as their files still exist."""
    recorded = found.recorded
    evaluations = _evaluations(found, recorded.items)
    return ComparedRun(recorded.name, recorded.spec, recorded.items, evaluations, _predictions(found, evaluations))


def _evaluations(found: FoundResults, items: Iterable[PublishItem]) -> dict[str, dict[str, Any]]:
    known = {}
    for item in items:
        if item.evaluation is None:
            continue
        try:
            known[item.symbol] = dict(json.loads(found.read(item.evaluation.uri)))
        except (NotFoundError, CredentialsError, ValueError):
            continue  # the figures themselves are in results.json
    return known


def _predictions(found: FoundResults, evaluations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    from retrain_trainer.measure.predictions.prediction_file import decode

    known = {}
    for symbol, document in evaluations.items():
        uri = (document.get("predictions") or {}).get("uri")
        if uri is None:
            continue  # measured by a release that kept none
        try:
            known[symbol] = decode(found.read(uri), uri)
        except (NotFoundError, CredentialsError, DataError):
            continue
    return known


def from_status(found: RunHandle) -> ComparedRun:
    """With what the status alone holds."""
    return ComparedRun(found.name, found.spec or {}, tuple(map(_item, found.status.symbols)))


def _item(entry: SymbolStatus) -> PublishItem:
    result = entry.result
    model, data = (result.model, result.data) if result else (None, None)
    return PublishItem(
        symbol=entry.symbol,
        verdict=entry.verdict or entry.state,
        model=FileRef(uri=model.uri, sha256=model.sha256) if model else None,
        data=DataPin(uri="", **data.model_dump()) if data else None,
        measurement=result.metrics if result else None,
    )
