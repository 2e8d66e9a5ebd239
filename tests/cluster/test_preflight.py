"""On a cluster without a GPU: what a training would fail for is told before any train Job exists, by trainings that ask for GPUs."""

from __future__ import annotations

import pytest
from support import careless_store
from support.kind_cluster import BUCKET
from support.team import FEATURES, FILES, POD, Team, secret

GPU = {"device": "GPU", **POD}


def wrong_key(team: Team) -> dict[str, object]:
    bad = team.store.keys | {"AWS_SECRET_ACCESS_KEY": "not-the-secret"}
    team.apply_any(secret(team.namespace, "wrong", bad))
    return {"credentials": {"secretName": "wrong"}}


def missing_file(team: Team) -> dict[str, object]:
    return {"data": {"uri": f"s3://{BUCKET}/none/", **FILES}}


def stale_file(team: Team) -> dict[str, object]:
    return {"data": {"uri": f"s3://{BUCKET}/{FEATURES}/", "maxAge": "2h", **FILES}}


def careless(team: Team) -> dict[str, object]:
    for manifest in careless_store.manifests("careless"):
        team.apply_any(manifest | {"metadata": manifest["metadata"] | {"namespace": team.namespace}})
    team.kubectl("wait", "pod/careless", "--for=condition=Ready", "--timeout=120s")
    address = f"http://careless.{team.namespace}.svc:{careless_store.PORT}"
    team.apply_any(secret(team.namespace, "careless", team.store.keys | {"AWS_ENDPOINT_URL": address}))
    return {"artifacts": {"uri": "s3://models/", "credentials": {"secretName": "careless"}}}


CASES = {
    "a wrong key": (wrong_key, "CredentialsRefused", "check key and secret"),
    "a missing file": (missing_file, "ObjectNotFound", "none/candles"),
    "a stale file": (stale_file, "DataStale", "candles_USD1A-USDT_5m.parquet"),
    "a store without conditional writes": (careless, "UnsafeStore", "s3://models/"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_before_any_train_job_exists(team: Team, case: str) -> None:
    make, reason, words = CASES[case]
    team.apply(symbols=["USD1A-USDT"], preflight="Always", train=GPU, **make(team))
    status = team.ends("Failed", "Skipped", "Promoted", "Rejected")
    (entry,) = status["symbols"]
    assert (status["state"], entry["state"], entry["reason"]) == ("Failed", "Failed", reason), entry
    assert words in entry["message"] and "Traceback" not in entry["message"]
    assert [job["metadata"]["labels"]["retrain.crpbot.dev/phase"] for job in team.jobs()] == ["preflight"]
    assert [key for key in team.store.list(f"{team.namespace}/") if key.endswith(".pt")] == []


def test_a_run_that_passes_goes_on_to_its_end(team: Team) -> None:
    team.apply(symbols=["USD1A-USDT"], preflight="Always")
    status = team.ends("Failed", "Skipped", "Promoted", "Rejected")
    assert status["state"] in ("Promoted", "Rejected"), status
    checked = next(one for one in status["conditions"] if one["type"] == "Checked")
    assert (checked["status"], checked["reason"]) == ("True", "AllChecked")
