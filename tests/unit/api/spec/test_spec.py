"""The spec: the original plan's figures are the defaults, and what is written comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import run_document
from support.whole import WHOLE

from retrain_api.measurement import LOWER_IS_BETTER
from retrain_api.spec.gate import Criterion
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.training import Loss, Scheduler
from retrain_api.wire import to_wire

DEFAULTS: dict[str, Any] = {
    "data": {
        "uri": "s3://bucket/features/",
        "filename": "features_{symbol}_{interval}_latest.parquet",
        "interval": "1m",
        "minNewBars": 0,
    },
    "label": {"horizonBars": 15, "ties": "Drop"},
    "split": {"validationPercent": 15, "testPercent": 15},
    "model": {"hiddenSize": 128, "layers": 3, "dropout": 0.35, "bidirectional": True, "lookbackBars": 60},
    "training": {
        "epochs": 50,
        "batchSize": 32,
        "learningRate": 0.001,
        "weightDecay": 0.00001,
        "seed": 0,
        "precision": "Auto",
        "deterministic": False,
        "loss": {"positiveWeight": "Auto"},
        "scheduler": {"type": "CosineAnnealingWarmRestarts", "t0": 10, "tMult": 2, "etaMin": 0.000001},
        "earlyStopping": {"patience": 7, "minDelta": 0.001},
    },
    "evaluation": {"calibration": "Platt", "calibrationBins": 15, "backtest": {"threshold": 0.5, "feeBps": 10}},
    "gate": {
        "criteria": [{"metric": "accuracy", "atLeast": 0.68}, {"metric": "calibrationError", "atMost": 0.05}],
        "whenUnreachable": "Stop",
    },
    "promotion": {"policy": "Automatic", "requireImprovement": False},
    "backups": [],
    "report": {},
    "suspend": False,
}


@pytest.fixture(scope="module")
def smallest() -> RetrainRunSpec:
    return RetrainRunSpec.model_validate(run_document()["spec"])


@pytest.mark.parametrize("part", sorted(DEFAULTS))
def test_defaults(smallest: RetrainRunSpec, part: str) -> None:
    assert to_wire(smallest)[part] == DEFAULTS[part]


def test_defaults_of_the_phases(smallest: RetrainRunSpec) -> None:
    devices = (smallest.train.device, smallest.evaluate.device)
    assert devices == ("GPU", "CPU") and smallest.train.gpu.resource_name == "nvidia.com/gpu"
    for phase in (smallest.train, smallest.evaluate, smallest.publish):
        assert (phase.backoff_limit, phase.active_deadline_seconds, phase.pending_deadline_seconds) == (3, None, None)
    assert smallest.parallelism is smallest.job_ttl_seconds_after_finished is smallest.credentials is None


@pytest.mark.parametrize("document", [run_document()["spec"], WHOLE], ids=["the least", "every field"])
def test_what_is_written_comes_back(document: dict[str, Any]) -> None:
    spec = RetrainRunSpec.model_validate(document)
    assert RetrainRunSpec.model_validate(to_wire(spec)) == spec
    assert RetrainRunSpec.model_validate_json(spec.model_dump_json(by_alias=True, exclude_none=True)) == spec


def test_a_users_criteria_replace_the_default_ones() -> None:
    spec = RetrainRunSpec.model_validate(run_document(gate={"criteria": [{"metric": "f1", "atLeast": 0.5}]})["spec"])
    assert [criterion.metric for criterion in spec.gate.criteria] == ["f1"]


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ({}, (10, 2, 0.000001)),
        ({"t0": 5}, (5, 2, 0.000001)),
        ({"etaMin": 0.0}, (10, 2, 0.0)),
        ({"type": "Constant"}, (None, None, None)),
    ],
    ids=["nothing given", "an integer given", "zero given", "no restarts"],
)
def test_a_schedule_with_nothing_left_unset(written: dict[str, Any], resolved: tuple[Any, ...]) -> None:
    whole = Scheduler.model_validate(written).resolved()
    assert (whole.t0, whole.t_mult, whole.eta_min) == resolved and whole.resolved() == whole


@pytest.mark.parametrize(("written", "weight"), [("Auto", None), (2, 2.0), ("2", 2.0), ("0.5", 0.5), ("1.25", 1.25)])
def test_the_weight_of_the_loss(written: int | str, weight: float | None) -> None:
    assert Loss(positive_weight=written).weight == weight


@given(st.integers(1, 64))
def test_the_quorum_is_never_more_than_there_are(count: int) -> None:
    spec = RetrainRunSpec.model_validate(run_document(symbols=[f"C{n}-USD" for n in range(count)])["spec"])
    assert 3 * spec.required >= 2 * count > 3 * (spec.required - 1) and spec.required <= count


@pytest.mark.parametrize("metric", sorted(LOWER_IS_BETTER))
def test_what_must_be_low_has_a_highest_value(metric: str) -> None:
    assert Criterion.model_validate({"metric": metric, "atMost": 0.1}).bound == 0.1


def test_no_part_of_the_defaults_is_shared_between_runs() -> None:
    first, second = (RetrainRunSpec.model_validate(run_document()["spec"]) for _ in range(2))
    first.pods.labels["mine"] = "x"
    assert second.pods.labels == {} == RetrainRunSpec.model_validate(run_document()["spec"]).pods.labels
