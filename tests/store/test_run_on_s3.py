"""`retrain run` with data and artifacts on a real S3 server: to the verdict, and through what people get wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.returning_price import candles


def document(bucket: str, data: str = "features", **spec: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "symbols": ["AAA-USD", "BBB-USD"],
        "data": {"uri": f"s3://{bucket}/{data}/"},
        "artifacts": {"uri": f"s3://{bucket}/models/"},
        "credentials": {"secretName": "aws-credentials"},
        "label": {"horizonBars": 1},
        "model": {"hiddenSize": 8, "layers": 1, "bidirectional": False, "lookbackBars": 5, "dropout": 0},
        "training": {"epochs": 6, "batchSize": 32, "learningRate": 0.01, "precision": "Float32"},
        "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]},
        "train": {"device": "CPU", "backoffLimit": 0},
    }
    return {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "on-s3"},
        "spec": fields | spec,
    }


def retrain(folder: Path, run: dict[str, Any], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = folder / f"{uuid.uuid4().hex}.yaml"
    path.write_text(yaml.safe_dump(run))
    return command(environ, "run", "-f", str(path), "--state-dir", str(folder / "state"))


def command(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RETRAIN_"))}
    return subprocess.run(
        [sys.executable, "-m", "retrain_cli.main", *arguments],
        env=inherited | environ | {"AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def bucket(s3: Any) -> str:
    name = str(s3.bucket(versions=True))
    client = s3.client()
    for seed, symbol in enumerate(("AAA-USD", "BBB-USD")):
        key = f"features/features_{symbol}_1m_latest.parquet"
        client.put_object(Bucket=name, Key=key, Body=candles(seed))
    return name


def test_a_run_is_promoted_and_its_bytes_are_the_evaluated_ones(s3: Any, bucket: str, tmp_path: Path) -> None:
    done = retrain(tmp_path, document(bucket), s3.environ())
    assert done.returncode == 0, done.stdout + done.stderr
    status = json.loads((tmp_path / "state/default/on-s3/status.json").read_text())
    assert status["state"] == "Promoted"
    for entry in status["symbols"]:
        pointer = json.loads(_read(s3, bucket, f"models/promoted/{entry['symbol']}.json"))
        promoted = _read(s3, bucket, pointer["model"]["uri"].removeprefix(f"s3://{bucket}/"))
        assert sha256(promoted).hexdigest() == pointer["model"]["sha256"] == entry["result"]["model"]["sha256"]
        assert entry["result"]["data"]["versionId"], "the bucket has versions, so the data is pinned by one"
    report = _read(s3, bucket, status["report"]["markdown"].removeprefix(f"s3://{bucket}/")).decode()
    assert "AAA-USD" in report
    left = [item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket)["Contents"]]
    assert not [key for key in left if "checkpoint" in key]
    secret = s3.environ()["AWS_SECRET_ACCESS_KEY"]
    assert secret not in done.stdout + done.stderr
    written = [path.read_text(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert not [text for text in written if secret in text]
    folder = status["report"]["markdown"].removesuffix("report.md")
    for place in ((folder,), ("on-s3", "--state-dir", str(tmp_path / "state"))):
        verified = command(s3.environ(), "verify", *place)
        assert (verified.returncode, verified.stderr) == (0, ""), verified.stdout + verified.stderr
        assert verified.stdout.count("is the same from training to pointer") == 2


def _read(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


@pytest.mark.parametrize(
    ("mistake", "reason", "words"),
    [
        ("wrong key", "Credentials", "check key and secret"),
        ("missing bucket", "BucketNotFound", "no-such-bucket"),
        ("missing file", "ObjectNotFound", "elsewhere/features_AAA-USD_1m_latest.parquet"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    s3: Any, bucket: str, tmp_path: Path, mistake: str, reason: str, words: str
) -> None:
    before = _keys(s3, bucket)
    environ = s3.environ(secret="not-the-secret") if mistake == "wrong key" else s3.environ()
    name = "no-such-bucket" if mistake == "missing bucket" else bucket
    folder = "elsewhere" if mistake == "missing file" else "features"
    done = retrain(tmp_path, document(name, folder, symbols=["AAA-USD"]), environ)
    assert done.returncode == 1, done.stdout + done.stderr
    status = json.loads((tmp_path / "state/default/on-s3/status.json").read_text())
    entry = status["symbols"][0]
    assert entry["reason"].startswith(reason)
    assert words in entry["message"]
    assert entry["attempts"] == 0, "no training is begun"
    assert "Traceback" not in done.stdout + done.stderr
    # That the store was probed is remembered in it.
    assert [key for key in _keys(s3, bucket) if not key.endswith(".retrain/probed.json")] == before


def _keys(s3: Any, bucket: str) -> list[str]:
    return sorted(item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket).get("Contents", ()))
