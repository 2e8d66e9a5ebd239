"""`retrain report`: the report of a run that was made here, on the terminal or in a file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from retrain_api.errors import DataError, NotFoundError
from retrain_api.status import RetrainRunStatus

from .output_file import write_text

HELP = "print or write the report of a run"
DEFAULT_STATE_DIR = ".retrain"


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
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report to FILE (Markdown)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Print or write the report; 1 and the state of the run on stderr where there is no report yet.

    Raises NotFoundError where no such run was made here or its report is gone, and what the store raises.
    """
    status = read_status(args.state_dir, args.namespace, args.name)
    uri = status.report.markdown if status.report else None
    if uri is None:
        print(no_report(args.name, status), file=sys.stderr)
        return 1
    text = read_report(uri, os.environ)
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_text(args.output, text, args.force)
        print(f"Wrote {args.output}")
    return 0


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
