"""The train command inside a process: what the bytes depend on, what is said, what is left in the store."""

from __future__ import annotations

import itertools
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
from retrain_api.documents import TrainResult, TrainTask
from retrain_api.errors import ConfigurationError, DataError, Interrupted, NoDeviceError, NotFoundError
from retrain_api.spec_data import EarlyStopping, Model
from retrain_trainer import calibrate, training_data, training_task
from retrain_trainer import train as training_loop
from retrain_trainer.dataset import Dataset
from retrain_trainer.inference import logits
from retrain_trainer.interruption import Stop
from retrain_trainer.model_file import ModelFile
from retrain_trainer.score import rows_for
from retrain_trainer.timeline import interval_nanoseconds
from retrain_trainer.windows import fit_scaling, window_ends
from support.training_case import MODEL, ROWS, RUN, Site, candle_table, feature_table

TEST_BEGINS = ROWS * 85 // 100


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def run(site: Site, task: TrainTask | None = None, stop: Stop | None = None, **environ: str) -> TrainResult:
    return training_task.run(task or site.task(), environ, site.said.append, stop or Stop())


def stopping_at(line: str, said: list[str]) -> tuple[Stop, Callable[[str], None]]:
    """A stop, and a log that requests it when a line begins so."""
    stop = Stop()

    def log(text: str) -> None:
        said.append(text)
        if text.startswith(line):
            stop.request()

    return stop, log


def weights(model: ModelFile) -> dict[str, Any]:
    return {name: value.numpy().tolist() for name, value in model.network.state_dict().items()}


def test_model_card_and_result_are_all_that_is_left(site: Site) -> None:
    result = run(site)
    name = f"lstm_BTC_USD_1m_{result.model.sha256[:8]}"
    assert site.files() == [f"{name}.json", f"{name}.pt", f"{site.folder}data.json", f"{site.folder}result.json"]
    assert sha256(site.model_bytes(result)).hexdigest() == result.model.sha256
    assert result.data.sha256 == sha256(site.file.read_bytes()).hexdigest()
    assert (result.epochs, result.resumed_epochs, result.data.rows) == (3, 0, ROWS)


def test_the_log_lines_are_those_people_know(site: Site) -> None:
    result = run(site, site.task(epochs=2, learning_rate=0.001))
    first, second, last = site.said
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
        in site.said[result.best_epoch - 1]
    )


def test_early_stopping_is_said(site: Site) -> None:
    stopping = EarlyStopping(patience=2, min_delta=0.5)
    result = run(site, site.task(epochs=9, early_stopping=stopping))
    assert site.said[-2] == "Early stopping triggered at epoch 3"
    assert (result.epochs, result.best_epoch) == (3, 1)


@pytest.mark.parametrize(("asked", "there"), [("1", True), ("0", False), ("", False), (None, False)])
def test_progress_lines_are_for_those_who_ask(
    site: Site, monkeypatch: pytest.MonkeyPatch, asked: str | None, there: bool
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(training_loop, "time", SimpleNamespace(monotonic=lambda: next(clock) * 0.5))
    run(site, site.task(epochs=1), **({} if asked is None else {"RETRAIN_PROGRESS": asked}))
    lines = [line for line in site.said if line.startswith("Progress: ")]
    assert bool(lines) is there
    assert all(pd.Series(lines, dtype=str).str.fullmatch(r"Progress: epoch=1 epochs=1 windows=\d+/\d+ rate=\d+\.\d"))


def test_warnings_about_the_data_are_said_and_kept(site: Site) -> None:
    site.put(feature_table().assign(flat=1.0).drop(index=[50, 51, 52]))
    result = run(site)
    assert any("1 gap in time" in line for line in site.said)
    assert any("constant over the train rows: flat" in line for line in result.warnings)
    assert site.card(result)["features"] == ["hint", "noise"]


def test_the_same_seed_gives_the_same_file_wherever_it_is_trained(site: Site, tmp_path: Path) -> None:
    """Another run, another folder, another key: nothing of them is in the file."""
    elsewhere = Site(tmp_path / "elsewhere")
    other_run = RUN.model_copy(update={"uid": "another-uid", "name": "weekly", "namespace": "team"})
    one, other = run(site), run(elsewhere, elsewhere.task(run=other_run, train_key="b" * 16))
    assert one.model.sha256 == other.model.sha256
    data = site.model_bytes(one)
    for word in (RUN.uid, RUN.name, "a" * 16, str(site.root), socket.gethostname(), "parquet"):
        assert word.encode() not in data, word


def test_another_seed_gives_another_file(site: Site, tmp_path: Path) -> None:
    elsewhere = Site(tmp_path / "elsewhere")
    assert run(site).model.sha256 != run(elsewhere, elsewhere.task(seed=1)).model.sha256


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
    interval = interval_nanoseconds(dataset.interval)
    times, labels = dataset.candles.timestamps, dataset.labels.values
    return window_ends(times, interval, task.model.lookback_bars, slice(0, len(times)), labels)


MISTAKES = {
    "_ends": train_on_all,
    "fit_scaling": lambda values, rows: fit_scaling(values, slice(0, len(values))),
}


@pytest.mark.parametrize("mistake", ["_ends", "fit_scaling"])
def test_a_look_at_the_test_rows_would_be_caught(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """Planted: training on test bars, scaling by their statistics. The comparison of the next test sees both."""
    monkeypatch.setattr(training_data, mistake, MISTAKES[mistake])
    elsewhere = Site(tmp_path / "elsewhere")
    elsewhere.put(with_another_future())
    assert run(site).model.sha256 != run(elsewhere).model.sha256


def test_test_rows_change_nothing(site: Site, tmp_path: Path) -> None:
    """Prices and features after the border of the test part are others; the whole file is the same."""
    disturbed = with_another_future()
    elsewhere = Site(tmp_path / "elsewhere")
    elsewhere.put(disturbed)
    one, other = run(site), run(elsewhere)
    assert one.data.sha256 != other.data.sha256
    assert one.model.sha256 == other.model.sha256
    disturbed.loc[TEST_BEGINS - 30, "hint"] += 5
    elsewhere.put(disturbed)
    third = run(elsewhere, elsewhere.task(train_key="c" * 16))
    assert third.model.sha256 != one.model.sha256, "a validation row does matter, so the test can fail"


def test_the_file_holds_what_the_card_says(site: Site) -> None:
    task = site.task(model=Model(hidden_size=3, layers=1, dropout=0.1, lookback_bars=7), epochs=4)
    result = run(site, task)
    model, card = site.model(result), site.card(result)
    assert (model.symbol, model.interval, model.lookback, model.horizon_bars, model.ties) == (
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


def test_scaling_and_weight_are_of_the_train_rows_and_calibration_of_validation(site: Site) -> None:
    result = run(site)
    model, table = site.model(result), feature_table()
    train = table.iloc[: ROWS * 70 // 100 - 6]  # the purge: lookback and horizon
    np.testing.assert_allclose(model.scaling.mean, train[["hint", "noise"]].mean(), rtol=0.02, atol=0.02)
    moves = train["close"].shift(-1).sub(train["close"]).round(6).iloc[4:]
    assert model.positive_weight == pytest.approx((moves < 0).sum() / (moves > 0).sum(), rel=0.03)
    assert model.calibration.method == "Platt"
    assert model.calibration.log_weight == pytest.approx(np.log(model.positive_weight))
    _, scaled = rows_for(model, site.file)
    following = table["close"].shift(-1).sub(table["close"]).round(6)
    validation = [row for row in range(284, TEST_BEGINS - 6) if following[row] != 0]
    labels = np.array([following[row] > 0 for row in validation], dtype=np.int8)
    found = logits(model.network, torch.from_numpy(scaled), np.array(validation), 5)
    expected = calibrate.fit(found, labels, model.positive_weight, "Platt")
    assert model.calibration.slope == pytest.approx(expected.slope, rel=0.1)


def test_candles_get_the_built_in_features(site: Site) -> None:
    site.put(candle_table())
    model = site.model(run(site))
    assert model.built_in
    assert len(model.features) > 20


def test_a_second_start_repeats_the_result_and_needs_no_data_and_no_gpu(site: Site) -> None:
    first = run(site)
    site.file.unlink()
    site.said.clear()
    assert run(site, site.task(device="GPU")) == first
    assert site.said == [f"BTC-USD is trained already: {first.model.uri}"]


@pytest.mark.parametrize("lost", ["model", "result"])
def test_what_is_lost_is_trained_again_to_the_same_bytes(site: Site, lost: str) -> None:
    first = run(site)
    if lost == "model":
        site.store.delete(first.model.uri.removeprefix(site.store.uri))
    else:
        site.store.write(f"{site.folder}result.json", b'{"kind": "train"')
    site.said.clear()
    assert run(site).model == first.model
    assert "training BTC-USD again" in site.said[0]
    assert first.model.uri.removeprefix(site.store.uri) in site.files()


def test_a_model_file_with_other_bytes_is_not_overwritten(site: Site) -> None:
    first = run(site)
    key = first.model.uri.removeprefix(site.store.uri)
    site.store.write(key, b"somebody's")
    site.store.delete(f"{site.folder}result.json")
    with pytest.raises(Exception, match="other bytes than its name says; move it away"):
        run(site)
    assert site.store.read(key).data == b"somebody's"


def test_a_request_to_stop_saves_and_the_next_start_gives_the_same_bytes(site: Site, tmp_path: Path) -> None:
    task = site.task(epochs=5, model=MODEL.model_copy(update={"layers": 2, "dropout": 0.3}))
    for line in ("Epoch 2/5", "Epoch 4/5"):
        stop, log = stopping_at(line, site.said)
        with pytest.raises(Interrupted):
            training_task.run(task, {}, log, stop)
        assert any("checkpoint-" in name for name in site.files())
    result = run(site, task)
    assert "Resuming BTC-USD from epoch 3 (2 epochs kept)" in site.said
    assert result.resumed_epochs == 4
    elsewhere = Site(tmp_path / "elsewhere")
    whole = run(elsewhere, elsewhere.task(epochs=5, model=task.model))
    assert result.model.sha256 == whole.model.sha256
    assert not any("checkpoint-" in name for name in site.files())
    assert [line for line in site.said if line.startswith("Epoch")] == elsewhere.said[:-1]


def test_a_request_after_the_last_epoch_loses_nothing(site: Site) -> None:
    stop, log = stopping_at("Epoch 3/3", site.said)
    with pytest.raises(Interrupted):
        training_task.run(site.task(), {}, log, stop)
    result = run(site)
    assert (result.epochs, result.resumed_epochs) == (3, 3)
    assert sum(line.startswith("Epoch") for line in site.said) == 3


def test_data_that_changed_between_start_and_retry_stops_it(site: Site) -> None:
    stop, log = stopping_at("Epoch 1/3", site.said)
    with pytest.raises(Interrupted):
        training_task.run(site.task(), {}, log, stop)
    site.put(feature_table(seed=4))
    with pytest.raises(DataError, match="rerun token to train everything on the new one") as caught:
        run(site)
    assert caught.value.reason == "DataChanged"
    assert str(site.file) in caught.value.message


def test_a_gpu_that_is_not_there_is_said_before_data_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    site.file.unlink()
    with pytest.raises(NoDeviceError):
        run(site, site.task(device="GPU"))
    assert site.files() == []


def extreme(site: Site) -> None:
    """Features that are all but still while it trains, and leap in validation: no float32 holds them, scaled."""
    table = feature_table()
    table[["hint", "noise"]] *= 1e-30
    table.loc[300, ["hint", "noise"]] = 1e30
    site.put(table)


def test_a_loss_that_is_not_finite_has_a_reason(site: Site) -> None:
    extreme(site)
    with pytest.raises(
        ConfigurationError, match=r"lower spec.training.learningRate, or look for extreme values"
    ) as caught:
        run(site)
    assert (caught.value.reason, caught.value.exit_code) == ("LossNotFinite", 64)


def test_a_file_that_is_missing_is_said(site: Site) -> None:
    site.file.unlink()
    with pytest.raises(NotFoundError, match="does not exist"):
        run(site)
    assert site.files() == []


def test_a_store_that_can_not_be_written_is_said(site: Site) -> None:
    (site.root / "occupied").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"occupied.*can't be written"):
        run(site, site.task(artifacts_uri=f"file://{site.root}/occupied/"))
