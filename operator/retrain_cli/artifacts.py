"""Where models, pointers and reports are, as a command is told: a run's YAML file, or the location itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retrain_api.errors import ConfigurationError
from retrain_api.names import folder

from .locations import resolve_locations
from .yaml_input import load_run


def add_artifacts_arguments(parser: argparse.ArgumentParser, required: bool) -> None:
    """--file or --artifacts."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument("-f", "--file", metavar="FILE", help="a RetrainRun (YAML), for its spec.artifacts.uri")
    where.add_argument("--artifacts", metavar="URI", help="the artifacts' location, such as s3://bucket/models/")


def open_artifacts_of(args: argparse.Namespace, environ: Mapping[str, str]) -> Any:
    """The store, opened with the credentials of this machine. Raises ConfigurationError and what the store raises."""
    from retrain_trainer.credentials import environ_for
    from retrain_trainer.store import open_store

    return open_store(folder(_location(args)), environ_for("artifacts", environ))


def _location(args: argparse.Namespace) -> str:
    if args.artifacts:
        if "://" not in args.artifacts:
            raise ConfigurationError("BadLocation", f"--artifacts {args.artifacts}: write s3://... or file://...")
        return str(args.artifacts)
    place = Path.cwd() if args.file == "-" else Path(args.file).resolve().parent
    return resolve_locations(load_run(args.file), place).spec.artifacts.uri
