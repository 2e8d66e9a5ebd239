"""A promoted model on a real cluster: it holds, the market turns, it decays, a phone is told of it, and one run is made.

Which words a look at these bars says is known without a cluster: tests/unit/trainer/measure/observed/test_turning_market.py.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from support import cluster_webhook, turning_market
from support.injector import SECURE
from support.kind_cluster import BUCKET, IMAGES, Body, until
from support.observed_life import seen
from support.team import SECRET, Team, secret
from support.turning_market import GOOD, LEARNT, SYMBOL, TURNED

NAME = f"features_{SYMBOL}_1m_latest.parquet"
# The bars of this market are hours old when they are appended: with 1h they would be no new ones.
OBSERVATION = {"every": "1d"}
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
    observed = {"observation": OBSERVATION, "notify": [{"name": "phone", "secretName": "phone"}]}
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


def looked(team: Team, run: str) -> dict[str, Any]:
    """What a look says that is made at once: where observation is taken away and set again. What was judged stays judged."""
    team.patch(run, observation=None)
    team.until(lambda status: not seen(status), name=run)
    team.patch(run, observation=OBSERVATION)
    return seen(team.until(lambda status: seen(status).get("lastTime"), name=run))


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
    holding = looked(team, first)
    assert (holding["state"], holding["symbols"][0]["bars"] >= 300) == ("Holding", True), holding

    append(team, "turned-bars", LEARNT + GOOD + TURNED)
    decaying = looked(team, first)
    assert (decaying["state"], decaying["symbols"][0]["wealth"] > 20) == ("Decaying", True), decaying
    assert "retrain rollback" in decaying["message"]

    second = until(lambda: [name for name in runs(team) if name != first], lambda: team.pods_said())
    assert second == [f"yearly-decay-{decaying['symbols'][0]['model'][:8]}"]
    team.ends("Promoted", "Rejected", name=second[0])
    until(lambda: [one for one in told(team) if "Decaying" in json.dumps(one)], lambda: team.pods_said())
    decay, *_ = [one for one in told(team) if "Decaying" in one["title"]]
    assert first in decay["title"] and "retrain rollback" in json.dumps(decay)
    assert TOKEN not in team.pods_said(lines=-1)
    # The look after that, and the schedule, have nothing more to do.
    assert looked(team, first)["state"] in ("Decaying", "Superseded")
    assert runs(team) == sorted([first, *second])
