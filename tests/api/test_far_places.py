"""Data, copies and Git with the Secrets of a cluster: through the real API, with the real trainer in pods."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from support.control_plane import ControlPlane
from support.git_server import GitServer, git
from support.kubelet import REAL_TRAINER, Kubelet
from support.operator_process import OperatorProcess, Runs
from support.real_run import run_document
from support.remotes import on_disk
from support.returning_price import candles

SPEC: dict[str, Any] = {
    "symbols": ["AAA-USD"],
    "label": {"horizonBars": 1},
    "model": {"hiddenSize": 8, "layers": 1, "bidirectional": False, "lookbackBars": 5, "dropout": 0},
    "training": {"epochs": 6, "learningRate": 0.01, "precision": "Float32"},
    "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]},
    "data": {"uri": "rclone://drive/features/", "credentials": {"rcloneConfigSecretName": "drive"}},
}


def make_secret(plane: ControlPlane, namespace: str, name: str, **values: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    plane.request("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}, "data": data})


def test_secrets_reach_rclone_and_git_and_nothing_else(
    control_plane: ControlPlane,
    kubelet: Kubelet,
    namespace: str,
    git_server: GitServer,
    rclone: None,
    tmp_path: Path,
) -> None:
    repository = git_server.repository()
    (tmp_path / "drive/features").mkdir(parents=True)
    (tmp_path / "drive/features/features_AAA-USD_1m_latest.parquet").write_bytes(candles(0))
    make_secret(control_plane, namespace, "drive", **{"rclone.conf": on_disk("drive", tmp_path / "drive")})
    make_secret(control_plane, namespace, "vault", **{"rclone.conf": on_disk("vault", tmp_path / "vault")})
    make_secret(control_plane, namespace, "git", token=git_server.token, username=git_server.username)
    backup = {"name": "vault", "uri": "rclone://vault/copies/", "credentials": {"rcloneConfigSecretName": "vault"}}
    (tmp_path / "models").mkdir()
    document = run_document(
        "far",
        tmp_path,
        tmp_path / "models",
        **SPEC,
        backups=[backup | {"required": True}, {"name": "lost", "uri": "rclone://drive/x/"}],
        report={"git": {"url": git_server.url(), "secretName": "git"}},
    )
    kubelet.environ = REAL_TRAINER
    with OperatorProcess(control_plane, namespace, tmp_path) as operator:
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(document))
        status = Runs(control_plane, namespace).until_state("far", "Promoted", "Failed", explain=operator.log_tail)
    assert status["state"] == "Promoted", status
    [backed_up] = [one for one in status["conditions"] if one["type"] == "BackedUp"]
    assert (backed_up["status"], backed_up["reason"]) == ("False", "NotCopied")
    assert backed_up["message"].startswith("lost: rclone's configuration has no remote drive")
    assert backed_up["message"].endswith("; vault: delivered; report.git: delivered")
    kept = {path.relative_to(tmp_path / "models") for path in (tmp_path / "models/promoted").glob("*.pt")}
    assert kept and all(
        (tmp_path / "vault/copies" / path).read_bytes() == (tmp_path / "models" / path).read_bytes() for path in kept
    )
    assert f"reports/{namespace}/far/1/report.md" in git("-C", repository, "ls-tree", "-r", "--name-only", "main")
    shown = [
        control_plane.kubectl("get", kind, "-n", namespace, "-o", "yaml").stdout
        for kind in ("retrainruns", "jobs", "pods", "events")
    ]
    shown += [path.read_text(errors="replace") for path in tmp_path.rglob("log") if path.is_file()]
    assert not [text for text in shown if git_server.token in text or "remote = " in text]
