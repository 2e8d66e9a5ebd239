"""A simulated year: the real planner on a real API server makes exactly the runs that a brute force over all minutes names."""

from __future__ import annotations

from collections import Counter

import pytest
from support.control_plane import ControlPlane
from support.cron_by_hand import time_of
from support.lawful_year import Law, without_key
from support.operator_process import until
from support.simulated_year import SimulatedYear
from support.year_script import BEGIN, YEAR, script

SEED = 2


@pytest.fixture(scope="module")
def laws() -> dict[str, Law]:
    """What must come of each schedule."""
    year = script(SEED)
    return {told.name: year.law(told) for told in year.told}


def test_the_year_is_no_quiet_one(laws: dict[str, Law]) -> None:
    """What is rare happens in it."""
    happened = sum((law.happened for law in laws.values()), Counter())
    rare = ("pauses", "made up for", "too late", "triggered", "deleted", "AwaitingApproval", "Failed", "Skipped")
    assert {name: happened[name] for name in rare if happened[name] < 5} == {}
    assert happened["proofs True"] and happened["proofs False"]
    assert sum(len(law.made) for law in laws.values()) > 300


def test_exactly_the_right_runs_are_made_at_the_right_minute_and_the_right_ones_are_kept(
    control_plane: ControlPlane, namespace: str, laws: dict[str, Law]
) -> None:
    year = SimulatedYear(control_plane, namespace, script(SEED))
    year.live()
    for name, law in laws.items():
        wanted, found = [one.created for one in law.made], year.made[name]
        assert found == wanted, differences(found, wanted)
    assert year.crashes > 50
    for name, law in laws.items():
        # The garbage collector has its own pace.
        until(lambda name=name, law=law: kept(year, name) == law.kept(), lambda name=name: sorted(kept(year, name)), 30)
    assert time_of(BEGIN + YEAR).year == 2041


def kept(year: SimulatedYear, name: str) -> set[str]:
    return {without_key(run) for run in year.schedules.names(name)}


def differences(found: list[tuple[int, str, str]], wanted: list[tuple[int, str, str]]) -> str:
    """The first runs that only one of them has, in the order of time."""
    only = sorted({*found} ^ {*wanted})[:8]
    said = ("made" if one in found else "missing" for one in only)
    return "\n".join(f"{time_of(one[0])} {one[1]} {one[2]}: {word}" for one, word in zip(only, said, strict=True))
