"""What `--json` prints: one document for programs, with its kind and the version of its schema. docs/commands.md has the fields.

A field is never renamed, removed or given another meaning within a version; fields are added, and readers ignore those they
don't know.
"""

from __future__ import annotations

import argparse
import json
from typing import Any, Literal, TypeAlias

from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_api.wire import to_wire

SCHEMA_VERSION = 1

DocumentKind: TypeAlias = Literal[
    "RunList",
    "RunStatus",
    "ScheduleStatus",
    "Report",
    "RunHistory",
    "SymbolHistory",
    "Comparison",
    "Findings",
    "Backfill",
    "Life",
]


def document(kind: DocumentKind, **fields: Any) -> str:
    """The document as text. None is null: what is not known is said, and not left out."""
    return json.dumps({"schemaVersion": SCHEMA_VERSION, "kind": kind, **fields}, indent=2, allow_nan=False)


def status_document(namespace: str, name: str, status: RetrainRunStatus, **fields: Any) -> str:
    """A run's status, in the schema of docs/reference.md, with the run that it belongs to."""
    return document("RunStatus", namespace=namespace, name=name, **fields, **to_wire(status))


def schedule_document(namespace: str, name: str, status: RetrainScheduleStatus) -> str:
    """A schedule's status, in the schema of docs/reference.md, with the schedule that it belongs to."""
    return document("ScheduleStatus", namespace=namespace, name=name, **to_wire(status))


def add_json_argument(parser: argparse.ArgumentParser, *kinds: DocumentKind) -> None:
    """--json, with the kinds of document that the command prints."""
    parser.add_argument(
        "--json",
        action="store_true",
        help=f"print a document of the kind {' or '.join(kinds)} and nothing else (docs/commands.md)",
    )
