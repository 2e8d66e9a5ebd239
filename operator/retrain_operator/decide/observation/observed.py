"""From what a look found to a word for each promoted model, one for the run, and what people read of both.

A symbol's sentence is kept in the status as it was written when its numbers were read: a bar that is edited later says nothing about them.
The run's word and sentence are made anew at each plan, from those of its symbols.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retrain_api import reasons
from retrain_api.documents.results import Looked, ObserveResult
from retrain_api.documents.tasks import OBSERVE_SYMBOLS
from retrain_api.formatting import bar as bound_text
from retrain_api.formatting import measured
from retrain_api.observation.state import Evidence, state_by
from retrain_api.run import RetrainRun
from retrain_api.status.observation import ObservationStatus, ObservedState, ObservedSymbol
from retrain_api.time import Duration, Interval
from retrain_operator.decide.phase_job import Failed, Lost, Result
from retrain_operator.state.snapshot import read_time

_FEW, _LONG, _SHORT = 16, 300, 100
"""Of more symbols than this, each has fewer characters for why it could not be judged: a status has 100 KB for everything."""
ROLLED_BACK = "rolled back to "
"""How the sentence begins of a model that somebody went back to."""
_SINCE = "; at the last look "
_WORST: tuple[ObservedState, ...] = (
    "Decaying",
    "BelowPromise",
    "Unobserved",
    "NotMeasurable",
    "NoNewBars",
    "Observing",
    "Holding",
    "Held",
)


@dataclass(frozen=True)
class Terms:
    """What a look is held against: whose run it is, how many models it has promoted, and what its spec asks for.

    `late`: a file whose newest bar closed before this has no new bars. `bar` says in words what a model must keep to; `latched`, that it
    is the same as before, so that whatever decayed still does.
    """

    uid: str
    models: int
    min_bars: int
    late: datetime
    bar: str
    latched: bool

    @classmethod
    def of(cls, run: RetrainRun, past: ObservationStatus, judged_until: datetime) -> Terms:
        """Those of a look that judges the bars up to this time."""
        spec = run.spec.observation
        assert spec is not None
        interval = timedelta(microseconds=Interval.parse(run.spec.data.interval).nanoseconds // 1000)
        late = judged_until - 2 * max(Duration.parse(spec.every).as_timedelta, interval)
        bound = run.spec.gate.accuracy_bar
        bar = "the majority of its test" if bound is None else f"the gate's bar of {bound_text('accuracy', bound)}"
        return cls(run.metadata.uid, len(past.symbols), spec.min_bars, late, bar, past.bar == bound)


def found_of(
    symbols: Sequence[str], outcomes: Sequence[Result[ObserveResult] | Failed | Lost]
) -> dict[str, Looked | Failed]:
    """Of each symbol of a look what it found, or why it found nothing."""
    return {symbol: _found(symbol, outcomes[number // OBSERVE_SYMBOLS]) for number, symbol in enumerate(symbols)}


def _found(symbol: str, outcome: Result[ObserveResult] | Failed | Lost) -> Looked | Failed:
    match outcome:
        case Result(document):
            silent = Failed(reasons.RESULT_LOST, "The look said nothing of it; check the trainer image")
            return next((one for one in document.symbols if one.symbol == symbol), silent)
        case Failed():
            return outcome
        case Lost():
            return Failed(reasons.RESULT_LOST, "Its result was lost with its pod")


def entered(entry: ObservedSymbol, found: Looked | Failed | None, terms: Terms) -> ObservedSymbol:
    """What is known of a symbol after a look; it may not have been at all of them."""
    if found is None:
        return entry
    return seen(found, entry, terms) if isinstance(found, Looked) else unseen(found, entry, terms.models)


def seen(looked: Looked, before: ObservedSymbol, terms: Terms) -> ObservedSymbol:
    """What a look says of a symbol."""
    theirs = looked.run != terms.uid and not looked.rolled_back
    if looked.model and theirs:
        return _superseded(before, "replaced by the model of a newer run")
    if not looked.model and not looked.problem:
        return _superseded(before, "nothing is promoted any more")
    alarmed = before.state == "Decaying" and looked.model[:12] in ("", before.model)
    if looked.problem:
        return _unjudged(looked, before, alarmed, terms)
    evidence = Evidence(looked.bars, looked.peak, looked.promise)
    state: ObservedState = state_by(evidence, terms.models, terms.min_bars)
    state = "Decaying" if alarmed and terms.latched else state
    newest = read_time(looked.newest)
    if state != "Decaying" and newest is not None and newest < terms.late:
        state = "NoNewBars"
    return _numbers(looked, before).model_copy(update={"state": state, "message": _sentence(state, looked, terms)})


def is_failure(looked: Looked) -> bool:
    """Whether another look may find what this one could not."""
    return bool(looked.problem) and looked.reason != reasons.NOT_MEASURABLE


def unseen(failure: Failed, before: ObservedSymbol, models: int) -> ObservedSymbol:
    """A symbol that a look failed for. What was known of it stays; Decaying above all."""
    return _with_failure(before, before.state == "Decaying", failure.reason, failure.message, models)


def _unjudged(looked: Looked, before: ObservedSymbol, alarmed: bool, terms: Terms) -> ObservedSymbol:
    entry = _numbers(looked, before) if looked.bars else before.model_copy(update=_model(looked, before))
    if not is_failure(looked) and not alarmed:
        sentence = f"can't be measured: {_cut(looked.problem, terms.models)}"
        return entry.model_copy(update={"state": "NotMeasurable", "message": sentence})
    kept = entry.model_copy(update={"message": before.message})
    return _with_failure(kept, alarmed, looked.reason or reasons.UNOBSERVED, looked.problem, terms.models)


def _with_failure(entry: ObservedSymbol, alarmed: bool, reason: str, why: str, models: int) -> ObservedSymbol:
    failure = f"could not be judged ({reason}): {_cut(why, models)}"
    if not alarmed:
        return entry.model_copy(update={"state": "Unobserved", "message": failure})
    known = entry.message.split(_SINCE, 1)[0]
    return entry.model_copy(update={"state": "Decaying", "message": f"{known}{_SINCE}{failure}"})


def _superseded(before: ObservedSymbol, why: str) -> ObservedSymbol:
    return before.model_copy(update={"state": "Superseded", "message": why})


def _model(looked: Looked, before: ObservedSymbol) -> dict[str, Any]:
    return {"model": looked.model[:12] or before.model}


def _numbers(looked: Looked, before: ObservedSymbol) -> ObservedSymbol:
    return ObservedSymbol(
        symbol=before.symbol,
        bars=looked.bars,
        accuracy=looked.accuracy,
        promised=looked.promised,
        wealth=math.exp(min(looked.wealth, 700.0)),
        **_model(looked, before),
    )


def _sentence(state: ObservedState, looked: Looked, terms: Terms) -> str:
    """What stands behind the symbol's name and a colon; empty where its numbers say enough."""
    right = f"right in {measured('accuracy', looked.accuracy)} of {looked.bars:,} bars since the test"
    found = {
        "Decaying": f"fell below {terms.bar}: {right}",
        "BelowPromise": f"{right}, which promised {measured('accuracy', looked.promised)}",
        "NoNewBars": f"no new bars, the newest closed at {looked.newest}",
        "Observing": f"{looked.bars:,} judged bars of the {terms.min_bars:,} that it takes",
    }.get(state, "")
    back = f"{ROLLED_BACK}{looked.model[:8]}" if looked.rolled_back else ""
    late = f"of {looked.late} judged blocks bars came late or were restated"
    return ", ".join(filter(None, [back, found, late if looked.late else ""]))


def _cut(text: str, models: int) -> str:
    return text[: _LONG if models <= _FEW else _SHORT].rstrip(". ")


def worst(states: Sequence[ObservedState]) -> ObservedState:
    """The run's state: the worst of those of the symbols that are not superseded; Superseded where all of them are."""
    return next((state for state in _WORST if state in states), "Superseded")


def at_the_end(symbols: Sequence[ObservedSymbol], over: bool) -> tuple[ObservedSymbol, ...]:
    """Holding is Held once no look is to come, and Holding again where `for` was made longer."""
    word = "Held" if over else "Holding"
    return tuple(
        one.model_copy(update={"state": word}) if one.state in ("Holding", "Held") and one.state != word else one
        for one in symbols
    )


def sees(found: Sequence[Looked]) -> str | None:
    """The longest time until a fall would show, as 18h or 3d; None where no symbol has one."""
    days = max((one.days_to_see for one in found if one.days_to_see is not None), default=None)
    if days is None:
        return None
    hours = max(math.ceil(days * 24), 1)
    return f"{hours}h" if hours < 48 else f"{min(math.ceil(days), 99_999)}d"
