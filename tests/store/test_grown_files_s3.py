"""A feature file on a real S3 server that changes between training and evaluation, in a bucket with versions and in one without."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.grown_file import beginning, evaluated
from support.training_case import ROWS, TrainingSetup

from retrain_api.documents.results import EvaluateResult, TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.errors import DataError
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

KEY = "features_BTC-USD_1m_latest.parquet"


class Place:
    """A bucket with a feature file, and a store of artifacts in it."""

    def __init__(self, s3: Any, versions: bool, folder: Path) -> None:
        self.server, self.bucket, self.environ = s3, s3.bucket(versions), s3.environ()
        self.data: Store = open_store(f"s3://{self.bucket}/features/", self.environ, 30)
        self.artifacts: Store = open_store(f"s3://{self.bucket}/models/", self.environ, 30)
        self.setup = TrainingSetup(folder / "setup")
        self.put(beginning())

    def put(self, table: pd.DataFrame) -> None:
        buffer = BytesIO()
        table.to_parquet(buffer, index=False)
        self.data.write(KEY, buffer.getvalue())

    @property
    def task(self) -> TrainTask:
        return self.setup.task(data_uri=self.data.uri_of(KEY), artifacts_uri=self.artifacts.uri)

    def trained(self) -> TrainResult:
        return training_task.run(self.task, self.environ, lambda line: None, Stop())

    def evaluated(self, result: TrainResult) -> EvaluateResult:
        return evaluated(self.task, result, self.environ)

    def forget_version(self, version: str | None) -> None:
        """As a lifecycle rule removes versions that are not the current one."""
        self.server.client().delete_object(Bucket=self.bucket, Key=f"features/{KEY}", VersionId=version)


@pytest.fixture(params=[False, True], ids=["unversioned", "versioned"])
def place(s3: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(s3, request.param, tmp_path)


def longer(place: Place) -> None:
    place.put(beginning(ROWS + 300))


def other(place: Place) -> None:
    place.put(beginning(ROWS + 300).assign(close=beginning(ROWS + 300)["close"] * 30))


def test_the_rows_are_kept_beside_the_judged_models(place: Place) -> None:
    result = place.trained()
    (pin,) = place.artifacts.list("pins/")
    assert pin.startswith("pins/BTC-USD/")
    assert pin.endswith(f"-{(result.data.rows_sha256 or '')[:16]}")


def test_an_appended_file_is_measured_on_the_rows_that_were_trained(place: Place) -> None:
    result = place.trained()
    as_it_was = place.evaluated(result).measurement
    key = next(key for key in place.artifacts.list("runs/") if key.endswith("evaluation.json"))
    document = json.loads(place.artifacts.read(key).data)
    place.artifacts.delete(key)
    longer(place)
    assert place.evaluated(result).measurement == as_it_was
    assert json.loads(place.artifacts.read(key).data)["test"] == document["test"]


@pytest.mark.parametrize(("change", "ends"), [(longer, True), (other, False)])
def test_where_the_version_is_gone_the_file_of_now_is_looked_into(
    s3: Any, tmp_path: Path, change: Callable[[Place], None], ends: bool
) -> None:
    place = Place(s3, True, tmp_path)
    result = place.trained()
    change(place)
    place.forget_version(result.data.version_id)
    if ends:
        assert place.evaluated(result).symbol == "BTC-USD"
        return
    with pytest.raises(DataError, match="the first difference is in column 'close' on 2025-05-30") as caught:
        place.evaluated(result)
    assert caught.value.reason == "DataChanged"


def test_a_version_is_read_before_the_file_of_now(s3: Any, tmp_path: Path) -> None:
    place = Place(s3, True, tmp_path)
    result = place.trained()
    other(place)
    assert place.evaluated(result).symbol == "BTC-USD"


def test_another_file_in_its_place_is_one_sentence(s3: Any, tmp_path: Path) -> None:
    place = Place(s3, False, tmp_path)
    result = place.trained()
    other(place)
    with pytest.raises(DataError, match="the first difference is in column 'close' on 2025-05-30"):
        place.evaluated(result)
