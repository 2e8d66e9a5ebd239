"""What of a run's work failed, a line each: what a retry token tries again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from retrain_api import reasons
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus


def failed_work(status: RetrainRunStatus) -> list[str]:
    """A line with the reason for each symbol that failed or was stopped for it, the report, the copies, and what came after them."""
    return [
        *_of_symbols(status),
        *_of_publication(status),
        *_of_copies(status),
        *_of_looks(status),
        *_of_receivers(status),
    ]


def _of_symbols(status: RetrainRunStatus) -> Iterator[str]:
    for entry in status.symbols:
        if entry.state in ("Failed", "Stopped") and entry.reason != reasons.SKIPPED:
            how = "was stopped" if entry.state == "Stopped" else "failed"
            yield f"{entry.symbol}: {_phase(entry)} {how} ({entry.reason}): {entry.message}"


def _phase(entry: SymbolStatus) -> str:
    if entry.job and "-preflight-" in entry.job:
        return "preflight"
    return "measurement" if entry.model_uri else "training"


def _of_publication(status: RetrainRunStatus) -> Iterator[str]:
    # A failed publication stays on record where the judgement went back to one that was published: what counts is why
    # the run stands as it does.
    if any(one.type == "Ready" and one.reason == reasons.PUBLISH_FAILED for one in status.conditions):
        yield f"report and promotion failed: {status.message}"


def _of_copies(status: RetrainRunStatus) -> Iterator[str]:
    if status.backups is not None and status.backups.failed_key:
        yield f"copies failed: {status.backups.message}"


def _of_looks(status: RetrainRunStatus) -> Iterator[str]:
    if status.observation is not None and status.observation.failed_key:
        yield f"the look at the promoted models failed: {status.observation.message}"


def _of_receivers(status: RetrainRunStatus) -> Iterator[str]:
    for receiver in status.notified or ():
        if receiver.failed_key:
            yield f"{receiver.name} was not told: {receiver.message}"
