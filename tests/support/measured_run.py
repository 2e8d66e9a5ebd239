"""A small run from its training to its promotion, by the real tasks in this process: all that a stranger is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retrain_api.documents.results import EvaluateResult, PublishResult, TrainResult
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.symbol import DataRef, ModelRef, SymbolResult, SymbolStatus
from retrain_operator.manifests.tasks import evaluate_item, evaluate_task, publish_task, train_task
from retrain_trainer.measure.predictions.prediction_file import Recorded, decode
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import evaluate, publish, train
from retrain_trainer.tasks.interruption import Stop

SYMBOL, ROWS = "BTC-USD", 4_000


def returning_table(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Closes that return to their mean within a bar, flat bars among them, and honest features: an honest model passes."""
    generator = np.random.default_rng(seed)
    close = np.round(100 + generator.normal(0, 0.5, rows), 1)
    times = pd.date_range("2025-05-30T00:00:00Z", periods=rows, freq="1min")
    return pd.DataFrame(
        {"timestamp": times, "close": close, "distance": close - 100, "noise": generator.normal(size=rows)}
    )


def quiet(line: str) -> None:
    """A log that nobody reads."""


@dataclass
class MeasuredRun:
    """One symbol; `spec` replaces fields of the run's spec. Runs that share `root` share data and store."""

    root: Path
    name: str = "nightly"
    spec: dict[str, Any] = field(default_factory=dict)
    table: Callable[[], pd.DataFrame] = returning_table

    def __post_init__(self) -> None:
        for folder in ("artifacts", "data"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        if not self.file.exists():
            self.table().to_parquet(self.file, index=False)

    @property
    def file(self) -> Path:
        return self.root / "data" / "features_BTC-USD_1m_latest.parquet"

    @property
    def store(self) -> Store:
        return open_store(f"file://{self.root}/artifacts/", {}, 1)

    @property
    def run(self) -> RetrainRun:
        spec = {
            "symbols": [SYMBOL],
            "preflight": "Never",
            "data": {"uri": f"file://{self.root}/data/"},
            "artifacts": {"uri": f"file://{self.root}/artifacts/"},
            "label": {"horizonBars": 1, "ties": "Drop"},
            # Under 2,000 train rows: with more, the feature that hints at the next move is found to know it, and is Suspect.
            "split": {"validationPercent": 25, "testPercent": 30},
            "model": {"lookbackBars": 5, "hiddenSize": 4, "layers": 1, "dropout": 0},
            "training": {"epochs": 2, "learningRate": 0.01, "precision": "Float32"},
            "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.55}]},
            "train": {"device": "CPU"},
        }
        return parse_run(
            {
                "apiVersion": "retrain.crpbot.dev/v1alpha1",
                "kind": "RetrainRun",
                "metadata": {"name": self.name, "namespace": "team", "uid": f"uid-of-{self.name}", "generation": 1},
                "spec": spec | self.spec,
            }
        )

    def trained(self) -> TrainResult:
        """The train Job."""
        return train.run(train_task(self.run, SYMBOL), {}, quiet, Stop())

    def evaluated(self, trained: TrainResult) -> tuple[SymbolStatus, EvaluateResult]:
        """The evaluate Job, and the symbol's status before the judgement."""
        pin = trained.data
        data = DataRef(sha256=pin.sha256[:32], first_bar=pin.first_bar, last_bar=pin.last_bar, rows=pin.rows)
        result = SymbolResult(model=ModelRef(uri=trained.model.uri, sha256=trained.model.sha256), data=data)
        entry = SymbolStatus(symbol=SYMBOL, state="Trained", train_key=trained.train_key, result=result)
        found = evaluate.run(evaluate_task(self.run, [evaluate_item(self.run, entry)]), {}, quiet)
        update = {
            "evaluate_key": found.evaluate_key,
            "metrics": found.measurement,
            "details_sha256": found.details.sha256[:16],
        }
        return entry.model_copy(update={"result": result.model_copy(update=update)}), found

    def published(self) -> PublishResult:
        """All Jobs of the run, up to the report and the promotion of what passes."""
        entry, found = self.evaluated(self.trained())
        spec = self.run.spec
        candidates = [Candidate(SYMBOL, found.measurement)]
        judgement = judge(spec.gate, spec.required, candidates, spec.promotion.require_improvement)
        automatic = spec.promotion.policy == "Automatic"
        promote = (SYMBOL,) if automatic and judgement.verdict == "Pass" else ()
        return publish.run(publish_task(self.run, [entry], judgement, 1, "c" * 16, promote, "gate", False), {}, quiet)

    def read(self, uri: str) -> bytes:
        return self.store.read(uri.removeprefix(self.store.uri)).data

    def document(self, found: EvaluateResult) -> dict[str, Any]:
        """evaluation.json."""
        return dict(json.loads(self.read(found.details.uri)))

    def recorded(self, found: EvaluateResult) -> Recorded:
        """The predictions behind an evaluation."""
        return decode(self.read(self.document(found)["predictions"]["uri"]), "predictions.parquet")
