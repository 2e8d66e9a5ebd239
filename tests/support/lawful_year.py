"""What schedules must have done in a year, found minute by minute, by other code than the planner's.

law = Law(Told("daily", "30 2 * * *", "Europe/Berlin"), fate, begin, end)
law.live(deeds, outages)
law.made        # every run that was ever created, in order, with its end
law.kept()      # names of those that must still be there at the end, and no others

All times are minutes since 1970 UTC. In a minute people act first, then runs end, then the operator decides, if it is up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from support.cron_by_hand import slots, time_of

Verb = Literal["suspend", "go on", "resume", "trigger", "reschedule", "retrain otherwise", "delete"]
DAY = 24 * 60
BEFORE = 100 * DAY
"""How far back a proof may look."""


@dataclass(frozen=True)
class Walk:
    """The proof that is asked for; replays are more than `days` apart."""

    slots: int
    must_pass: int
    days: int


@dataclass(frozen=True)
class Told:
    """The spec of a schedule, as far as the law reads it."""

    name: str
    schedule: str
    zone: str = "Etc/UTC"
    deadline: int | None = None
    """Seconds. No multiple of 60, so that nobody asks whether its last second counts."""
    pause_after: int = 3
    keeps: int = 10
    keeps_failed: int = 3
    walk: Walk | None = None


@dataclass(frozen=True)
class Deed:
    """What a person does to a schedule, at a minute at which the operator is up. `value`: the new schedule, a token, the epochs."""

    minute: int
    verb: Verb
    value: str = ""


@dataclass(frozen=True)
class Fate:
    """How a run ends, and after how many minutes."""

    state: str
    minutes: int


@dataclass(frozen=True)
class Made:
    """A run with its promotion policy and fate, and the minute at which it was seen to be over, or deleted."""

    minute: int
    name: str
    policy: str
    fate: Fate
    over: int | None = None
    deleted: bool = False

    @property
    def created(self) -> tuple[int, str, str]:
        """When, under which name, with which policy."""
        return self.minute, self.name, self.policy


@dataclass
class Replay:
    """A past slot of the proof, its run once that was made, and what came of it."""

    slot: int
    run: str = ""
    passed: bool | None = None


def without_key(name: str) -> str:
    """The name of a replay without the digits of its proof, which only the planner knows."""
    return re.sub(r"-wf-[0-9a-f]{6}-", "-wf-", name)


@dataclass
class Law:
    """The year of one schedule. `happened` counts what is rare, so that a test can say that its year was no quiet one."""

    told: Told
    fate: Callable[[str], Fate]
    begin: int
    end: int
    made: list[Made] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    last: int = 0
    since: int = 0
    suspended: bool = True
    stopped: bool = True
    failures: int = 0
    token: str = ""
    busy: Made | None = None
    proof: list[Replay] = field(default_factory=list)

    def live(self, deeds: Iterable[Deed], outages: Sequence[range]) -> None:
        """The whole year. The schedule was created, suspended, in the minute before."""
        by_minute: dict[int, list[Deed]] = {}
        for deed in deeds:
            by_minute.setdefault(deed.minute, []).append(deed)
        down = {minute for outage in outages for minute in outage}
        self._begin_proof(self.begin - 1)
        for minute in range(self.begin, self.end):
            for deed in by_minute.get(minute, ()):
                self._suffer(deed, minute)
            if minute not in down:
                self._decide(minute)

    def kept(self) -> set[str]:
        """The runs that are there at the end."""
        there = [one for one in reversed(self.made) if not one.deleted]
        proof = {replay.run for replay in self.proof}
        over = [one for one in there if one.name not in proof and self._counts(one, there)]
        over.sort(key=lambda one: "-wf-" in one.name)  # replays of earlier proofs take up no run's room
        failed = [one.name for one in over if one.fate.state == "Failed"]
        others = [one.name for one in over if one.fate.state != "Failed"]
        in_service = [one.name for one in there if one.fate.state == "Promoted"][:1]
        free = [one.name for one in there if one not in over]
        return {*failed[: self.told.keeps_failed], *others[: self.told.keeps], *in_service, *free}

    def _counts(self, one: Made, newest_first: Sequence[Made]) -> bool:
        """Whether it counts for the limits: a run that waits for a person does once a newer one waits or is promoted."""
        if one.over is None or one.fate.state != "AwaitingApproval":
            return one.over is not None
        newer = newest_first[: newest_first.index(one)]
        return any(run.over is not None and run.fate.state in ("AwaitingApproval", "Promoted") for run in newer)

    # People.

    def _suffer(self, deed: Deed, minute: int) -> None:
        if deed.verb in ("suspend", "go on", "reschedule", "retrain otherwise", "resume"):
            self.failures = 0  # whoever touches the spec has mended what failed
        match deed.verb:
            case "suspend":
                self.suspended = True
            case "go on":
                self.suspended = False
            case "trigger":
                self.token = deed.value
            case "reschedule":
                self.told, self.since = replace(self.told, schedule=deed.value), minute
            case "retrain otherwise":
                self._begin_proof(minute)
            case "delete" if self.busy is not None:
                self._is_over(minute, deleted=True)

    # The operator.

    def _decide(self, minute: int) -> None:
        if self.busy is not None and self.busy.minute + self.busy.fate.minutes <= minute:
            self._is_over(minute)
        stops = self.suspended or 0 < self.told.pause_after <= self.failures
        if self.stopped and not stops:
            self.since = minute
        self.happened["pauses"] += stops and not self.stopped and not self.suspended
        self.stopped = stops
        if self.busy is not None:
            return
        if self._proving():
            if not stops:
                self._make_replay(minute)
            return
        self._make_run(minute)

    def _make_run(self, minute: int) -> None:
        slot = self._due(minute)
        policy = "Manual" if self.proof and not self._proven() else "Automatic"
        if slot is not None:
            self.last = slot
            self._make(f"{self.told.name}-{time_of(slot):%Y%m%d%H%M}", minute, policy)
            self.happened["made up for"] += slot < minute
        elif self.token and not self.suspended:
            # After the slot that is due, under a name that no slot has.
            self.token = ""
            self._make(f"{self.told.name}-{time_of(minute):%Y%m%d%H%M%S}", minute, policy)
            self.happened["triggered"] += 1

    def _due(self, minute: int) -> int | None:
        """The newest slot that nobody has made a run for, if it counts."""
        slot = _newest_slots(self.told.schedule, self.told.zone, self.begin, self.end)[minute - self.begin]
        if self.stopped or slot <= max(self.last, self.since):
            return None
        if self.told.deadline is not None and (minute - slot) * 60 > self.told.deadline:
            self.happened["too late"] += 1
            self.since = slot
            return None
        return slot

    def _make(self, name: str, minute: int, policy: str) -> None:
        self.busy = Made(minute, name, policy, self.fate(name))
        self.made.append(self.busy)

    def _is_over(self, minute: int, deleted: bool = False) -> None:
        assert self.busy is not None
        run, self.busy = self.busy, None
        self.made[-1] = replace(run, over=minute, deleted=deleted)
        self.happened["deleted" if deleted else run.fate.state] += 1
        replayed = next((replay for replay in self.proof if replay.run == run.name), None)
        if replayed is not None:
            replayed.passed = run.fate.state == "Passed"
            self.happened[f"proofs {self._proven()}"] += not self._proving()
        elif not deleted and "-wf-" not in run.name:
            self.failures = self.failures + 1 if run.fate.state == "Failed" else 0

    # The proof.

    def _begin_proof(self, minute: int) -> None:
        self.proof = []
        if self.told.walk is None:
            return
        latest = minute
        past = list(slots(self.told.schedule, self.told.zone, minute - BEFORE, minute + 1))
        for _ in range(self.told.walk.slots):
            slot = max(slot for slot in past if slot <= latest)
            self.proof.append(Replay(slot))
            latest = slot - self.told.walk.days * DAY - 1

    def _proven(self) -> bool:
        return self.told.walk is None or sum(replay.passed is True for replay in self.proof) >= self.told.walk.must_pass

    def _proving(self) -> bool:
        """Until all are replayed, or too few are left."""
        if self.told.walk is None:
            return False
        still = sum(replay.passed is None for replay in self.proof)
        may_pass = still + sum(replay.passed is True for replay in self.proof)
        return still > 0 and may_pass >= self.told.walk.must_pass

    def _make_replay(self, minute: int) -> None:
        replay = next(replay for replay in self.proof if replay.passed is None)
        replay.run = f"{self.told.name}-wf-{time_of(replay.slot):%Y%m%d%H%M}"
        self._make(replay.run, minute, "Never")


@cache
def _newest_slots(schedule: str, zone: str, begin: int, end: int) -> tuple[int, ...]:
    """For each minute the newest slot up to it; 0 before the first."""
    due = set(slots(schedule, zone, begin, end))
    found, newest = [], 0
    for minute in range(begin, end):
        newest = minute if minute in due else newest
        found.append(newest)
    return tuple(found)
