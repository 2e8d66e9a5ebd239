"""`retrain report`: the report of a run that was made here, on the terminal, in a file or in the browser."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import ValidationError
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.status import ReportStatus, RetrainRunStatus

from .output_file import write_text

HELP = "print, write or open the report of a run"
DEFAULT_STATE_DIR = ".retrain"
FORMATS = ("markdown", "html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain report` takes."""
    parser.add_argument("name", help="name of the run (metadata.name)")
    parser.add_argument("-n", "--namespace", default="default", help="its namespace (default: %(default)s)")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(DEFAULT_STATE_DIR),
        metavar="DIR",
        help="where `retrain run` kept the state (default: %(default)s)",
    )
    parser.add_argument("--format", choices=FORMATS, help="which of both (default: what FILE ends in, else markdown)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report to FILE")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    parser.add_argument("--open", action="store_true", help="open the HTML report in the browser")


def run(args: argparse.Namespace) -> int:
    """Print, write or open the report; 1 and the state of the run on stderr where there is no report yet.

    Raises NotFoundError where no such run was made here or its report is gone, ConfigurationError for options that
    contradict each other, and what the store raises.
    """
    asked = _format(args)
    status = read_status(args.state_dir, args.namespace, args.name)
    if status.report is None or status.report.markdown is None:
        print(no_report(args.name, status), file=sys.stderr)
        return 1
    uri = status.report.markdown if asked == "markdown" else require_page(args.name, status.report)
    if args.open:
        print(f"Opened {show(uri, os.environ)}")
        return 0
    text = read_report(uri, os.environ)
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_text(args.output, text, args.force)
        print(f"Wrote {args.output}")
    return 0


def _format(args: argparse.Namespace) -> str:
    if not args.open:
        return args.format or ("html" if args.output and args.output.suffix in (".html", ".htm") else "markdown")
    if args.format == "markdown" or args.output is not None:
        raise ConfigurationError(
            "BadOptions", "--open shows the HTML report in the browser; leave --output and --format markdown out."
        )
    return "html"


def require_page(name: str, report: ReportStatus) -> str:
    """Where the HTML report is. Raises NotFoundError("NoPage") for a report that has none."""
    if report.html is None:
        raise NotFoundError(
            "NoPage",
            f"The report of {name} has no HTML page: an older release wrote it, or its plots could not be drawn; "
            f"`retrain report {name}` prints it.",
        )
    return report.html


def show(uri: str, environ: Mapping[str, str]) -> str:
    """Open a page in the browser: itself where it is a file, else a copy; the location that the browser got.

    Raises NotFoundError as `read_report` does, and ConfigurationError("NoBrowser") where none can be started.
    """
    text = read_report(uri, environ)
    place = uri if uri.startswith("file://") else _copy(text).as_uri()
    if not webbrowser.open(place):
        raise ConfigurationError("NoBrowser", f"No browser can be started here; the page is {place}")
    return place


def _copy(text: str) -> Path:
    """A file that stays: the browser reads it after this process has ended."""
    with NamedTemporaryFile("w", encoding="utf-8", prefix="retrain-report-", suffix=".html", delete=False) as file:
        file.write(text)
    return Path(file.name)


def read_status(state_dir: Path, namespace: str, name: str) -> RetrainRunStatus:
    """The status that `retrain run` left.

    Raises NotFoundError("RunNotFound"), naming the runs that are there, and DataError("BadStatus").
    """
    path = state_dir / namespace / name / "status.json"
    try:
        return RetrainRunStatus.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError("RunNotFound", _unknown(state_dir, namespace, name)) from None
    except OSError as error:
        raise NotFoundError("RunNotFound", f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise DataError(
            "BadStatus", f"{path} is not the status of a run; move it away and start the run again, it goes on."
        ) from None


def no_report(name: str, status: RetrainRunStatus) -> str:
    """One sentence with the state of a run that has no report."""
    failed = status.report.message if status.report else None
    more = (failed or status.message).strip().rstrip(".")
    return f"{name} has no report yet; its state is {status.state}{f' ({more})' if more else ''}."


def read_report(uri: str, environ: Mapping[str, str]) -> str:
    """The text of a report. Raises NotFoundError("ReportNotFound") where it is gone, and what the store raises."""
    from retrain_trainer.credentials import environ_for
    from retrain_trainer.store import open_store, split_uri

    folder, key = split_uri(uri)
    try:
        return str(open_store(folder, environ_for("artifacts", environ)).read(key).data.decode("utf-8", "replace"))
    except NotFoundError as error:
        raise NotFoundError("ReportNotFound", f"The report is gone: {error.message}") from None


def _unknown(state_dir: Path, namespace: str, name: str) -> str:
    known = sorted(path.parent for path in state_dir.glob("*/*/status.json"))
    names = [path.name if path.parent.name == namespace else f"{path.name} -n {path.parent.name}" for path in known]
    there = f"there are: {', '.join(names[:10])}" if names else "there is none: start one with `retrain run -f FILE`"
    return f"No run {name} in namespace {namespace} was made in {state_dir}; {there}."
