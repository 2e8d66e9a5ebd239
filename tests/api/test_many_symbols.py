"""As many symbols as a run may name, and pending pods of every phase, on the real API server and its Job controller."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from support.fates import Fates, measured, result_of, succeeds
from support.life import Life
from support.planning import passing, trained
from support.results import observed

from retrain_api.measurement import METRICS, Champion, Measurement
from retrain_api.names import model_file, run_folder

KB = 1024
BACKUP = {"name": "vault", "uri": "s3://vault/models/", "required": True}


def figures() -> Measurement:
    """Everything that a measurement can hold, of a model that fails two criteria and is no improvement."""
    champion = Champion(sha256="c" * 12, bars=9000, accuracy=0.81234, difference=-0.01234, low=-0.0345, high=0.0234)
    bounds = tuple((0.123, 0.124, 0.125) for _ in METRICS)
    whole = {
        "champion": champion,
        "near_bounds": bounds,
        "calibration_error_expected": 0.0123,
        "judged_before": 14,
        "luck": 0.12,
    }
    return passing(0.61234, 0.061234).model_copy(update=whole)


def long_named(task: Any) -> Any:
    """A training whose model lies where the trainer puts it."""
    result = trained(task)
    folder = run_folder(task.run.namespace, task.run.name, task.run.uid, task.train_key)
    place = f"{task.artifacts_uri}{folder}{model_file(task.symbol, task.interval, result.model.sha256)}"
    return result.model_copy(update={"model": result.model.model_copy(update={"uri": place})})


@pytest.mark.parametrize(("count", "limit"), [(3, 8 * KB), (64, 100 * KB)])
@pytest.mark.parametrize("good", [True, False], ids=["promoted", "rejected"])
def test_from_apply_to_verdict_with_a_status_of_a_sane_size(life: Life, count: int, limit: int, good: bool) -> None:
    def evaluate(item: Any) -> Any:
        return succeeds(measured(item) if good else measured(item).model_copy(update={"measurement": figures()}))

    life.kubelet.fate = Fates(train=lambda task: succeeds(long_named(task)), evaluate=evaluate)
    symbols = [f"COIN{number:02d}-USD" for number in range(count)]
    artifacts = {"uri": "s3://trading-models-production/models/"}
    life.create(symbols=symbols, artifacts=artifacts, promotion={"requireImprovement": not good})
    status = life.ends("Promoted", "Rejected")
    assert status["state"] == ("Promoted" if good else "Rejected")
    assert status["trained"] == f"{count}/{count}"
    assert [entry["verdict"] for entry in status["symbols"]] == ["Pass" if good else "Fail"] * count
    assert len(life.made()) == len(set(life.made())) == count + 2
    assert len(json.dumps(status, separators=(",", ":"))) <= limit


def test_as_many_promoted_symbols_as_there_may_be_are_observed_and_eight_receivers_told(life: Life) -> None:
    """Of each symbol the status has numbers, and why it could not be judged."""

    def observe(task: Any) -> Any:
        numbers = {
            "bars": 123_456,
            "accuracy": 0.61234,
            "promised": 0.70123,
            "reason": "FileNotFound",
            "wealth": 1.2345,
        }
        return succeeds(observed(task, problem="It is not there: " + "x" * 300, **numbers))

    life.kubelet.fate = Fates(train=lambda task: succeeds(long_named(task)), observe=observe)
    symbols = [f"COIN{number:02d}-USD" for number in range(64)]
    receivers = [{"name": f"receiver-{number}", "secretName": "chat"} for number in range(8)]
    artifacts = {"uri": "s3://trading-models-production/models/"}
    life.create(symbols=symbols, artifacts=artifacts, observation={}, notify=receivers)
    status = life.until(lambda s: (s.get("observation") or {}).get("lastTime"))
    assert [entry["state"] for entry in status["observation"]["symbols"]] == ["Unobserved"] * 64
    assert status["state"] == "Promoted" and status["observed"] == "Unobserved"
    assert len(json.dumps(status, separators=(",", ":"))) <= 100 * KB


@pytest.mark.parametrize("phase", ["train", "evaluate", "publish", "deliver"])
def test_pods_that_stay_pending_are_given_up_in_every_phase(life: Life, phase: str) -> None:
    """An evaluate Job of three indexes has three active pods, and none of them runs."""
    stuck = {"waiting_reason": "ImagePullBackOff", "waiting_message": "no such image", "hold": threading.Event()}
    section = "publish" if phase == "deliver" else phase

    def held(subject: Any) -> Any:
        return succeeds(result_of(subject), **stuck)

    life.kubelet.fate = Fates(**{phase: held})
    life.create(backups=[BACKUP], **{section: {"pendingDeadlineSeconds": 8}})
    status = life.until(lambda s: "no such image" in json.dumps(s))
    assert "ImagePullBackOff" in {one["reason"] for one in status["conditions"]} | {
        entry.get("reason") for entry in status["symbols"]
    }
    status = life.ends("Failed")
    assert "PendingDeadlineExceeded" in json.dumps(status)
    stuck["hold"].set()
    life.change(**{section: {"pendingDeadlineSeconds": 600}})
    life.ends("Promoted")
