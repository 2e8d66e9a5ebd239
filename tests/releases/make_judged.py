"""Runs that an older release has judged, with the statuses it left: `judged.json`.

To be run in a checkout of that release, commit 6b2899b, with its own packages and tests/support:

    PYTHONPATH=operator:trainer_image:tests python make_judged.py > judged.json
"""

from __future__ import annotations

import json
import sys
from typing import Any

from support.planning import Cluster

from retrain_api.measurement import Baselines, Champion, Measurement, Metrics
from retrain_api.schema import to_wire

FIGURES = {
    "accuracy": 0.712,
    "calibrationError": 0.038,
    "f1": 0.67,
    "auc": 0.75,
    "brier": 0.2,
    "winRate": 1.0,
    "pnl": 0.01,
    "sharpe": 3.0,
    "maxDrawdown": 0.0,
}
BEHIND = Champion(sha256="c" * 12, bars=6_000, accuracy=0.72, difference=-0.008, low=-0.02, high=0.004)
AHEAD = Champion(sha256="c" * 12, bars=6_000, accuracy=0.507, difference=0.0002, low=-0.03, high=0.03)
UNCOMPARED = Champion(sha256="c" * 12, bars=40, note="it has learnt from bars up to 2025-06-20T00:00:00Z")
LEAK = ("Accuracy is 99.0 %, above 97 %. Real prices do not allow that; look for a feature that leaks the future.",)


def model(accuracy: float = 0.712, error: float = 0.038, **parts: Any) -> Measurement:
    """A measurement; `parts` replace whole parts of it."""
    figures = FIGURES | {"accuracy": accuracy, "calibrationError": error}
    whole = {
        "metrics": Metrics.model_validate(figures),
        "near_bounds": tuple((value - 0.02, value - 0.03, value - 0.04) for value in figures.values()),
        "baselines": Baselines(majority=0.52, persistence=0.5, reversal=0.55, logistic=0.6),
        "bars": 9_000,
        "flat_bars": 100,
        "trades": 600,
        "judged_before": 3,
    }
    return Measurement.model_validate(whole | parts)


def bars(*criteria: tuple[str, float], **gate: Any) -> dict[str, Any]:
    """A gate."""
    lower = ("calibrationError", "brier", "maxDrawdown")
    listed = [{"metric": metric, "atMost" if metric in lower else "atLeast": bound} for metric, bound in criteria]
    return {"gate": {"criteria": listed, **gate}}


MANUAL = {"promotion": {"policy": "Manual"}}
IMPROVE = {"promotion": {"requireImprovement": True}}
ORIGINAL = {"BTC-USD": model(), "ETH-USD": model(0.694, 0.042), "SOL-USD": model(0.668, 0.049)}
RUNS: dict[str, tuple[dict[str, Measurement], dict[str, Any]]] = {
    "the original example": (ORIGINAL, {}),
    "the original example, waiting": (ORIGINAL, MANUAL),
    "all fail": (dict.fromkeys(ORIGINAL, model(0.51)), {}),
    "no better than the majority": ({"BTC-USD": model(baselines=Baselines(majority=0.72))}, {}),
    "one bar above the majority": ({"BTC-USD": model(baselines=Baselines(majority=0.71196))}, {}),
    "one bar above the majority, waiting": ({"BTC-USD": model(baselines=Baselines(majority=0.71196))}, MANUAL),
    "two trades": ({"BTC-USD": model(trades=2)}, bars(("winRate", 0.6), ("sharpe", 1), ("maxDrawdown", 0.05))),
    "two trades, waiting": ({"BTC-USD": model(trades=2)}, bars(("winRate", 0.6), ("pnl", 0)) | MANUAL),
    "without an interval": ({"BTC-USD": model(near_bounds=())}, bars(("accuracy", 0.6), confidencePercent=95)),
    "not sure": ({"BTC-USD": model()}, bars(("accuracy", 0.7), confidencePercent=95)),
    "Sharpe ratio not measured": (
        {"BTC-USD": model(metrics=Metrics(accuracy=0.7, pnl=0.0))},
        bars(("sharpe", 1), ("f1", 0.5)),
    ),
    "suspect, waiting": ({"BTC-USD": model(0.99, suspicions=LEAK)}, {}),
    "suspect that fails": ({"BTC-USD": model(0.99, baselines=Baselines(majority=0.99), suspicions=LEAK)}, {}),
    "behind the champion": ({"BTC-USD": model(champion=BEHIND)}, IMPROVE),
    "one bar ahead of the champion": ({"BTC-USD": model(champion=AHEAD)}, IMPROVE),
    "one bar ahead of the champion, waiting": (
        {"BTC-USD": model(champion=AHEAD)},
        {"promotion": {"requireImprovement": True, "policy": "Manual"}},
    ),
    "not compared with the champion": ({"BTC-USD": model(champion=UNCOMPARED)}, IMPROVE),
}


def judged(measurements: dict[str, Measurement], spec: dict[str, Any]) -> dict[str, Any]:
    """The run as that release left it, once its Jobs are gone."""
    cluster = Cluster.of(symbols=list(measurements), **spec)
    cluster.measurements = dict(measurements)
    for _ in range(20):
        cluster.look()
        for job in [job for job in cluster.jobs.values() if job.live]:
            cluster.finish(job)
    return {**to_wire(cluster.run), "status": to_wire(cluster.run.status)}


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(judged(*run), separators=(',', ':'))}" for name, run in RUNS.items())
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
