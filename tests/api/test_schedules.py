"""A schedule on a real API server: the runs it makes, and what does not belong to it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from support.clocked_operator import ForwardClock
from support.fates import Fates, fails, measured, succeeds
from support.kubelet import Kubelet
from support.operator_process import until
from support.planning import run_document
from support.schedule_life import GROUP, RARELY, Schedules, condition, schedule_body

TRACKING = "argocd.argoproj.io/tracking-id"
LABEL = f"{GROUP}/schedule"


def stamp(name: str, time: datetime) -> str:
    return f"{name}-{time:%Y%m%d%H%M}"


def test_a_slot_makes_one_run_as_of_its_time(schedules: Schedules, clock: ForwardClock) -> None:
    schedules.start("nightly")
    slot = clock.to_next(hours=1)
    status = schedules.until_recent("nightly", "Promoted")
    (run,) = schedules.made("nightly")
    assert run["metadata"]["name"] == stamp("nightly", slot)
    assert run["spec"]["data"]["until"] == f"{slot:%Y-%m-%dT%H:%M:%SZ}"
    assert run["spec"]["data"]["minNewBars"] == 1
    assert status["lastScheduleTime"] == run["spec"]["data"]["until"]
    assert not status.get("active") and not status.get("pending")


def test_the_next_slot_waits_for_the_run_under_way_and_of_missed_ones_the_newest_is_made_up_for(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    schedules.start("nightly")
    first = clock.to_next(hours=1)
    schedules.until_run(stamp("nightly", first))
    clock.to_next(hours=1)
    newest = clock.to_next(hours=1)
    gate.set()
    schedules.until_recent("nightly", "Promoted", "Promoted")
    assert schedules.ever_made() == [stamp("nightly", first), stamp("nightly", newest)]


def test_a_template_edited_in_mid_flight_touches_no_run_that_exists(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    schedules.start("nightly", template={"training": {"epochs": 3}})
    first = stamp("nightly", clock.to_next(hours=1))
    before = schedules.until_run(first)
    schedules.patch("nightly", runTemplate={"spec": {"training": {"epochs": 7}}})
    schedules.until("nightly", lambda status: status["active"])
    gate.set()
    schedules.until_recent("nightly", "Promoted")
    after = schedules.runs.get(first)
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    second = stamp("nightly", clock.to_next(hours=1))
    assert schedules.until_run(second)["spec"]["training"]["epochs"] == 7


def test_its_runs_go_with_it(schedules: Schedules) -> None:
    schedules.create("nightly", schedule=RARELY, metadata={"annotations": {f"{GROUP}/trigger": "now"}})
    schedules.until_recent("nightly", "Promoted")
    schedules.kubectl("delete", "rts", "nightly", "--timeout=60s")
    until(lambda: not schedules.made("nightly") and not schedules.runs.jobs())


def test_with_cascade_orphan_its_runs_stay_and_a_new_schedule_of_that_name_reads_them_as_history(
    schedules: Schedules, kubelet: Kubelet
) -> None:
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    schedules.create("nightly", schedule=RARELY, metadata={"annotations": {f"{GROUP}/trigger": "now"}})
    (orphan,) = until(lambda: schedules.names("nightly"))
    schedules.kubectl("delete", "rts", "nightly", "--cascade=orphan", "--timeout=60s")
    until(lambda: not schedules.runs.get(orphan)["metadata"].get("ownerReferences"))
    gate.set()
    schedules.runs.until_state(orphan, "Promoted", explain=schedules.explain)

    schedules.create("nightly", schedule=RARELY, runsHistoryLimit=0, failedRunsHistoryLimit=0)
    status = schedules.until_recent("nightly", "Promoted")
    assert [one["run"] for one in status["recent"]] == [orphan]
    schedules.annotate("nightly", trigger="again")
    schedules.until_recent("nightly", "Promoted", "Promoted")
    assert orphan in schedules.names("nightly")
    assert len(schedules.ever_made()) == 2


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_applying_the_same_file_again_changes_nothing(schedules: Schedules, flags: tuple[str, ...]) -> None:
    notes = {f"{GROUP}/trigger": "now", TRACKING: f"app:{GROUP}/RetrainSchedule:team/nightly"}
    body = schedule_body("nightly", schedule=RARELY, metadata={"annotations": notes, "labels": {"app": "x"}})
    schedules.apply(body, *flags)
    schedules.until_recent("nightly", "Promoted")
    before = schedules.get("nightly")
    schedules.apply(body, *flags)
    schedules.apply(body, *flags)
    assert schedules.get("nightly") == before
    assert len(schedules.ever_made()) == 1


def test_what_a_gitops_tool_writes_on_the_schedule_is_not_on_its_runs(schedules: Schedules) -> None:
    notes = {f"{GROUP}/trigger": "now", TRACKING: f"app:{GROUP}/RetrainSchedule:team/nightly"}
    labels = {"app.kubernetes.io/instance": "app", "kustomize.toolkit.fluxcd.io/name": "app"}
    mine = {"labels": {"team": "alpha"}, "annotations": {"note": "mine"}}
    schedules.create("nightly", schedule=RARELY, metadata={"annotations": notes, "labels": labels}, run_metadata=mine)
    (run,) = until(lambda: schedules.made("nightly"))
    assert run["metadata"]["labels"] == {"team": "alpha", LABEL: "nightly"}
    assert run["metadata"]["annotations"] == {"note": "mine"}
    (owner,) = run["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("RetrainSchedule", "nightly", True)


def test_names_that_begin_alike_are_told_apart(schedules: Schedules) -> None:
    names = ("a", "a-b", "a-wf", "a-b-wf")
    for name in names:
        schedules.create(name, schedule=RARELY, metadata={"annotations": {f"{GROUP}/trigger": "now"}})
    for name in names:
        status = schedules.until_recent(name, "Promoted")
        (run,) = schedules.names(name)
        assert [one["run"] for one in status["recent"]] == [run]
    schedules.kubectl("delete", "rts", "a", "--timeout=60s")
    until(lambda: not schedules.made("a"))
    assert all(len(schedules.made(name)) == 1 for name in names[1:])


def test_a_name_that_somebody_else_has_is_not_adopted_and_is_waited_for(
    schedules: Schedules, clock: ForwardClock
) -> None:
    schedules.create("nightly", suspend=True)
    schedules.until_state("nightly", "Suspended")
    slot = clock.to_next(hours=1) + timedelta(hours=1)
    name = stamp("nightly", slot)
    taken = run_document(symbols=["ETH-USD"]) | {"metadata": {"name": name}}
    before = schedules.runs.create(taken)
    schedules.patch("nightly", suspend=False)
    schedules.until_state("nightly", "Active")
    clock.to_next(hours=1)
    status = schedules.until("nightly", lambda status: condition(status, "Stalled")[0] == "True")
    stalled, reason, message = condition(status, "Stalled")
    assert (stalled, reason) == ("True", "NameTaken") and name in message
    after = schedules.runs.get(name)
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert "ownerReferences" not in after["metadata"]
    schedules.runs.delete(name)
    schedules.until_recent("nightly", "Promoted")
    assert schedules.names("nightly") == [name]


def test_a_run_that_somebody_deletes_is_not_made_again(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    kubelet.fate = Fates(hold={"train": threading.Event()})
    schedules.start("nightly")
    first = stamp("nightly", clock.to_next(hours=1))
    schedules.until("nightly", lambda status: status.get("active"))
    schedules.runs.delete(first)
    status = schedules.until_recent("nightly", "Deleted")
    assert not status.get("active")
    kubelet.fate = Fates()
    second = stamp("nightly", clock.to_next(hours=1))
    schedules.until_recent("nightly", "Promoted", "Deleted")
    assert schedules.ever_made() == [first, second]


def test_suspend_makes_no_runs_and_lets_the_one_under_way_go_on(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    gate = threading.Event()
    kubelet.fate = Fates(hold={"train": gate})
    schedules.start("nightly")
    first = stamp("nightly", clock.to_next(hours=1))
    schedules.until_run(first)
    schedules.kubectl("patch", "rts", "nightly", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    schedules.until_state("nightly", "Suspended")
    gate.set()
    schedules.until_recent("nightly", "Promoted")
    clock.to_next(hours=1)
    schedules.kubectl("patch", "rts", "nightly", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    schedules.until_state("nightly", "Active")
    # What was missed while it was suspended is not made up for.
    second = stamp("nightly", clock.to_next(hours=1))
    schedules.until_recent("nightly", "Promoted", "Promoted")
    assert schedules.ever_made() == [first, second]


def test_a_trigger_makes_one_run_now(schedules: Schedules) -> None:
    schedules.create("nightly", schedule=RARELY)
    schedules.until_state("nightly", "Active")
    schedules.annotate("nightly", trigger="one")
    schedules.until_recent("nightly", "Promoted")
    schedules.annotate("nightly", trigger="one")
    status = schedules.until("nightly", lambda status: status["lastHandledTrigger"] == "one")
    assert len(status["recent"]) == len(schedules.ever_made()) == 1


def test_it_pauses_after_failures_in_a_row_and_goes_on_when_it_is_told_to(
    schedules: Schedules, kubelet: Kubelet, clock: ForwardClock
) -> None:
    kubelet.fate = Fates(train=lambda task: fails(78, "NoGPU", "no GPU here"))
    schedules.start("nightly", pauseAfterFailures=2)
    clock.to_next(hours=1)
    schedules.until_recent("nightly", "Failed")
    clock.to_next(hours=1)
    status = schedules.until_state("nightly", "Paused")
    assert condition(status, "Stalled")[:2] == ("True", "Paused")
    clock.to_next(hours=1)
    kubelet.fate = Fates(evaluate=lambda item: succeeds(measured(item, accuracy=0.5)))
    schedules.annotate("nightly", resume="mended")
    schedules.until_state("nightly", "Active")
    clock.to_next(hours=1)
    schedules.until_recent("nightly", "Rejected", "Failed", "Failed")
    assert len(schedules.ever_made()) == 3
