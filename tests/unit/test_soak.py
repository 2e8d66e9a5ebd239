"""The parts of a soak that need no cluster: what it does is drawn from its seed, and each loss has its sentence."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from soak.disturbances import KINDS, LASTING, drawn, kind_of
from soak.losses import Seen, losses

URI = "s3://retrain/soak/lstm_A_5m_aaaaaaaa.pt"
RUN = {
    "metadata": {"name": "soak-1", "uid": "run", "generation": 2},
    "status": {
        "state": "Promoted",
        "observedGeneration": 2,
        "conditions": [{"type": "Finished", "status": "True"}],
        "gate": {"verdict": "Pass"},
        "promotion": {"models": [{"symbol": "A", "uri": URI}]},
    },
}
JOB = {"metadata": {"name": "job", "uid": "job", "ownerReferences": [{"uid": "run"}]}}
POD = {"metadata": {"name": "pod", "ownerReferences": [{"uid": "job"}]}, "status": {"phase": "Succeeded"}}
POINTER = {"model": {"uri": URI, "sha256": "a" * 64}}
GOOD = Seen([RUN], [JOB], [POD], {"A": POINTER}, {URI: "a" * 64}, {"r/result.json": frozenset({"1"})}, [50.0] * 60)


def status(**fields: Any) -> dict[str, Any]:
    run = copy.deepcopy(RUN)
    run["status"] |= fields
    return run


def test_a_good_soak_lost_nothing() -> None:
    assert losses(GOOD) == []


LOST: dict[str, tuple[dict[str, Any], str]] = {
    "unfinished": ({"runs": [status(state="Training", message="1 of 3")]}, "soak-1 is Training, Finished True: 1 of 3"),
    "final, and its condition does not say so": (
        {"runs": [status(conditions=[], message="done")]},
        "soak-1 is Promoted, Finished None: done",
    ),
    "an older spec": ({"runs": [status(observedGeneration=1)]}, "soak-1 tells of an older spec"),
    "promoted without a Pass": (
        {"runs": [status(gate={"verdict": "Fail"})]},
        "soak-1 promoted A with the verdict Fail",
    ),
    "other bytes": ({"models": {URI: "b" * 64}}, f"the pointer of A names {URI}, whose bytes are not those it says"),
    "a stranger's pointer": (
        {"pointers": {"A": {"model": {"uri": "s3://x", "sha256": "c"}}}, "models": {URI: "a", "s3://x": "c"}},
        "the pointer of A names s3://x, which no run promoted",
    ),
    "gone": ({"pointers": {}, "models": {URI: ""}}, f"{URI} was promoted and is not there"),
    "a Job without its run": ({"runs": [], "pointers": {}}, "Job job has no run"),
    "a pod without its Job": ({"jobs": []}, "pod pod has no Job"),
    "a pod that runs": (
        {"pods": [POD | {"status": {"phase": "Running"}}]},
        "pod pod is Running after its run's end",
    ),
    "trained twice": ({"written": {"r/result.json": frozenset({"1", "2"})}}, "r/result.json was written 2 times"),
    "memory": (
        {"memory": [50.0] * 40 + [56.0] * 20},
        "the operator took 50 MB in the second third and 56 MB in the last",
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_a_loss_is_told(what: str) -> None:
    fields, sentence = LOST[what]
    assert losses(replace(GOOD, **fields)) == [sentence]


@given(seed=st.integers(0, 10**6), seconds=st.floats(60, 3600), runs=st.integers(1, 40))
def test_a_seed_draws_the_same_steps_each_in_its_time_and_takes_back_what_lasts(
    seed: int, seconds: float, runs: int
) -> None:
    steps = drawn(seed, seconds, runs)
    assert steps == drawn(seed, seconds, runs)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert all(0 <= step.at <= seconds and 0 <= step.pick < 1 for step in steps)
    assert sum(step.what == "arrive" for step in steps) == runs
    for what in LASTING:
        changes = [step.over for step in steps if step.what == what]
        assert changes == [False, True] * (len(changes) // 2)


def test_runs_of_every_kind_arrive() -> None:
    assert {kind_of(pick / 10) for pick in range(10)} == {*KINDS}


def test_another_seed_draws_other_steps() -> None:
    assert drawn(1, 1800, 18) != drawn(2, 1800, 18)
