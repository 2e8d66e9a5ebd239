"""How often test bars were used, recorded on a real S3 server and on a disk."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.publishing_case import RUN

from retrain_trainer.measure.tries.test_reuse import find_and_record
from retrain_trainer.measure.tries.try_record import Answers, TryRecord
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store

PERIOD = ("2025-06-17T00:00:00Z", "2025-06-24T00:00:00Z")


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store(f"file://{tmp_path}/", {}, 30)
    s3: Any = request.getfixturevalue("s3")
    return open_store(f"s3://{s3.bucket()}/models/", s3.environ(), 30)


def judge(store: Store, model: str, symbol: str = "BTC-USD", period: tuple[str, str] = PERIOD) -> int:
    return find_and_record(store, TryRecord(symbol, model * 64, *period), RUN).count


def test_each_model_is_told_of_those_before_it_and_counts_once(store: Store) -> None:
    assert [judge(store, model) for model in "abcab"] == [0, 1, 2, 2, 2]
    assert judge(store, "d", "ETH-USD") == 0
    (key,) = store.list("judged/ETH-USD/")
    record = json.loads(store.read(key).data)
    assert (record["sha256"], record["firstBar"], record["run"]) == ("d" * 64, PERIOD[0], RUN.name)


def test_models_judged_at_the_same_time_all_count_afterwards(store: Store) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda model: judge(store, model), "ababab"))
    assert judge(store, "c") == 2


def test_the_period_of_another_month_does_not_count(store: Store) -> None:
    judge(store, "a")
    july = ("2025-07-01T00:00:00Z", "2025-07-08T00:00:00Z")
    assert [judge(store, model, period=july) for model in "ba"] == [0, 1]


def test_a_market_under_another_name_is_found_with_its_answers(store: Store) -> None:
    answers, days = Answers(np.ones(99, dtype=np.bool_), np.arange(99) % 2 == 0), np.full((8, 8), 7, dtype=np.uint8)
    for name, market in (("XBT-USD", days), ("ETH-USD", days + 1)):
        find_and_record(store, TryRecord(name, "b" * 64, *PERIOD, "r2", answers, market), RUN)
    found = find_and_record(store, TryRecord("BTC-USD", "a" * 64, *PERIOD, "r1", answers, days), RUN)
    assert [(record.symbol, record.recipe) for record in found.records] == [("XBT-USD", "r2")]
    kept = found.records[0].answers
    assert kept is not None and (kept.right == answers.right).all()
