"""Where a feature file is missing, the message names what lies in its place, with the command that makes the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_api import reasons
from retrain_api.errors import CredentialsError, DataError, NotFoundError, RetrainError
from retrain_trainer.data.files.elsewhere import explained
from retrain_trainer.data.pinning import fetch
from retrain_trainer.store.file import FileStore

KEY = "features_BTC-USDT_1h_latest.parquet"
OWN = "{folder}/{key} does not exist, but {files} beside it; make the file from {it}: `retrain import {paths} {options} -o {folder}/`."


class Bucket(FileStore):
    """A store that is no disk; it lists as S3 does."""

    @property
    def uri(self) -> str:
        return "s3://bucket/data/"


class Closed(Bucket):
    """A store whose credentials may not list."""

    def list(self, prefix: str) -> list[str]:
        raise CredentialsError(reasons.ACCESS_DENIED, "no")


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def fetched(folder: Path, key: str = KEY) -> RetrainError:
    with pytest.raises(RetrainError) as caught:
        fetch(f"file://{folder}/{key}", {}, None, folder / "scratch", "BTC-USDT", "1h")
    return caught.value


@pytest.mark.parametrize(
    ("there", "named"),
    [
        (["features_BTC-USDT_1h_latest.csv"], ["features_BTC-USDT_1h_latest.csv"]),
        (
            ["BTCUSDT-1h-2024-01.zip", "BTCUSDT-1h-2024-02.zip", "ETHUSDT-1h-2024-01.zip"],
            ["BTCUSDT-1h-2024-01.zip", "BTCUSDT-1h-2024-02.zip"],
        ),
        (["btc_hourly.csv.gz", "eth_hourly.csv.gz"], ["btc_hourly.csv.gz"]),
        (["candles.csv"], ["candles.csv"]),
    ],
)
def test_a_csv_file_beside_the_missing_file_is_named_with_the_command(
    tmp_path: Path, there: list[str], named: list[str]
) -> None:
    put(tmp_path, *there)
    error = fetched(tmp_path)
    assert isinstance(error, NotFoundError)
    one = len(named) == 1
    assert error.message == OWN.format(
        folder=tmp_path,
        key=KEY,
        files=f"{', '.join(named)} {'lies' if one else 'lie'}",
        it="it" if one else "them",
        paths=" ".join(f"{tmp_path}/{name}" for name in named),
        options="--symbol BTC-USDT --interval 1h",
    )


def test_a_name_of_one_s_own_is_part_of_the_command(tmp_path: Path) -> None:
    put(tmp_path, "btc.csv")
    assert "--interval 1h --filename mine.parquet -o" in fetched(tmp_path, "mine.parquet").message


def test_a_year_of_days_is_not_listed_whole(tmp_path: Path) -> None:
    put(tmp_path, *(f"BTCUSDT-1h-{day:03}.csv" for day in range(365)))
    message = fetched(tmp_path).message
    assert "BTCUSDT-1h-002.csv and 362 more lie beside it" in message and "BTCUSDT-1h-003" not in message


@pytest.mark.parametrize("there", [[], ["ETHUSDT.csv", "SOLUSDT.csv"], ["notes.txt"], ["below/BTCUSDT.csv"]])
def test_without_such_a_file_the_message_stays(tmp_path: Path, there: list[str]) -> None:
    put(tmp_path, *there)
    assert fetched(tmp_path).message == f"file://{tmp_path}/{KEY} does not exist."


PARTS = (
    "{scheme}{place} is a folder of parts, as Spark and Dask write it, and one file for each symbol is read: join the parts, "
    "`retrain import {place}/*.parquet --symbol BTC-USDT --interval 1h -o FOLDER`, or write them with coalesce(1)."
)


def test_a_folder_of_parts_is_named(tmp_path: Path) -> None:
    put(tmp_path, f"{KEY}/_SUCCESS", f"{KEY}/part-00000.snappy.parquet")
    error = fetched(tmp_path)
    assert isinstance(error, DataError) and error.reason == "Unreadable"
    assert error.message == PARTS.format(scheme="file://", place=tmp_path / KEY)


def test_an_empty_folder_has_no_parts(tmp_path: Path) -> None:
    (tmp_path / KEY).mkdir()
    assert "parts" not in fetched(tmp_path).message


@pytest.mark.parametrize(
    ("store", "there", "sentence"),
    [
        (Bucket, [f"{KEY}/part-0.parquet"], PARTS.format(scheme="", place=f"s3://bucket/data/{KEY}")),
        (
            Bucket,
            ["features_BTC-USDT_1h_latest.csv"],
            f"s3://bucket/data/{KEY} does not exist, but features_BTC-USDT_1h_latest.csv lies beside it; download it, then: "
            "`retrain import features_BTC-USDT_1h_latest.csv --symbol BTC-USDT --interval 1h -o FOLDER`.",
        ),
        (Bucket, [], "gone"),
        (Closed, [f"{KEY}/part-0.parquet"], "gone"),
    ],
)
def test_a_bucket_is_asked_for_one_listing(
    tmp_path: Path, store: Callable[[Path], FileStore], there: list[str], sentence: str
) -> None:
    put(tmp_path, *there)
    error = NotFoundError(reasons.OBJECT_NOT_FOUND, "gone")
    assert explained(error, store(tmp_path), KEY, "BTC-USDT", "1h").message == sentence
