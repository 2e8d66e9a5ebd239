"""What one release writes the other reads: model files, pointers, cards, task and result documents.

A trading service is upgraded on a day of its own, before or after the operator, and must predict the same on that day.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from support.publishing_case import publish_task
from support.training_case import AS_OF, MODEL, RUN, TrainingSetup, candle_table, environment

from retrain_api.documents.encoding import TASK_VARIABLE, decode_message, encode_task
from retrain_api.documents.results import EvaluateResult, PublishResult, TrainResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask, ObserveItem, ObserveTask, PublishItem, Task
from retrain_api.measurement import METRICS, Measurement
from retrain_api.spec.data import Label, Split
from retrain_api.spec.evaluation import Evaluation
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import read_pointer
from retrain_trainer.tasks import observe
from retrain_trainer.tasks.known import earlier_result

WHEEL = next((Path(__file__).parents[2] / "releases").glob("retrain_operator-*.whl"))
RELEASES = {"previous": str(WHEEL), "today": os.pathsep.join(sys.path)}
"""A release and the path that Python finds it on."""

WHERE = "import retrain_trainer; print(retrain_trainer.__file__)"
PREDICT = """
import json, sys
import pyarrow.parquet as pq
from retrain_trainer.predict import load_promoted
predictor = load_promoted(sys.argv[1], "BTC-USD", {})
found = predictor.predict_all(pq.read_table(sys.argv[2]))
print(json.dumps([predictor.sha256, predictor.model.horizon_bars, predictor.bars_needed, [f"{up:.17g}" for up in found]]))
"""


@dataclass(frozen=True)
class Promoted:
    """A model from its training to its promotion, by the tasks of one release; the task documents are today's."""

    setup: TrainingSetup
    trained: TrainResult
    evaluated: EvaluateResult
    published: PublishResult


def python(release: str, *arguments: str, variables: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """A Python process that imports that release."""
    command = [sys.executable, *arguments]
    variables = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **variables, "PYTHONPATH": RELEASES[release]}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)


def done(release: str, setup: TrainingSetup, task: Task, command: str) -> object:
    """The result of a task, as today's operator reads it from the message that the release left."""
    variables = environment(setup, None) | {TASK_VARIABLE: encode_task(task)}
    ended = python(release, "-m", "retrain_trainer", command, variables=variables)
    assert ended.returncode == 0, ended.stderr
    return decode_message(setup.message_file.read_text())


@cache
def promoted_by(release: str) -> Promoted:
    """Train, evaluate and publish a model of candles."""
    setup = TrainingSetup(FOLDER / release)
    setup.put(candle_table())
    task = setup.task(epochs=2)
    trained = done(release, setup, task, "train")
    assert isinstance(trained, TrainResult)
    evaluated = done(release, setup, evaluate_task(setup, trained), "evaluate")
    assert isinstance(evaluated, EvaluateResult)
    item = PublishItem(
        symbol="BTC-USD",
        verdict="Pass",
        train_key=trained.train_key,
        evaluate_key=evaluated.evaluate_key,
        model=trained.model,
        data=trained.data,
        evaluation=evaluated.details,
        measurement=evaluated.measurement,
        promote=True,
        champion="",  # asks 0.1.0 for nothing, and today's release that no model is in service
    )
    published = done(release, setup, publish_task(setup.store, [item]), "publish")
    assert isinstance(published, PublishResult)
    return Promoted(setup, trained, evaluated, published)


def evaluate_task(setup: TrainingSetup, trained: TrainResult) -> EvaluateTask:
    item = EvaluateItem(
        symbol="BTC-USD",
        train_key=trained.train_key,
        evaluate_key="b" * 16,
        model=trained.model,
        data=trained.data,
    )
    return EvaluateTask(
        run=RUN,
        artifacts_uri=setup.store.uri,
        items=(item,),
        interval="1m",
        label=Label(horizon_bars=1),
        split=Split(),
        lookback_bars=MODEL.lookback_bars,
        evaluation=Evaluation(),
        device="CPU",
    )


FOLDERS = TemporaryDirectory(prefix="releases-")
FOLDER = Path(FOLDERS.name)


@pytest.fixture(scope="module", autouse=True)
def _folder():
    yield
    promoted_by.cache_clear()
    FOLDERS.cleanup()


@cache
def predicted(reader: str, writer: str) -> list[object]:
    """sha256, horizon, bars needed and every probability, to the last bit, as a trading service of `reader` has them."""
    setup = promoted_by(writer).setup
    ended = python(reader, "-c", PREDICT, setup.store.uri, str(setup.file))
    assert ended.returncode == 0, ended.stderr
    found: list[object] = json.loads(ended.stdout)
    return found


def test_the_previous_release_is_imported_from_its_wheel_and_from_nowhere_else() -> None:
    assert python("previous", "-c", WHERE).stdout.startswith(str(WHEEL))
    assert not python("today", "-c", WHERE).stdout.startswith(str(WHEEL))


@pytest.mark.parametrize(("writer", "reader"), [("today", "previous"), ("previous", "today")])
def test_a_trading_service_of_the_other_release_predicts_the_same(writer: str, reader: str) -> None:
    found = predicted(reader, writer)
    assert found == predicted(writer, writer)
    probabilities = found[-1]
    assert isinstance(probabilities, list) and len(set(probabilities)) > 100


@pytest.mark.parametrize("release", RELEASES)
def test_every_result_and_document_of_either_release_says_the_same_of_a_model(release: str) -> None:
    """Read by today's code: messages, result.json, pointer, card and evaluation.json."""
    case = promoted_by(release)
    digest = case.trained.model.sha256
    assert case.evaluated.model_sha256 == digest
    assert [model.sha256 for model in case.published.promoted] == [digest]
    assert earlier_result(case.setup.task(), case.setup.store, case.setup.folder, print) == case.trained
    pointed = read_pointer(case.setup.store, "BTC-USD")
    assert pointed and pointed.pointer.model.sha256 == digest
    assert pointed.pointer.metrics == case.evaluated.measurement.metrics
    model, card = case.setup.model(case.trained), case.setup.card(case.trained)
    assert (card["data"]["interval"], card["label"]) == (model.interval, {"horizonBars": 1, "ties": "Drop"})
    assert card["architecture"]["lookbackBars"] == model.lookback


OBSERVED = {
    "today": ("", ""),
    "previous": ("NotMeasurable", "neither its pointer nor its card says into which blocks its bars are cut"),
}


@pytest.mark.parametrize("release", RELEASES)
def test_a_model_that_the_previous_release_promoted_is_not_measurable_and_says_so(release: str) -> None:
    case = promoted_by(release)
    task = ObserveTask(
        run=RUN,
        artifacts_uri=case.setup.store.uri,
        observe_key="d" * 16,
        items=(ObserveItem(symbol="BTC-USD", data_uri=f"file://{case.setup.file}"),),
        interval="1m",
        label=Label(horizon_bars=1),
        evaluation=Evaluation(),
        as_of=AS_OF,
    )
    (found,) = observe.run(task, {}, print).symbols
    reason, words = OBSERVED[release]
    assert found.model == case.trained.model.sha256
    assert found.reason == reason and words in found.problem


NOT_AVAILABLE = {".measurement.metrics.sharpe", *(f".intervals.sharpe.{level}" for level in (90, 95, 99))}


def test_the_same_data_and_seed_give_the_same_model_in_both_releases() -> None:
    """Up to rounding: 0.1.0 computes Adam in another order of operations."""
    (*shape, ours), (*before, theirs) = (predicted(release, release)[1:] for release in RELEASES)
    assert shape == before
    assert np.array(ours, dtype=float) == pytest.approx(np.array(theirs, dtype=float), abs=1e-5, nan_ok=True)
    today, previous = (figures(promoted_by(release).evaluated.measurement) for release in ("today", "previous"))
    assert set(previous) - set(today) == {"metrics.sharpe"}  # of daily returns today, and none of fewer than 20 days
    common = [name for name in previous if name in today]
    sharpe = f"nearBounds.{METRICS.index('sharpe')}."
    bounds = [name for name in common if name.startswith("nearBounds.") and not name.startswith(sharpe)]
    exact = [name for name in common if not name.startswith("nearBounds.")]
    # 0.1.0 rounds the fifth digit to nearest, not towards failing, and its blocks are of one length, not found from the data.
    assert {name: today[name] for name in exact} == pytest.approx({name: previous[name] for name in exact}, rel=1e-4)
    assert {name: today[name] for name in bounds} == pytest.approx({name: previous[name] for name in bounds}, abs=0.1)
    assert len(exact) > 12 and len(bounds) > 15


def figures(measurement: Measurement) -> dict[str, object]:
    """Every figure by its path in the wire form."""
    flat: dict[str, object] = {}
    for name, value in to_wire(measurement).items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{key}": each for key, each in inner.items() if not isinstance(each, list)}
    return flat | {
        f"nearBounds.{i}.{j}": each for i, row in enumerate(measurement.near_bounds) for j, each in enumerate(row)
    }


@pytest.mark.parametrize("name", ["promoted/BTC-USD.json", "evaluation.json", "model card"])
def test_no_field_of_a_document_is_renamed_or_removed(name: str) -> None:
    today, previous = (document(promoted_by(release), name) for release in ("today", "previous"))
    assert fields(previous) - NOT_AVAILABLE <= fields(today)


def document(case: Promoted, name: str) -> object:
    if name == "model card":
        return case.setup.card(case.trained)
    uri = case.evaluated.details.uri if name == "evaluation.json" else case.setup.store.uri_of(name)
    return json.loads(case.setup.store.read(uri.removeprefix(case.setup.store.uri)).data)


def fields(part: object, place: str = "") -> set[str]:
    """The names of all fields, at every depth."""
    if isinstance(part, dict):
        return {f"{place}.{name}" for name in part}.union(
            *(fields(below, f"{place}.{name}") for name, below in part.items())
        )
    if isinstance(part, list):
        return set().union(*(fields(below, f"{place}[]") for below in part))
    return set()
