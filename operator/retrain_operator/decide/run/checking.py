"""The preflight: one Indexed Job looks at data and store of every symbol that is about to be trained.

A wrong key or a missing file is found here within seconds, and not after hours in a queue for a GPU. It can stop a symbol and
never admit one: the training repeats each check. So a preflight that is lost, for whatever cause, stops nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from retrain_api import reasons
from retrain_api.documents.results import PreflightResult, Refusal
from retrain_api.documents.tasks import PREFLIGHT_SYMBOLS
from retrain_api.formatting import counted
from retrain_api.keys import digest
from retrain_api.status.condition_types import CHECKED
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.decide.conditions import ConditionDraft
from retrain_operator.decide.context import Context
from retrain_operator.decide.phase_job import Ended, Failed, Lost, PhaseJob, Result, Work, phase_job
from retrain_operator.manifests.jobs import failed_key
from retrain_operator.manifests.tasks import preflight_task
from retrain_operator.state.effects import Steps
from retrain_operator.state.view import Outcome

from .as_of import as_of_work
from .standing import entries, has_model, unreachable


@dataclass(frozen=True)
class Checked:
    """What is known of every symbol, and what to do next about its preflight.

    `held`: symbols that are not to be trained, for now or for good; `told`: reason and message while it is at work;
    `condition`: what the condition says from now on, None where that stays as it is.
    """

    symbols: tuple[SymbolStatus, ...]
    steps: Steps = field(default_factory=Steps)
    held: frozenset[str] = frozenset()
    told: tuple[str, str] | None = None
    condition: ConditionDraft | None = None

    @property
    def settled(self) -> bool:
        """Whether there is no preflight to wait for."""
        return self.told is None

    def nothing_new(self, required: int) -> bool:
        """Whether the quorum is out of reach for the symbols alone that have nothing new to learn, however the others do."""
        skipped = sum(entry.state == "Skipped" and entry.symbol in self.held for entry in self.symbols)
        return skipped > 0 and len(self.symbols) - skipped < required


def advance(context: Context) -> Checked:
    """Ask for the preflight of the symbols that need one, or enter what it found."""
    known = entries(context)
    asked = _asked(context, known)
    symbols = [entry.symbol for entry in asked]
    key = digest({"symbols": [_key(context, entry) for entry in asked]})

    def accept(document: Outcome, _: int) -> PreflightResult | None:
        return document if isinstance(document, PreflightResult) and document.preflight_key == key else None

    task = partial(preflight_task, context.run, symbols, key, as_of_work(context.run))
    indexes = -(-len(symbols) // PREFLIGHT_SYMBOLS)
    # What a Job with other credentials found is void, and so is what one found before a retry was asked for.
    job = phase_job(context, Work("preflight", key, task, accept, indexes=indexes, done=not asked, fresh=True))
    steps = job.steps + Steps(create=job.create)
    if not asked:
        return Checked(known, steps, _stopped(context, known))
    if isinstance(job.state, Ended):
        return _found(context, known, job, job.state, symbols)
    told = _told(job)
    looking = tuple(_looked_at(entry, job.name) if entry.symbol in symbols else entry for entry in known)
    held = _stopped(context, looking) | frozenset(symbols)
    return Checked(looking, steps, held, told, ConditionDraft(CHECKED, "False", *told))


def _key(context: Context, entry: SymbolStatus) -> str:
    """Key of one symbol's preflight: what is looked at, and what is asked of it."""
    data = context.run.spec.data
    asked = {"maxAge": data.max_age, "minNewBars": data.min_new_bars or None, "waitFor": data.wait_for}
    return digest({"train": entry.train_key} | asked)


def _memory(context: Context, entry: SymbolStatus) -> str:
    """What a refusal is remembered by."""
    return failed_key(context.run, "preflight", _key(context, entry))


def _asked(context: Context, known: Sequence[SymbolStatus]) -> list[SymbolStatus]:
    """The symbols to look at: those that have neither model nor train Job, and of which nothing is known yet. None where the
    quorum is out of reach already.
    """
    stopped = _stopped(context, known)
    lost = [entry for entry in known if entry.symbol in stopped or _failed_before(context, entry)]
    others = [entry for entry in known if entry not in lost]
    idle = [SymbolStatus(symbol=entry.symbol) for entry in others]
    now = Checked((*lost, *idle), held=stopped)
    over = unreachable(context, now.symbols) or now.nothing_new(context.run.spec.required)
    if context.run.spec.preflight == "Never" or over:
        return []
    return [entry for entry in others if not has_model(entry) and not _is_known(context, entry)]


def _is_known(context: Context, entry: SymbolStatus) -> bool:
    """Whether a preflight let it through, or its training has begun."""
    trained = (job.symbol == entry.symbol and job.key == entry.train_key for job in context.view.of_phase("train"))
    return entry.checked_key == entry.train_key or any(trained)


def _failed_before(context: Context, entry: SymbolStatus) -> bool:
    """Whether its training failed, with these very fields."""
    return not has_model(entry) and entry.failed_key == failed_key(context.run, "train", entry.train_key or "")


def _stopped(context: Context, known: Sequence[SymbolStatus]) -> frozenset[str]:
    """The symbols that a preflight stopped, with these very fields."""
    if context.run.spec.preflight == "Never":
        return frozenset()
    return frozenset(entry.symbol for entry in known if entry.failed_key == _memory(context, entry))


def _told(job: PhaseJob[PreflightResult]) -> tuple[str, str]:
    """Why it takes time, as reason and message."""
    if job.job is not None and job.job.late is not None:
        return reasons.DATA_LATE, job.job.late.sentence
    if job.waits is None:
        return reasons.CHECKING, "Looking at data and store before anything is trained."
    if job.waits.reason == reasons.RETRYING:
        return reasons.RETRYING, "The preflight is waiting: its last pod failed; it is being retried."
    return job.waits.reason, f"The preflight is waiting: {job.waits.message}"


def _looked_at(entry: SymbolStatus, job: str | None) -> SymbolStatus:
    """An earlier failure is forgotten with the next attempt."""
    fresh = {"state": "Pending", "reason": None, "message": None, "failed_key": None, "job": job}
    return entry.model_copy(update=fresh)


def _found(
    context: Context,
    known: Sequence[SymbolStatus],
    job: PhaseJob[PreflightResult],
    state: Ended[PreflightResult],
    symbols: Sequence[str],
) -> Checked:
    """What the Job found, entered into the status. Of an index without a result everybody is let through."""
    found: dict[str, Refusal | None] = {}
    for index, outcome in enumerate(state.outcomes):
        part = symbols[index * PREFLIGHT_SYMBOLS : (index + 1) * PREFLIGHT_SYMBOLS]
        refused = outcome.document.refused if isinstance(outcome, Result) else ()
        found |= {symbol: next((one for one in refused if one.symbol == symbol), None) for symbol in part}
    entered = tuple(_entered(context, entry, found, job.name) for entry in known)
    lost = next((one for one in state.outcomes if not isinstance(one, Result)), None)
    return Checked(entered, job.steps, _stopped(context, entered), None, _condition(context, entered, lost))


def _entered(
    context: Context, entry: SymbolStatus, found: Mapping[str, Refusal | None], job: str | None
) -> SymbolStatus:
    if entry.symbol not in found:
        return entry
    refusal, fresh = found[entry.symbol], _looked_at(entry, job)
    if refusal is None:
        return fresh.model_copy(update={"checked_key": entry.train_key})
    state = "Skipped" if refusal.skipped else "Failed"
    why = {"state": state, "reason": refusal.reason, "message": refusal.message}
    return fresh.model_copy(update=why | {"failed_key": _memory(context, entry)})


def _condition(context: Context, known: Sequence[SymbolStatus], lost: Failed | Lost | None) -> ConditionDraft:
    stopped = _stopped(context, known)
    if stopped:
        few = f"{len(stopped)} of {counted(len(known), 'symbol')} stopped by the preflight."
        return ConditionDraft(CHECKED, "False", reasons.NOT_ALL_CHECKED, few)
    if lost is None:
        return ConditionDraft(CHECKED, "True", reasons.ALL_CHECKED)
    why = lost.reason if isinstance(lost, Failed) else reasons.RESULT_LOST
    message = f"The preflight ended without a result ({why}); the training finds out by itself what is wrong."
    return ConditionDraft(CHECKED, "Unknown", reasons.PREFLIGHT_LOST, message)
