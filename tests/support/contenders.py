"""Models of a chosen accuracy, and runs that measure, judge and publish them with the real tasks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from retrain_api.documents.results import EvaluateResult, NotPromoted, PublishResult
from retrain_api.gate.judgement import Judgement
from retrain_api.gate.verdict import Candidate, judge
from retrain_api.names import card_file, model_file
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.symbol import DataRef, ModelRef, SymbolResult, SymbolStatus
from retrain_api.time import Question, Windows
from retrain_operator.manifests.tasks import evaluate_item, evaluate_task, publish_task
from retrain_trainer.data.dataset import Dataset, load_dataset
from retrain_trainer.data.windows import fit_scaling
from retrain_trainer.model.calibration import Calibration
from retrain_trainer.model.file import ModelFile, save_model
from retrain_trainer.model.network import Architecture, DirectionLSTM
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import evaluate, publish

SYMBOL, LOOKBACK, ROWS = "BTC-USD", 5, 3_000
QUESTION = Question.parse("1m", 1, "Drop")


def quiet(line: str) -> None:
    """A log that nobody reads."""


def hint_reader(features: tuple[str, ...], column: str, weight: float = 4.0) -> DirectionLSTM:
    """A network whose logit is `weight` times what the LSTM keeps of the last bar's `column`."""
    network = DirectionLSTM(Architecture(len(features), 1, 1, 0.0, False))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        # Gates in the order input, forget, cell, output: open, shut, the hint, open.
        network.lstm.bias_ih_l0.copy_(torch.tensor([9.0, -9.0, 0.0, 9.0]))
        network.lstm.weight_ih_l0[2, features.index(column)] = 1.0
        network.head.weight[0, 0] = weight
    return network


@dataclass
class Market:
    """Candles with columns that each tell the next move in a given share of the bars, and a store for artifacts.

    The feature file grows; `rows` says how long it was for a run.
    """

    root: Path
    told: dict[str, float]

    def __post_init__(self) -> None:
        (self.root / "artifacts").mkdir(parents=True)
        moves = np.random.default_rng(3).choice([-0.1, 0.1], ROWS)
        following = np.sign(np.append(moves[1:], 1.0))
        # Spread evenly, so that any part of the bars has these shares to within a few bars.
        spread = np.arange(ROWS) * 0.6180339887498949 % 1
        columns = {name: np.where(spread < share, following, -following) for name, share in self.told.items()}
        times = pd.date_range("2025-05-30T00:00:00Z", periods=ROWS, freq="1min")
        self.table = pd.DataFrame({"timestamp": times, "close": 100 + np.cumsum(moves), **columns})

    def file(self, rows: int) -> Path:
        """The feature file when it had so many rows."""
        path = self.root / "data" / str(rows) / "features_BTC-USD_1m_latest.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True)
            self.table[:rows].to_parquet(path, index=False)
        return path

    @property
    def store(self) -> Store:
        return open_store(f"file://{self.root}/artifacts/", {}, 1)

    def dataset(self, rows: int) -> Dataset:
        run = self.run("any", rows)
        windows = Windows(LOOKBACK, run.spec.split)
        return load_dataset(
            self.file(rows), symbol=SYMBOL, question=QUESTION, windows=windows, features=tuple(self.told)
        )

    @property
    def pointer(self) -> Pointer:
        """What a trading service reads now."""
        pointed = read_pointer(self.store, SYMBOL)
        assert pointed is not None
        return pointed.pointer

    def run(self, name: str, rows: int) -> RetrainRun:
        """A run that promotes only improvements."""
        spec = {
            "symbols": [SYMBOL],
            "preflight": "Never",
            "data": {"uri": f"file://{self.root}/data/{rows}/", "features": list(self.told)},
            "artifacts": {"uri": f"file://{self.root}/artifacts/"},
            "label": {"horizonBars": 1, "ties": "Drop"},
            "split": {"validationPercent": 15, "testPercent": 30},
            "model": {"lookbackBars": LOOKBACK},
            "gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.55}]},
            "promotion": {"requireImprovement": True},
            "evaluate": {"device": "CPU"},
        }
        metadata = {"name": name, "namespace": "team", "uid": f"uid-of-{name}", "generation": 1}
        document = {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainRun",
            "metadata": metadata,
            "spec": spec,
        }
        return parse_run(document)

    def trained(self, column: str, rows: int) -> ModelRef:
        """A model file that reads the column, as a training would leave it."""
        dataset = self.dataset(rows)
        split = dataset.split
        last = split.validation.stop - 1
        model = ModelFile(
            symbol=SYMBOL,
            question=QUESTION,
            features=tuple(dataset.names),
            lookback=LOOKBACK,
            scaling=fit_scaling(dataset.values, split.train),
            calibration=Calibration(0.0, 1.0, 0.0, "Platt"),
            validation_end=int(dataset.candles.timestamps[last]),
            training={},
            network=hint_reader(tuple(dataset.names), column),
        )
        data = save_model(model)
        digest = sha256(data).hexdigest()
        key = model_file(SYMBOL, "1m", digest)
        self.store.write(key, data)
        card = {"symbol": SYMBOL, "model": {"uri": self.store.uri_of(key), "sha256": digest}}
        card |= {"run": {"namespace": "team", "name": column, "uid": f"uid-of-{column}"}, "trainKey": "a" * 16}
        self.store.write(card_file(key), json.dumps(card).encode())
        return ModelRef(uri=self.store.uri_of(key), sha256=digest)

    def pinned(self, rows: int) -> DataRef:
        whole = self.dataset(rows)
        digest = sha256(self.file(rows).read_bytes()).hexdigest()[:32]
        return DataRef(sha256=digest, first_bar=whole.first_bar, last_bar=whole.last_bar, rows=whole.rows)


@dataclass
class Contender:
    """One run with one trained model; what the plan would do is done by the test, a step at a time."""

    market: Market
    run: RetrainRun
    result: SymbolResult
    number: int = 0
    measured: list[EvaluateResult] = field(default_factory=list)

    @classmethod
    def of(cls, market: Market, column: str, rows: int = ROWS) -> Contender:
        model = market.trained(column, rows)
        return cls(market, market.run(column, rows), SymbolResult(model=model, data=market.pinned(rows)))

    @property
    def digits(self) -> str:
        """As a champion is named."""
        assert self.result.model is not None
        return self.result.model.sha256[:12]

    @property
    def entry(self) -> SymbolStatus:
        return SymbolStatus(symbol=SYMBOL, state="Evaluated", train_key="a" * 16, result=self.result)

    def measure(self) -> None:
        """An evaluate Job."""
        task = evaluate_task(self.run, [evaluate_item(self.run, self.entry)])
        outcome = evaluate.run(task, {}, quiet)
        update = {
            "evaluate_key": outcome.evaluate_key,
            "metrics": outcome.measurement,
            "details_sha256": outcome.details.sha256[:16],
        }
        self.result = self.result.model_copy(update=update)
        self.measured.append(outcome)

    def judged(self) -> Judgement:
        spec = self.run.spec
        candidate = Candidate(SYMBOL, self.result.metrics)
        return judge(spec.gate, spec.required, [candidate], spec.promotion.require_improvement)

    def publish(self, override: bool = False) -> PublishResult:
        """A publish Job that promotes what passes, or against the gate."""
        judgement = self.judged()
        promote = (SYMBOL,) if override or judgement.verdict == "Pass" else ()
        self.number += 1
        key = f"{self.number:016}"
        task = publish_task(self.run, [self.entry], judgement, self.number, key, promote, "gate", override)
        return publish.run(task, {}, quiet)

    def refused(self) -> NotPromoted:
        """A publication that does not promote; the next measurement knows why."""
        outcome = self.publish()
        assert not outcome.promoted
        (refusal,) = outcome.not_promoted
        self.result = self.result.model_copy(update={"champion": refusal.champion})
        return refusal

    def report(self) -> str:
        """The last one."""
        meta = self.run.metadata
        place = f"reports/{meta.namespace}/{meta.name}/{meta.uid}/{self.number}/report.md"
        return self.market.store.read(place).data.decode()
