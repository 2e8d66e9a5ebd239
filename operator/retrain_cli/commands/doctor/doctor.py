"""`retrain doctor`: find everything that would stop a run before it starts; one line per check."""

from __future__ import annotations

import argparse
import os
from collections.abc import Generator, Iterator, Mapping
from itertools import chain
from pathlib import Path

from retrain_api.errors import RetrainError
from retrain_api.names import SCHEDULE_KIND, backup_purpose
from retrain_api.run import RetrainRun
from retrain_cli.display.document import add_json_argument, document
from retrain_cli.inputs.locations import resolve_locations

from .access import Place, open_place, places, probe_access
from .data import data_bytes, one_market_findings, probe_news, probe_symbol
from .finding import Finding, check
from .git import probe_git
from .machine import probe_disk, probe_gpu

_FILE = "file"

HELP = "check data, store, credentials, GPU and disk before a run starts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain doctor` takes."""
    parser.add_argument(
        "-f",
        "--file",
        required=True,
        metavar="FILE",
        help="the RetrainRun or RetrainSchedule (YAML); - for standard input",
    )
    add_json_argument(parser, "Findings")


def run(args: argparse.Namespace) -> int:
    """Print the findings. Exit codes: 0 all is well, 1 a check failed, 2 the file is invalid."""
    kind, findings = _findings(args.file)
    found = []
    for finding in findings:
        found.append(finding)
        if not args.json:
            print(finding, flush=True)
    failed = sum(finding.ok is False for finding in found)
    if args.json:
        print(document("Findings", file=args.file, ok=not failed, findings=[finding.fields() for finding in found]))
    elif kind:
        print(_summary(kind, args.file, sum(finding.ok is not None for finding in found), failed))
    return 2 if not kind else 1 if failed else 0


def _findings(file: str) -> tuple[str, Iterator[Finding]]:
    """The kind that the file is of, or "" where it is invalid; and the findings of the file, and of all that it names."""
    from retrain_cli.inputs.run_file import load_run_or_schedule, run_of

    try:
        read = load_run_or_schedule(file)
        resource = resolve_locations(run_of(read), Path(file).parent)
    except RetrainError as error:
        return "", (Finding(_FILE, False, line) for line in error.message.splitlines())  # each names the file
    valid = Finding(f"{_FILE} {file}", True, f"a valid {read.kind} ({resource.metadata.name})")
    return read.kind, chain([valid], diagnose(resource, os.environ))


def diagnose(resource: RetrainRun, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Every check of a run whose locations are absolute, in order."""
    data, artifacts, backups = places(resource)
    usable = yield from _check_data(resource, data, environ)
    yield from _check_written(artifacts, environ)
    for symbol in usable if resource.spec.data.min_new_bars else ():
        yield check(
            f"data {symbol}",
            lambda symbol=symbol: probe_news(resource, data, artifacts, symbol, environ),  # type: ignore[misc]
            required=False,
        )
    for backup in backups:
        yield from _check_written(backup, environ)
    if git := resource.spec.report.git:
        yield check("report.git", lambda: probe_git(git, environ), required=False)
    phases = [name for name in ("train", "evaluate") if getattr(resource.spec, name).device == "GPU"]
    if phases:
        yield check("GPU", lambda: probe_gpu(phases))


def _check_data(
    resource: RetrainRun, data: Place, environ: Mapping[str, str]
) -> Generator[Finding, None, tuple[str, ...]]:
    """The findings; returns the symbols whose files can be used."""
    access = check("data", lambda: probe_access(data, environ))
    yield access
    if access.ok is not True:
        yield Finding("data", None, "the files themselves were not checked")
        return ()
    yield check("disk", lambda: probe_disk(data_bytes(resource, data, environ)))
    markets: dict[str, str] = {}
    for symbol in resource.spec.symbols:
        yield check(f"data {symbol}", lambda symbol=symbol: probe_symbol(resource, data, symbol, environ, markets))  # type: ignore[misc]
    yield from one_market_findings(markets)
    return tuple(markets)


def _check_written(place: Place, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The artifacts must honour conditional writes too; a backup only receives copies."""
    subject = (
        "artifacts" if place.purpose == "artifacts" else "backup " + place.purpose.removeprefix(backup_purpose(""))
    )
    access = check(subject, lambda: probe_access(place, environ), place.required)
    yield access
    if access.ok is not True:
        return
    from retrain_trainer.store.probe import probe_conditions, probe_written

    written = check(subject, lambda: probe_written(open_place(place, environ)), place.required)
    yield written
    if place.purpose == "artifacts" and written.ok:
        yield check(subject, lambda: probe_conditions(open_place(place, environ)))


def _summary(kind: str, file: str, total: int, failed: int) -> str:
    if failed:
        return f"{failed} of {total} checks failed."
    start = "the schedule: retrain schedule run" if kind == SCHEDULE_KIND else "the run: retrain run"
    return f"All {total} checks passed. To start {start} -f {file}"
