"""The whole gate on models without skill: drawn markets, really measured, judged by the criteria of every example."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.drawn_markets import TRAIN_BARS, as_predictions, drawn

from retrain_api.gate.verdict import Candidate, judge
from retrain_api.measurement import Measurement
from retrain_api.run import RetrainRun
from retrain_api.spec.evaluation import Evaluation
from retrain_cli.inputs.run_file import load_run_or_template
from retrain_trainer.measure.assess import assess, measurement

EXAMPLES = sorted((Path(__file__).resolve().parents[4] / "examples").glob("*.yaml"))
MARKETS, MOST = 200, 16
"""5 % of the markets and two standard errors."""
TEST_BARS = 1_500
SCORES = (0.9, 0.99)
"""How long the models' scores last: their autoregression."""


@cache
def measured(seed: int, horizon: int, lookback: int, evaluation: str, skill: float = 0.0) -> Measurement:
    """One drawn model on one drawn market, measured as every model is."""
    rng, bars = np.random.default_rng(seed), TRAIN_BARS + TEST_BARS
    market = drawn(rng, bars, horizon, lookback, SCORES[seed % len(SCORES)], 0.99, skill)
    settings, predictions = Evaluation.model_validate_json(evaluation), as_predictions(market, seed)
    return measurement(predictions, assess(predictions, settings), None)


def promoted(run: RetrainRun, seeds: range, skill: float = 0.0) -> int:
    """How many of the models the run's gate lets through."""
    spec = run.spec
    evaluation = spec.evaluation.model_dump_json(by_alias=True)
    models = [measured(seed, spec.label.horizon_bars, spec.model.lookback_bars, evaluation, skill) for seed in seeds]
    candidates = [Candidate(f"MARKET{seed}", model) for seed, model in zip(seeds, models, strict=True)]
    judged = judge(spec.gate, 1, candidates, spec.promotion.require_improvement)
    return sum(model.verdict == "Pass" for model in judged.models)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_at_most_one_model_without_skill_in_twenty_is_promoted(path: Path) -> None:
    assert promoted(load_run_or_template(path), range(MARKETS)) <= MOST


def test_models_with_skill_are_promoted() -> None:
    """A true accuracy of 63 %: else nothing would be shown above."""
    (path,) = [path for path in EXAMPLES if path.stem == "04-manual-approval"]
    assert promoted(load_run_or_template(path), range(20), skill=0.5) >= 15
