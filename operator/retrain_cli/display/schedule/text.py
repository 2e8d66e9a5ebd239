"""How a schedule stands, in lines: its state, what is next, its proof, what came of its last runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import shorten

from retrain_api.formatting import age, headline, measured
from retrain_api.status.schedule import RecentRun, Replay, RetrainScheduleStatus, WalkForwardStatus
from retrain_cli.display.table import align

SLOT = "SLOT (UTC)"
_LONGEST = 90
"""Characters of a verdict in the table; the run's own status has all of it."""


def schedule_lines(name: str, status: RetrainScheduleStatus, now: datetime) -> list[str]:
    """The state, who could not be told, the next slot, the proof and the last runs."""
    return [
        f"{name}: {status.state}",
        *(f"  {line}" for line in status.message.splitlines()),
        *(f"  {one.failure}" for one in status.notified or () if one.failed_key),
        *_times(status, now),
        *(proof_lines(status.walk_forward) if status.walk_forward else ()),
        *_runs(status),
    ]


def next_line(status: RetrainScheduleStatus, now: datetime) -> str:
    """When the next run is made, and how long that is."""
    if status.next_time is None:
        return f"Next: {status.next or 'none'}"
    seconds = (datetime.fromisoformat(status.next_time) - now).total_seconds()
    when = f"in {age(seconds)}" if seconds > 0 else "now"
    return f"Next: {minute(status.next_time)} UTC, {when}"


def _times(status: RetrainScheduleStatus, now: datetime) -> Iterator[str]:
    yield next_line(status, now)
    if status.last_schedule_time:
        yield f"Last slot: {minute(status.last_schedule_time)} UTC"
    if status.last_successful_time:
        passed = (now - datetime.fromisoformat(status.last_successful_time)).total_seconds()
        yield f"Last success: {age(passed)} ago"


def proof_lines(proof: WalkForwardStatus) -> list[str]:
    """The proof in a line, and each replay with its verdict."""
    pooled = proof.pooled
    over = f"; accuracy {measured('accuracy', pooled.accuracy)} over {pooled.bars:,} bars" if pooled else ""
    rows = [_replay(replay) for replay in proof.slots]
    return [
        f"Proof: {proof.state}, {proof.passed} of {len(proof.slots)} replays pass{over}",
        *(align([(SLOT, "VERDICT", "ACCURACY", "BARS"), *rows]) if rows else ()),
    ]


def _replay(replay: Replay) -> tuple[str, ...]:
    measured_at = measured("accuracy", replay.accuracy) if replay.bars else ""
    verdict = replay.verdict or ("at work" if replay.uid else "to come")
    return minute(replay.slot), verdict, measured_at, f"{replay.bars:,}" if replay.bars else ""


def _runs(status: RetrainScheduleStatus) -> list[str]:
    known = {entry.run for entry in status.recent}
    active = [(minute(run.slot), run.name, "at work", "") for run in status.active if run.name not in known]
    rows = [*active, *map(_run, status.recent)]
    if not rows:
        return []
    return ["Runs:", *align([(SLOT, "RUN", "RESULT", "WHY"), *rows])]


def _run(entry: RecentRun) -> tuple[str, ...]:
    return minute(entry.slot), entry.run, entry.result or entry.state, shorten(headline(entry.line), _LONGEST)


def minute(time: str) -> str:
    """A time as a person reads it: 2026-11-28 03:00, in UTC."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M}"
