"""How commands are told which run is meant: its name, and where to look for it."""

from __future__ import annotations

import argparse
from pathlib import Path

from retrain_client.find import find_run, find_schedule
from retrain_client.handle import RunHandle, ScheduleHandle
from retrain_client.local.run import DEFAULT_STATE_DIR


def add_run_arguments(parser: argparse.ArgumentParser, metavar: str = "RUN", nargs: str | None = None) -> None:
    """The name of a run, its namespace, and the places that may have it."""
    parser.add_argument("run", nargs=nargs, metavar=metavar, help="name of the run (metadata.name)")
    add_place_arguments(parser)


def add_schedule_arguments(parser: argparse.ArgumentParser) -> None:
    """The name of a schedule, its namespace, and the places that may have it."""
    parser.add_argument("schedule", metavar="SCHEDULE", help="name of the schedule (metadata.name)")
    add_place_arguments(parser, "schedule", "retrain schedule run")


def add_place_arguments(parser: argparse.ArgumentParser, what: str = "run", command: str = "retrain run") -> None:
    """A namespace, and the places that may have runs, or schedules, of it."""
    parser.add_argument(
        "-n", "--namespace", help=f"namespace of the {what} (default: default; on a cluster, that of the context)"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=DEFAULT_STATE_DIR,
        metavar="DIR",
        help=f"where `{command}` keeps its state (default: %(default)s); a {what} not found there is looked up on the cluster",
    )
    parser.add_argument("--context", help=f"context of the kubeconfig; look for the {what} on that cluster only")
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help=f"another kubeconfig; look for the {what} on its cluster only"
    )


def named_run(args: argparse.Namespace, name: str | None = None) -> RunHandle:
    """The run that the arguments, or `name` in their place, stand for. Raises what `retrain_client.find.find_run` raises."""
    return find_run(name or args.run, args.state_dir, args.namespace, args.context, args.kubeconfig)


def named_schedule(args: argparse.Namespace) -> ScheduleHandle:
    """The schedule that the arguments stand for. Raises what `retrain_client.find.find_schedule` raises."""
    return find_schedule(args.schedule, args.state_dir, args.namespace, args.context, args.kubeconfig)
