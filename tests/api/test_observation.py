"""A promoted run observed on a real API server: when it is looked at, what is said of it, and when that is over."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from support.clocked_operator import ForwardClock
from support.control_plane import ControlPlane
from support.fates import Fates, fails, succeeds
from support.kubelet import Kubelet
from support.life import NAME
from support.observed_life import ObservedLife, moment, seen
from support.operator_process import OperatorProcess, until
from support.results import DECAYED, observed
from support.schedule_life import condition

DAY = timedelta(days=1)
KB = 1024
OTHER = "f" * 64


@pytest.fixture
def life(
    control_plane: ControlPlane,
    namespace: str,
    kubelet: Kubelet,
    clocked_operator: OperatorProcess,
    clock: ForwardClock,
) -> ObservedLife:
    """A namespace in which a run can live, its pods succeeding at once."""
    kubelet.fate = Fates()
    return ObservedLife(control_plane, namespace, kubelet, clocked_operator, clock)


def holding(status: Any) -> tuple[str, str]:
    return condition(status, "Holding")[:2]


def test_it_is_looked_at_at_once_then_each_day_and_is_held_after_so_many(life: ObservedLife) -> None:
    status = life.promoted(every="1d", **{"for": "4d"})
    first = seen(status)
    assert (first["state"], status["state"], status["observed"]) == ("Holding", "Promoted", "Holding")
    assert holding(status) == ("True", "Holding")
    times = [first["lastTime"]]
    while "nextTime" in seen(status):
        assert moment(seen(status)["nextTime"]) - moment(times[-1]) <= DAY
        status = life.look()
        times.append(seen(status)["lastTime"])
    assert len(life.looks()) == len(times) == 5
    assert moment(times[-1]) == moment(status["promotion"]["at"]) + 4 * DAY
    assert (seen(status)["state"], status["observed"], status["state"]) == ("Held", "Held", "Promoted")
    assert holding(status) == ("True", "Held")
    assert condition(status, "Ready")[0] == "True"
    assert life.told("Held")
    life.nothing_happens(until=life.clock() + 10 * DAY)
    assert len(life.looks()) == 5


def test_a_model_that_decays_is_said_to_everywhere_and_stays_so(life: ObservedLife) -> None:
    life.promoted(symbols=("BTC-USD", "ETH-USD"))
    life.says("ETH-USD", **DECAYED)
    status = life.look()
    assert (seen(status)["state"], status["observed"]) == ("Decaying", "Decaying ETH-USD")
    assert {one["symbol"]: one["state"] for one in seen(status)["symbols"]} == {
        "BTC-USD": "Holding",
        "ETH-USD": "Decaying",
    }
    verdict, reason, message = condition(status, "Holding")
    assert (verdict, reason) == ("False", "Decaying") and "retrain rollback ETH-USD --artifacts " in message
    assert (status["state"], condition(status, "Ready")[0]) == ("Promoted", "True")
    (event,) = life.told("Decaying")
    assert "ETH-USD" in event
    assert life.column("OBSERVED") == "Decaying ETH-USD"
    # It recovers, and its data go: it was too bad once, and stays so until another model stands.
    life.says("ETH-USD", wealth=0.5, peak=20.0)
    assert life.look()["observed"] == "Decaying ETH-USD"
    life.says("ETH-USD", reason="DataNotFound", problem="There is no such file.")
    assert life.look()["observed"] == "Decaying ETH-USD"
    assert len(life.told("Decaying")) == 1


def test_a_newer_run_ends_it(life: ObservedLife) -> None:
    life.promoted()
    later = life.clock() + DAY
    life.says(model=OTHER, run="another-uid", promoted_at=f"{later:%Y-%m-%dT%H:%M:%SZ}", bars=0)
    status = life.look()
    assert (seen(status)["state"], status["state"]) == ("Superseded", "Promoted")
    assert "nextTime" not in seen(status)
    assert holding(status) == ("Unknown", "NewerModel")
    life.nothing_happens(until=life.clock() + 5 * DAY)
    assert len(life.looks()) == 2


def test_the_model_that_was_rolled_back_to_is_observed_instead(life: ObservedLife) -> None:
    life.promoted()
    life.says(model=OTHER, run="another-uid", promoted_at="2026-01-01T00:00:00Z", rolled_back=True)
    status = life.look()
    (symbol,) = seen(status)["symbols"]
    assert (symbol["state"], symbol["model"]) == ("Holding", OTHER[:12])
    assert "olled back" in symbol["message"]
    assert "nextTime" in seen(status)


def test_while_it_is_suspended_nobody_looks_and_afterwards_at_once(life: ObservedLife) -> None:
    status = life.promoted()
    due = moment(seen(status)["nextTime"])
    life.change(suspend=True)
    status = life.until(lambda status: seen(status)["state"] == "Suspended")
    assert (status["state"], holding(status)) == ("Promoted", ("Unknown", "Suspended"))
    life.nothing_happens(until=due + timedelta(hours=1))
    assert len(life.looks()) == 1
    life.change(suspend=False)
    life.until(lambda status: seen(status)["state"] == "Holding" and len(life.looks()) == 2)


def test_a_look_that_fails_is_said_and_tried_again_at_the_next_time_or_by_a_token(life: ObservedLife) -> None:
    life.promoted()
    life.kubelet.fate = Fates(observe=lambda task: fails(77, "CredentialsRefused", "The store refuses the key."))
    before = seen(life.status())
    life.forward(moment(before["nextTime"]) + timedelta(seconds=1))
    status = life.until(lambda status: seen(status)["state"] == "Unobserved")
    assert "CredentialsRefused" in seen(status)["message"]
    assert holding(status) == ("Unknown", "Unobserved")
    assert moment(seen(status)["nextTime"]) > life.clock()
    assert len(life.told("Unobserved")) == 1
    life.kubelet.fate = Fates()
    life.runs.annotate(NAME, retry="one")
    status = life.until(lambda status: seen(status)["state"] == "Holding")
    assert holding(status) == ("True", "Holding")


def test_another_interval_moves_the_next_look(life: ObservedLife) -> None:
    before = seen(life.promoted(every="7d"))
    life.change(observation={"every": "1h"})
    status = life.until(lambda status: seen(status)["nextTime"] != before["nextTime"])
    assert moment(seen(status)["nextTime"]) - moment(before["lastTime"]) == timedelta(hours=1)
    life.runs.patch(NAME, {"spec": {"observation": None}})
    status = life.until(lambda status: "observation" not in status)
    assert "observed" not in status and condition(status, "Holding") == ("", "", "")


def test_a_run_that_an_earlier_release_promoted_cant_be_measured_and_that_is_said(life: ObservedLife) -> None:
    why = "An earlier release promoted this model, and its card does not say into which blocks its bars are cut."
    life.says(reason="NotMeasurable", problem=why, blocks=0, bars=0, accuracy=None, newest=None)
    status = life.promoted()
    assert (seen(status)["state"], holding(status)) == ("NotMeasurable", ("Unknown", "NotMeasurable"))
    assert why in json.dumps(seen(status))
    assert "nextTime" in seen(status)


def test_of_as_many_symbols_as_a_run_may_have_eight_are_looked_at_by_a_pod(life: ObservedLife) -> None:
    symbols = tuple(f"COIN{number:02d}-USD" for number in range(64))
    status = life.promoted(symbols=symbols)
    (job,) = life.jobs("observe")
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (8, "Indexed")
    assert [one["symbol"] for one in seen(status)["symbols"]] == list(symbols)
    life.says(**DECAYED, late=3)
    status = life.look()
    assert status["observed"].startswith("Decaying")
    assert len(json.dumps(status, separators=(",", ":"))) <= 100 * KB
    assert len(condition(status, "Holding")[2]) <= 32 * KB


def test_a_deleted_run_is_not_looked_at_and_its_looks_go_with_it(life: ObservedLife) -> None:
    gate = threading.Event()
    life.promoted()
    life.kubelet.fate = Fates(hold={"observe": gate})
    life.forward(life.clock() + DAY)
    until(lambda: [pod for pod in life.pods("observe") if pod["status"].get("phase") == "Running"])
    life.runs.delete(NAME)
    until(lambda: not life.runs.jobs() and not life.pods())


def test_no_look_is_made_twice_by_an_operator_that_starts_again(life: ObservedLife) -> None:
    """It is killed while a pod looks, and the look ends without it."""
    gate = threading.Event()
    life.promoted()
    life.kubelet.fate = Fates(hold={"observe": gate}, observe=lambda task: succeeds(observed(task, **DECAYED)))
    life.forward(life.clock() + DAY)
    until(lambda: [pod for pod in life.pods("observe") if pod["status"].get("phase") == "Running"])
    life.operator.kill()
    gate.set()
    until(lambda: all(pod["status"].get("phase") == "Succeeded" for pod in life.pods("observe")))
    life.operator.start()
    status = life.until(lambda status: seen(status)["state"] == "Decaying")
    life.operator.kill()
    life.operator.start()
    life.operator.until_ready()
    life.nothing_happens(until=life.clock() + timedelta(hours=1))
    assert life.status() == status, "what was read is not read again"
    assert len(life.looks()) == len(set(life.looks())) == 2
    assert len(life.told("Decaying")) == 1
