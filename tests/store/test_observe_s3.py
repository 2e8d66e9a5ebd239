"""Looks at a promoted model in a real S3 server: killed at their write, and several at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from support.local_run import until
from support.promoted_model import PromotedModel, promoted
from support.training_case import TrainingSetup, end, start
from support.turning_market import GOOD, LEARNT, TURNED

from retrain_api.documents.encoding import decode_message
from retrain_api.documents.results import ObserveResult
from retrain_trainer.store.open import open_store

Stalled = Callable[..., AbstractContextManager[Any]]
ALL = LEARNT + GOOD + TURNED
PLAIN = {"AWS_SESSION_TOKEN": "", "RETRAIN_DATA_AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture
def model(s3: Any, s3_root: str, tmp_path: Path) -> PromotedModel:
    """Its file has all bars, of which a look judges those that had closed at its time."""
    model = promoted(tmp_path / "run").moved(open_store(s3_root, s3.environ(), 30), s3.environ())
    model.bars(ALL)
    return model


def blocks(model: PromotedModel) -> list[str]:
    """When each judged block begins, as the files have them in order."""
    return [block["first"] for data in model.record().values() for block in json.loads(data)["blocks"]]


def test_a_look_that_is_killed_at_its_write_is_made_by_the_next(
    model: PromotedModel, s3: Any, proxy: Any, stalled: Stalled, tmp_path: Path
) -> None:
    setup, environ = TrainingSetup(tmp_path / "setup"), {**s3.environ(endpoint=proxy.endpoint), **PLAIN}
    task = model.task(LEARNT + GOOD)
    with stalled("PUT", "observed/") as stall:
        process = start(setup, task, "observe", **environ)
        until(lambda: stall.reached.is_set() or process.poll() is not None, "it writes")
        process.kill()
        process.communicate()
    assert stall.reached.is_set() and model.record() == {}
    ended = end(setup, start(setup, task, "observe", **environ))
    found = decode_message(ended.message)
    assert ended.code == 0 and isinstance(found, ObserveResult), ended.everything
    (looked,) = found.symbols
    assert looked.blocks == len(blocks(model)) == GOOD // 6
    again = model.looked(LEARNT + GOOD)
    assert (again.blocks, again.bars, again.right, again.late) == (looked.blocks, looked.bars, looked.right, 0)


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
