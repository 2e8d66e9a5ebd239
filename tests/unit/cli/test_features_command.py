"""`retrain features`: what it writes is what training would have computed from the candles."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_api.spec.data import Split
from retrain_api.time import Question, Windows
from retrain_cli.commands.data import features as features_command
from retrain_trainer.data.dataset import Dataset, load_dataset

ROWS = 1_000
WARMUP = 60


def write_candles(path: Path, rows: int = ROWS, minutes: int = 1) -> Path:
    random = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, rows)))
    open_ = np.concatenate([[100.0], close[:-1]])
    times = np.datetime64("2025-05-04", "ns") + np.arange(rows) * np.timedelta64(minutes, "m")
    columns = {
        "timestamp": pa.array(times, pa.timestamp("ns", tz="UTC")),
        "open": open_,
        "high": np.maximum(open_, close) * 1.0005,
        "low": np.minimum(open_, close) * 0.9995,
        "close": close,
        "volume": random.exponential(10, rows),
    }
    pq.write_table(pa.table(columns), path)
    return path


def run_features(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    features_command.add_arguments(parser)
    return features_command.run(parser.parse_args([str(argument) for argument in arguments]))


def loaded(path: Path) -> Dataset:
    return load_dataset(
        path,
        symbol="BTC-USD",
        question=Question.parse("1m", 3, "Drop"),
        windows=Windows(10, Split(validation_percent=15, test_percent=15)),
        features=None,
    )


def test_training_sees_the_same_in_the_feature_file_as_in_the_candles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candles, features = write_candles(tmp_path / "candles.parquet"), tmp_path / "features.parquet"
    assert run_features(candles, "-o", features) == 0
    assert capsys.readouterr().out == (
        f"Wrote {features}: 940 rows, 31 features beside the candles (37 columns), 60 warm-up rows cut.\n"
    )
    before, after = loaded(candles), loaded(features)
    assert after.names == before.names and len(after.names) == 31
    np.testing.assert_array_equal(after.values, before.values)
    np.testing.assert_array_equal(after.labels.values, before.labels.values)
    assert (after.first_bar, after.last_bar, after.rows) == (before.first_bar, before.last_bar, ROWS - WARMUP)


def test_the_files_other_columns_are_kept_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    candles, features = write_candles(tmp_path / "candles.parquet"), tmp_path / "features.parquet"
    own = {"funding": np.sin(np.arange(ROWS) / 8), "body": np.arange(ROWS) % 5, "venue": ["spot"] * ROWS}
    table = pq.read_table(candles)
    for name, values in own.items():
        table = table.append_column(name, pa.array(values))
    pq.write_table(table, candles)
    assert run_features(candles, "-o", features) == 0
    assert capsys.readouterr().out == (
        f"Wrote {features}: 940 rows, 31 features beside the candles (39 columns), 60 warm-up rows cut. Kept 3 other columns of "
        "the file: funding, body, venue. Not computed, because the file has them: body.\n"
    )
    written = pq.read_table(features)
    for name in own:
        assert written[name].to_pylist() == table[name].to_pylist()[WARMUP:]
    assert "funding" in loaded(features).names


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (["candles.parquet", "--interval", "5m"], DataError, "1m apart"),
        (["candles.parquet", "--interval", "1x"], ConfigurationError, "number and m, h or d"),
        (["short.parquet"], DataError, "60"),
        (["cut.parquet"], DataError, "is truncated"),
        (["absent.parquet"], NotFoundError, "no file"),
    ],
)
def test_candles_that_cannot_be_right_are_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[Exception], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = write_candles(tmp_path / "candles.parquet").read_bytes()
    write_candles(tmp_path / "short.parquet", rows=WARMUP)
    (tmp_path / "cut.parquet").write_bytes(whole[:-100])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=sentence):
        run_features(*arguments, "-o", "features.parquet")
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_there_is_overwritten_only_by_force(tmp_path: Path) -> None:
    candles, features = write_candles(tmp_path / "candles.parquet"), tmp_path / "features.parquet"
    features.write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match="--force"):
        run_features(candles, "-o", features)
    assert features.read_bytes() == b"mine"
    assert run_features(candles, "-o", features, "--force") == 0
    assert pq.read_metadata(features).num_rows == ROWS - WARMUP


def test_a_file_that_came_up_during_the_work_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candles, features = write_candles(tmp_path / "candles.parquet"), tmp_path / "features.parquet"

    def somebody_is_faster(table: pa.Table, where: Path, **options: object) -> None:
        where.write_bytes(b"ours")
        features.write_bytes(b"theirs")

    monkeypatch.setattr(pq, "write_table", somebody_is_faster)
    with pytest.raises(ConfigurationError, match="--force"):
        run_features(candles, "-o", features)
    assert features.read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candles.parquet", "features.parquet"]


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candles = write_candles(tmp_path / "candles.parquet")

    def full_disk(table: pa.Table, where: Path, **options: object) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        run_features(candles, "-o", tmp_path / "features.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["candles.parquet"]


def test_the_candles_themselves_can_be_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    candles = write_candles(tmp_path / "candles.parquet")
    assert run_features(candles, "-o", candles, "--force") == 0
    assert pq.read_metadata(candles).num_columns == 37
    assert "60 warm-up rows cut" in capsys.readouterr().out
