"""`retrain report`: the report of a run of this machine or a cluster, on the terminal, in a file or in the browser."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.status.run import ReportStatus, RetrainRunStatus
from retrain_cli.display.browser import new_page, open_page
from retrain_cli.display.document import add_json_argument, document
from retrain_cli.inputs.output_file import require_ending, require_new, write_text
from retrain_cli.inputs.results_file import read_stored
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import RunHandle

from .trades import with_trades

HELP = "print, write or open the report of a run"
FORMATS = ("markdown", "html")
_PAGE = (".html", ".htm")
ENDINGS = (".md", ".markdown", *_PAGE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain report` takes."""
    add_run_arguments(parser)
    parser.add_argument(
        "--format", choices=FORMATS, help="format of the report (default: by the ending of FILE, else markdown)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report to FILE")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    parser.add_argument("--open", action="store_true", help="open the HTML report in the browser")
    add_json_argument(parser, "Report")


def run(args: argparse.Namespace) -> int:
    """Print, write or open the report; exit code 1 and the state of the run on stderr where there is no report yet.

    A report in a store is read with this machine's credentials. Raises NotFoundError where there is no such run or its
    report is gone, ConfigurationError for options that contradict each other, and what the store raises.
    """
    chosen = _format(args)
    if args.output is not None:
        require_ending(args.output, "a report is", *ENDINGS)
    found = named_run(args)
    status = found.status
    if status.report is None or status.report.markdown is None:
        print(no_report(args.run, status), file=sys.stderr)
        return 1
    if args.json:
        print(as_document(found, status.report, os.environ))
        return 0
    uri = status.report.markdown if chosen == "markdown" else require_page(args.run, status.report)
    if args.open:
        print(f"Opened {show(uri, os.environ)}")
        return 0
    text = read_stored(uri, os.environ)
    if args.output is None:
        sys.stdout.write(text)
    else:
        print(f"Wrote {_write(text, uri, args.output, args.force)}")
    return 0


def _write(text: str, uri: str, place: Path, force: bool) -> str:
    """Write a report with its trades; say what was written. Raises as `write_text` does, before anything is written."""
    whole, trades = with_trades(text, uri, place, os.environ)
    for file in (*trades, place):
        require_new(file, force)
    for file, content in {**trades, place: whole}.items():
        write_text(file, content, force)
    return ", and beside it ".join([str(place), *(file.name for file in trades)])


def as_document(run: RunHandle, report: ReportStatus, environ: Mapping[str, str]) -> str:
    """Where the report is, and the results.json beside it. Raises DataError("BadResults"), and what `read_stored` raises."""
    text = read_stored(str(report.results), environ)
    try:
        results = json.loads(text)
    except ValueError:
        raise DataError(
            reasons.BAD_RESULTS, f"{report.results} is not JSON; `retrain report` prints the report."
        ) from None
    return document(
        "Report",
        namespace=run.namespace,
        name=run.name,
        state=run.status.state,
        number=report.number,
        markdown=report.markdown,
        html=report.html,
        results=results,
    )


def _format(args: argparse.Namespace) -> str:
    if args.json and (args.open or args.format or args.output):
        raise ConfigurationError(
            reasons.BAD_OPTIONS, "--json prints a document; leave out --open, --output and --format."
        )
    if not args.open:
        return args.format or ("html" if args.output and args.output.suffix.lower() in _PAGE else "markdown")
    if args.format == "markdown" or args.output is not None:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            "--open shows the HTML report in the browser; leave out --output and --format markdown.",
        )
    return "html"


def require_page(name: str, report: ReportStatus) -> str:
    """The URI of the HTML report. Raises NotFoundError("NoPage") for a report that has none."""
    if report.html is None:
        raise NotFoundError(
            reasons.NO_PAGE,
            f"The report of {name} has no HTML page: an older release wrote it, or its plots could not be drawn; "
            f"`retrain report {name}` prints it.",
        )
    return report.html


def show(uri: str, environ: Mapping[str, str]) -> str:
    """Open a page in the browser, as it is where it is a file, else as a copy; return the location that was opened.

    Raises NotFoundError as `read_stored` does, and ConfigurationError("NoBrowser") where none can be started.
    """
    text = read_stored(uri, environ)
    place = uri if uri.startswith("file://") else _copied(text, uri, environ)
    open_page(place)
    return place


def _copied(text: str, uri: str, environ: Mapping[str, str]) -> str:
    """The URI of a copy, which has its trades beside it."""
    page = new_page("retrain-report-")
    whole, trades = with_trades(text, uri, page, environ)
    for file, content in {**trades, page: whole}.items():
        file.write_text(content, encoding="utf-8")
    return page.as_uri()


def no_report(name: str, status: RetrainRunStatus) -> str:
    """One sentence with the state of a run that has no report."""
    failed = status.report.message if status.report else None
    more = (failed or status.message).strip().rstrip(".")
    return f"{name} has no report yet; its state is {status.state}{f' ({more})' if more else ''}."
