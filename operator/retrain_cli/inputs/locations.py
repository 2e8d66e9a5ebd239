"""Relative file:// locations in a YAML file are relative to that file; here they are made absolute."""

from __future__ import annotations

import os.path
from pathlib import Path

from retrain_api.run import RetrainRun

_FILE = "file://"


def resolve_uri(uri: str, folder: Path) -> str:
    """`uri` with a relative path (file://./x, file://../x) resolved against `folder`; any other unchanged.

    A slash at the end is kept, and symbolic links are not followed: the location stays the one that was written.
    """
    path = uri.removeprefix(_FILE)
    if not uri.startswith(_FILE) or path.startswith("/"):
        return uri
    absolute = os.path.abspath(folder.absolute() / path)
    return _FILE + absolute + ("/" if path.endswith("/") and absolute != "/" else "")


def resolve_locations(run: RetrainRun, folder: Path) -> RetrainRun:
    """The run with data.uri, artifacts.uri, backups[].uri and promotion.baseline.uri resolved against `folder`."""
    spec = run.spec
    baseline = spec.promotion.baseline
    located = {
        "data": spec.data.model_copy(update={"uri": resolve_uri(spec.data.uri, folder)}),
        "artifacts": spec.artifacts.model_copy(update={"uri": resolve_uri(spec.artifacts.uri, folder)}),
        "backups": tuple(backup.model_copy(update={"uri": resolve_uri(backup.uri, folder)}) for backup in spec.backups),
    }
    if baseline is not None:
        moved = baseline.model_copy(update={"uri": resolve_uri(baseline.uri, folder)})
        located["promotion"] = spec.promotion.model_copy(update={"baseline": moved})
    return run.model_copy(update={"spec": spec.model_copy(update=located)})
