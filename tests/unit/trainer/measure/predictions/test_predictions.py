"""predictions.parquet: what it holds, and that every test figure follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.measured_run import SYMBOL, MeasuredRun, returning_table

from retrain_api.documents.results import EvaluateResult
from retrain_api.errors import DataError
from retrain_trainer.measure.predictions.prediction_file import Recorded, decode
from retrain_trainer.measure.predictions.verification import differences, recompute


def table_with_gaps() -> pd.DataFrame:
    """A gap and an unlikely jump in the test part, beside the flat bars."""
    table = returning_table()
    table.loc[3_700:, "timestamp"] += pd.Timedelta("90min")
    table.loc[3_500:, "close"] *= 3
    return table


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> MeasuredRun:
    """A run whose model is promoted, of before the last bars."""
    run = MeasuredRun(tmp_path_factory.mktemp("run"), "first", table=lambda: table_with_gaps()[:3_600])
    assert [one.symbol for one in run.published().promoted] == [SYMBOL]
    return run


@pytest.fixture(scope="module")
def run(champion: MeasuredRun) -> MeasuredRun:
    """The next run, on the file as it has grown: its model is compared with the one promoted, and with a named baseline."""
    table_with_gaps().to_parquet(champion.file, index=False)
    promoted = next(key for key in champion.store.list("promoted/") if key.endswith(".pt"))
    spec = {
        "training": {"epochs": 1, "seed": 7, "learningRate": 0.01, "precision": "Float32"},
        "promotion": {"baseline": {"uri": champion.store.uri_of(promoted)}},
    }
    return MeasuredRun(champion.root, "second", spec)


@pytest.fixture(scope="module")
def measured(run: MeasuredRun) -> EvaluateResult:
    return run.evaluated(run.trained())[1]


def test_any_reader_of_parquet_finds_a_row_for_each_test_bar(run: MeasuredRun, measured: EvaluateResult) -> None:
    document = run.document(measured)
    data = run.read(document["predictions"]["uri"])
    assert document["predictions"]["uri"] == measured.details.uri.replace("evaluation.json", "predictions.parquet")
    assert document["predictions"]["sha256"] == sha256(data).hexdigest()
    (run.root / "copy.parquet").write_bytes(data)
    bars = pd.read_parquet(run.root / "copy.parquet")
    assert list(bars.columns) == [
        *("time", "close", "jump", "label", "flat", "judged", "logit", "probability", "position", "bar_return"),
        *(
            "majority_right",
            "persistence_right",
            "reversal_right",
            "logistic_right",
            "champion_right",
            "baseline_right",
        ),
    ]
    candles = pd.read_parquet(run.file)[-len(bars) :].reset_index(drop=True)
    assert len(bars) == document["test"]["rows"] == 1_200
    assert bars.close.equals(candles.close) and (bars.time == candles.timestamp).all()
    judged = bars[bars.judged]
    assert len(judged) == measured.measurement.bars and set(judged.label) == {0, 1}
    right = (judged.probability > 0.5) == (judged.label == 1)
    assert right.mean() == pytest.approx(measured.measurement.metrics.accuracy, abs=1e-5)
    assert set(bars.position) == {-1, 0, 1} and bars.jump.sum() == 1
    assert (1 + bars.bar_return).prod() - 1 == pytest.approx(measured.measurement.metrics.pnl, rel=1e-4)
    assert bars.champion_right.mean() == pytest.approx(document["champion"]["accuracy"], abs=1e-4)
    assert bars.logistic_right.mean() == pytest.approx(measured.measurement.baselines.logistic, abs=1e-4)
    assert bars[~bars.judged].reversal_right.isna().all() and not judged.reversal_right.isna().any()


def test_it_says_of_what_model_and_by_which_settings(run: MeasuredRun, measured: EvaluateResult) -> None:
    document, metadata = run.document(measured), run.recorded(measured).metadata
    for name in ("symbol", "trainKey", "evaluateKey", "model", "data", "calibration"):
        assert metadata[name] == document[name]
    assert metadata["interval"] == "1m" and metadata["seed"] == 0 and metadata["resamples"] == 1_000
    assert metadata["blockBars"] == document["doubleBlock"]["blockBars"]
    assert metadata["evaluation"]["backtest"] == {"threshold": 0.5, "feeBps": 10}
    assert metadata["champion"]["windowBars"] == 5


def test_every_figure_follows_from_it(run: MeasuredRun, measured: EvaluateResult) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    found = recompute(recorded, document)
    assert differences(recorded, document, found) == []
    assert found.measurement == measured.measurement
    assert found.figures > 300
    assert document["champion"]["difference"] is not None and document["baseline"]["difference"] is not None
    figures = set(document) - set(found.document)
    assert figures == {
        *(
            "schemaVersion",
            "symbol",
            "trainKey",
            "evaluateKey",
            "model",
            "data",
            "predictions",
            "calibration",
            "versions",
        ),
        *("validation", "training", "gaps", "warnings", "suspicions", "lookAhead", "copiedBars"),
        *("trainedUntil", "knownUntil", "testedUntil", "restated"),
    }, "what is not computed again is no figure of the test bars"


def test_a_measurement_that_is_made_again_leaves_the_same_bytes(run: MeasuredRun, measured: EvaluateResult) -> None:
    document = run.document(measured)
    before = run.read(document["predictions"]["uri"])
    run.store.delete(measured.details.uri.removeprefix(run.store.uri))
    assert run.evaluated(run.trained())[1] == measured
    assert run.read(document["predictions"]["uri"]) == before


def changed(document: dict[str, Any], path: str, by: Callable[[Any], Any]) -> dict[str, Any]:
    """The document with one value replaced."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    *way, last = [
        int(name) if name.isdecimal() and name not in ("90", "95", "99") else name for name in path.split(".")
    ]
    part: Any = copy
    for name in way:
        part = part[name]
    part[last] = by(part[last])
    return copy


@pytest.mark.parametrize(
    "path",
    [
        *("measurement.metrics.accuracy", "measurement.metrics.pnl", "measurement.metrics.maxDrawdown"),
        *("measurement.nearBounds.0.1", "measurement.baselines.logistic", "measurement.champion.difference"),
        *("intervals.auc.95.0", "intervals.pnl.99.1", "intervals.leadOverLogistic.99.1"),
        *("doubleBlock.intervals.accuracy.1", "against.reversal.pValue"),
        *("champion.low", "baseline.accuracy", "test.loss", "confusion.tp", "reliability.7.observedShare"),
        *("measurement.judgedBefore", "luck.pValue"),
        *("equity.499.equity", "accuracyByDay.0.accuracy", "backtest.feesPaid", "majorityPValue", "measurement.bars"),
    ],
)
def test_a_figure_changed_in_its_last_digit_is_named(run: MeasuredRun, measured: EvaluateResult, path: str) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    forged = changed(document, path, lambda value: value * 1.0001 or 0.001 if isinstance(value, float) else value + 1)
    (said,) = differences(recorded, forged, recompute(recorded, forged))
    assert said.startswith(f"{path} is ") and ", and the predictions give " in said


def without_effect(recorded: Recorded, document: dict[str, Any]) -> list[str]:
    return differences(recorded, document, recompute(recorded, document))


@pytest.mark.parametrize(
    "column", ["probability", "logit", "label", "close", "position", "bar_return", "reversal_right"]
)
def test_a_column_that_does_not_follow_from_the_others_is_named(
    run: MeasuredRun, measured: EvaluateResult, column: str
) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    predictions = recorded.predictions
    row = int(predictions.labelled[500])
    spoilt: dict[str, Callable[[], Recorded]] = {
        "probability": lambda: replace(recorded, predictions=replace(predictions, probabilities=_at(predictions.probabilities, row, 0.9))),
        "logit": lambda: replace(recorded, predictions=replace(predictions, logits=_at(predictions.logits, row, 3.0))),
        "label": lambda: _with_labels(recorded, row),
        "close": lambda: _with_close(recorded, row),
        "position": lambda: replace(recorded, positions=-recorded.positions),
        "bar_return": lambda: replace(recorded, bar_returns=_at(recorded.bar_returns, row, 0.5)),
        "reversal_right": lambda: replace(recorded, rules={**recorded.rules, "reversal": 1 - recorded.rules["reversal"]}),
    }  # fmt: skip
    said = without_effect(spoilt[column](), document)
    named = "label" if column == "close" else "probability" if column == "logit" else column
    assert any(sentence.startswith(f"column {named} contradicts the others in ") for sentence in said), said


def _at(values: Any, row: int, value: float) -> Any:
    copy = values.copy()
    copy[row] = value
    return copy


def _with_labels(recorded: Recorded, row: int) -> Recorded:
    dataset = recorded.predictions.dataset
    labels = replace(dataset.labels, values=_at(dataset.labels.values, row, 1 - dataset.labels.values[row]))
    return replace(recorded, predictions=replace(recorded.predictions, dataset=replace(dataset, labels=labels)))


def _with_close(recorded: Recorded, row: int) -> Recorded:
    dataset = recorded.predictions.dataset
    factor = 2 if dataset.labels.values[row] == 1 else 0.5  # to the other side of the close that decides the label
    candles = replace(dataset.candles, close=_at(dataset.candles.close, row, dataset.candles.close[row] * factor))
    return replace(recorded, predictions=replace(recorded.predictions, dataset=replace(dataset, candles=candles)))


def test_a_warning_that_was_taken_out_is_named(run: MeasuredRun, measured: EvaluateResult) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    (said,) = without_effect(recorded, document | {"warnings": []})
    assert said.startswith("it does not say: Unlikely jump: the backtest held ")


def test_predictions_of_another_model_are_named(run: MeasuredRun, measured: EvaluateResult) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    other = replace(recorded, metadata={**recorded.metadata, "model": {"uri": "", "sha256": "0" * 64}})
    assert without_effect(other, document) == ["model is another in evaluation.json than in the predictions"]


def test_a_comparison_without_its_answers_is_named(run: MeasuredRun, measured: EvaluateResult) -> None:
    document, recorded = run.document(measured), run.recorded(measured)
    said = without_effect(replace(recorded, others={}), document)
    assert "champion has a comparison, and the predictions have no answers of that model" in said


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not parquet"])
def test_a_damaged_file_is_one_sentence(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^x is not the predictions\.parquet of an evaluation, or it is damaged\.$"):
        decode(data, "x")


def test_another_parquet_file_is_one_sentence(run: MeasuredRun) -> None:
    with pytest.raises(DataError, match=r"is not the predictions\.parquet of an evaluation"):
        decode(run.file.read_bytes(), "x")


def test_many_bars_take_little_room(tmp_path: Path) -> None:
    """Some 30 bytes a bar: 160,000 bars are 5 MB."""
    run = MeasuredRun(tmp_path, table=lambda: returning_table(12_000))
    found = run.evaluated(run.trained())[1]
    data = run.read(run.document(found)["predictions"]["uri"])
    assert len(data) < 36 * 3_600
    assert np.isfinite(decode(data, "x").predictions.probabilities).sum() > 3_500
