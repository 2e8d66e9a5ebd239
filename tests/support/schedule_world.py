"""A schedule and its runs in memory, for tests of the plan of schedules."""

from __future__ import annotations

from typing import Any

from retrain_api.schedule import RetrainSchedule, parse_schedule

CREATED = "2026-11-25T12:00:00Z"
"""A Wednesday."""


def schedule_document(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A small RetrainSchedule, every Saturday at three, with some fields set; `template` are fields of its runs' spec."""
    run = {
        "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
        "data": {"uri": "s3://bucket/features/"},
        "split": {"test": "14d"},
        "artifacts": {"uri": "s3://bucket/models/"},
    }
    template = {"spec": run | spec.pop("template", {})}
    given = {"name": "weekly", "namespace": "team", "uid": "uid-s", "generation": 1, "creationTimestamp": CREATED}
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": given | (metadata or {}),
        "spec": {"schedule": "0 3 * * 6", "runTemplate": template} | spec,
    }


def a_schedule(metadata: dict[str, Any] | None = None, **spec: Any) -> RetrainSchedule:
    """The same, read."""
    return parse_schedule(schedule_document(metadata, **spec))
