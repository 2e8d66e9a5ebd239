"""Training: a Job for each symbol, until there is a model or a reason why there is none.

Symbols train independently, so that one symbol's bad data costs only that symbol; together they respect the run's
parallelism and its quorum. Once so many have failed that the quorum is out of reach, the others are stopped: without
that a run which can't pass any more would go on holding GPUs for hours.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from retrain_api import reasons
from retrain_api.documents.results import TrainResult
from retrain_api.status.symbol import DataRef, FeaturesRef, ModelRef, SymbolResult, SymbolState, SymbolStatus
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Failed, PhaseJob, Result, Waiting, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import train_task
from retrain_operator.state.effects import Steps, deletions
from retrain_operator.state.view import Outcome

from .evaluating import MANY_SYMBOLS, times_shown
from .standing import has_model, unreachable

RESTATED_TOLD = 8
"""Symbols whose restated data a status names."""


@dataclass(frozen=True)
class Trained:
    """What is known of every symbol, and what to do next about its training.

    `settled`: there is no training left to wait for; `unreachable`: too many failed for the quorum.
    """

    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    settled: bool
    unreachable: bool = False


@dataclass(frozen=True)
class _Symbol:
    """One symbol, and the Job that trains it."""

    known: SymbolStatus
    job: PhaseJob[TrainResult]

    @property
    def unfinished(self) -> bool:
        return self.job.state == "Running" or isinstance(self.job.state, Waiting)


def advance(context: Context, symbols: Sequence[SymbolStatus], held: Collection[str] = ()) -> Trained:
    """Assess every symbol, start what may start, stop what is in vain. Those that are `held` stay as they are."""
    assessed = [_assess(context, entry, entry.symbol in held) for entry in symbols]
    if unreachable(context, [one.known for one in assessed]):
        return _stopped(context, assessed)
    busy = sum(one.unfinished and not one.job.create for one in assessed)
    free = (context.run.spec.parallelism or len(assessed)) - busy
    steps = sum((one.job.steps for one in assessed), _removed_symbols(context))
    known = []
    for one in assessed:
        turn = not one.job.create or free > 0
        free -= bool(one.job.create) and turn
        steps += Steps(create=one.job.create if turn else ())
        known.append(one.known if turn else _awaiting_its_turn(one.known))
    return Trained(_first_restated(known), steps, settled=not any(one.unfinished for one in assessed))


def _removed_symbols(context: Context) -> Steps:
    """Deletes the Jobs of symbols that the run no longer names."""
    jobs = [job for job in context.view.of_phase("train") if job.live and job.symbol not in context.run.spec.symbols]
    return Steps(delete=deletions(jobs, reasons.SUPERSEDED))


def _assess(context: Context, known: SymbolStatus, held: bool) -> _Symbol:
    key, symbol = known.train_key or "", known.symbol

    def accept(document: Outcome, _: int) -> TrainResult | None:
        return document if isinstance(document, TrainResult) and document.train_key == key else None

    memory = failed_key(context.run, "train", key)
    done, failed = has_model(known), held or known.failed_key == memory
    task = partial(train_task, context.run, symbol, context.as_of)
    job = phase_job(context, Work("train", key, task, accept, symbol, done=done, failed=failed))
    symbols = len(context.run.spec.symbols)
    return _Symbol(known if held else known.model_copy(update=_update(known, job, memory, symbols)), job)


def _update(known: SymbolStatus, job: PhaseJob[TrainResult], memory: str, symbols: int) -> dict[str, Any]:
    """What changes in the symbol's status. An earlier failure is forgotten with the next attempt."""
    attempts = max(job.job.attempts if job.job else 0, known.attempts)
    progress = (job.job.progress if job.job else None) or known.progress
    at_work = {"job": job.name, "attempts": attempts, "progress": progress, "failed_key": None}
    match job.outcome or job.state:
        case "Remembered":
            return {"state": _after(known.reason)}
        case "Running":
            return at_work | {"state": "Training", "reason": None, "message": None}
        case Waiting(reason, message):
            return at_work | {"state": "Queued", "reason": reason, "message": message}
        case Result(outcome):
            done = {"state": "Trained", "result": _result(outcome, symbols), "reason": None, "message": None}
            return at_work | done | {"progress": None, "checked_key": None}
        case Failed(reason, message):
            why = {"reason": reason, "message": message, "failed_key": memory, "attempts": attempts}
            return why | {"state": _after(reason), "job": job.name or known.job}
    return {}


def _after(reason: str | None) -> SymbolState:
    """What becomes of a symbol whose training ended so: one with nothing new to learn is skipped, as a preflight would have it."""
    return "Skipped" if reason == reasons.NO_NEW_BARS else "Failed"


def _result(outcome: TrainResult, symbols: int) -> SymbolResult:
    return SymbolResult(
        **times_shown(outcome, symbols),
        model=ModelRef(uri=outcome.model.uri, sha256=outcome.model.sha256),
        epochs=outcome.epochs,
        best_epoch=outcome.best_epoch,
        duration_seconds=outcome.duration_seconds,
        resumed_epochs=outcome.resumed_epochs or None,
        data=DataRef(**outcome.data.model_dump(exclude={"uri", "sha256"}), sha256=outcome.data.sha256[:32]),
        features=_features(outcome, symbols),
        restated=outcome.restated.place if outcome.restated and not outcome.restated.late else None,
    )


def _features(outcome: TrainResult, symbols: int) -> FeaturesRef | None:
    """What was learnt from, in short. Of many symbols the cards alone say so: a full status has no room for both it and the times."""
    if outcome.features is None or symbols > MANY_SYMBOLS:
        return None
    return FeaturesRef(**outcome.features.model_dump())


def _first_restated(known: Sequence[SymbolStatus]) -> tuple[SymbolStatus, ...]:
    """The symbols, with what was restated of the first few alone: a status of 64 symbols has no room for more."""
    found = [one.symbol for one in known if one.result is not None and one.result.restated]
    return tuple(_not_restated(one) if one.symbol in found[RESTATED_TOLD:] else one for one in known)


def _not_restated(known: SymbolStatus) -> SymbolStatus:
    result = known.result and known.result.model_copy(update={"restated": None})
    return known.model_copy(update={"result": result})


def _awaiting_its_turn(known: SymbolStatus) -> SymbolStatus:
    waiting = "Waiting for its turn: as many symbols are training as spec.parallelism allows."
    update = {"state": "Pending", "job": None, "reason": reasons.PARALLELISM, "message": waiting}
    return known.model_copy(update=update)


def _stopped(context: Context, assessed: Sequence[_Symbol]) -> Trained:
    """Nothing of this run can pass any more: stop what is at work, keep what is trained."""
    live = [job for job in context.view.of_phase("train") if job.live]
    superseded = tuple(deletion for one in assessed for deletion in one.job.steps.delete)
    steps = Steps(delete=superseded + deletions(live, reasons.QUORUM_UNREACHABLE))
    why = "Stopped because minPassed can no longer be reached (gate.whenUnreachable is Stop)."
    stopped = {"state": "Stopped", "reason": reasons.QUORUM_UNREACHABLE, "message": why}
    known = tuple(one.known.model_copy(update=stopped) if one.unfinished else one.known for one in assessed)
    return Trained(known, steps, settled=True, unreachable=True)
