"""Which processes or pods are meant by who asks for logs."""

from __future__ import annotations

import pytest

from retrain_client.tasks import TaskRun, meant, newest


def task(phase: str, symbol: str, created: int, source: str = "", begun: bool = True) -> TaskRun:
    return TaskRun(phase, (symbol,) if symbol else (), source or f"{phase}-{symbol}-{created}", str(created), begun)


BTC, ETH, BTC_MEASURED = task("train", "BTC-USD", 1), task("train", "ETH-USD", 2), task("evaluate", "BTC-USD", 3)
PUBLISHED = task("publish", "", 4)
TASKS = [BTC, ETH, BTC_MEASURED, PUBLISHED]


@pytest.mark.parametrize(
    ("symbol", "phase", "found"),
    [
        (None, None, [PUBLISHED]),
        ("BTC-USD", None, [BTC_MEASURED]),
        ("ETH-USD", None, [ETH]),
        (None, "train", [BTC, ETH]),
        ("ETH-USD", "train", [ETH]),
        ("ETH-USD", "evaluate", []),
        ("BTC-USD", "publish", []),
        ("XRP-USD", None, []),
    ],
)
def test_without_a_phase_the_newest_one_is_meant(symbol: str | None, phase: str | None, found: list[TaskRun]) -> None:
    assert meant(TASKS, symbol, phase) == found


def test_of_a_task_that_was_tried_again_the_last_try_counts() -> None:
    again = task("train", "BTC-USD", 5)
    assert newest([again, *TASKS]) == [again, ETH, BTC_MEASURED, PUBLISHED]


def test_of_one_second_the_later_phase_is_the_newest() -> None:
    measured = task("evaluate", "ETH-USD", 2)
    assert meant([measured, ETH], "ETH-USD") == [measured]
