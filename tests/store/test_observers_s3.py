"""Looks at a market that turns, several at once and of other times, in a real S3 server: one record without a hole."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.promoted_model import PromotedModel, promoted
from support.turning_market import GOOD, LEARNT, TURNED

from retrain_trainer.store.open import open_store

ALL = LEARNT + GOOD + TURNED


@pytest.fixture
def model(s3: Any, s3_root: str, tmp_path: Path) -> PromotedModel:
    """Its file has all bars, of which a look judges those that had closed at its time."""
    model = promoted(tmp_path / "run").moved(open_store(s3_root, s3.environ(), 30), s3.environ())
    model.bars(ALL)
    return model


def blocks(model: PromotedModel) -> list[str]:
    """When each judged block begins, as the files have them in order."""
    return [block["first"] for data in model.record().values() for block in json.loads(data)["blocks"]]


def test_several_at_once_write_one_record_and_say_the_same(model: PromotedModel) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.looked, [ALL] * 4))
    assert len(set(map(repr, found))) == 1
    assert blocks(model) == sorted(set(blocks(model)))
    assert len(blocks(model)) == found[0].blocks == (GOOD + TURNED) // 6 - 1


def test_one_that_knows_fewer_bars_beside_one_that_knows_all_leaves_no_hole(model: PromotedModel) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(model.looked, [LEARNT + 60, ALL, LEARNT + 120, ALL]))
    last = model.looked(ALL)
    assert len(blocks(model)) == last.blocks == (GOOD + TURNED) // 6 - 1
    assert blocks(model) == sorted(set(blocks(model)))
    assert not last.late
