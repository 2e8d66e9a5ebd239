"""Relative file:// locations in a YAML file are relative to that file; here they are made absolute."""

from __future__ import annotations

import os.path
from pathlib import Path

from retrain_api.run import RetrainRun
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.run import RetrainRunSpec

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
    return run.model_copy(update={"spec": resolve_spec(run.spec, folder)})


def resolve_template(schedule: RetrainSchedule, folder: Path) -> RetrainSchedule:
    """The schedule with the same locations of its runs resolved."""
    template = schedule.spec.run_template
    moved = template.model_copy(update={"spec": resolve_spec(template.spec, folder)})
    return schedule.model_copy(update={"spec": schedule.spec.model_copy(update={"run_template": moved})})


def resolve_spec(spec: RetrainRunSpec, folder: Path) -> RetrainRunSpec:
    """The spec with its locations resolved against `folder`."""
    baseline = spec.promotion.baseline
    located = {
        "data": spec.data.model_copy(update={"uri": resolve_uri(spec.data.uri, folder)}),
        "artifacts": spec.artifacts.model_copy(update={"uri": resolve_uri(spec.artifacts.uri, folder)}),
        "backups": tuple(backup.model_copy(update={"uri": resolve_uri(backup.uri, folder)}) for backup in spec.backups),
    }
    if baseline is not None:
        moved = baseline.model_copy(update={"uri": resolve_uri(baseline.uri, folder)})
        located["promotion"] = spec.promotion.model_copy(update={"baseline": moved})
    return spec.model_copy(update=located)
