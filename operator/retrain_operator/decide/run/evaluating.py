"""Evaluation: one Indexed Job measures every trained model that has not been measured yet.

Each index succeeds or fails by itself: one broken model must not cost the others their measurements. A measurement
that has today's key is kept, so that a model is measured again only where something that it depends on has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from retrain_api.documents.results import EvaluateResult
from retrain_api.keys import digest, evaluate_key
from retrain_api.measurement import Measurement
from retrain_api.model_times import Times
from retrain_api.status.symbol import SymbolResult, SymbolStatus
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Ended, Failed, Lost, PhaseJob, Result, Waiting, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import evaluate_item, evaluate_task
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

MANY_SYMBOLS, SHORT = 16, 60
"""With more symbols than this, a suspicion is cut to so many characters in the status."""


@dataclass(frozen=True)
class Evaluated:
    """What is known of every symbol, what to do next about its evaluation, and why that waits."""

    symbols: tuple[SymbolStatus, ...]
    steps: Steps
    settled: bool
    waits: Waiting | None = None


def advance(context: Context, symbols: Sequence[SymbolStatus]) -> Evaluated:
    """Measure what is trained. To be called once no training is left to wait for."""
    known = tuple(_current(context, entry) for entry in symbols)
    items = [evaluate_item(context.run, entry) for entry in known if entry.state == "Trained"]

    def accept(document: Outcome, index: int) -> EvaluateResult | None:
        ours = isinstance(document, EvaluateResult) and document.evaluate_key == items[index].evaluate_key
        return document if isinstance(document, EvaluateResult) and ours else None

    key = digest({"items": [[item.evaluate_key, item.model.sha256] for item in items]})
    task = partial(evaluate_task, context.run, items)
    job = phase_job(context, Work("evaluate", key, task, accept, indexes=len(items), done=not items))
    steps = job.steps + Steps(create=job.create)
    outcomes = job.state.outcomes if isinstance(job.state, Ended) else tuple(Lost() for _ in items)
    found = dict(zip((item.symbol for item in items), outcomes, strict=True))
    updated = tuple(_updated(context, entry, job, found) for entry in known)
    settled = not any(isinstance(outcome, Lost) for outcome in outcomes)
    return Evaluated(updated, steps, settled, job.waits)


def _key(context: Context, entry: SymbolStatus) -> str:
    champion = entry.result.champion if entry.result else None
    return evaluate_key(context.run.spec, entry.symbol, context.run.rerun, champion)


def _current(context: Context, entry: SymbolStatus) -> SymbolStatus:
    """The entry with its measurement if that has today's key, else ready to be measured."""
    if entry.result is None or entry.result.model is None or entry.state == "Stopped":
        return entry
    key = _key(context, entry)
    if entry.result.metrics is not None and entry.result.evaluate_key == key:
        return entry.model_copy(update={"state": "Evaluated", "failed_key": None, "reason": None, "message": None})
    if entry.failed_key == failed_key(context.run, "evaluate", key):
        return entry.model_copy(update={"state": "Failed"})
    fresh = entry.result.model_copy(update={"metrics": None, "evaluate_key": None, "details_sha256": None})
    forgotten = {"verdict": None, "reasons": (), "reason": None, "message": None, "failed_key": None}
    return entry.model_copy(update={"state": "Trained", "result": fresh, **forgotten})


def _updated(
    context: Context,
    entry: SymbolStatus,
    job: PhaseJob[EvaluateResult],
    found: dict[str, Result[EvaluateResult] | Failed | Lost],
) -> SymbolStatus:
    """The entry with what its index found; one that is not measured by this Job stays as it is."""
    update: dict[str, Any]
    match found.get(entry.symbol):
        case None:
            return entry
        case Result(outcome):
            update = {
                "state": "Evaluated",
                "result": _measured(context, entry, outcome),
                "reason": None,
                "message": None,
            }
        case Failed(reason, message):
            memory = failed_key(context.run, "evaluate", _key(context, entry))
            update = {"state": "Failed", "reason": reason, "message": message, "failed_key": memory}
        case Lost():
            why = job.waits
            update = {"state": "Evaluating", "reason": why and why.reason, "message": why and why.message}
    return entry.model_copy(update=update | {"job": job.name or entry.job})


def _measured(context: Context, entry: SymbolStatus, outcome: EvaluateResult) -> SymbolResult | None:
    measurement = _fitted(outcome.measurement, len(context.run.spec.symbols))
    update = {"evaluate_key": outcome.evaluate_key, "metrics": measurement}
    update |= {"details_sha256": outcome.details.sha256[:16]}
    # A model of an earlier release has its times from the measurement.
    update |= {name: time for name, time in times_shown(outcome, len(context.run.spec.symbols)).items() if time}
    if measurement.suspicions:
        update |= {"known_until": None, "tested_until": None}
    return entry.result.model_copy(update=update) if entry.result else None


def times_shown(outcome: Times, symbols: int) -> dict[str, str | None]:
    """The times as a status of so many symbols has room for them: of many, up to when the weights have learnt. Cards have all.

    The same of a model that is Suspect, whose sentences take the room of the other two.
    """
    times = dict(outcome.times)
    return times if symbols <= MANY_SYMBOLS else {"trained_until": times["trained_until"]}


def _fitted(measurement: Measurement, symbols: int) -> Measurement:
    """The measurement as a status of so many symbols has room for it: of many, what each suspicion begins with.

    One faulty column is in the files of all symbols, and a status of 64 has 100 bytes a symbol to say so, twice: here and in the
    verdict's reasons. evaluation.json has the whole sentences.
    """
    if symbols <= MANY_SYMBOLS or not measurement.suspicions:
        return measurement
    return measurement.model_copy(update={"suspicions": tuple(map(_beginning, measurement.suspicions[:1]))})


def _beginning(sentence: str) -> str:
    """What a suspicion says first. A name in quotes is seen to be a column's; the word would take 900 bytes of a full status."""
    return sentence.partition(" (")[0].partition(": ")[0].removeprefix("Column ")[:SHORT]
