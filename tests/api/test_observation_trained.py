"""The life of tests/cluster/test_observation.py with the real trainer in pods of the test kubelet: real looks, a real webhook."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support import turning_market
from support.control_plane import ControlPlane
from support.kubelet import REAL_TRAINER, Kubelet
from support.observed_life import seen
from support.operator_process import OperatorProcess, until
from support.receivers import Webhook
from support.schedule_life import GROUP, RARELY, Schedules
from support.turning_market import GOOD, LEARNT, SYMBOL, TURNED

from retrain_api.names import observed_folder

OBSERVATION = {"every": "1d"}


def template(data: Path, artifacts: Path) -> dict[str, Any]:
    """The runs of the schedule."""
    places = {"data": {"uri": f"file://{data}/"}, "artifacts": {"uri": f"file://{artifacts}/"}}
    told = {"observation": OBSERVATION, "notify": [{"name": "phone", "secretName": "phone"}]}
    return turning_market.SPEC | places | told | {"train": {"device": "CPU"}}


def looked(schedules: Schedules, run: str) -> dict[str, Any]:
    """What a look says that is made at once: where observation is taken away and set again. What was judged stays judged."""
    schedules.runs.patch(run, {"spec": {"observation": None}})
    schedules.runs.until(run, lambda status: not seen(status), schedules.explain)
    schedules.runs.patch(run, {"spec": {"observation": OBSERVATION}})
    return seen(schedules.runs.until(run, lambda status: "lastTime" in seen(status), schedules.explain))


def test_a_model_holds_and_decays_a_phone_is_told_and_one_run_is_made(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, operator: OperatorProcess, tmp_path: Path
) -> None:
    kubelet.fate, kubelet.environ = None, REAL_TRAINER | {"PYTHONPATH": os.pathsep.join(sys.path)}
    schedules = Schedules(control_plane, namespace, operator.log_tail)
    data, artifacts = tmp_path / "data", tmp_path / "artifacts"
    data.mkdir(), artifacts.mkdir()
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=LEARNT + GOOD + TURNED + 2)
    bars = turning_market.market(begin)

    def append(rows: int) -> None:
        new = data / "new"
        new.write_bytes(turning_market.file_of(bars[:rows]))
        new.replace(data / f"features_{SYMBOL}_1m_latest.parquet")

    append(LEARNT)
    with Webhook() as phone:
        url = {"metadata": {"name": "phone"}, "stringData": {"url": f"json://{phone.place}/hook"}}
        control_plane.request("POST", f"/api/v1/namespaces/{namespace}/secrets", url)
        notes = {"annotations": {f"{GROUP}/trigger": "first"}}
        runs = template(data, artifacts)
        schedules.create("yearly", schedule=RARELY, template=runs, metadata=notes, whenDecaying="Retrain")
        schedules.until_recent("yearly", "Promoted")
        (first,) = schedules.ever_made()
        schedules.runs.until(first, lambda status: "lastTime" in seen(status), schedules.explain)
        assert seen(schedules.runs.get(first)["status"])["state"] == "Observing"

        append(LEARNT + GOOD)
        holding = looked(schedules, first)
        assert (holding["state"], holding["symbols"][0]["bars"] >= 300) == ("Holding", True), holding

        append(LEARNT + GOOD + TURNED)
        decaying = looked(schedules, first)
        assert (decaying["state"], decaying["symbols"][0]["wealth"] > 20) == ("Decaying", True), decaying

        second = f"yearly-decay-{decaying['symbols'][0]['model'][:8]}"
        schedules.until_run(second)
        schedules.runs.until_state(second, "Promoted", "Rejected", explain=schedules.explain)
        until(lambda: [one for one in phone.bodies if "Decaying" in json.dumps(one)], lambda: phone.bodies)
    told = [one["title"] for one in phone.bodies if first in one["title"]]
    assert "Promoted" in told[0] and "Decaying" in told[-1]
    (decay,) = [one for one in phone.bodies if "Decaying" in one["title"]]
    assert f"retrain rollback {SYMBOL} --artifacts file://{artifacts}/" in decay["message"]
    assert looked(schedules, first)["state"] in ("Decaying", "Superseded")
    assert schedules.ever_made() == [first, second]
    model = schedules.runs.get(first)["status"]["symbols"][0]["result"]["model"]["sha256"]
    files = sorted((artifacts / observed_folder(SYMBOL, model)).iterdir())
    assert len(files) == 2, "one for each look that found new blocks"
