"""A whole `retrain run` whose data come from a remote, and whose report and models go to others and into Git."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from support.git_server import GitServer, git
from support.real_run import run_document, start, status_of
from support.remotes import configured, in_s3, on_disk
from support.returning_price import candles

SPEC: dict[str, Any] = {
    "symbols": ["AAA-USD"],
    "data": {"uri": "rclone://drive/features/"},
    "label": {"horizonBars": 1},
    "model": {"hiddenSize": 8, "layers": 1, "bidirectional": False, "lookbackBars": 5, "dropout": 0},
    "training": {"epochs": 6, "learningRate": 0.01, "precision": "Float32"},
    "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]},
    # As it stands for a cluster: here the variables of this machine stand in for the Secrets.
    "credentials": {"rcloneConfigSecretName": "rclone"},
}


def test_data_from_a_remote_copies_to_others_and_the_report_in_git(
    s3: Any, shared_bucket: str, git_server: GitServer, rclone: None, tmp_path: Path
) -> None:
    repository = git_server.repository()
    (tmp_path / "drive/features").mkdir(parents=True)
    (tmp_path / "drive/features/features_AAA-USD_1m_latest.parquet").write_bytes(candles(0))
    keys = s3.environ()
    secret = keys["AWS_SECRET_ACCESS_KEY"]
    remotes = (
        on_disk("drive", tmp_path / "drive"),
        in_s3("bucket", s3.endpoint, keys["AWS_ACCESS_KEY_ID"], secret),
    )
    environ = {
        "RCLONE_CONFIG": str(configured(tmp_path / "rclone.conf", *remotes)),
        "RETRAIN_GIT_TOKEN": git_server.token,
    }
    backups = [
        {"name": "bucket", "uri": f"rclone://bucket/{shared_bucket}/copies/", "required": True},
        {"name": "lost", "uri": "rclone://nowhere/x/"},
    ]
    report = {"git": {"url": git_server.url(), "path": "reports", "secretName": "git"}}
    document = run_document("far", tmp_path, tmp_path / "models", **SPEC, backups=backups, report=report)
    process = start(tmp_path, document, **environ)
    said = process.communicate(timeout=500)[0]
    assert process.returncode == 0, said

    status = status_of(tmp_path, "far")
    assert status.state == "Promoted"
    assert status.backups is not None and not status.backups.ok
    assert status.backups.message.startswith("lost: rclone's configuration has no remote nowhere")
    assert status.backups.message.endswith("; bucket: delivered; report.git: delivered")
    assert "Copies: lost: rclone's configuration has no remote nowhere" in said

    listed = s3.client().list_objects_v2(Bucket=shared_bucket, Prefix="copies/")["Contents"]
    copies = {entry["Key"].removeprefix("copies/"): entry["Key"] for entry in listed}
    assert {Path(name).suffix for name in copies} >= {".pt", ".json", ".md"}
    for name, key in copies.items():
        copy = s3.client().get_object(Bucket=shared_bucket, Key=key)["Body"].read()
        assert sha256(copy).digest() == sha256((tmp_path / "models" / name).read_bytes()).digest()

    committed = git("-C", repository, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {"reports/default/far/1/report.md", "reports/default/far/1/results.json"} <= set(committed)
    assert git("-C", repository, "log", "--format=%an %s", "main") == (
        "retrain-operator default/far report 1: Pass (1 of 1 pass, 1 needed)"
    )
    left = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    for hidden in (secret, git_server.token):
        assert hidden not in said and not [text for text in left if hidden.encode() in text]
