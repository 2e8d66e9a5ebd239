"""What people read of an observation: the run's sentence, the column's word, and events.

A person may read it at night on a phone: so it says what happened, in numbers, and what to type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from retrain_api import reasons
from retrain_api.formatting import counted, listed, measured
from retrain_api.run import RetrainRun
from retrain_api.status.observation import ObservationStatus, ObservedSymbol
from retrain_api.time import duration
from retrain_operator.decide.conditions import OBSERVED
from retrain_operator.state.effects import Event

from .observed import ROLLED_BACK

_NAMED = 4
"""Up to so many symbols are named in a sentence, and so many sentences are in a message."""
_WARNED, _TOLD = ("Decaying", "BelowPromise", "Unobserved"), ("Held", "Superseded")
"""States that an event speaks of."""


def sentence(run: RetrainRun, observation: ObservationStatus) -> str:
    """What the run's state means, and what to do."""
    parts = [facts(run, observation), advice(run, observation)]
    if is_slow(run, observation) and observation.state != "Superseded":
        parts.append(slow_sentence(run, observation))
    return " ".join(filter(None, parts))


def facts(run: RetrainRun, observation: ObservationStatus) -> str:
    """What was found."""
    found = _of_the_state(observation)
    return " ".join(filter(None, [_good(run, observation, found), _grouped(found)]))


def _of_the_state(observation: ObservationStatus) -> list[ObservedSymbol]:
    """The symbols that the run's state is that of."""
    return [one for one in observation.symbols if one.state == observation.state]


def _grouped(symbols: Sequence[ObservedSymbol]) -> str:
    """Each symbol's sentence; those that share one share it here too."""
    sentences = list(dict.fromkeys(one.message for one in symbols if one.message))
    told = [f"{_names([one for one in symbols if one.message == each])}: {each}." for each in sentences[:_NAMED]]
    return " ".join([*told, "And others."] if len(sentences) > _NAMED else told)


def _names(symbols: Sequence[ObservedSymbol]) -> str:
    names = [one.symbol for one in symbols]
    return listed(names) if len(names) <= _NAMED else f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _good(run: RetrainRun, observation: ObservationStatus, found: Sequence[ObservedSymbol]) -> str:
    """Of models that nothing is to be done about."""
    if observation.state == "Observing" and observation.last_time is None:
        return "The promoted models are being looked at for the first time."
    if observation.state not in ("Holding", "Held"):
        return ""
    spec = run.spec.observation
    held = f"Held for {spec.for_}" if observation.state == "Held" and spec else "Nothing speaks for a fall"
    shares = sorted(one.accuracy for one in found if one.accuracy is not None)
    if len(found) == 1 and shares:
        return f"{held}: right in {measured('accuracy', shares[0])} of {found[0].bars or 0:,} bars since the test."
    if not shares:
        return f"{held}."
    spread = dict.fromkeys(measured("accuracy", share) for share in (shares[0], shares[-1]))
    right = f"right in {' to '.join(spread)} of the bars"
    return f"{held}: {counted(len(found), 'model')}, {right} since their tests."


def advice(run: RetrainRun, observation: ObservationStatus) -> str:
    """What to do about it, or that there is nothing to do."""
    found = _of_the_state(observation)
    if observation.state == "Decaying":
        symbol = found[0].symbol if len(found) == 1 else "SYMBOL"
        # After a rollback the command can't know which model was before: it asks for the file.
        file = " --to FILE" if any(one.message.startswith(ROLLED_BACK) for one in found) else ""
        back = f"retrain rollback {symbol} --artifacts {run.spec.artifacts.uri}{file} --reason decaying"
        return f"Go back to the model before with {back}, or train anew; it stays Decaying until another model stands."
    if observation.state == "BelowPromise":
        return "This is a warning, which goes away by itself or becomes Decaying."
    if observation.state == "Unobserved" and found:
        retry = f"retrain retry {run.metadata.name}"
        return f"The next look tries again, {retry} at once." if observation.next_time else f"Try again with {retry}."
    return ""


def is_slow(run: RetrainRun, observation: ObservationStatus) -> bool:
    """Whether a fall would show only after the observation is over."""
    lasts = duration(run.spec.observation.for_) if run.spec.observation else None
    shows = duration(observation.sees)
    return lasts is not None and shows is not None and shows.nanoseconds > lasts.nanoseconds


def slow_sentence(run: RetrainRun, observation: ObservationStatus) -> str:
    """That it is."""
    lasts = run.spec.observation.for_ if run.spec.observation else ""
    return f"A fall of ten points below the bar would show after {observation.sees}, and observation.for is {lasts}."


def column(observation: ObservationStatus | None) -> str | None:
    """The state, with the symbol where it is that of one of several: Decaying BTC-USD."""
    if observation is None:
        return None
    found = [one.symbol for one in _of_the_state(observation)]
    if not found or len(found) == len(observation.symbols):
        return observation.state
    return f"{observation.state} {found[0] if len(found) == 1 else f'{len(found)}/{len(observation.symbols)}'}"


def events(run: RetrainRun, before: ObservationStatus | None, after: ObservationStatus | None) -> tuple[Event, ...]:
    """One where the state became something that people should hear of, or another model decays; one for a test that is too slow."""
    if after is None:
        return ()
    found: list[Event] = []
    news = before is None or before.state != after.state or decaying(after) - decaying(before)
    if after.state in (*_WARNED, *_TOLD) and news:
        kind: Literal["Normal", "Warning"] = "Warning" if after.state in _WARNED else "Normal"
        found.append(Event(kind, OBSERVED[after.state], after.message))
    first = after.last_time is not None and (before is None or before.last_time is None)
    if first and is_slow(run, after):
        found.append(Event("Warning", reasons.SLOW_TO_SHOW, slow_sentence(run, after)))
    return tuple(found)


def decaying(observation: ObservationStatus) -> set[tuple[str, str]]:
    """The models that decay, where the run does."""
    if observation.state != "Decaying":
        return set()
    return {(one.symbol, one.model) for one in observation.symbols if one.state == "Decaying"}
