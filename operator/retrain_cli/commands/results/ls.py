"""`retrain ls`: the runs that there are, a line each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from retrain_api.formatting import age
from retrain_cli.display.document import add_json_argument, document
from retrain_cli.display.table import align
from retrain_cli.inputs.run_arguments import add_place_arguments
from retrain_client.find import find_runs
from retrain_client.handle import RunHandle

COLUMNS = ("NAMESPACE", "NAME", "STATE", "TRAINED", "GATE", "PROMOTED", "OBSERVED", "ENDED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain ls` takes."""
    parser.description = (
        "The runs of this machine, of one namespace or of all; with --context or --kubeconfig those of a namespace of a "
        "cluster."
    )
    add_place_arguments(parser)
    add_json_argument(parser, "RunList")


def run(args: argparse.Namespace) -> int:
    """Print them. Raises what `find_runs` raises."""
    runs = find_runs(args.state_dir, args.namespace, args.context, args.kubeconfig)
    print(as_json(runs) if args.json else "\n".join(as_table(runs, datetime.now(UTC))))
    return 0


def row(run: RunHandle) -> dict[str, Any]:
    """What is told of a run; `ended` is a time (RFC 3339)."""
    status = run.status
    cells = (
        status.state,
        status.trained,
        status.gate_summary,
        status.promoted,
        status.observed,
        status.completion_time,
    )
    return dict(zip(map(str.lower, COLUMNS), (run.namespace, run.name, *cells), strict=True))


def as_json(runs: Sequence[RunHandle]) -> str:
    """A document for programs: an object for each run, with the columns as keys."""
    return document("RunList", runs=[row(each) for each in runs])


def as_table(runs: Sequence[RunHandle], now: datetime) -> list[str]:
    """Lines for a person."""
    if not runs:
        return ["There is no run here yet: `retrain run -f FILE` starts one; --context looks on a cluster."]
    rows = [row(each) for each in runs]
    for each in rows:
        if each["ended"]:
            each["ended"] = f"{age((now - datetime.fromisoformat(each['ended'])).total_seconds())} ago"
    return [
        line.removeprefix("  ") for line in align([COLUMNS, *(tuple(v or "" for v in each.values()) for each in rows)])
    ]
