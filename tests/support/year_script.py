"""What happens to four schedules in a year: what people do to them, when no operator is up, how their runs end. By a seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from support.cron_by_hand import minute_of
from support.lawful_year import Deed, Fate, Law, Told, Verb, Walk

HOUR, DAY = 60, 24 * 60
BEGIN = minute_of(datetime(2040, 1, 3, 9, tzinfo=UTC))
"""Later than any day on which these tests are run: a schedule has no slot before it was created."""
YEAR = 366 * DAY
HOURLY = range(BEGIN + 85 * DAY, BEGIN + 97 * DAY)
"""When the hourly schedule is not suspended. Clocks in Australia go back by half an hour or an hour on the first of April."""

_OUTAGES = (2, 40, 7 * HOUR, 50 * HOUR, 9 * DAY)
_STATES = ("Promoted", "Rejected", "Skipped", "Failed", "AwaitingApproval")


@dataclass(frozen=True)
class Script:
    """A whole year."""

    seed: int
    told: tuple[Told, ...]
    outages: tuple[range, ...]
    deeds: dict[str, tuple[Deed, ...]] = field(default_factory=dict)

    def fate(self, name: str) -> Fate:
        """How the run of that name ends."""
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        chance = random.Random(digest)
        if "-wf-" in name:
            state = chance.choices(("Passed", "Rejected", "Failed", "Skipped"), (50, 30, 10, 10))[0]
            return Fate(state, chance.randint(10, 2 * HOUR))
        weights = (30, 20, 10, 40, 0) if name.startswith("hourly") else (30, 22, 10, 30, 8)
        state = chance.choices(_STATES, weights)[0]
        longest = 90 if name.startswith("hourly") else 30 * HOUR if chance.random() < 0.15 else 3 * HOUR
        return Fate(state, chance.randint(1, longest))

    def law(self, told: Told) -> Law:
        """What must come of a schedule."""
        law = Law(told, self.fate, BEGIN, BEGIN + YEAR)
        law.live(self.deeds[told.name], self.outages)
        return law


def script(seed: int) -> Script:
    """The year of that seed."""
    chance = random.Random(seed)
    told = (
        Told("weekly", "30 2 * * 0", "America/New_York", keeps=2, walk=Walk(3, 2, 10)),
        Told("weekly-b", "30 2 * * *", "Europe/Berlin", deadline=2 * 3600 + 30),
        Told("monthly", "0 0 1 * *", "Pacific/Auckland", pause_after=0, keeps=0, keeps_failed=0),
        Told("hourly", "0 * * * *", "Australia/Lord_Howe", deadline=630, keeps=4, keeps_failed=1),
    )
    outages = tuple(sorted((_outage(chance) for _ in range(14)), key=lambda one: one.start))
    year = Script(seed, told, outages)
    deeds = {one.name: tuple(_deeds(one, chance, outages)) for one in told}
    year = replace(year, deeds=deeds)
    return replace(year, deeds={one.name: (*deeds[one.name], *_deletions(year, one, chance)) for one in told})


def _outage(chance: random.Random) -> range:
    start = BEGIN + chance.randrange(DAY, YEAR - 20 * DAY)
    return range(start, start + chance.choice(_OUTAGES))


def _deeds(told: Told, chance: random.Random, outages: Sequence[range]) -> Iterable[Deed]:
    span = HOURLY if told.name == "hourly" else range(BEGIN, BEGIN + YEAR)
    taken: set[int] = set()

    def deed(minute: int, verb: Verb, value: str = "") -> Deed:
        """When the operator is up, and nobody does anything else."""
        while minute in taken or any(minute in outage for outage in outages):
            minute += 1
        taken.add(minute)
        return Deed(minute, verb, value)

    length = len(span)
    yield deed(span.start, "go on")
    for _ in range(3):
        start = span.start + chance.randrange(length // 20, length * 8 // 10)
        yield deed(start, "suspend")
        yield deed(start + chance.randrange(1, length // 12), "go on")
    for number in range(4):
        yield deed(span.start + chance.randrange(DAY, length * 9 // 10), "trigger", f"now-{number}")
    for number in range(25):
        yield deed(span.start + length * (number + 1) // 26, "resume", f"again-{number}")
    if told.walk is not None:
        for number in (1, 2, 3):
            yield deed(span.start + length * number // 4, "retrain otherwise", f"{20 + number}")
    if told.name == "weekly-b":
        yield deed(span.start + length // 2, "reschedule", "15 2 * * 1-5")
    yield deed(span.stop - 1 if told.name == "hourly" else span.stop - 5 * DAY, "suspend")


def _deletions(year: Script, told: Told, chance: random.Random) -> Iterable[Deed]:
    """Runs that are deleted while they are under way."""
    made = [one for one in year.law(told).made if one.fate.minutes > 2 and one.over is not None]
    for one in chance.sample(made, min(2, len(made))):
        minute = one.minute + 1
        if not any(minute in outage for outage in year.outages):
            yield Deed(minute, "delete")
