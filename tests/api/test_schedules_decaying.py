"""A schedule whose promoted model decays, on a real API server: one run out of turn, and not two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from support.clocked_operator import ForwardClock
from support.fates import Fates, measured, succeeds
from support.kubelet import Kubelet
from support.observed_life import PATIENT, seen
from support.operator_process import OperatorProcess
from support.results import DECAYED, observed
from support.schedule_life import GROUP, RARELY, Schedules

HOUR = timedelta(hours=1)
TEMPLATE = {"observation": {"every": "1h"}, "evaluate": PATIENT}


def first_decays(task: Any) -> Any:
    """The model of the run that was asked for by hand decays; any other holds."""
    return succeeds(observed(task, **({} if "-decay-" in task.run.name else DECAYED)))


def later_fail(item: Any) -> Any:
    """What the run after the decay is measured as."""
    return succeeds(measured(item, accuracy=0.5))


def started(schedules: Schedules, **spec: Any) -> str:
    """A schedule, and the name of its run, which is promoted."""
    notes = {"annotations": {f"{GROUP}/trigger": "now"}}
    schedules.create("nightly", schedule=RARELY, template=TEMPLATE, metadata=notes, **spec)
    schedules.until_recent("nightly", "Promoted")
    (name,) = schedules.ever_made()
    return name


def until_decaying(schedules: Schedules, name: str) -> str:
    """Wait until it is said of a run; the first eight digits of its model."""
    status = schedules.runs.until(name, lambda status: seen(status).get("state") == "Decaying", schedules.explain)
    return str(seen(status)["symbols"][0]["model"])[:8]


def looked_again(schedules: Schedules, clock: ForwardClock, name: str) -> None:
    """An hour later, the run was looked at once more. Timers count by this machine's clock: so the operator hears of the run."""
    status = schedules.runs.until(name, lambda status: "lastTime" in seen(status), schedules.explain)
    clock.to(clock() + HOUR + timedelta(minutes=1))
    schedules.runs.annotate(name, note=f"{clock()}")
    before = seen(status)["lastTime"]
    schedules.runs.until(name, lambda status: seen(status)["lastTime"] > before, schedules.explain)


def restarted(operator: OperatorProcess) -> None:
    operator.kill()
    operator.start()
    operator.until_ready()


@pytest.mark.parametrize("good", [True, False], ids=["promoted", "rejected"])
def test_a_decay_makes_one_run_whatever_becomes_of_it(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock, clocked_operator: OperatorProcess, good: bool
) -> None:
    kubelet.fate = Fates()
    first = started(schedules, whenDecaying="Retrain")
    kubelet.fate = Fates(observe=first_decays, evaluate=None if good else later_fail)
    looked_again(schedules, clock, first)
    model = until_decaying(schedules, first)
    second = f"nightly-decay-{model}"
    run = schedules.until_run(second)
    assert run["spec"]["data"]["until"] <= f"{clock():%Y-%m-%dT%H:%M:%SZ}"
    restarted(clocked_operator)
    status = schedules.until_recent("nightly", "Promoted" if good else "Rejected", "Promoted")
    assert status["decayed"] == [model]
    for _ in range(2):
        looked_again(schedules, clock, second if good else first)
    restarted(clocked_operator)
    status = schedules.until("nightly", lambda status: not status.get("active") and not status.get("pending"))
    assert schedules.ever_made() == [first, second]


def test_one_that_waits_makes_none(schedules: Schedules, kubelet: Kubelet, clock: ForwardClock) -> None:
    first = started(schedules)
    kubelet.fate = Fates(observe=first_decays)
    looked_again(schedules, clock, first)
    until_decaying(schedules, first)
    looked_again(schedules, clock, first)
    assert schedules.ever_made() == [first]


def test_one_that_is_suspended_makes_it_afterwards(schedules: Schedules, kubelet: Kubelet, clock: ForwardClock) -> None:
    first = started(schedules, whenDecaying="Retrain")
    schedules.patch("nightly", suspend=True)
    schedules.until_state("nightly", "Suspended")
    kubelet.fate = Fates(observe=first_decays)
    looked_again(schedules, clock, first)
    model = until_decaying(schedules, first)
    assert schedules.ever_made() == [first]
    schedules.patch("nightly", suspend=False)
    schedules.until_run(f"nightly-decay-{model}")
    schedules.until_recent("nightly", "Promoted", "Promoted")
