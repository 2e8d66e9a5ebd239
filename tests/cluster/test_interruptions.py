"""What stops a training in the middle, and how it goes on."""

from __future__ import annotations

import json
import time

from support.kind_cluster import until
from support.life import entry_of
from support.team import LONG, Team

EPOCHS = 60
OUTAGE = 60.0


def test_a_deleted_and_an_evicted_pod_go_on_from_their_checkpoints(team: Team) -> None:
    # Not one failure is allowed: neither may count as one.
    train = {**team.spec()["train"], "backoffLimit": 0}
    team.apply(symbols=["USD1A-USDT", "USD1B-USDT"], training={**LONG, "epochs": EPOCHS}, train=train)
    team.until_epoch("USD1A-USDT", 3)
    (deleted,) = team.running("train", "USD1A-USDT")
    team.kubectl("delete", "pod", deleted, "--wait=false")
    team.until_epoch("USD1B-USDT", 3)
    (evicted,) = team.running("train", "USD1B-USDT")
    evict(team, evicted)
    status = team.ends("Promoted")
    for symbol, gone in (("USD1A-USDT", deleted), ("USD1B-USDT", evicted)):
        entry = entry_of(status, symbol)
        assert 3 <= entry["result"]["resumedEpochs"] < EPOCHS, entry
        assert gone != team.pods("train", symbol)[-1]["metadata"]["name"]
        assert f"Resuming {symbol} from epoch" in team.log(symbol)


def evict(team: Team, pod: str) -> None:
    """As kubectl drain does it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": team.namespace}}
    path = f"/api/v1/namespaces/{team.namespace}/pods/{pod}/eviction"
    team.cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def test_a_run_outlives_a_minute_without_its_store(team: Team) -> None:
    team.apply(symbols=["USD1A-USDT"], training={**LONG, "epochs": EPOCHS})
    team.until_epoch("USD1A-USDT", 2)
    with team.store.down():
        time.sleep(OUTAGE)
    status = team.ends("Promoted")
    assert len(team.pods("train")) == 1, "the pod itself waited"
    assert "resumedEpochs" not in entry_of(status, "USD1A-USDT")["result"]


def test_suspended_changed_run_again_replaced_and_deleted(team: Team) -> None:
    team.apply(symbols=["USD1A-USDT"], training=LONG)
    suspend_and_resume(team)
    first = change_in_mid_training(team)
    second = run_again(team, first)
    replace_at_once(team, second)
    delete(team)


def suspend_and_resume(team: Team) -> None:
    team.until_epoch("USD1A-USDT", 2)
    team.patch(suspend=True)
    status = team.ends("Suspended")
    assert entry_of(status, "USD1A-USDT")["state"] in ("Pending", "Queued")
    until(lambda: team.running("train") == [])
    team.patch(suspend=False)
    until(lambda: "Resuming USD1A-USDT" in team.log("USD1A-USDT"), team.pods_said)


def change_in_mid_training(team: Team) -> dict:
    """Another training: what was begun is not gone on with, and its Job goes."""
    before = entry_of(team.status(), "USD1A-USDT")
    team.patch(training={**LONG, "epochs": 5})
    entry = entry_of(team.ends("Promoted"), "USD1A-USDT")
    assert entry["trainKey"] != before["trainKey"]
    assert "resumedEpochs" not in entry["result"]
    until(lambda: len(team.jobs("train")) == 1)
    return entry


def run_again(team: Team, before: dict) -> dict:
    """Everything is trained once more; the same token again does nothing."""
    annotate = ("annotate", "retrainrun", "run", "--overwrite", "retrain.crpbot.dev/rerun=one")
    team.kubectl(*annotate)
    status = team.until(lambda s: s.get("lastHandledRerun") == "one" and s["state"] == "Promoted")
    entry = entry_of(status, "USD1A-USDT")
    assert entry["trainKey"] != before["trainKey"]
    assert entry["result"]["model"]["sha256"] == before["result"]["model"]["sha256"], "the same seed, the same bits"
    jobs = sorted(job["metadata"]["uid"] for job in team.jobs())
    team.kubectl(*annotate)
    time.sleep(3)
    assert sorted(job["metadata"]["uid"] for job in team.jobs()) == jobs
    return team.run()


def replace_at_once(team: Team, old: dict) -> None:
    """Deleted and applied again under its name: a new run, with Jobs of its own."""
    team.kubectl("delete", "retrainrun", "run", "--wait=false")
    team.apply(symbols=["USD1A-USDT"], training={**LONG, "epochs": 5})
    team.ends("Promoted")
    new = team.run()["metadata"]["uid"]
    assert new != old["metadata"]["uid"]
    until(lambda: {owner(job) for job in team.jobs()} == {new})


def owner(job: dict) -> str:
    return str(job["metadata"]["ownerReferences"][0]["uid"])


def delete(team: Team) -> None:
    """Nothing is left of it but the files in the store."""
    files = team.store.list(f"{team.namespace}/")
    team.kubectl("delete", "retrainrun", "run")
    until(lambda: team.jobs() == [] and team.cluster.items("pods", team.namespace) == [])
    assert team.store.list(f"{team.namespace}/") == files
    assert any("promoted" in file for file in files)
