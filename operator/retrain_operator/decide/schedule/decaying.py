"""Which models in service decay, and for which of them a run is still to be made.

One run is made for all that decay at the time, and it is remembered for which models: so a model that decays on, because its
successor was rejected or its run deleted, is left to the slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .children import decayed_model
from .context import Context
from .limits import age, last_promoted

_REMEMBERED = 20
"""Models that decayed earlier and are out of service: one may be gone back to."""


@dataclass(frozen=True)
class Decay:
    """A model that decays and that no run was made for yet: its symbol, and the sha256 as far as it is known.

    `remembered` is what the status has to say once a run is made for it.
    """

    symbol: str
    model: str
    remembered: tuple[str, ...]


def decay(context: Context) -> Decay | None:
    """The first model in service that decays without a run; None where runs are not made for that."""
    if context.spec.when_decaying != "Retrain":
        return None
    seen = decaying(context)
    known = _known(context)
    fresh = next(((symbol, model) for symbol, model in seen if model[:8] not in known), None)
    return None if fresh is None else Decay(*fresh, _remembered(context.status.decayed or (), [one for _, one in seen]))


def decaying(context: Context) -> list[tuple[str, str]]:
    """Symbols and models that decay, each by what the run says that moved its pointer last: only that one observes it.

    The run may be of an earlier schedule of this name: its model is what is in service.
    """
    runs = [run for run in context.view.runs if not run.stranger]
    last = last_promoted(sorted(runs, key=lambda run: age(context, run), reverse=True))
    found: list[tuple[str, str]] = []
    for symbol, run in sorted(last.items()):
        observed = run.status.observation.symbols if run.status.observation is not None else ()
        found += [(symbol, one.model) for one in observed if one.symbol == symbol and one.state == "Decaying"]
    return [(symbol, model) for symbol, model in found if model]


def _known(context: Context) -> set[str]:
    """The models that had their run, by what was written and by the runs that are there: a status may have been restored."""
    named = (decayed_model(context.name, run.name) for run in context.view.runs if not run.stranger)
    return {*(context.status.decayed or ()), *filter(None, named)}


def _remembered(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """All that decay now, however many, and the last of those that did before."""
    present = tuple(dict.fromkeys(model[:8] for model in now))
    earlier = [model for model in before if model not in present]
    return (*earlier[-_REMEMBERED:], *present)
