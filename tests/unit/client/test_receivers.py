"""Where a notification finds its receiver's URL on this machine, and that nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retrain_client.local.processes import environment
from retrain_client.local.receivers import no_url, url_of, url_variable

URL = "slack://token-a/token-b"
BASE = {"RETRAIN_NOTIFY_MY_PHONE_URL": URL, "RETRAIN_NOTIFY_AWS_AWS_URL": "slack://other", "HOME": "/home/ada"}


def job(phase: str = "notify", key: str = "my-phone/3-Promoted") -> dict[str, Any]:
    labels, annotations = {"retrain.crpbot.dev/phase": phase}, {"retrain.crpbot.dev/key": key}
    reference = {"name": "RETRAIN_NOTIFY_URL", "valueFrom": {"secretKeyRef": {"name": "phone", "key": "url"}}}
    container = {"env": [{"name": "RETRAIN_TASK", "value": "{}"}, reference]}
    return {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.mark.parametrize(
    ("receiver", "variable"),
    [
        ("phone", "RETRAIN_NOTIFY_PHONE_URL"),
        ("my-phone", "RETRAIN_NOTIFY_MY_PHONE_URL"),
        ("a1", "RETRAIN_NOTIFY_A1_URL"),
    ],
)
def test_each_receiver_has_a_variable_of_its_own(receiver: str, variable: str) -> None:
    assert url_variable(receiver) == variable


def test_a_notification_is_given_its_receivers_url_and_a_training_none() -> None:
    assert url_of(job(), BASE) == {"RETRAIN_NOTIFY_URL": URL}
    assert url_of(job("train", "1a2b3c"), BASE) == {}


@pytest.mark.parametrize("manifest", [job(), job("train", "1a2b3c")])
def test_no_task_sees_the_variables_of_receivers(manifest: dict[str, Any]) -> None:
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    found = environment(container, BASE, 0, 1, Path("m.json"))
    assert found["HOME"] == "/home/ada"
    assert not [name for name in found if name.startswith("RETRAIN_NOTIFY_")]


@pytest.mark.parametrize("base", [{}, {"RETRAIN_NOTIFY_MY_PHONE_URL": ""}, {"RETRAIN_NOTIFY_URL": URL}])
def test_without_a_url_the_sentence_says_which_variable_is_missing(base: dict[str, str]) -> None:
    failure = no_url(job(), base)
    assert failure is not None
    assert failure.reason == "BadReceiver"
    assert failure.message == (
        "On this machine my-phone is told where RETRAIN_NOTIFY_MY_PHONE_URL has its Apprise URL, such as slack://...; it is not set."
    )


def test_with_one_there_is_nothing_to_say_and_about_other_jobs_neither() -> None:
    assert no_url(job(), BASE) is None
    assert no_url(job("train", "1a2b3c"), {}) is None
