"""`retrain compare`: measured models of several runs side by side."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from retrain_api.documents import DataPin, FileRef, PublishItem
from retrain_api.errors import CredentialsError, NotFoundError
from retrain_api.status import RetrainRunStatus, SymbolStatus

from .gate_command import Recorded, parse, read
from .known_runs import KnownRun, add_run_arguments, find_run
from .report_command import read_report
from .side_by_side import Side, side_by_side


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain compare` takes."""
    parser.description = (
        "Sets the models of runs side by side, the first against each other one. Of a run on a cluster the status is "
        "compared; its results.json, if this machine can read it, has the test periods and intervals too."
    )
    add_run_arguments(parser, nargs="+")


def run(args: argparse.Namespace) -> int:
    """Print a table for each symbol; raises what `find_run` and the store raise."""
    print("\n".join(side_by_side(named([side(args, word) for word in args.run]))).rstrip())
    return 0


def named(sides: list[Side]) -> list[Side]:
    """Each with a name of its own."""
    names = [side.name for side in sides]
    return [
        Side(
            f"{each.name} ({place + 1})" if names.count(each.name) > 1 else each.name,
            each.spec,
            each.items,
            each.details,
        )
        for place, each in enumerate(sides)
    ]


def side(args: argparse.Namespace, word: str) -> Side:
    """A run by its name, or by its results.json or the URI of one."""
    if "://" in word or word.endswith(".json"):
        return of_results(parse(read(word, os.environ), word), os.environ)
    known = find_run(args, word)
    uri = known.status.report.results if known.status.report else None
    if known.spec is not None or uri is None:
        return of_status(known)
    try:
        return of_results(parse(read(uri, os.environ), uri), os.environ)
    except NotFoundError:
        return of_status(known)  # the figures are in it; architecture and test period went with the report


def of_results(recorded: Recorded, environ: Mapping[str, str]) -> Side:
    """With all that the evaluations wrote down, as far as they are still there."""
    return Side(recorded.name, recorded.spec, recorded.items, _details(recorded.items, environ))


def _details(items: Iterable[PublishItem], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    found = {}
    for item in items:
        if item.evaluation is None:
            continue
        try:
            found[item.symbol] = dict(json.loads(read_report(item.evaluation.uri, environ)))
        except (NotFoundError, CredentialsError, ValueError):
            continue  # the figures themselves are in results.json
    return found


def of_status(known: KnownRun) -> Side:
    """What the status alone says."""
    return Side(known.name, known.spec or {}, tuple(_items(known.status)))


def _items(status: RetrainRunStatus) -> Iterable[PublishItem]:
    return (_item(entry) for entry in status.symbols)


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
