"""Evaluation: one Indexed Job over every trained model that is not measured yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrain_api.documents import EvaluateItem, EvaluateResult
from retrain_api.keys import digest, evaluate_key
from retrain_api.status import SymbolStatus

from .jobs import manifest
from .observed import ObservedJob
from .tasks import evaluate_item, evaluate_task
from .work import (
    Context,
    Serving,
    Steps,
    at_work,
    ended_late,
    failed_key,
    failure,
    kept_waiting,
    newest,
    overdue,
    serving,
    waiting,
)


@dataclass(frozen=True)
class Evaluated:
    """What is known of every symbol after looking at its evaluation."""

    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    settled: bool


def advance(context: Context, symbols: Sequence[SymbolStatus]) -> Evaluated:
    """Measure what is trained; called once no training is left to wait for."""
    known = tuple(_current(context, entry) for entry in symbols)
    items = [evaluate_item(context.run, entry) for entry in known if entry.state == "Trained"]
    key = digest({"items": [[item.evaluate_key, item.model.sha256] for item in items]})
    serve = serving(context, "evaluate", None, key, complete=not items)
    if not items:
        return Evaluated(known, serve.steps, settled=True)
    if serve.job is None:
        return _start(context, known, items, key, serve)
    if serve.job.live:
        return _follow(context, known, items, serve.job, serve.steps)
    if serve.job.state == "Deleting":
        return Evaluated(known, serve.steps, settled=False)
    return _harvest(context, known, items, key, serve.job, serve)


def _current(context: Context, entry: SymbolStatus) -> SymbolStatus:
    """The entry with its measurement where that is of today's key, else ready to be measured."""
    if entry.result is None or entry.result.model is None or entry.state == "Stopped":
        return entry
    key = evaluate_key(context.run.spec, entry.symbol, context.run.rerun)
    if entry.result.metrics is not None and entry.result.evaluate_key == key:
        return entry.model_copy(update={"state": "Evaluated", "failed_key": None, "reason": None, "message": None})
    if entry.failed_key == failed_key(context, "evaluate", key):
        return entry.model_copy(update={"state": "Failed"})
    fresh = entry.result.model_copy(update={"metrics": None, "evaluate_key": None, "details_sha256": None})
    forgotten = {"verdict": None, "reasons": (), "reason": None, "message": None, "failed_key": None}
    return entry.model_copy(update={"state": "Trained", "result": fresh, **forgotten})


def _start(
    context: Context, known: tuple[SymbolStatus, ...], items: list[EvaluateItem], key: str, serve: Serving
) -> Evaluated:
    job = manifest(context.run, evaluate_task(context.run, items), key, context.judging_image)
    return Evaluated(_evaluating(known, items), serve.steps + Steps(create=(job,)), settled=False)


def _evaluating(
    known: tuple[SymbolStatus, ...], items: list[EvaluateItem], why: str | None = None
) -> tuple[SymbolStatus, ...]:
    measured = {item.symbol for item in items}
    update: dict[str, str | None] = {"state": "Evaluating", "message": why}
    return tuple(entry.model_copy(update=update) if entry.symbol in measured else entry for entry in known)


def _follow(
    context: Context, known: tuple[SymbolStatus, ...], items: list[EvaluateItem], job: ObservedJob, steps: Steps
) -> Evaluated:
    late, again = overdue(context, job)
    if late:
        failed = {item.symbol: kept_waiting(job) for item in items}
        return Evaluated(_mark_failed(context, known, failed), steps + ended_late(job), settled=False)
    running = at_work(job)
    cause = None if running else waiting(job)[1]
    return Evaluated(_evaluating(known, items, cause), steps + Steps(look_again_at=again), settled=False)


def _harvest(
    context: Context,
    known: tuple[SymbolStatus, ...],
    items: list[EvaluateItem],
    key: str,
    job: ObservedJob,
    serve: Serving,
) -> Evaluated:
    """Take every index's measurement or failure from a finished Job; what was lost is measured once more."""
    results: dict[str, EvaluateResult] = {}
    failed: dict[str, tuple[str, str]] = {}
    for index, item in enumerate(items):
        said = job.outcome(index)
        if isinstance(said, EvaluateResult) and said.evaluate_key == item.evaluate_key:
            results[item.symbol] = said
        elif _lost(job, index) and not serve.lost:
            continue
        elif job.state == "Failed":
            failed[item.symbol] = failure(job, index)
        else:
            failed[item.symbol] = ("ResultLost", "Its Job completed twice without a measurement.")
    if not results and not failed:
        task = evaluate_task(context.run, items)
        again = manifest(context.run, task, key, context.judging_image, again=True)
        return Evaluated(_evaluating(known, items), serve.steps + Steps(create=(again,)), settled=False)
    merged = _mark_failed(context, _measured(known, results), failed)
    missing = len(results) + len(failed) < len(items)
    steps = serve.steps + (Steps(look_again_at=context.now) if missing else Steps())
    return Evaluated(merged, steps, settled=not missing)


def _lost(job: ObservedJob, index: int) -> bool:
    """Done, and gone before its message was read."""
    pod = newest(job, index)
    if job.state == "Complete" or (pod is not None and pod.phase == "Succeeded"):
        return True
    return bool(job.failed_indexes) and index not in (job.failed_indexes or ())


def _measured(known: tuple[SymbolStatus, ...], results: dict[str, EvaluateResult]) -> tuple[SymbolStatus, ...]:
    return tuple(_with(entry, results[entry.symbol]) if entry.symbol in results else entry for entry in known)


def _with(entry: SymbolStatus, said: EvaluateResult) -> SymbolStatus:
    assert entry.result is not None
    update = {
        "evaluate_key": said.evaluate_key,
        "metrics": said.measurement,
        "details_sha256": said.details.sha256[:16],
    }
    result = entry.result.model_copy(update=update)
    return entry.model_copy(
        update={"state": "Evaluated", "job": None, "result": result, "reason": None, "message": None}
    )


def _mark_failed(
    context: Context, known: tuple[SymbolStatus, ...], failed: dict[str, tuple[str, str]]
) -> tuple[SymbolStatus, ...]:
    def marked(entry: SymbolStatus) -> SymbolStatus:
        reason, message = failed[entry.symbol]
        key = evaluate_key(context.run.spec, entry.symbol, context.run.rerun)
        memory = failed_key(context, "evaluate", key)
        return entry.model_copy(update={"state": "Failed", "reason": reason, "message": message, "failed_key": memory})

    return tuple(marked(entry) if entry.symbol in failed else entry for entry in known)
