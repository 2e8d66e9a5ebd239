"""What a person changes while a run lives: only what a changed field touches is done again, and nothing is undone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
import yaml
from support.containers import Fate
from support.fates import Fates, measured, succeeds
from support.life import NAME, Life
from support.operator_process import until
from support.planning import run_document, trained

KUEUE = "kueue.x-k8s.io/queue-name"
ONE = {"symbols": ["BTC-USD"], "gate": {"minPassed": 1}}
TRAIN3 = {"train BTC-USD", "train ETH-USD", "train SOL-USD"}


def fates(life: Life) -> Fates:
    found = life.kubelet.fate
    assert isinstance(found, Fates)
    return found


def test_a_whole_life_makes_five_jobs_five_events_and_few_writes(life: Life) -> None:
    life.create()
    status = life.ends("Promoted")
    assert (status["promoted"], status["gateSummary"]) == ("BTC-USD,ETH-USD,SOL-USD", "3/3 Pass")
    assert {entry["state"] for entry in status["symbols"]} == {"Evaluated"}
    assert len(life.made()) == 5
    until(lambda: bool(life.runs.events(NAME)))
    time.sleep(0.5)
    reasons = Counter(event["reason"] for event in life.runs.events(NAME))
    assert len(reasons) <= 5
    assert set(reasons.values()) == {1}, "one event a transition"
    assert life.operator.metric('retrain_runs_finished_total{result="Promoted"}') >= 1
    assert life.operator.metric('retrain_verdicts_total{verdict="Pass"}') >= 1
    for job in life.jobs():
        (owner,) = job["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("RetrainRun", NAME, True)


def test_parallelism_limits_how_many_train_at_once(life: Life) -> None:
    most = [0]
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), run_seconds=0.5))
    life.create(parallelism=1)

    def counted(status: dict[str, object]) -> bool:
        at_work = [pod for pod in life.pods("train") if pod["status"]["phase"] in ("Pending", "Running")]
        most[0] = max(most[0], len(at_work))
        return status["state"] == "Promoted"

    life.until(counted)
    assert most == [1]


def test_a_changed_gate_is_judged_anew_from_what_was_measured(life: Life) -> None:
    life.create()
    life.ends("Promoted")
    started = list(fates(life).started)
    life.change(gate={"criteria": [{"metric": "accuracy", "atLeast": 0.9}]})
    status = life.until(lambda s: s["gateSummary"] == "0/3 Fail" and s["state"] in ("Rejected", "Promoted"))
    assert status["promoted"] == "BTC-USD,ETH-USD,SOL-USD", "a promotion is never undone"
    again = fates(life).started[len(started) :]
    assert set(again) <= {"publish"}, "nothing is trained or measured again"
    assert status["history"][-1] != status["history"][0]


def test_resources_that_change_after_the_work_touch_nothing(life: Life) -> None:
    life.create()
    life.ends("Promoted")
    made = life.made()
    life.change(train={"resources": {"limits": {"memory": "9Gi"}}})
    life.until(lambda status: status["observedGeneration"] == 2)
    time.sleep(1)
    assert life.made() == made


def test_a_changed_model_trains_every_symbol_again_and_another_symbol_only_itself(life: Life) -> None:
    life.create(**ONE)
    life.ends("Promoted")
    life.change(symbols=["BTC-USD", "ETH-USD"])
    life.until(lambda s: s["trained"] == "2/2" and s["state"] == "Promoted")
    assert fates(life).started.count("train BTC-USD") == 1
    life.change(model={"hiddenSize": 64})
    life.until(lambda s: s["observedGeneration"] == 3 and s["state"] == "Promoted")
    assert Counter(fates(life).started)["train BTC-USD"] == 2
    assert Counter(fates(life).started)["train ETH-USD"] == 2


def test_a_change_in_the_middle_of_a_training_replaces_it(life: Life) -> None:
    release = threading.Event()
    life.kubelet.fate = Fates(hold={"train": release})
    life.create(**ONE)
    life.until_symbol("BTC-USD", state="Training")
    (first,) = life.jobs("train")
    life.kubelet.fate = Fates()
    life.change(training={"epochs": 7})
    life.ends("Promoted")
    assert first["metadata"]["name"] not in {job["metadata"]["name"] for job in life.jobs("train")}


def test_only_a_new_token_that_is_not_empty_runs_again(life: Life) -> None:
    life.create(**ONE)
    life.ends("Promoted")
    made = len(life.made())
    life.runs.annotate(NAME, rerun="")
    life.runs.annotate(NAME, rerun="one")
    life.until(lambda s: s.get("lastHandledRerun") == "one" and s["state"] == "Promoted")
    assert len(life.made()) == 2 * made
    life.runs.annotate(NAME, rerun="one", note="other")
    time.sleep(1)
    assert len(life.made()) == 2 * made


@pytest.mark.parametrize("queue", [None, "gpus"])
def test_suspended_work_ends_and_goes_on_when_it_may(life: Life, queue: str | None) -> None:
    labels = {KUEUE: queue} if queue else {}
    life.kubelet.fate = Fates(hold={"train": threading.Event()})
    document = run_document()
    document["metadata"] |= {"labels": labels}
    life.runs.create(document)
    life.until(lambda s: all(entry["state"] == "Training" for entry in s["symbols"]))
    assert all(job["metadata"]["labels"].get(KUEUE) == queue for job in life.jobs("train"))
    life.change(suspend=True)
    life.ends("Suspended")
    until(lambda: not life.pods("train"))
    life.kubelet.fate = Fates()
    life.change(suspend=False)
    status = life.ends("Promoted")
    assert status["trained"] == "3/3"


def test_a_run_that_was_never_let_go_starts_nothing(life: Life) -> None:
    life.create(suspend=True)
    life.ends("Suspended")
    time.sleep(0.5)
    assert life.made() == []


def approve(life: Life, digest: str) -> None:
    life.runs.annotate(NAME, approve=f"{digest} by anna: looked at it")


def test_manual_approval_is_bound_to_exactly_this_judgement(life: Life) -> None:
    life.create(promotion={"policy": "Manual"})
    status = life.ends("AwaitingApproval")
    assert status["report"]["markdown"], "whoever decides can read the report first"
    approve(life, "0123456789abcdef")
    time.sleep(0.5)
    assert life.status()["state"] == "AwaitingApproval"
    approve(life, status["gate"]["digest"])
    status = life.ends("Promoted")
    assert status["promotion"]["by"].startswith("anna")


def test_a_suspect_waits_for_a_person_even_where_promotion_is_automatic(life: Life) -> None:
    def suspicious(item: Any) -> Fate:
        result = measured(item)
        said = result.measurement.model_copy(update={"suspicions": ("feature x knows the future",)})
        return succeeds(result.model_copy(update={"measurement": said}))

    life.kubelet.fate = Fates(evaluate=suspicious)
    life.create()
    status = life.ends("AwaitingApproval")
    assert {entry["verdict"] for entry in status["symbols"]} == {"Suspect"}


def test_a_refusal_by_a_person_is_final(life: Life) -> None:
    life.create(promotion={"policy": "Manual"})
    digest = life.ends("AwaitingApproval")["gate"]["digest"]
    life.runs.annotate(NAME, reject=f"{digest} by anna: no")
    status = life.ends("Rejected")
    assert status["promotion"]["state"] == "Declined"


def test_jobs_go_after_their_time_to_live_and_are_not_made_again(life: Life) -> None:
    life.create(jobTTLSecondsAfterFinished=1)
    life.ends("Promoted")
    until(lambda: not life.jobs())
    made = len(life.made())
    time.sleep(1)
    assert len(life.made()) == made
    assert life.status()["state"] == "Promoted"


def test_a_run_deleted_and_made_again_at_once_adopts_nothing_of_the_first(life: Life) -> None:
    life.kubelet.fate = Fates(train=lambda task: Fate(hold=threading.Event(), stop_seconds=1.0))
    life.create(**ONE)
    life.until_symbol("BTC-USD", state="Training")
    (old,) = life.jobs("train")
    life.runs.delete(NAME)
    life.kubelet.fate = Fates()
    life.create(**ONE)
    status = life.ends("Promoted")
    assert status["symbols"][0]["attempts"] == 1
    until(lambda: old["metadata"]["uid"] not in {job["metadata"]["uid"] for job in life.jobs()})
    assert {job["metadata"]["ownerReferences"][0]["uid"] for job in life.jobs()} == {
        life.runs.get(NAME)["metadata"]["uid"]
    }


def test_deleting_a_run_takes_its_jobs_and_pods_along(life: Life) -> None:
    life.create()
    life.ends("Promoted")
    life.plane.kubectl("delete", "retrainrun", NAME, "-n", life.namespace)
    until(lambda: not life.jobs() and not life.pods())


def test_applying_the_same_again_changes_nothing(life: Life) -> None:
    text = yaml.safe_dump(run_document() | {"metadata": {"name": NAME}})
    life.plane.kubectl("apply", "-n", life.namespace, "-f", "-", input=text)
    life.ends("Promoted")
    time.sleep(1)
    before = life.runs.get(NAME)["metadata"]
    said = life.plane.kubectl("apply", "-n", life.namespace, "-f", "-", input=text).stdout
    assert "unchanged" in said
    time.sleep(0.5)
    after = life.runs.get(NAME)["metadata"]
    assert (after["resourceVersion"], after["generation"]) == (before["resourceVersion"], before["generation"])
