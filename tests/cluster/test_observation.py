"""A promoted model on a real cluster: it holds, the market turns, it decays, a phone is told of it, and one run is made.

Which words a look at these bars says is known without a cluster: tests/unit/trainer/measure/observed/test_turning_market.py.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from support import cluster_webhook, turning_market
from support.injector import SECURE
from support.kind_cluster import BUCKET, IMAGES, Body, until
from support.observed_life import seen
from support.team import SECRET, Team, secret
from support.turning_market import GOOD, LEARNT, SYMBOL, TURNED

NAME = f"features_{SYMBOL}_1m_latest.parquet"
TOKEN = "hook-5d81f0a3c9"
APPEND = """
import io, os, sys
import pyarrow.parquet as pq
from retrain_trainer.store.open import open_store

folder, rows = sys.argv[1], int(sys.argv[2])
store = open_store(folder, os.environ)
bars, file = pq.read_table(io.BytesIO(store.read("whole.parquet").data)), io.BytesIO()
pq.write_table(bars.slice(0, rows), file)
store.write(sys.argv[3], file.getvalue())
print(f"{rows} bars")
"""
"""What comes from an exchange in a team's life: the file of the run gets the next bars of a market that is known here."""


def folder(team: Team) -> str:
    return f"s3://{BUCKET}/turning-{team.namespace}/"


def append(team: Team, name: str, rows: int) -> None:
    """A Job writes the file with so many bars, and is waited for."""
    container = {
        "name": "append",
        "image": IMAGES[-1],
        "command": ["python", "-c", APPEND, folder(team), str(rows), NAME],
        "securityContext": SECURE,
        "envFrom": [{"secretRef": {"name": SECRET}}],
    }
    pod = {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
    meta = {"name": name, "namespace": team.namespace}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": {"spec": pod}}}
    team.apply_any(job)
    team.kubectl("wait", f"job/{name}", "--for=condition=Complete", "--timeout=120s")


def phone(team: Team) -> None:
    """A webhook in the cluster, and the Secret with its address."""
    for manifest in cluster_webhook.manifests("phone"):
        team.apply_any(manifest | {"metadata": manifest["metadata"] | {"namespace": team.namespace}})
    team.kubectl("wait", "pod/phone", "--for=condition=Ready", "--timeout=120s")
    url = f"json://phone.{team.namespace}.svc:{cluster_webhook.PORT}/{TOKEN}"
    team.apply_any(secret(team.namespace, "phone", {"url": url}))


def schedule(team: Team) -> Body:
    """One that makes no run by itself: one by hand, and one where a model decays."""
    # The bars of this market are hours old where they are appended: with 1h they would be no new ones.
    observed = {"observation": {"every": "1d"}, "notify": [{"name": "phone", "secretName": "phone"}]}
    spec = team.spec(**turning_market.SPEC, data={"uri": folder(team)}, **observed)
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {
            "name": "yearly",
            "namespace": team.namespace,
            "annotations": {"retrain.crpbot.dev/trigger": "first"},
        },
        "spec": {"schedule": "0 0 29 2 *", "whenDecaying": "Retrain", "runTemplate": {"spec": spec}},
    }


def runs(team: Team) -> list[str]:
    """Names of its runs."""
    return sorted(run["metadata"]["name"] for run in team.cluster.items("retrainruns", team.namespace))


def looked(team: Team, run: str, state: str) -> dict[str, Any]:
    """A person asks for a look; the observation once it says so."""
    before = seen(team.status(run))["lastTime"]
    team.kubectl("annotate", "retrainrun", run, "--overwrite", f"retrain.crpbot.dev/retry={time.time_ns()}")
    status = team.until(lambda status: seen(status)["lastTime"] > before, name=run)
    assert seen(status)["state"] == state, seen(status)
    return seen(status)


def told(team: Team) -> list[dict[str, Any]]:
    return cluster_webhook.told(team.kubectl("logs", "phone"))


def test_a_model_holds_and_decays_a_phone_is_told_and_one_run_is_made(team: Team) -> None:
    phone(team)
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=LEARNT + GOOD + TURNED + 2)
    bars = turning_market.market(begin)
    team.store.put(f"turning-{team.namespace}/whole.parquet", turning_market.file_of(bars))
    append(team, "first-bars", LEARNT)
    team.apply_any(schedule(team))
    first = until(lambda: runs(team), lambda: team.pods_said())[0]
    team.ends("Promoted", name=first)
    # At once after the promotion, when there is nothing to judge yet: it proves that everything can be read.
    team.until(lambda status: seen(status).get("state") == "Observing", name=first)

    append(team, "good-bars", LEARNT + GOOD)
    holding = looked(team, first, "Holding")
    assert holding["symbols"][0]["bars"] >= 300

    append(team, "turned-bars", LEARNT + GOOD + TURNED)
    decaying = looked(team, first, "Decaying")
    assert decaying["symbols"][0]["wealth"] > 20
    assert "retrain rollback" in decaying["message"]
    assert f"Decaying {SYMBOL}" in team.kubectl("get", "retrainrun", first, "-o", "wide", "--no-headers")

    second = until(lambda: [name for name in runs(team) if name != first], lambda: team.pods_said())
    assert second == [f"yearly-decay-{decaying['symbols'][0]['model'][:8]}"]
    team.ends("Promoted", "Rejected", name=second[0])
    until(lambda: [one for one in told(team) if "Decaying" in json.dumps(one)], lambda: team.pods_said())
    decay, *_ = [one for one in told(team) if "Decaying" in one["title"]]
    assert first in decay["title"] and "retrain rollback" in json.dumps(decay)
    assert TOKEN not in team.pods_said(lines=-1)
    # The look after that, and the schedule, have nothing more to do.
    looked_once_more(team, first)
    assert runs(team) == sorted([first, *second])


def looked_once_more(team: Team, run: str) -> None:
    """Whatever it finds: the same model decays still, or the new one has taken its place."""
    if "nextTime" in seen(team.status(run)):
        before = seen(team.status(run))["lastTime"]
        team.kubectl("annotate", "retrainrun", run, "--overwrite", "retrain.crpbot.dev/retry=once-more")
        team.until(lambda status: seen(status)["lastTime"] > before, name=run)
