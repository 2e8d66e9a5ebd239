"""The train command inside a process: what the bytes depend on, what is logged, and what is left in the store."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.training_case import LATER, MODEL, ROWS, RUN, TrainingSetup, candle_table, feature_table

from retrain_api.documents.encoding import encode
from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.errors import ConfigurationError, DataError, Interrupted, NoDeviceError, NotFoundError
from retrain_api.model_times import times_in
from retrain_api.names import validation_file
from retrain_api.spec.training import EarlyStopping, Model
from retrain_trainer.data.dataset import Dataset
from retrain_trainer.data.windows import fit_scaling, window_ends
from retrain_trainer.measure.figures.score import rows_for
from retrain_trainer.model import calibration as calibrate
from retrain_trainer.model.file import ModelFile
from retrain_trainer.model.inference import logits
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop
from retrain_trainer.train import loop as training_loop
from retrain_trainer.train import training_data

TEST_BEGINS = ROWS * 85 // 100


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    return TrainingSetup(tmp_path / "setup")


def run(setup: TrainingSetup, task: TrainTask | None = None, stop: Stop | None = None, **environ: str) -> TrainResult:
    return training_task.run(task or setup.task(), environ, setup.log.append, stop or Stop())


def stopping_at(line: str, lines: list[str]) -> tuple[Stop, Callable[[str], None]]:
    """A stop, and a log that requests it when a line begins so."""
    stop = Stop()

    def log(text: str) -> None:
        lines.append(text)
        if text.startswith(line):
            stop.request()

    return stop, log


def weights(model: ModelFile) -> dict[str, Any]:
    return {name: value.numpy().tolist() for name, value in model.network.state_dict().items()}


def test_model_card_and_result_are_all_that_is_left(setup: TrainingSetup) -> None:
    result = run(setup)
    name = f"lstm_BTC_USD_1m_{result.model.sha256[:8]}"
    answers = setup.folder + validation_file(result.model.sha256)
    kept = [f"{setup.folder}data.json", f"{setup.folder}result.json", answers]
    assert setup.files() == [f"{name}.json", f"{name}.pt", *setup.pins(), *kept]
    assert sha256(setup.model_bytes(result)).hexdigest() == result.model.sha256
    assert result.data.sha256 == sha256(setup.file.read_bytes()).hexdigest()
    assert (result.epochs, result.resumed_epochs, result.data.rows) == (3, 0, ROWS)


def restored(setup: TrainingSetup, **changes: Any) -> TrainTask:
    """The task of the run as a backup brings it back: with another UID."""
    return setup.task(run=RUN.model_copy(update={"uid": "99999999-2222-3333-4444-555555555555"}), **changes)


def test_a_restored_run_does_not_train_again_what_the_store_has(setup: TrainingSetup) -> None:
    before = run(setup)
    setup.log.clear()
    assert run(setup, restored(setup)) == before
    assert setup.log[-1] == f"BTC-USD was trained from the same bytes before this run was made anew: {before.model.uri}"
    assert not any(line.startswith("Epoch ") for line in setup.log)
    setup.log.clear()
    run(setup, restored(setup))
    assert setup.log == [f"BTC-USD is already trained: {before.model.uri}"]


def another_file(setup: TrainingSetup, result: TrainResult) -> None:
    setup.put(feature_table(ROWS + 10))


def no_model(setup: TrainingSetup, result: TrainResult) -> None:
    setup.store.delete(result.model.uri.removeprefix(setup.store.uri))


def no_result(setup: TrainingSetup, result: TrainResult) -> None:
    setup.store.delete(f"{setup.folder}result.json")


def damage(setup: TrainingSetup, result: TrainResult) -> None:
    setup.store.write(f"{setup.folder}result.json", b"{")


@pytest.mark.parametrize("gone", [another_file, no_model, no_result, damage])
def test_a_restored_run_trains_again_what_the_store_has_not(
    setup: TrainingSetup, gone: Callable[[TrainingSetup, TrainResult], None]
) -> None:
    gone(setup, run(setup))
    setup.log.clear()
    run(setup, restored(setup))
    assert any(line.startswith("Epoch 3/3") for line in setup.log)


@pytest.mark.parametrize("other", [{"train_key": "c" * 16}, {"symbol": "ETH-USD"}])
def test_another_training_is_none_of_the_restored_runs(setup: TrainingSetup, other: dict[str, str]) -> None:
    run(setup)
    setup.log.clear()
    run(setup, restored(setup, **other))
    assert any(line.startswith("Epoch 3/3") for line in setup.log)


def test_the_log_lines_have_their_documented_format(setup: TrainingSetup) -> None:
    result = run(setup, setup.task(epochs=2, learning_rate=0.001))
    features, unmeasured, first, second, last = setup.log
    assert features == "BTC-USD: 2 features: 2 of the file's own (hint, noise)."
    assert unmeasured.startswith("BTC-USD: Whether the 2 columns of the file's own know later bars was not measured: ")
    number = r"\d\.\d{4}"
    assert (
        pd.Series([first, second])
        .str.fullmatch(rf"Epoch [12]/2: Train Loss={number}, Val Loss={number}, Val Acc=\d\.\d{{3}}, LR=0\.00\d{{4}}")
        .all()
    )
    assert first.startswith("Epoch 1/2: ")
    assert first.endswith(", LR=0.001000")
    assert second.endswith(", LR=0.000976")
    assert last == "BTC-USD training complete in 0.0 minutes"
    assert (
        f"Val Loss={result.validation_loss:.4f}, Val Acc={result.validation_accuracy:.3f}"
        in setup.log[1 + result.best_epoch]
    )


def test_early_stopping_is_logged(setup: TrainingSetup) -> None:
    stopping = EarlyStopping(patience=2, min_delta=0.5)
    result = run(setup, setup.task(epochs=9, early_stopping=stopping))
    assert setup.log[-2] == "Early stopping triggered at epoch 3"
    losses = [float(line.split("Val Loss=")[1].split(",")[0]) for line in setup.log if line.startswith("Epoch ")]
    assert (result.epochs, len(losses)) == (3, 3)
    assert losses[result.best_epoch - 1] == min(losses), "kept is the lowest loss, whatever minDelta says"


@pytest.mark.parametrize(("asked", "there"), [("1", True), ("0", False), ("", False), (None, False)])
def test_progress_lines_are_written_on_request(
    setup: TrainingSetup, monkeypatch: pytest.MonkeyPatch, asked: str | None, there: bool
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(training_loop, "time", SimpleNamespace(monotonic=lambda: next(clock) * 0.5))
    run(setup, setup.task(epochs=1), **({} if asked is None else {"RETRAIN_PROGRESS": asked}))
    lines = [line for line in setup.log if line.startswith("Progress: ")]
    assert bool(lines) is there
    assert all(pd.Series(lines, dtype=str).str.fullmatch(r"Progress: epoch=1 epochs=1 windows=\d+/\d+ rate=\d+\.\d"))


def test_warnings_about_the_data_are_logged_and_kept(setup: TrainingSetup) -> None:
    setup.put(feature_table().assign(flat=1.0).drop(index=[50, 51, 52]))
    result = run(setup)
    assert any("1 gap in time" in line for line in setup.log)
    assert any("constant over the train rows: flat" in line for line in result.warnings)
    assert setup.card(result)["features"] == ["hint", "noise"]


def test_the_same_seed_gives_the_same_file_wherever_it_is_trained(setup: TrainingSetup, tmp_path: Path) -> None:
    """Another run, another folder, another key: nothing of them is in the file."""
    elsewhere = TrainingSetup(tmp_path / "elsewhere")
    other_run = RUN.model_copy(update={"uid": "another-uid", "name": "weekly", "namespace": "team"})
    one, other = run(setup), run(elsewhere, elsewhere.task(run=other_run, train_key="b" * 16))
    assert one.model.sha256 == other.model.sha256
    data = setup.model_bytes(one)
    for word in (RUN.uid, RUN.name, "a" * 16, str(setup.root), socket.gethostname(), "parquet"):
        assert word.encode() not in data, word


def test_a_window_of_a_longer_file_gives_the_file_of_the_short_one(setup: TrainingSetup, tmp_path: Path) -> None:
    """With built-in features, whose warm-up is taken from before the window; and one as long as the file is none."""
    longer, whole = TrainingSetup(tmp_path / "longer"), TrainingSetup(tmp_path / "whole")
    table = candle_table()
    longer.put(table)
    whole.put(table[100:])
    setup.put(table[100:])
    results = (run(setup), run(whole, whole.task(window="600m")), run(longer, longer.task(window="540m")))
    assert {(result.model.sha256, result.data.rows) for result in results} == {(results[0].model.sha256, 540)}


def test_another_seed_gives_another_file(setup: TrainingSetup, tmp_path: Path) -> None:
    elsewhere = TrainingSetup(tmp_path / "elsewhere")
    assert run(setup).model.sha256 != run(elsewhere, elsewhere.task(seed=1)).model.sha256


def with_another_future() -> pd.DataFrame:
    """Prices and features after the border of the test part are others."""
    disturbed = feature_table()
    rows = disturbed.index >= TEST_BEGINS
    generator = np.random.default_rng(8)
    for name in ("close", "hint", "noise"):
        disturbed.loc[rows, name] = 1000 + 50 * generator.random(rows.sum())
    return disturbed


def train_on_all(task: TrainTask, dataset: Dataset, rows: slice) -> Any:
    """A mistake: every window of the file, whatever part was asked for."""
    times, labels = dataset.candles.timestamps, dataset.labels.values
    return window_ends(times, dataset.question.interval, task.model.lookback_bars, slice(0, len(times)), labels)


MISTAKES = {
    "_ends": train_on_all,
    "fit_scaling": lambda values, rows: fit_scaling(values, slice(0, len(values))),
}


@pytest.mark.parametrize("mistake", ["_ends", "fit_scaling"])
def test_reading_the_test_rows_would_be_caught(
    setup: TrainingSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """Planted: training on test bars, scaling by their statistics. The comparison of the next test sees both."""
    monkeypatch.setattr(training_data, mistake, MISTAKES[mistake])
    elsewhere = TrainingSetup(tmp_path / "elsewhere")
    elsewhere.put(with_another_future())
    assert run(setup).model.sha256 != run(elsewhere).model.sha256


def test_test_rows_change_nothing(setup: TrainingSetup, tmp_path: Path) -> None:
    """Prices and features after the border of the test part are others; the whole file is the same."""
    disturbed = with_another_future()
    elsewhere = TrainingSetup(tmp_path / "elsewhere")
    elsewhere.put(disturbed)
    one, other = run(setup), run(elsewhere)
    assert one.data.sha256 != other.data.sha256
    assert one.model.sha256 == other.model.sha256
    disturbed.loc[TEST_BEGINS - 30, "hint"] += 5
    elsewhere.put(disturbed)
    third = run(elsewhere, elsewhere.task(train_key="c" * 16))
    assert third.model.sha256 != one.model.sha256, "a validation row does matter, so the test can fail"


def test_the_file_holds_what_the_card_says(setup: TrainingSetup) -> None:
    task = setup.task(model=Model(hidden_size=3, layers=1, dropout=0.1, lookback_bars=7), epochs=4)
    result = run(setup, task)
    model, card = setup.model(result), setup.card(result)
    assert (model.symbol, model.interval, model.lookback, model.horizon_bars, model.question.ties) == (
        "BTC-USD",
        "1m",
        7,
        1,
        "Drop",
    )
    assert model.features == ("hint", "noise")
    assert not model.built_in
    assert model.training["bestEpoch"] == result.best_epoch
    assert model.training["validationLoss"] == pytest.approx(result.validation_loss, rel=1e-4)
    assert card["model"] == {"uri": result.model.uri, "sha256": result.model.sha256}
    assert card["data"]["sha256"] == result.data.sha256
    assert [epoch["epoch"] for epoch in card["epochs"]] == [1, 2, 3, 4]
    assert set(card["versions"]) >= {"torch", "numpy", "python"}
    assert card["split"]["test"]["rows"] == 60
    assert card["run"] == RUN.model_dump()


def test_card_and_result_say_up_to_when_the_model_has_learnt_and_is_tested(setup: TrainingSetup) -> None:
    result = run(setup)
    card, split = setup.card(result), setup.card(result)["split"]
    assert times_in(card) == result.times
    ends = [result.trained_until, result.known_until, result.tested_until]
    assert ends == sorted(filter(None, ends)) and len(set(ends)) == 3
    # Bars of a minute and a horizon of one: what opens at 0:00 is decided by the close at 0:02.
    assert result.known_until == after(split["validation"]["lastBar"], "2min")
    assert str(result.trained_until) <= after(split["train"]["lastBar"], "2min")
    assert str(result.tested_until) <= after(result.data.last_bar, "1min")


def after(bar: str, span: str) -> str:
    return (pd.Timestamp(bar) + pd.Timedelta(span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_column_that_knows_later_bars_is_said_before_the_first_epoch_and_kept(setup: TrainingSetup) -> None:
    setup.put(feature_table(rows=3_200))
    result = run(setup, setup.task(epochs=1))
    card, lines = (
        setup.card(result),
        [index for index, line in enumerate(setup.log) if "'hint' knows later bars" in line],
    )
    epochs = [index for index, line in enumerate(setup.log) if "Epoch " in line]
    assert lines and epochs and lines[0] < epochs[0]
    assert result.look_ahead is not None and (result.look_ahead.column, result.look_ahead.suspects) == ("hint", 1)
    assert any("'hint' knows later bars" in line for line in result.warnings)
    assert card["data"]["warnings"] == list(result.warnings)
    worst, other = card["lookAhead"]["columns"]
    assert (worst["name"], worst["suspect"], other["suspect"]) == ("hint", True, False)
    assert worst["nextShare"] == result.look_ahead.next_share == float(f"{worst['nextShare']:.3g}") > 0.2
    assert card["copiedBars"]["runs"] == 0
    assert b"ookAhead" not in setup.model_bytes(result) and b"look_ahead" not in setup.model_bytes(result)


def test_a_result_of_before_has_no_look_ahead(setup: TrainingSetup) -> None:
    result = run(setup)
    assert result.look_ahead is not None and result.look_ahead.rows == 0, "400 rows are too few"
    before = json.loads(encode(result))
    del before["lookAhead"]
    assert TrainResult.model_validate(before).look_ahead is None


def test_scaling_and_weight_are_of_the_train_rows_and_calibration_of_validation(setup: TrainingSetup) -> None:
    result = run(setup)
    model, table = setup.model(result), feature_table()
    train = table.iloc[: ROWS * 70 // 100 - 6]  # the purge: lookback and horizon
    np.testing.assert_allclose(model.scaling.mean, train[["hint", "noise"]].mean(), rtol=0.02, atol=0.02)
    moves = train["close"].shift(-1).sub(train["close"]).round(6).iloc[4:]
    assert model.positive_weight == pytest.approx((moves < 0).sum() / (moves > 0).sum(), rel=0.03)
    assert model.calibration.method == "Platt"
    assert model.calibration.log_weight == pytest.approx(np.log(model.positive_weight))
    _, scaled = rows_for(model, setup.file, LATER)
    following = table["close"].shift(-1).sub(table["close"]).round(6)
    validation = [row for row in range(284, TEST_BEGINS - 6) if following[row] != 0]
    labels = np.array([following[row] > 0 for row in validation], dtype=np.int8)
    found = logits(model.network, torch.from_numpy(scaled), np.array(validation), 5)
    expected = calibrate.fit(found, labels, model.positive_weight, "Platt")
    assert model.calibration.slope == pytest.approx(expected.slope, rel=0.1)


def test_candles_get_the_built_in_features(setup: TrainingSetup) -> None:
    setup.put(candle_table())
    model = setup.model(run(setup))
    assert model.built_in
    assert len(model.features) > 20


def test_a_second_start_returns_the_result_and_needs_no_data_and_no_gpu(setup: TrainingSetup) -> None:
    first = run(setup)
    setup.file.unlink()
    setup.log.clear()
    assert run(setup, setup.task(device="GPU")) == first
    assert setup.log == [f"BTC-USD is already trained: {first.model.uri}"]


@pytest.mark.parametrize("lost", ["model", "result"])
def test_what_is_lost_is_trained_again_to_the_same_bytes(setup: TrainingSetup, lost: str) -> None:
    first = run(setup)
    if lost == "model":
        setup.store.delete(first.model.uri.removeprefix(setup.store.uri))
    else:
        setup.store.write(f"{setup.folder}result.json", b'{"kind": "train"')
    setup.log.clear()
    assert run(setup).model == first.model
    assert "training BTC-USD again" in setup.log[0]
    assert first.model.uri.removeprefix(setup.store.uri) in setup.files()


def test_a_model_file_with_other_bytes_is_not_overwritten(setup: TrainingSetup) -> None:
    first = run(setup)
    key = first.model.uri.removeprefix(setup.store.uri)
    setup.store.write(key, b"somebody's")
    setup.store.delete(f"{setup.folder}result.json")
    with pytest.raises(Exception, match="its bytes are not those that its name says; move it away"):
        run(setup)
    assert setup.store.read(key).data == b"somebody's"


def test_a_request_to_stop_saves_and_the_next_start_gives_the_same_bytes(setup: TrainingSetup, tmp_path: Path) -> None:
    task = setup.task(epochs=5, model=MODEL.model_copy(update={"layers": 2, "dropout": 0.3}))
    for line in ("Epoch 2/5", "Epoch 4/5"):
        stop, log = stopping_at(line, setup.log)
        with pytest.raises(Interrupted):
            training_task.run(task, {}, log, stop)
        assert any("checkpoint-" in name for name in setup.files())
    result = run(setup, task)
    assert "Resuming BTC-USD from epoch 3 (2 epochs kept)" in setup.log
    assert result.resumed_epochs == 4
    elsewhere = TrainingSetup(tmp_path / "elsewhere")
    whole = run(elsewhere, elsewhere.task(epochs=5, model=task.model))
    assert result.model.sha256 == whole.model.sha256
    assert not any("checkpoint-" in name for name in setup.files())
    assert [line for line in setup.log if line.startswith("Epoch")] == elsewhere.log[2:-1]


def test_a_request_after_the_last_epoch_loses_nothing(setup: TrainingSetup) -> None:
    stop, log = stopping_at("Epoch 3/3", setup.log)
    with pytest.raises(Interrupted):
        training_task.run(setup.task(), {}, log, stop)
    result = run(setup)
    assert (result.epochs, result.resumed_epochs) == (3, 3)
    assert sum(line.startswith("Epoch") for line in setup.log) == 3


def test_data_that_changed_between_start_and_retry_stops_it(setup: TrainingSetup) -> None:
    stop, log = stopping_at("Epoch 1/3", setup.log)
    with pytest.raises(Interrupted):
        training_task.run(setup.task(), {}, log, stop)
    setup.put(feature_table(seed=4))
    with pytest.raises(DataError, match="rerun token to train everything on the new file") as caught:
        run(setup)
    assert caught.value.reason == "DataChanged"
    assert str(setup.file) in caught.value.message


def test_a_missing_gpu_is_reported_before_data_is_read(setup: TrainingSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    setup.file.unlink()
    with pytest.raises(NoDeviceError):
        run(setup, setup.task(device="GPU"))
    assert setup.files() == []


def extreme(setup: TrainingSetup) -> None:
    """Features that are all but still while it trains, and leap in validation: no float32 holds them, scaled."""
    table = feature_table()
    table[["hint", "noise"]] *= 1e-30
    table.loc[300, ["hint", "noise"]] = 1e30
    setup.put(table)


def test_a_loss_that_is_not_finite_has_a_reason(setup: TrainingSetup) -> None:
    extreme(setup)
    with pytest.raises(
        ConfigurationError, match=r"lower spec.training.learningRate, or look for extreme values"
    ) as caught:
        run(setup)
    assert (caught.value.reason, caught.value.exit_code) == ("LossNotFinite", 64)


def test_a_missing_file_is_named(setup: TrainingSetup) -> None:
    setup.file.unlink()
    with pytest.raises(NotFoundError, match="does not exist"):
        run(setup)
    assert setup.files() == []


def test_a_store_that_can_not_be_written_is_named(setup: TrainingSetup) -> None:
    (setup.root / "occupied").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"occupied.*can't be written"):
        run(setup, setup.task(artifacts_uri=f"file://{setup.root}/occupied/"))
