"""The Jobs by which a schedule tells people."""

from __future__ import annotations

import json
from typing import Any

from support.schedule_world import a_schedule

from retrain_api.schedule import RetrainSchedule
from retrain_operator.manifests.jobs import failed_key, manifest, name_of
from retrain_operator.manifests.notices import of_schedule, teller
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.manifests.tasks import notify_task

PAUSED = notify_key("ops", "2-Paused")
TEMPLATE = {
    "credentials": {"secretName": "for-run"},
    "pods": {"nodeSelector": {"pool": "cpu"}},
    "notify": [{"name": "ops", "secretName": "for-its-runs"}],
}


def schedule(secret: str = "for-schedule", **metadata: Any) -> RetrainSchedule:
    return a_schedule(metadata, template=TEMPLATE, notify=[{"name": "ops", "secretName": secret}])


def notice(schedule: RetrainSchedule) -> dict[str, Any]:
    task = notify_task(teller(schedule), "ops", "2-Paused", "weekly: Paused", "Three slots failed.", {}, warning=True)
    return of_schedule(schedule, manifest(teller(schedule), task, PAUSED, "trainer:1"))


def test_the_schedule_owns_it_and_no_run_is_named() -> None:
    metadata = notice(schedule())["metadata"]
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("RetrainSchedule", "weekly", "uid-s")
    assert metadata["labels"]["retrain.crpbot.dev/schedule"] == "weekly"
    assert metadata["name"] == name_of(teller(schedule()), "notify", None, PAUSED)
    assert "retrain.crpbot.dev/run" not in json.dumps(notice(schedule()))


def test_it_has_the_pod_fields_of_the_schedules_runs_and_the_schedules_own_receivers() -> None:
    made = notice(schedule())
    assert made["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "cpu"}
    assert "for-schedule" in json.dumps(made)
    assert "for-run" not in json.dumps(made) and "for-its-runs" not in json.dumps(made)


def test_another_secret_or_a_retry_token_makes_another_try() -> None:
    tries = [schedule(), schedule("other"), schedule(annotations={"retrain.crpbot.dev/retry": "again"})]
    assert len({failed_key(teller(one), "notify", PAUSED) for one in tries}) == 3
