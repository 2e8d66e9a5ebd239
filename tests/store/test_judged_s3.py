"""How often test bars have judged, kept on a real S3 server and on a disk."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from retrain_trainer.judged import count_and_leave
from retrain_trainer.store import Store, open_store
from support.publishing_case import RUN

PERIOD = ("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store(f"file://{tmp_path}/", {}, 30)
    s3: Any = request.getfixturevalue("s3")
    return open_store(f"s3://{s3.bucket()}/models/", s3.environ(), 30)


def judge(store: Store, model: str, symbol: str = "BTC-USD") -> int:
    return count_and_leave(store, symbol, *PERIOD, model * 64, RUN)


def test_each_model_is_told_of_those_before_it_and_counts_once(store: Store) -> None:
    assert [judge(store, model) for model in "abcab"] == [0, 1, 2, 2, 2]
    assert judge(store, "d", "ETH-USD") == 0
    (key,) = store.list("judged/ETH-USD/")
    said = json.loads(store.read(key).data)
    assert (said["sha256"], said["firstBar"], said["run"]) == ("d" * 64, PERIOD[0], RUN.name)


def test_models_judged_at_the_same_time_all_count_afterwards(store: Store) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda model: judge(store, model), "ababab"))
    assert judge(store, "c") == 2


def test_the_period_of_another_month_does_not_count(store: Store) -> None:
    judge(store, "a")
    july = ("2025-07-01T00:00:00Z", "2025-07-08T00:00:00Z")
    assert [count_and_leave(store, "BTC-USD", *july, model * 64, RUN) for model in "ba"] == [0, 1]
