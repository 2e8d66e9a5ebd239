"""How commands are told where models, pointers and reports are: by a run's YAML file, or by the location itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import folder

from .locations import resolve_locations
from .run_file import load_run_or_template


def add_artifacts_arguments(parser: argparse.ArgumentParser, required: bool) -> None:
    """--file or --artifacts, which exclude each other."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument(
        "-f", "--file", metavar="FILE", help="YAML file of a run or a schedule, whose artifacts.uri is used"
    )
    where.add_argument("--artifacts", metavar="URI", help="location of the artifacts, such as s3://bucket/models/")


def open_artifacts_of(args: argparse.Namespace, environ: Mapping[str, str]) -> Any:
    """The store, opened with the credentials of this machine. Raises ConfigurationError and what the store raises."""
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.open import open_store

    return open_store(folder(_location(args)), environ_for("artifacts", environ))


def _location(args: argparse.Namespace) -> str:
    if args.artifacts:
        if "://" not in args.artifacts:
            raise ConfigurationError(
                reasons.BAD_LOCATION, f"--artifacts {args.artifacts}: write s3://... or file://..."
            )
        return str(args.artifacts)
    place = Path.cwd() if args.file == "-" else Path(args.file).resolve().parent
    return resolve_locations(load_run_or_template(args.file), place).spec.artifacts.uri
