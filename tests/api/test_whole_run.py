"""Whole runs on real candles, with the real trainer in pods, through the real API: what the local executor says too."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ControlPlane
from support.kubelet import REAL_TRAINER, Kubelet
from support.operator_process import OperatorProcess, Runs
from support.real_run import start

ROOT = Path(__file__).resolve().parents[2]
USD1 = ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet"
ENDED = ("Promoted", "Passed", "Rejected", "Failed")
# What belongs to one execution: its clock, its image, and digests of what names its folder or uid.
OWN = {
    "at",
    "startTime",
    "asOf",
    "completionTime",
    "lastTransitionTime",
    "durationSeconds",
    "image",
    "publishKey",
    "detailsSha256",
    "job",  # its name has a digest of the place of the artifacts
}


def quickstart() -> dict[str, Any]:
    """The first example, one epoch shorter work."""
    document = yaml.safe_load((ROOT / "examples" / "01-quickstart.yaml").read_text())
    document["spec"]["data"]["uri"] = f"file://{ROOT / 'examples' / 'data'}/"
    document["spec"]["model"] = {"hiddenSize": 16, "layers": 1, "dropout": 0.1, "lookbackBars": 20}
    document["spec"]["training"] = {"epochs": 2, "batchSize": 512}
    return document  # type: ignore[no-any-return]


def pinned_pair() -> dict[str, Any]:
    """A pair that returns to its mean, and passes the gate."""
    document = quickstart()
    document["metadata"]["name"] = "pinned"
    document["spec"] |= {
        "symbols": ["USD1-USDT"],
        "data": {"uri": f"file://{USD1.parent}/", "filename": "candles_{symbol}_{interval}.parquet", "interval": "5m"},
        "label": {"horizonBars": 1, "ties": "Drop"},
        "model": {"hiddenSize": 32, "layers": 1, "dropout": 0, "bidirectional": False, "lookbackBars": 20},
        "training": {"epochs": 4, "batchSize": 128},
    }
    return document


def with_artifacts(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    own = copy.deepcopy(document)
    folder.mkdir(parents=True)
    own["spec"]["artifacts"] = {"uri": f"file://{folder}/"}
    return own


def on_the_cluster(
    plane: ControlPlane, kubelet: Kubelet, namespace: str, document: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], str]:
    """Apply it with kubectl and wait for its end. The status, and the uid."""
    kubelet.environ = REAL_TRAINER
    with OperatorProcess(plane, namespace, folder) as operator:
        plane.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump(document))
        runs, name = Runs(plane, namespace), document["metadata"]["name"]
        status = runs.until_state(name, *ENDED, explain=operator.log_tail)
        return status, runs.get(name)["metadata"]["uid"]


def on_this_machine(document: dict[str, Any], folder: Path) -> tuple[dict[str, Any], str]:
    """The same through `retrain run`."""
    process = start(folder, document)
    output = process.communicate(timeout=500)[0]
    path = folder / "state" / "default" / document["metadata"]["name"]
    assert (path / "status.json").exists(), output
    status = json.loads((path / "status.json").read_text())
    uid = status["report"]["markdown"].split("/")[-3]
    return status, uid


def comparable(status: object, places: dict[str, str]) -> object:
    """A status without what belongs to one execution, its places named alike."""
    if isinstance(status, dict):
        return {key: comparable(value, places) for key, value in status.items() if key not in OWN}
    if isinstance(status, list):
        return [comparable(value, places) for value in status]
    if isinstance(status, str):
        for place, name in places.items():
            status = status.replace(place, name)
    return status


def differing(left: Any, right: Any, path: str = "status") -> Iterator[str]:
    """Where two statuses differ, leaf by leaf."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from differing(left.get(key), right.get(key), f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, pair in enumerate(zip(left, right, strict=True)):
            yield from differing(*pair, f"{path}[{number}]")
    elif left != right:
        yield f"{path}: {left!r} on the cluster, {right!r} here"


def both(
    plane: ControlPlane, kubelet: Kubelet, namespace: str, document: dict[str, Any], folder: Path
) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """The status on the cluster, the one of this machine, and the artifacts of the cluster's."""
    there, here = folder / "there", folder / "here"
    one, uid = on_the_cluster(plane, kubelet, namespace, with_artifacts(document, there), folder)
    other, own = on_this_machine(with_artifacts(document, here), folder)
    left = comparable(one, {str(there): "STORE", uid: "UID", namespace: "default"})
    right = comparable(other, {str(here): "STORE", own: "UID"})
    differences = list(differing(left, right))
    assert not differences, "\n".join(differences)
    return one, other, there


def test_a_run_on_real_candles_ends_as_on_one_machine_field_by_field(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    status, _, _ = both(control_plane, kubelet, namespace, quickstart(), tmp_path)
    assert (status["state"], status["trained"], status["gateSummary"]) == ("Rejected", "3/3", "0/3 Fail")
    assert all(entry["result"]["metrics"]["metrics"]["accuracy"] < 0.56 for entry in status["symbols"])
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert (conditions["Finished"], conditions["Ready"], conditions["Stalled"]) == ("True", "False", "True")


@pytest.mark.skipif(not USD1.exists(), reason=f"{USD1.name} may not be copied into the project and is not beside it")
def test_what_is_promoted_is_what_was_measured_byte_for_byte(
    control_plane: ControlPlane, kubelet: Kubelet, namespace: str, tmp_path: Path
) -> None:
    status, _, store = both(control_plane, kubelet, namespace, pinned_pair(), tmp_path)
    assert (status["state"], status["promoted"]) == ("Promoted", "USD1-USDT")
    pointer = json.loads((store / "promoted" / "USD1-USDT.json").read_text())
    model = status["symbols"][0]["result"]["model"]
    assert pointer["model"]["sha256"] == model["sha256"]
    promoted = Path(pointer["model"]["uri"].removeprefix("file://"))
    assert hashlib.sha256(promoted.read_bytes()).hexdigest() == model["sha256"]
    report = Path(status["report"]["markdown"].removeprefix("file://")).read_text()
    assert "after fees" in report
    cluster = ["-n", namespace, "--kubeconfig", str(control_plane.kubeconfig("admin"))]
    said = subprocess.run([sys.executable, "-m", "retrain_cli.main", "report", "pinned", *cluster], capture_output=True)
    assert (said.stdout.decode(), said.returncode) == (report, 0), said.stderr
