"""No field without effect: changing any field of the spec changes a task, a Job, a verdict or a decision."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from support.planning import Cluster, passing, run_document
from support.whole import WHOLE, put

from retrain_api.gate.verdict import Candidate, judge
from retrain_api.keys import evaluate_key, train_key
from retrain_api.measurement import LOWER_IS_BETTER, METRICS, Champion
from retrain_api.run import RetrainRun, parse_run
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.wire import to_wire
from retrain_operator.manifests.jobs import template_key
from retrain_operator.manifests.receivers import notify_key
from retrain_operator.state.view import PhaseName

STORES: tuple[PhaseName, ...] = ("preflight", "train", "evaluate", "publish", "deliver", "observe")
PHASES: tuple[PhaseName, ...] = (*STORES, "notify")

TRAIN = {"train", "evaluate"}
"""What trains otherwise is also measured anew."""
MEASURE = {"evaluate"}
JUDGE = {"judgement"}
NOTHING: set[str] = set()


def pods(*phases: str) -> set[str]:
    return {f"pods of {phase}" for phase in phases}


EVERYWHERE = pods(*PHASES)
IN_STORES = pods(*STORES)
DELIVERY = pods("deliver")
TELLING = pods("notify")

FIELDS: dict[str, tuple[Any, set[str]]] = {
    "symbols": (["BTC-USD", "ETH-USD"], JUDGE),
    "data.uri": ("s3://other/", TRAIN),
    "data.filename": ("{symbol}.parquet", TRAIN),
    "data.interval": ("15m", TRAIN),
    "data.features": (["rsi"], TRAIN),
    "data.builtIn": (False, TRAIN),
    "data.until": ("2025-05-31T18:00:00Z", TRAIN),
    "data.maxAge": ("3h", NOTHING),
    "data.minNewBars": (2, NOTHING),
    "data.waitFor": ("45m", NOTHING),
    "data.window": ("90d", TRAIN),
    "label.horizonBars": (6, TRAIN),
    "label.ties": ("Drop", TRAIN),
    "split.validationPercent": (25, TRAIN),
    "split.testPercent": (25, TRAIN),
    "split.validation": ("7d", TRAIN),
    "split.test": ("21d", TRAIN),
    "model.hiddenSize": (32, TRAIN),
    "model.layers": (2, TRAIN),
    "model.dropout": (0.2, TRAIN),
    "model.bidirectional": (True, TRAIN),
    "model.lookbackBars": (31, TRAIN),
    "training.epochs": (6, TRAIN),
    "training.batchSize": (65, TRAIN),
    "training.learningRate": (0.02, TRAIN),
    "training.weightDecay": (0.002, TRAIN),
    "training.seed": (8, TRAIN),
    "training.precision": ("BFloat16", TRAIN),
    "training.deterministic": (False, TRAIN),
    "training.loss.positiveWeight": (3, TRAIN),
    "training.scheduler.type": ("Constant", TRAIN),
    "training.scheduler.t0": (6, TRAIN),
    "training.scheduler.tMult": (3, TRAIN),
    "training.scheduler.etaMin": (0.0002, TRAIN),
    "training.earlyStopping.patience": (4, TRAIN),
    "training.earlyStopping.minDelta": (0.02, TRAIN),
    "evaluation.calibration": ("Platt", MEASURE),
    "evaluation.calibrationBins": (11, MEASURE),
    "evaluation.backtest.threshold": (0.7, MEASURE),
    "evaluation.backtest.feeBps": (6, MEASURE),
    "gate.criteria[0].metric": ("f1", JUDGE),
    "gate.criteria[0].atLeast": (0.61, JUDGE),
    "gate.criteria[1].atMost": (0.31, JUDGE),
    "gate.minPassed": (3, JUDGE),
    "gate.whenUnreachable": ("Stop", NOTHING),
    "gate.confidencePercent": (90, JUDGE),
    "gate.maxLuckPercent": (4, JUDGE),
    "promotion.policy": ("Automatic", NOTHING),
    "promotion.requireImprovement": (True, JUDGE),
    "promotion.expiresAfter": ("14d", NOTHING),
    "promotion.baseline.uri": ("s3://bucket/older.pt", MEASURE),
    "promotion.baseline.lookbackBars": (31, MEASURE),
    "promotion.baseline.trainedUntil": ("2025-06-30", MEASURE),
    "artifacts.uri": ("s3://other/", IN_STORES),
    "backups[0].name": ("safe", DELIVERY),
    "backups[0].uri": ("s3://safe/", DELIVERY),
    "backups[0].required": (False, DELIVERY),
    "report.git.url": ("https://git.example/other", DELIVERY),
    "report.git.branch": ("other", DELIVERY),
    "report.git.path": ("other", DELIVERY),
    "report.git.secretName": ("other", DELIVERY),
    "pods.image": ("mine:2", TRAIN | EVERYWHERE),
    "pods.imagePullPolicy": ("Never", EVERYWHERE),
    "pods.imagePullSecrets[0].name": ("other", EVERYWHERE),
    "pods.nodeSelector": ({"gpu": "no"}, EVERYWHERE),
    "pods.tolerations": ([], EVERYWHERE),
    "pods.affinity": ({"podAffinity": {}}, EVERYWHERE),
    "pods.runtimeClassName": ("other", EVERYWHERE),
    "pods.priorityClassName": ("other", EVERYWHERE),
    "pods.volumes": ([{"name": "data", "hostPath": {}}], EVERYWHERE),
    "pods.volumeMounts": ([{"name": "data", "mountPath": "/d"}], EVERYWHERE),
    "pods.env[0].name": ("HTTP_PROXY", EVERYWHERE),
    "pods.env[0].value": ("http://other", EVERYWHERE),
    "pods.labels": ({"team": "beta"}, EVERYWHERE),
    "pods.annotations": ({"note": "y"}, EVERYWHERE),
    "pods.fsGroup": (6, EVERYWHERE),
    "preflight": ("Always", NOTHING),
    "observation.every": ("2d", NOTHING),
    "observation.for": ("6h", NOTHING),
    "observation.minBars": (1000, NOTHING),
    "notify[0].name": ("others", TELLING),
    "notify[0].secretName": ("mail", TELLING),
    "notify[0].when": (["Failed"], NOTHING),
    "parallelism": (1, NOTHING),
    "jobTTLSecondsAfterFinished": (61, NOTHING),
    "suspend": (True, NOTHING),
}
for _where, _effect in {
    "credentials": IN_STORES,
    "data.credentials": IN_STORES,
    "artifacts.credentials": IN_STORES,
    "backups[0].credentials": DELIVERY,
}.items():
    FIELDS[f"{_where}.secretName"] = ("other", _effect)
    FIELDS[f"{_where}.serviceAccountName"] = ("robot", _effect)
    FIELDS[f"{_where}.rcloneConfigSecretName"] = ("drive", _effect)
for _phase, _effect in {
    "train": pods("train"),
    "evaluate": pods("evaluate", "observe"),
    "publish": pods("publish", "deliver"),
}.items():
    FIELDS[f"{_phase}.resources.requests"] = ({"memory": "1536Mi"}, _effect)
    FIELDS[f"{_phase}.resources.limits"] = ({"memory": "3Gi"}, _effect)
    FIELDS[f"{_phase}.backoffLimit"] = (2, _effect)
    FIELDS[f"{_phase}.activeDeadlineSeconds"] = (3601, _effect)
    FIELDS[f"{_phase}.pendingDeadlineSeconds"] = (601, _effect)
    if _phase != "publish":
        FIELDS[f"{_phase}.device"] = ("CPU", pods(_phase))
        FIELDS[f"{_phase}.gpu.resourceName"] = ("intel.com/gpu", pods(_phase))
        FIELDS[f"{_phase}.gpu.count"] = (3, pods(_phase))


# Every leaf has a case


def members(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from members(part)


def leaves(model: type[BaseModel], where: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{where}.{field.alias or name}".lstrip(".")
        below = list(members(field.annotation))
        if not below:
            yield path
        for child in below:
            yield from leaves(child, path)


def test_every_field_of_the_models_has_a_case() -> None:
    tabled = {where.replace("[0]", "").replace("[1]", "") for where in FIELDS}
    assert tabled == set(leaves(RetrainRunSpec))


# What a field changes

BASE = put(
    {name: part for name, part in WHOLE.items() if name != "suspend"}, "spec.promotion.requireImprovement", False
)


def document(where: str, value: Any) -> dict[str, Any]:
    """The whole run with one field changed; what may stand only alone replaces its neighbours."""
    if where.endswith(("serviceAccountName", "rcloneConfigSecretName")):
        parent, _, name = where.rpartition(".")
        return put(BASE, f"spec.{parent}", {name: value})
    if where in ("split.validation", "split.test"):
        return put(BASE, "spec.split", {where.removeprefix("split."): value})
    if where == "training.scheduler.type":
        return put(BASE, "spec.training.scheduler", {"type": value})
    return put(BASE, f"spec.{where}", value)


def run_of(document: dict[str, Any]) -> RetrainRun:
    return parse_run(run_document(**document))


def figures() -> Any:
    champion = Champion(sha256="c" * 64, bars=9000, accuracy=0.8, difference=-0.01)
    bounds = tuple((0.1, 0.9, 0.9) if metric in LOWER_IS_BETTER else (0.9, 0.1, 0.1) for metric in METRICS)
    return passing(0.71).model_copy(update={"champion": champion, "near_bounds": bounds})


def judgement(spec: RetrainRunSpec) -> Any:
    candidates = [Candidate(symbol, figures()) for symbol in spec.symbols]
    return to_wire(judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement))


def aspects(run: RetrainRun) -> dict[str, Any]:
    spec = run.spec
    return {
        "train": train_key(spec, "BTC-USD"),
        "evaluate": evaluate_key(spec, "BTC-USD"),
        "judgement": judgement(spec),
        **{f"pods of {phase}": template_key(run, phase, notify_key("ops", "1-Promoted")) for phase in PHASES},
    }


BEFORE = aspects(run_of(BASE))


@pytest.mark.parametrize("where", sorted(FIELDS))
def test_keys_and_judgement_change_exactly_when_they_should(where: str) -> None:
    value, expected = FIELDS[where]
    after = aspects(run_of(document(where, value)))
    assert {aspect for aspect in BEFORE if BEFORE[aspect] != after[aspect]} == expected


# What is seen of it


def story(document: dict[str, Any]) -> str:
    """All that a run does, as text: states, verdicts, when to reconcile again, which Jobs side by side, their manifests."""
    cluster = Cluster(parse_run(run_document(**document)))
    cluster.measurements = dict.fromkeys(("BTC-USD", "ETH-USD", "SOL-USD"), figures())
    record: list[Any] = []
    for _ in range(12):
        decided = cluster.settle()
        status = decided.status
        next_look = status.observation and status.observation.next_time
        said = [status.state, status.gate and status.gate.summary, status.observed, next_look]
        record.append([*said, str(decided.requeue_at)])
        live = [job for job in cluster.jobs.values() if job.live]
        record.append([[job.phase, job.symbol] for job in live])
        if not live:
            break
        for job in live:
            cluster.finish(job)
    record.append([manifest["spec"] for manifest in cluster.manifests.values()])
    return json.dumps(record, sort_keys=True)


AFTER_A_PROMOTION = ("observation.", "notify[")


def effective(where: str) -> dict[str, Any]:
    """The run in which a field shows: without what would hide it."""
    if where == "promotion.policy" or where.startswith(AFTER_A_PROMOTION):
        policy = "Manual" if where == "promotion.policy" else "Automatic"
        return put(BASE, "spec.gate", {"criteria": [{"metric": "accuracy", "atLeast": 0.6}]}) | {
            "promotion": {"policy": policy}
        }
    if where == "data.waitFor":
        return BASE | {"preflight": "Always"}
    return BASE


@pytest.mark.parametrize("where", sorted(set(FIELDS) - {"gate.whenUnreachable"}))
def test_every_field_is_seen_in_a_task_a_job_a_verdict_or_a_decision(where: str) -> None:
    base = effective(where)
    value, _ = FIELDS[where]
    changed = put(base, f"spec.{where}", value) if base is not BASE else document(where, value)
    # The publish task carries the whole spec for the report; that alone is no effect.
    assert without_report(story(base)) != without_report(story(changed))


def without_report(record: str) -> str:
    """The story without the digests and without the copy of the spec that the report shows."""
    content = json.loads(record)
    for spec in content[-1]:
        for entry in spec["template"]["spec"]["containers"][0]["env"]:
            if entry["name"] == "RETRAIN_TASK":
                task = json.loads(entry["value"])
                task.pop("spec", None)
                entry["value"] = scrubbed(task)
    return json.dumps(content, sort_keys=True)


KEYED = {"trainKey", "evaluateKey", "publishKey", "sha256", "files", "promoted"}


def scrubbed(task: Any) -> Any:
    """Without what follows from a key alone."""
    if isinstance(task, dict):
        digests = {"uri", "sha256"}
        return {
            name: scrubbed(part)
            for name, part in task.items()
            if name not in KEYED and not (isinstance(part, dict) and part.keys() <= digests)
        }
    return [scrubbed(part) for part in task] if isinstance(task, list) else task


@pytest.mark.parametrize(("when", "states"), [("Stop", {"Queued", "Stopped"}), ("Continue", {"Queued"})])
def test_when_unreachable_decides_whether_the_rest_is_stopped(when: str, states: set[str]) -> None:
    cluster = Cluster.of(gate={"whenUnreachable": when})
    seen = {entry.state for entry in cluster.settle().status.symbols}
    cluster.fail(cluster.job("ETH-USD"))
    cluster.fail(cluster.job("SOL-USD"))
    seen |= {entry.state for entry in cluster.settle().status.symbols if entry.symbol == "BTC-USD"}
    assert seen == states
