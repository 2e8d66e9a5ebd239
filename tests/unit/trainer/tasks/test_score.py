"""The score task: the exact bytes of past models, only bars that are new to them, and no model asked twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from retrain_api.documents.references import FileRef, RunRef
from retrain_api.documents.tasks import ScoreItem, ScoreSlot, ScoreTask
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.spec.data import Label
from retrain_api.spec.evaluation import Evaluation
from retrain_api.time import Question
from retrain_trainer.data.windows import Scaling
from retrain_trainer.measure.later.scores import Scores, decode
from retrain_trainer.model.calibration import Calibration
from retrain_trainer.model.file import ModelFile, save_model
from retrain_trainer.model.network import Architecture, DirectionLSTM
from retrain_trainer.tasks import score

HOURS = 24 * 4
DAYS = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-05T00:00:00Z")


@dataclass
class World:
    """A store with models, and a file of hourly candles with one feature."""

    folder: Path
    log: list[str] = field(default_factory=list)

    def model(self, seed: int) -> FileRef:
        """A small model that was never trained."""
        torch.manual_seed(seed)
        network = DirectionLSTM(Architecture(features=1, hidden_size=2, layers=1, dropout=0.0, bidirectional=False))
        one = np.ones(1, np.float32)
        data = save_model(
            ModelFile(
                network=network,
                symbol="BTC-USD",
                question=Question.parse("1h", 1, "Drop"),
                features=("signal",),
                scaling=Scaling(0 * one, one),
                lookback=3,
                calibration=Calibration(log_weight=0.0, slope=1.0, intercept=0.0, method="Platt"),
                validation_end=0,
                training={},
            )
        )
        path = self.folder / f"model-{seed}.pt"
        path.write_bytes(data)
        return FileRef(uri=f"file://{path}", sha256=sha256(data).hexdigest())

    def run(self, *slots: ScoreSlot) -> Scores:
        """The scores of the task."""
        item = ScoreItem(symbol="BTC-USD", data_uri=f"file://{self.folder}/data.parquet", slots=slots)
        task = ScoreTask(
            run=RunRef(namespace="default", name="daily", uid="key"),
            artifacts_uri=f"file://{self.folder}/",
            items=(item,),
            interval="1h",
            label=Label(horizon_bars=1),
            evaluation=Evaluation(),
            device="CPU",
        )
        self.log.clear()
        result = score.run(task, {}, self.log.append)
        return decode(Path(result.scores.uri.removeprefix("file://")).read_bytes(), "scores")


def slot(day: int, model: FileRef | None = None, promoted: bool = False) -> ScoreSlot:
    return ScoreSlot(slot=DAYS[day], until=DAYS[day + 1], model=model, promoted=promoted)


@pytest.fixture
def world(tmp_path: Path) -> World:
    rng = np.random.default_rng(0)
    close = 100 + rng.normal(0, 1, HOURS)
    times = np.datetime64("2026-01-01", "ns") + np.arange(HOURS) * np.timedelta64(1, "h")
    columns: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), close)
    columns |= {"timestamp": times, "volume": np.ones(HOURS), "signal": rng.normal(0, 1, HOURS)}
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    return World(tmp_path)


def test_each_bar_after_a_slot_is_answered_by_its_model_the_one_in_service_and_the_first(world: World) -> None:
    models = [world.model(seed) for seed in range(3)]
    found = world.run(slot(0, models[0]), slot(1, models[1], promoted=True), slot(2, models[2], promoted=True))
    assert found.place.tolist() == [0] * 24 + [1] * 24 + [2] * 24
    known = {name: np.isfinite(answers) for name, answers in found.answers.items()}
    assert known["own"].all(), "windows reach back before the slot"
    assert known["served"].tolist() == [False] * 24 + [True] * 48
    third = found.place == 2
    assert np.array_equal(found.answers["served"][third], found.answers["own"][third])
    assert not np.array_equal(found.answers["first"][third], found.answers["served"][third])
    assert found.labels[-1] == -1, "its outcome comes after the last span"


def test_answers_are_kept_and_more_slots_ask_only_for_more(world: World) -> None:
    models = [world.model(seed) for seed in range(2)]
    first = world.run(slot(0, models[0], promoted=True))
    assert len(world.log) == 1
    again = world.run(slot(0, models[0], promoted=True))
    assert world.log == [] and np.array_equal(first.answers["own"], again.answers["own"])
    longer = world.run(slot(0, models[0], promoted=True), slot(1, models[1]))
    assert len(world.log) == 2, "the second model, and the first one for the second span"
    assert np.array_equal(longer.answers["own"][:24], first.answers["own"])
    for path in world.folder.rglob("*.npy"):
        path.write_bytes(b"damaged")
    assert np.array_equal(world.run(slot(0, models[0], promoted=True)).answers["own"], first.answers["own"])


def test_what_later_bars_hold_changes_no_answer(world: World) -> None:
    model = world.model(0)
    before = world.run(slot(0, model))
    table = pq.read_table(world.folder / "data.parquet")
    pq.write_table(table[:60], world.folder / "data.parquet")
    assert np.array_equal(before.answers["own"], world.run(slot(0, model)).answers["own"])


def test_a_slot_without_a_model_has_bars_and_no_answers(world: World) -> None:
    found = world.run(slot(0), slot(1, world.model(0)))
    assert found.slots[0].model == "" and np.isnan(found.answers["own"][:24]).all()
    assert np.isfinite(found.answers["own"][24:]).all()


def test_only_the_exact_bytes_of_a_model_are_asked(world: World) -> None:
    model = world.model(0)
    Path(model.uri.removeprefix("file://")).write_bytes(Path(world.model(1).uri.removeprefix("file://")).read_bytes())
    with pytest.raises(DataError, match=r"model-0\.pt has other bytes than were trained"):
        world.run(slot(0, model))
    Path(model.uri.removeprefix("file://")).unlink()
    with pytest.raises(NotFoundError, match="is not there"):
        world.run(slot(0, model))


@pytest.mark.parametrize("index", ["1", "x"])
def test_an_index_that_the_task_has_not_is_refused(world: World, index: str) -> None:
    task = ScoreTask(
        run=RunRef(namespace="default", name="daily", uid="key"),
        artifacts_uri=f"file://{world.folder}/",
        items=(ScoreItem(symbol="BTC-USD", data_uri="file:///x", slots=()),),
        interval="1h",
        label=Label(horizon_bars=1),
        evaluation=Evaluation(),
        device="CPU",
    )
    with pytest.raises(ConfigurationError, match="has items 0 to 0"):
        score.run(task, {"JOB_COMPLETION_INDEX": index}, print)
