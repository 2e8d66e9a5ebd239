"""`retrain backfill`: a backtest of the retraining itself. Past slots of a schedule are replayed, and their models scored on what came."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from retrain_api import reasons
from retrain_api.cron import Cron
from retrain_api.documents.results import ScoreResult
from retrain_api.errors import ConfigurationError
from retrain_api.extras import require
from retrain_api.names import ANNOTATION_RETRY, folder
from retrain_api.schedule import RetrainSchedule
from retrain_cli.display.backfill.progress import BackfillProgress, Cost, is_done, open_progress
from retrain_cli.display.backfill.table import backfill_document, print_backfill
from retrain_cli.display.document import add_json_argument
from retrain_cli.inputs.locations import resolve_template
from retrain_cli.inputs.output_file import require_ending, require_new, write_text
from retrain_cli.inputs.run_file import load_schedule
from retrain_cli.inputs.stop import Stop
from retrain_client.handle import new_token
from retrain_client.local.executor import machine_cores
from retrain_client.local.folder import make_folder
from retrain_client.local.schedules.backfill import Backfill, SlotRun, backfill_of
from retrain_client.local.schedules.child import Child, open_child
from retrain_client.local.schedules.turns import work_in_turns
from retrain_client.local.state import RunFolder, RunLock, take_lock
from retrain_client.local.tasks import run_task

from .facts import facts_of

DONE, SOME_FAILED, NOTHING_PASSED, STOPPED = 0, 1, 3, 130

PAGE = "backfill.html"

MOST_AT_ONCE = 8
"""By default: each training has torch and its features in memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain backfill` takes."""
    parser.description = (
        "Replays the past slots of a RetrainSchedule on this machine: at each slot a model is trained on what was known then, and judged; "
        "what passes takes over. Then each model is scored on the bars that closed after its slot, beside the first one kept and buy and "
        "hold. Nothing is promoted. If it is stopped or killed, the same command goes on; slots that are done cost nothing."
    )
    parser.epilog = "exit codes: 0 done, 1 a slot failed or the scoring did, 2 invalid input, 3 done and no model passed at any slot, 130 stopped"
    parser.add_argument(
        "-f", "--file", required=True, metavar="FILE", help="YAML file of the schedule; - for standard input"
    )
    zone = "a day in the schedule's time zone, or a time such as 2026-01-10T03:00:00Z"
    parser.add_argument("--from", dest="begin", required=True, metavar="DATE", help=f"the first slots: {zone}")
    parser.add_argument("--to", dest="end", required=True, metavar="DATE", help="the last, the whole day included")
    parser.add_argument(
        "--parallel",
        type=int,
        metavar="N",
        help="slots at the same time; by default one a core up to 8, and one where a GPU trains",
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(".retrain"),
        metavar="DIR",
        help="where to keep status and logs (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the page to this .html file as well")
    parser.add_argument("--force", action="store_true", help="overwrite the file that -o names")
    add_json_argument(parser, "Backfill")


def run(args: argparse.Namespace) -> int:
    """Replay, score, and say whether retraining paid. Raises ConfigurationError for what is wrong in file or options."""
    if args.output is not None:
        require_ending(args.output, "a page is", ".html", ".htm")
        require_new(args.output, args.force)
    if args.parallel is not None and args.parallel < 1:
        raise ConfigurationError(reasons.BAD_OPTIONS, f"--parallel {args.parallel}: give 1 or more.")
    schedule = _load(args.file)
    backfill = _backfill(schedule, args)
    require("trainer")  # before anything starts: each task would fail for it
    out = sys.stderr if args.json else sys.stdout
    make_folder(backfill.place)
    lock = take_lock(RunFolder(backfill.place), lambda text: print(text, file=out, flush=True))
    try:
        return _carry_out(backfill, args, out, lock)
    finally:
        lock.release()


def _carry_out(backfill: Backfill, args: argparse.Namespace, out: TextIO, lock: RunLock) -> int:
    stop, runs = Stop(), backfill.runs()
    parallel = _parallel(backfill, args.parallel)
    cost = Cost.of(backfill.spec, runs, parallel)
    print("\n".join(cost.lines()), file=out, flush=True)
    with open_progress(cost, out) as progress:
        _replay(backfill, runs, parallel, stop, progress)
        if not stop.requested:
            scored = _score(backfill, stop, progress, lock)
    if stop.requested or scored is None:
        print("Stopped; everything done so far is kept. The same command goes on from there.", file=out)
        return STOPPED
    return _tell(backfill, scored, args, out)


def _replay(
    backfill: Backfill, runs: tuple[SlotRun, ...], parallel: int, stop: Stop, progress: BackfillProgress
) -> None:
    """Every slot once more: one that is done rests at once, and what failed is tried again."""
    cores = max(1, machine_cores() // parallel)

    def opening(run: SlotRun) -> Child:
        if run.uid and (run.status.state == "Failed" or any(one.state == "Failed" for one in run.status.symbols)):
            backfill.folder(run.slot).write_answer(ANNOTATION_RETRY, new_token())
        manifest = backfill.manifest(run.slot)
        return open_child(manifest, backfill.state_dir, progress, lambda: stop.requested, progress.say, cores)

    # Those that are done first, so that what is left to do is known.
    openings = [partial(opening, run) for run in sorted(runs, key=lambda run: not is_done(run.status))]
    work_in_turns(openings, parallel, lambda: stop.requested, progress)


def _score(backfill: Backfill, stop: Stop, progress: BackfillProgress, lock: RunLock) -> list[ScoreResult] | None:
    """What the models did on later bars, by a task of the trainer: an index for each symbol. None where it was stopped."""
    task = backfill.score_task(backfill.runs())
    progress.scoring(len(task.items))
    found = run_task(task, "score", len(task.items), backfill.place, progress.log, lambda: stop.requested, lock.workers)
    return None if found is None else [one for one in found if isinstance(one, ScoreResult)]


def _tell(backfill: Backfill, scored: list[ScoreResult], args: argparse.Namespace, out: TextIO) -> int:
    """The page, the table, the sentence; the exit code."""
    from retrain_trainer.report.backfill.page import page

    runs = backfill.runs()
    facts = facts_of(backfill, runs, _files(backfill, scored), datetime.now(UTC))
    text = page(facts)
    place = backfill.place / PAGE
    write_text(place, text, force=True)
    if args.output is not None:
        write_text(args.output, text, args.force)
    print_backfill(facts, out)
    for run in runs:
        if run.status.state == "Failed":
            print(f"{run.name} failed: {run.status.message}", file=out)
    print(f"Page: {args.output or place}", file=out)
    if args.json:
        print(backfill_document(facts))
    if any(run.status.state == "Failed" for run in runs):
        return SOME_FAILED
    return DONE if any(row.promoted for one in facts.figures for row in one.rows) else NOTHING_PASSED


def _files(backfill: Backfill, scored: list[ScoreResult]) -> list[Any]:
    """The answers that the tasks have written."""
    from retrain_trainer.measure.later.scores import decode
    from retrain_trainer.store.locate import open_artifacts

    _, locate = open_artifacts(folder(backfill.spec.artifacts.uri), os.environ)
    found = []
    for one in scored:
        source = locate(one.scores.uri)
        found.append(decode(source.store.read(source.key).data, one.scores.uri))
    return found


def _load(path: str) -> RetrainSchedule:
    place = Path.cwd() if path == "-" else Path(path).resolve().parent
    return resolve_template(load_schedule(path), place)


def _backfill(schedule: RetrainSchedule, args: argparse.Namespace) -> Backfill:
    zone = Cron.parse(schedule.spec.schedule, schedule.spec.time_zone).zone
    begin, end = moment(args.begin, "--from", zone), moment(args.end, "--to", zone, whole_day=True)
    if begin > end:
        raise ConfigurationError(reasons.BAD_OPTIONS, f"--from {args.begin} is later than --to {args.end}.")
    return backfill_of(schedule, begin, end, args.state_dir, datetime.now(UTC).replace(microsecond=0))


def moment(text: str, option: str, zone: ZoneInfo, whole_day: bool = False) -> datetime:
    """A time as it was given: a day begins at midnight of the zone, or ends there. Raises ConfigurationError("BadOptions")."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"{option} {text}: write a day such as 2026-01-10, or a time such as 2026-01-10T03:00:00Z.",
        ) from None
    local = found if found.tzinfo else found.replace(tzinfo=zone)
    only_day = len(text) <= len("2026-01-10")
    return local + timedelta(days=1, seconds=-1) if whole_day and only_day else local


def _parallel(backfill: Backfill, asked: int | None) -> int:
    """Slots at a time: they share the cores, and a GPU takes one after the other."""
    most = 1 if backfill.spec.train.device == "GPU" else min(machine_cores(), MOST_AT_ONCE)
    return min(asked or most, len(backfill.slots))
