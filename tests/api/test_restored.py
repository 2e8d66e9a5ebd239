"""A run that a backup brings back has a new UID. With its status, nothing that the status knows is done again."""

from __future__ import annotations

from typing import Any

from support.life import NAME, Life
from support.operator_process import until
from support.planning import run_document

from retrain_api.names import LABEL_PHASE, LABEL_RUN


def restore(life: Life) -> dict[str, Any]:
    """The run taken away with all its Jobs, and put back as Velero does it, before there is an operator again."""
    kept = life.runs.get(NAME)
    life.operator.kill()
    life.runs.delete(NAME)
    until(lambda: not life.jobs())
    made = life.runs.create({"apiVersion": kept["apiVersion"], "kind": kept["kind"], **parts(kept)})
    assert made["metadata"]["uid"] != kept["metadata"]["uid"]
    path = life.runs.path(NAME, "status")
    restored: dict[str, Any] = life.plane.request("PUT", path, made | {"status": kept["status"]})
    life.operator.start()
    life.operator.until_leading()
    return restored


def parts(run: dict[str, Any]) -> dict[str, Any]:
    kept = {name: run["metadata"][name] for name in ("name", "labels", "annotations") if name in run["metadata"]}
    return {"metadata": kept, "spec": run["spec"]}


def phases(life: Life, name: str = NAME) -> set[str]:
    """Of the Jobs that a run has."""
    labels = [job["metadata"]["labels"] for job in life.jobs()]
    return {each[LABEL_PHASE] for each in labels if each[LABEL_RUN] == name}


def test_a_finished_run_stays_as_it_is(life: Life) -> None:
    life.create()
    life.ends("Promoted")
    restored = restore(life)
    # What is applied later is looked at later.
    life.runs.create(run_document(symbols=["BTC-USD"]) | {"metadata": {"name": "later"}})
    life.runs.until_state("later", "Promoted", explain=life.operator.log_tail)
    assert phases(life) == set()
    assert life.status()["state"] == "Promoted"
    assert life.status()["promotion"] == restored["status"]["promotion"]


def test_a_run_that_was_trained_goes_on_with_its_evaluation(life: Life) -> None:
    life.quota(jobs=3)
    life.create()
    life.until(lambda status: status.get("trained") == "3/3")
    restore(life)
    life.lift_quota()
    life.ends("Promoted")
    assert phases(life) == {"evaluate", "publish"}
