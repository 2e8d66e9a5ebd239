"""Promoted models with a life in the store: a run that promoted them, and blocks that were judged since."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from retrain_api.observation.blocks import BlockRule
from retrain_api.observation.record import Block
from retrain_api.time import Question
from retrain_api.wire import timestamp, to_wire
from retrain_trainer.data.columns.timeline import nanoseconds
from retrain_trainer.measure.observed.record_files import Record, append
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.tasks.publish import publish

from .publishing_case import NOW, measured, publish_item, publish_task, put_evaluation

TESTED_UNTIL = "2025-06-24T00:16:00Z"
TIMES = {
    "trainedUntil": "2025-06-10T00:00:00Z",
    "knownUntil": "2025-06-17T00:00:00Z",
    "testedUntil": TESTED_UNTIL,
}
RULE = BlockRule(block_length=60, block_correlation=0.05, block_deviation=0.06)
INTERVALS = {"accuracy": {"90": [0.705, 0.721], "95": [0.702, 0.724], "99": [0.699, 0.727]}}


def promoted(
    store: Store, accuracy: float = 0.712, version: int = 1, rule: BlockRule = RULE, number: int = 1
) -> Pointer:
    """BTC-USD promoted by the run `nightly`, whose gate asks for 68 %."""
    item = publish_item(store, "BTC-USD", measured(accuracy), version=version)
    evaluation = put_evaluation(store, "BTC-USD", "2025-06-24T00:00:00Z", intervals=INTERVALS, **TIMES, **to_wire(rule))
    item = item.model_copy(update={"evaluation": evaluation})
    task = publish_task(store, [item], number=number, publish_key=f"{number:016}", approved_by="gate")
    key = f"runs/{task.run.namespace}/{task.run.name}/{task.run.uid}/{item.evaluate_key}/evaluation.json"
    store.write(key, store.read("runs/BTC-USD/evaluation.json").data)
    publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None)
    pointed = read_pointer(store, "BTC-USD")
    assert pointed
    return pointed.pointer


def blocks(shares: Iterable[float], seed: int = 1) -> list[Block]:
    """A block of 60 bars for each accuracy, give or take what luck does."""
    draw, begin = random.Random(seed), datetime.fromisoformat(TESTED_UNTIL)
    return [
        Block(
            first=timestamp(begin + index * timedelta(hours=1)),
            bars=60,
            right=sum(draw.random() < share for _ in range(60)),
            gaps=(0.1, -0.2),
            pnl=0.0001,
        )
        for index, share in enumerate(shares)
    ]


def judge(store: Store, pointer: Pointer, found: list[Block]) -> Record:
    """Keep these blocks as judged."""
    begin = nanoseconds(TESTED_UNTIL)
    empty = Record(pointer.symbol, pointer.model.sha256, Question.parse("1m", 15, "Drop"), 60, begin)
    return append(store, empty, found)
