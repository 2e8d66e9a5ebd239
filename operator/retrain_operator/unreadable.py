"""A run whose spec this operator can't read: stored under another CRD, say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from retrain_api.status import RetrainRunStatus

from .conditions import conditions


def unreadable(body: Mapping[str, Any], sentence: str, now: datetime) -> RetrainRunStatus:
    """Its status: failed for this reason, and all else as it was."""
    try:
        before = RetrainRunStatus.model_validate(body.get("status") or {})
    except ValidationError:
        before = RetrainRunStatus()
    said = {
        "observed_generation": body["metadata"].get("generation"),
        "state": "Failed",
        "message": sentence[:1024],
    }
    status = before.model_copy(update=said)
    return status.model_copy(update={"conditions": conditions(status, "InvalidRun", False, now)})
