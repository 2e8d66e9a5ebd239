"""A wrong key and a missing file are found by the preflight, with the real trainer in its pod, before any train Job exists."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.kubelet import REAL_TRAINER, Kubelet
from support.odd_server import Caller, odd_server
from support.operator_process import OperatorProcess, Runs
from support.real_run import run_document
from support.returning_price import candles

from retrain_api.names import LABEL_PHASE

SPEC: dict[str, Any] = {"symbols": ["AAA-USD"], "preflight": "Always", "label": {"horizonBars": 1}}
FILES = {"filename": "{symbol}.parquet"}


def wrong_key(plane: ControlPlane, namespace: str, folder: Path, endpoint: str) -> dict[str, Any]:
    keys = {"AWS_ACCESS_KEY_ID": "old", "AWS_SECRET_ACCESS_KEY": "old", "AWS_ENDPOINT_URL": endpoint}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
    plane.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "old"}, "data": data})
    return {"data": {"uri": "s3://data/features/", "credentials": {"secretName": "old"}, **FILES}}


def missing_file(plane: ControlPlane, namespace: str, folder: Path, endpoint: str) -> dict[str, Any]:
    return {"data": {"uri": f"file://{folder}/nothing/", **FILES}}


def too_old(plane: ControlPlane, namespace: str, folder: Path, endpoint: str) -> dict[str, Any]:
    (folder / "AAA-USD.parquet").write_bytes(candles(0))
    return {"data": {"uri": f"file://{folder}/", "maxAge": "2h", **FILES}}


CASES = {
    "a wrong key": (wrong_key, "CredentialsRefused", "check key and secret"),
    "a missing file": (missing_file, "ObjectNotFound", "nothing/AAA-USD.parquet"),
    "a stale file": (too_old, "DataStale", "AAA-USD.parquet"),
}


def refuses(caller: Caller) -> None:
    caller.answer(403, b"<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>")


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_before_any_train_job_exists(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path, case: str
) -> None:
    make, reason, words = CASES[case]
    models = tmp_path / "models"
    models.mkdir()
    kubelet.environ = REAL_TRAINER
    with odd_server(refuses) as server, OperatorProcess(control_plane, namespace, tmp_path) as operator:
        spec = SPEC | make(control_plane, namespace, tmp_path, server.http)
        document = run_document("nightly", tmp_path, models, **spec)
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(document))
        runs = Runs(control_plane, namespace)
        status = runs.until_state("nightly", "Failed", "Promoted", "Rejected", explain=operator.log_tail)
    (entry,) = status["symbols"]
    assert (status["state"], entry["state"], entry["reason"]) == ("Failed", "Failed", reason)
    assert words in entry["message"] and words in status["message"]
    checked = next(one for one in status["conditions"] if one["type"] == "Checked")
    assert (checked["status"], checked["reason"]) == ("False", "NotAllChecked"), checked
    assert [job["metadata"]["labels"][LABEL_PHASE] for job in runs.jobs()] == ["preflight"]
    assert not list(models.rglob("*.pt"))
