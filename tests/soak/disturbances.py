"""What a soak does to a cluster, and when: drawn from a seed, so that the same seed does the same again."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

LASTING = MappingProxyType({"store away": 20.0, "quota": 20.0, "cordon": 20.0, "suspend": 15.0})
"""What is taken back after about so many seconds."""

OFTEN = MappingProxyType(
    {
        "kill task": 5,
        "kill operator": 3,
        "edit": 3,
        "approve": 4,
        "suspend": 2,
        "API server": 1,
        "store away": 1,
        "quota": 1,
        "cordon": 1,
    }
)
"""How often each comes, beside the others."""

EVERY = 20.0
"""Seconds between two disturbances, in the mean."""
CALM = 0.1
"""The first part of the time disturbs nothing, and in the last no run arrives."""

KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "passes": {},
        "waits for approval": {"promotion": {"policy": "Manual"}},
        "fails": {"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.999}]}},
    }
)


@dataclass(frozen=True)
class Step:
    """At so many seconds, this; `pick` in [0, 1) chooses among what is there then. `over` takes a lasting one back."""

    at: float
    what: str
    pick: float = 0.0
    over: bool = False


def drawn(seed: int, seconds: float, runs: int) -> tuple[Step, ...]:
    """All steps in their order: `runs` that arrive at random, each followed by all that is done to them."""
    generator = random.Random(seed)
    arriving = [Step(at, "arrive", generator.random()) for at in times(generator, runs, 0, (1 - CALM) * seconds)]
    disturbing = list(disturbances(generator, seconds))
    return tuple(sorted([*arriving, *disturbing], key=lambda step: (step.at, step.what)))


def times(generator: random.Random, count: int, first: float, last: float) -> list[float]:
    """The first of them at once, so that there is something to disturb."""
    return [first, *sorted(generator.uniform(first, last) for _ in range(count - 1))][:count]


def disturbances(generator: random.Random, seconds: float) -> Iterator[Step]:
    """Each that lasts is over before the next of its kind begins, and before the end."""
    count = int((1 - CALM) * seconds / EVERY)
    free: dict[str, float] = {}
    for at in sorted(generator.uniform(CALM * seconds, seconds) for _ in range(count)):
        (what,) = generator.choices([*OFTEN], [*OFTEN.values()])
        lasts = LASTING.get(what, 0.0) * generator.uniform(0.5, 1.5)
        pick = generator.random()
        if at < free.get(what, 0.0):
            continue
        yield Step(at, what, pick)
        if lasts:
            free[what] = at + lasts
            yield Step(min(at + lasts, seconds), what, pick, over=True)


def kind_of(pick: float) -> str:
    """What becomes of an arriving run: half of them pass, a quarter waits, a quarter fails."""
    return [*KINDS][(0, 0, 1, 2)[int(pick * 4)]]
