"""`retrain observe`: look at the promoted models of a run of this machine, once or again and again."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TextIO

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, SoftwareError
from retrain_api.extras import require
from retrain_api.status.run import RetrainRunStatus
from retrain_api.time import Duration
from retrain_cli.display.document import add_json_argument, status_document
from retrain_cli.display.observed import observed_lines
from retrain_cli.display.plain import PlainDisplay
from retrain_cli.display.schedule.text import minute
from retrain_cli.display.summary import trained_models
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_cli.inputs.stop import Stop
from retrain_client.handle import RunHandle
from retrain_client.local.executor import PAUSE
from retrain_client.local.look import due, is_over, look, promoted_run
from retrain_client.local.run import LocalRun

EXIT_CODES = {"Unobserved": 1, "Decaying": 3, "NoNewBars": 4, "NotMeasurable": 4, "Suspended": 4}
"""Of the states that are not as they should be; of all others 0."""
STOPPED = 130
_AN_HOUR = Duration.parse("1h")
_BUSY_SECONDS = 60.0
"""How soon to try again where another command works on the run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain observe` takes."""
    parser.description = (
        "Looks at the promoted models of a run of this machine now, whenever the next look would be: judges the bars that closed "
        "since by the exact promoted bytes, and says how they do beside what they promised. On a cluster the operator looks by "
        "itself; there the command shows what it found last."
    )
    parser.epilog = (
        "exit codes: 0 nothing speaks for a fall (Observing, Holding, Held, BelowPromise, or a newer run's model stands), 1 the look "
        "failed, 2 invalid input, 3 Decaying, 4 nothing can be said (NoNewBars, NotMeasurable, Suspended), 130 stopped"
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--every",
        type=_often,
        metavar="DURATION",
        help="stay, and look every so often, such as 1d (at least 1h), until the observation is over; after Ctrl-C the same goes on",
    )
    add_json_argument(parser, "RunStatus")


def run(args: argparse.Namespace) -> int:
    """Look, and say what came of it. Raises what `named_run`, `promoted_run` and `look` raise."""
    if args.every is not None and args.json:
        raise ConfigurationError(reasons.BAD_OPTIONS, "--json prints one document; leave --every out.")
    found = named_run(args)
    if not isinstance(found, LocalRun):
        return _on_a_cluster(found, args.json)
    require("trainer")  # before anything starts: the task would fail for it
    promoted_run(found.folder)
    stop = Stop()
    if args.every is not None:
        return _follow(found, args.every, stop)
    status = _look(found, stop, sys.stderr if args.json else sys.stdout)
    if args.json and not stop.requested:
        print(status_document(found.namespace, found.name, status))
    return STOPPED if stop.requested else exit_code(status)


def exit_code(status: RetrainRunStatus) -> int:
    """What is said to whoever reads no text."""
    return EXIT_CODES.get(status.observation.state, 0) if status.observation else 0


def _look(found: LocalRun, stop: Stop, out: TextIO) -> RetrainRunStatus:
    """Look once, and print what was found."""
    known = found.folder.read_status()
    display = PlainDisplay(out, says_end=False, state=known.state, earlier=trained_models(known))
    status = look(found.folder, display, lambda: stop.requested, display.print)
    if stop.requested:
        display.print("Stopped; what was judged so far is kept. The same command goes on from there.")
    else:
        display.print("\n".join([f"{found.name}: {status.state}", *observed_lines(status.observation)]))
    return status


def _follow(found: LocalRun, every: Duration, stop: Stop) -> int:
    """Look every so often until the observation is over, or until stopped; a look that another command is in the way of waits."""
    status = found.folder.read_status()
    at = due(status, every, _now())
    if at > _now():
        print("\n".join([f"{found.name}: {status.state}", *observed_lines(status.observation), _next(at)]), flush=True)
    while _waited(at, stop):
        try:
            status = _look(found, stop, sys.stdout)
            at = due(status, every, _now())
        except SoftwareError as error:
            if error.reason != reasons.RUN_IS_LOCKED:
                raise
            print(error.message, flush=True)
            at = datetime.fromtimestamp(_now().timestamp() + _BUSY_SECONDS, UTC)
        if stop.requested:
            return STOPPED
        if is_over(status):
            return exit_code(status)
        print(_next(at), flush=True)
    print("Stopped. The same command goes on from there.", flush=True)
    return STOPPED


def _waited(until: datetime, stop: Stop) -> bool:
    """Wait by the wall clock, which goes on while a machine sleeps; whether that time has come, and nobody asked to stop."""
    while _now() < until and not stop.requested:
        time.sleep(PAUSE)
    return not stop.requested


def _next(at: datetime) -> str:
    return f"Next look: {minute(at.isoformat())} UTC"


def _on_a_cluster(found: RunHandle, as_json: bool) -> int:
    """What the operator found last, and that there is nothing to start."""
    observation = found.status.observation
    if as_json:
        print(status_document(found.namespace, found.name, found.status))
        return exit_code(found.status)
    print("\n".join([f"{found.name}: {found.status.state}", *observed_lines(observation)]))
    if observation is None:
        print("It is on a cluster, and not observed: set spec.observation, such as {every: 1d}.")
    elif observation.next_time is None:
        print("It is on a cluster, and the operator looks at it no more.")
    else:
        print(
            f"It is on a cluster: the operator looks by itself, next at {minute(observation.next_time)} UTC. After a look that failed, "
            f"`retrain retry {found.name}` looks at once."
        )
    return exit_code(found.status)


def _often(text: str) -> Duration:
    try:
        often = Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if often.nanoseconds < _AN_HOUR.nanoseconds:
        raise argparse.ArgumentTypeError(f"{text} is too often; an hour, 1h, is the least")
    return often


def _now() -> datetime:
    return datetime.now(UTC)
