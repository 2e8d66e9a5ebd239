"""A RetrainRun and a RetrainSchedule in which every field is set, and ways to change one field of it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from retrain_api.schema.crd import spec_schema

SECRET = {"secretName": "aws"}
WHOLE: dict[str, Any] = {
    "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
    "data": {
        "uri": "s3://bucket/features/",
        "filename": "{symbol}_{interval}.parquet",
        "interval": "5m",
        "features": ["rsi", "atr"],
        "builtIn": True,
        "until": "2025-06-01T00:00:00Z",
        "maxAge": "2h",
        "minNewBars": 1,
        "waitFor": "30m",
        "window": "180d",
        "credentials": SECRET,
    },
    "label": {"horizonBars": 5, "ties": "Down"},
    "split": {"validationPercent": 20, "testPercent": 20},
    "model": {"hiddenSize": 16, "layers": 1, "dropout": 0.1, "bidirectional": False, "lookbackBars": 30},
    "training": {
        "epochs": 5,
        "batchSize": 64,
        "learningRate": 0.01,
        "weightDecay": 0.001,
        "seed": 7,
        "precision": "Float32",
        "deterministic": True,
        "loss": {"positiveWeight": "1.5"},
        "scheduler": {"type": "CosineAnnealingWarmRestarts", "t0": 5, "tMult": 1, "etaMin": 0.0001},
        "earlyStopping": {"patience": 3, "minDelta": 0.01},
    },
    "evaluation": {"calibration": "None", "calibrationBins": 10, "backtest": {"threshold": 0.6, "feeBps": 5}},
    "gate": {
        "criteria": [{"metric": "accuracy", "atLeast": 0.6}, {"metric": "brier", "atMost": 0.3}],
        "minPassed": 2,
        "whenUnreachable": "Continue",
        "confidencePercent": 95,
        "maxLuckPercent": 5,
    },
    "promotion": {
        "policy": "Manual",
        "requireImprovement": True,
        "expiresAfter": "21d",
        "baseline": {"uri": "s3://bucket/old.pt", "lookbackBars": 30, "trainedUntil": "2025-05-31"},
    },
    "artifacts": {"uri": "s3://bucket/models/", "credentials": SECRET},
    "backups": [{"name": "vault", "uri": "s3://vault/", "credentials": SECRET, "required": True}],
    "report": {"git": {"url": "https://git.example/r", "branch": "b", "path": "p", "secretName": "git"}},
    "credentials": SECRET,
    "pods": {
        "image": "mine:1",
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "runtimeClassName": "nvidia",
        "priorityClassName": "low",
        "volumes": [{"name": "data", "emptyDir": {}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy"}],
        "labels": {"team": "alpha"},
        "annotations": {"note": "x"},
        "fsGroup": 5,
    },
    "train": {
        "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        "backoffLimit": 1,
        "activeDeadlineSeconds": 3600,
        "pendingDeadlineSeconds": 600,
        "device": "GPU",
        "gpu": {"resourceName": "amd.com/gpu", "count": 2},
    },
    "preflight": "Never",
    "observation": {"every": "12h", "for": "14d", "minBars": 200},
    "notify": [{"name": "ops", "secretName": "chat", "when": ["Promoted", "Decaying"]}],
    "parallelism": 2,
    "jobTTLSecondsAfterFinished": 60,
    "suspend": True,
}
WHOLE = json.loads(json.dumps(WHOLE))  # no part is shared
WHOLE["evaluate"] = copy.deepcopy(WHOLE["train"])
WHOLE["publish"] = {name: copy.deepcopy(part) for name, part in WHOLE["train"].items() if name not in ("device", "gpu")}

WHOLE_SCHEDULE: dict[str, Any] = {
    "schedule": "30 3 * * MON-FRI",
    "timeZone": "Europe/Berlin",
    "suspend": True,
    "startingDeadlineSeconds": 3600,
    "whenDecaying": "Retrain",
    "notify": [{"name": "ops", "secretName": "chat", "when": ["Paused"]}],
    "walkForward": {"slots": 5, "minPassed": 3, "parallelism": 2},
    "pauseAfterFailures": 2,
    "runsHistoryLimit": 5,
    "failedRunsHistoryLimit": 2,
    "runTemplate": {
        "metadata": {
            "labels": {"team": "alpha", "retrain.crpbot.dev/cpu-queue": "small"},
            "annotations": {"note": "x"},
        },
        "spec": copy.deepcopy(WHOLE) | {"suspend": False, "split": {"validation": "7d", "test": "14d"}},
    },
}
del WHOLE_SCHEDULE["runTemplate"]["spec"]["data"]["until"]


def steps(path: str) -> list[str | int]:
    """spec.gate.criteria[0].atLeast as keys and indexes."""
    return [int(part[1:-1]) if part[0] == "[" else part for part in re.findall(r"[^.\[]+|\[\d+\]", path)]


def put(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the spec with another value at the path."""
    document = {"spec": copy.deepcopy(dict(spec))}
    *parents, last = steps(path)
    place: Any = document
    for step in parents:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[last] = value
    return document["spec"]


def nodes(schema: Mapping[str, Any] | None = None, path: str = "spec") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of the schema with the path of its value in `WHOLE`: lists at [0], mappings at their first key."""
    schema = spec_schema() if schema is None else schema
    yield path, dict(schema)
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[0]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from nodes(schema["additionalProperties"], f"{path}.{KEYS[path.rsplit('.', 1)[1]]}")


KEYS = {"nodeSelector": "gpu", "labels": "team", "annotations": "note", "requests": "memory", "limits": "memory"}
