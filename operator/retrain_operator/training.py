"""Training: for each symbol its Job, until there is a model or a reason why there is none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api.documents import TrainResult
from retrain_api.keys import train_key
from retrain_api.status import DataRef, ModelRef, SymbolResult, SymbolStatus

from .jobs import manifest
from .observed import ObservedJob
from .tasks import train_task
from .work import (
    Context,
    Deletion,
    Steps,
    at_work,
    ended_late,
    failed_key,
    failure,
    kept_waiting,
    overdue,
    serving,
    waiting,
)


@dataclass(frozen=True)
class Trained:
    """What is known of every symbol after looking at its training."""

    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    settled: bool
    unreachable: bool = False


@dataclass(frozen=True)
class _Look:
    known: SymbolStatus
    steps: Steps
    wants: bool = False
    busy: bool = False


def advance(context: Context) -> Trained:
    """Look at every symbol, start what may start, stop what is in vain."""
    looks = [_look(context, symbol) for symbol in context.run.spec.symbols]
    if unreachable(context, [look.known for look in looks]):
        return _stopped(context, looks)
    free = (context.run.spec.parallelism or len(looks)) - sum(look.busy for look in looks)
    steps = sum((look.steps for look in looks), _unasked(context))
    known = []
    for look in looks:
        start = look.wants and free > 0
        free -= start
        made = _create(context, look.known.symbol) if start else ()
        steps += Steps(create=made)
        known.append(_queued(look.known, made) if look.wants else look.known)
    settled = not any(look.wants or look.busy for look in looks)
    return Trained(tuple(known), steps, settled)


def _unasked(context: Context) -> Steps:
    """Ends the work on symbols that the run no longer names."""
    jobs = [
        job for job in context.observed.of_phase("train") if job.live and job.symbol not in context.run.spec.symbols
    ]
    return Steps(delete=tuple(Deletion(job.name, job.uid, "Superseded") for job in jobs))


def unreachable(context: Context, known: Sequence[SymbolStatus]) -> bool:
    """Whether so many trainings broke that the quorum can't be reached, and the run stops then."""
    failed = sum(entry.state == "Failed" and not _has_model(entry) for entry in known)
    stop = context.run.spec.gate.when_unreachable == "Stop"
    return stop and len(known) - failed < context.run.spec.required


def _has_model(known: SymbolStatus) -> bool:
    return known.result is not None and known.result.model is not None


def _look(context: Context, symbol: str) -> _Look:
    key = train_key(context.run.spec, symbol, context.run.rerun)
    before = context.run.status.symbol(symbol)
    known = before if before.train_key == key else SymbolStatus(symbol=symbol, train_key=key)
    done = _has_model(known)
    remembered = known.failed_key == failed_key(context, "train", key)
    serve = serving(context, "train", symbol, key, complete=done or remembered)
    if done:
        return _Look(known, serve.steps)
    job = serve.job
    if job is not None and job.live:
        return _follow(context, known, job, serve.steps)
    if remembered:
        return _Look(known.model_copy(update={"state": "Failed"}), serve.steps)
    if job is not None and job.state == "Deleting":
        return _Look(known.model_copy(update={"state": "Queued", "job": job.name}), serve.steps, busy=True)
    if job is not None and job.state in ("Complete", "Failed"):
        return _ended(context, known, job, serve.lost, serve.steps)
    # Whatever failed before is forgotten with this try, so that it does not count as broken while it waits.
    fresh = {"state": "Pending", "reason": None, "message": None, "failed_key": None}
    return _Look(known.model_copy(update=fresh), serve.steps, wants=True)


def _follow(context: Context, known: SymbolStatus, job: ObservedJob, steps: Steps) -> _Look:
    """A Job at work, or waiting for its pod."""
    late, again = overdue(context, job)
    if late:
        return _Look(_failed(context, known, job.name, *kept_waiting(job)), steps + ended_late(job))
    running = at_work(job)
    cause = None if running else waiting(job)
    update = {
        "state": "Training" if running else "Queued",
        "job": job.name,
        "attempts": max(job.attempts, known.attempts),
        "reason": cause and cause[0],
        "message": cause and cause[1],
        "progress": job.progress or known.progress,
        "failed_key": None,
    }
    return _Look(known.model_copy(update=update), steps + Steps(look_again_at=again), busy=True)


def _ended(context: Context, known: SymbolStatus, job: ObservedJob, again: bool, steps: Steps) -> _Look:
    """A Job that ended: with a model, with a reason, or with its message lost."""
    said = job.outcome()
    if isinstance(said, TrainResult) and said.train_key == known.train_key:
        return _Look(_trained(known, job, said), steps)
    if job.state == "Complete" and not again:
        lost = {
            "state": "Pending",
            "reason": "ResultLost",
            "message": "Its result was lost with its pod; it is read from the store again.",
        }
        return _Look(known.model_copy(update=lost), steps, wants=True)
    if job.state == "Complete":
        sentence = "Its Job completed twice without a result; look at the trainer image."
        return _Look(_failed(context, known, job.name, "ResultLost", sentence), steps)
    return _Look(_failed(context, known, job.name, *failure(job)), steps)


def _trained(known: SymbolStatus, job: ObservedJob, said: TrainResult) -> SymbolStatus:
    result = SymbolResult(
        model=ModelRef(uri=said.model.uri, sha256=said.model.sha256),
        epochs=said.epochs,
        best_epoch=said.best_epoch,
        duration_seconds=said.duration_seconds,
        resumed_epochs=said.resumed_epochs or None,
        data=DataRef(**said.data.model_dump(exclude={"uri", "sha256"}), sha256=said.data.sha256[:32]),
    )
    cleared = {"reason": None, "message": None, "progress": None, "failed_key": None}
    attempts = max(job.attempts, known.attempts)
    return known.model_copy(
        update={"state": "Trained", "job": job.name, "attempts": attempts, "result": result, **cleared}
    )


def _failed(context: Context, known: SymbolStatus, job: str, reason: str, message: str) -> SymbolStatus:
    assert known.train_key is not None
    memory = failed_key(context, "train", known.train_key)
    said = {"state": "Failed", "job": job, "reason": reason, "message": message, "failed_key": memory}
    return known.model_copy(update=said)


def _create(context: Context, symbol: str) -> tuple[dict[str, Any], ...]:
    task = train_task(context.run, symbol)
    lost = any(job.state == "Complete" and job.key == task.train_key for job in context.observed.of_phase("train"))
    return (manifest(context.run, task, task.train_key, context.image, again=lost),)


def _queued(known: SymbolStatus, made: tuple[dict[str, Any], ...]) -> SymbolStatus:
    if made:
        said = {"state": "Queued", "job": made[0]["metadata"]["name"]}
        why = {} if known.reason == "ResultLost" else {"reason": "PodPending", "message": "Waits to start."}
        return known.model_copy(update=said | why)
    waits = "Waits for its turn: as many symbols train as spec.parallelism allows."
    return known.model_copy(update={"state": "Pending", "reason": "Parallelism", "message": waits})


def _stopped(context: Context, looks: Sequence[_Look]) -> Trained:
    """Nothing of this run can pass any more: end what is at work, keep what is trained."""
    steps = _unasked(context)
    known = []
    for look in looks:
        live = [j for j in context.observed.of_phase("train") if j.symbol == look.known.symbol and j.live]
        ended = tuple(Deletion(job.name, job.uid, "QuorumUnreachable") for job in live)
        steps += Steps(delete=look.steps.delete + ended)
        unfinished = look.wants or look.busy
        why = "Stopped, because minPassed can't be reached any more (gate.whenUnreachable is Stop)."
        stopped = {"state": "Stopped", "reason": "QuorumUnreachable", "message": why}
        known.append(look.known.model_copy(update=stopped) if unfinished else look.known)
    return Trained(tuple(known), steps, settled=True, unreachable=True)
