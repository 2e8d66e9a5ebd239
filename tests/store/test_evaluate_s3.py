"""The pinned data on a real S3 server: the bytes that were trained on, also after the file was overwritten."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrain_api.documents.references import DataPin
from retrain_api.errors import DataError
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.evaluate import fetch_data

KEY = "features_BTC-USD_1m_latest.parquet"
TRAINED, TODAY = b"the bytes that were trained on", b"the bytes of today"


def overwritten(s3: Any, versions: bool) -> DataPin:
    """The pin of a file that somebody has overwritten since."""
    store = open_store(f"s3://{s3.bucket(versions)}/features/", s3.environ(), 30)
    store.write(KEY, TRAINED)
    version = store.read(KEY).version_id
    store.write(KEY, TODAY)
    return pin(store.uri_of(KEY), version)


def pin(uri: str, version: str | None) -> DataPin:
    digest = sha256(TRAINED).hexdigest()
    return DataPin(uri=uri, sha256=digest, version_id=version, first_bar="", last_bar="", rows=1)


def evaluate_context(s3: Any, data: DataPin) -> Any:
    return SimpleNamespace(item=SimpleNamespace(symbol="BTC-USD", data=data), environ=s3.environ())


def test_a_bucket_with_versions_gives_the_bytes_that_were_trained_on(s3: Any, tmp_path: Path) -> None:
    data = overwritten(s3, versions=True)
    assert data.version_id
    fetch_data(evaluate_context(s3, data), tmp_path / "data")
    assert (tmp_path / "data").read_bytes() == TRAINED


def test_a_bucket_without_versions_says_that_the_data_changed_and_what_to_do(s3: Any, tmp_path: Path) -> None:
    data = overwritten(s3, versions=False)
    assert data.version_id is None
    with pytest.raises(
        DataError, match=r"Train again .* restore the file and use `retrain retry`; versioning"
    ) as failure:
        fetch_data(evaluate_context(s3, data), tmp_path / "data")
    assert failure.value.reason == "DataChanged"
