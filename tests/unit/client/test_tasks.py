"""Which processes or pods are meant by who asks for logs."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import run_document

from retrain_api.run import parse_run
from retrain_api.status.run import PromotedModel
from retrain_client.tasks import TaskRun, meant, newest, symbols_of
from retrain_operator.manifests.jobs import manifest
from retrain_operator.manifests.pods import Task
from retrain_operator.manifests.tasks import notify_task, observe_task, preflight_task, train_task


def task(phase: str, symbol: str, created: int, source: str = "", begun: bool = True) -> TaskRun:
    return TaskRun(phase, (symbol,) if symbol else (), source or f"{phase}-{symbol}-{created}", str(created), begun)


def pod_of(task: Task) -> dict[str, Any]:
    run = parse_run(run_document())
    found: dict[str, Any] = manifest(run, task, "key", "image")["spec"]["template"]["spec"]
    return found


def test_the_task_in_a_pod_says_whose_it_is() -> None:
    run = parse_run(run_document(symbols=[f"S{n}" for n in range(10)]))
    looked = pod_of(preflight_task(run, run.spec.symbols, "key"))
    assert symbols_of(pod_of(train_task(run, "S3")), 0) == ("S3",)
    assert symbols_of(looked, 0) == tuple(f"S{n}" for n in range(8))
    assert symbols_of(looked, 1) == ("S8", "S9")
    models = [PromotedModel(symbol=symbol, uri="s3://bucket/a.pt") for symbol in run.spec.symbols]
    observed = pod_of(observe_task(run, models, "key", "2026-11-28T03:00:00Z"))
    assert [symbols_of(observed, index) for index in (0, 1)] == [tuple(f"S{n}" for n in range(8)), ("S8", "S9")]
    assert symbols_of(pod_of(notify_task(run, "ops", "3-Promoted", "Promoted", "1 of 1 pass.", {})), 0) == ()
    assert symbols_of({"containers": [{"name": "istio-proxy"}, {"name": "trainer", "env": []}]}, 0) == ()


@pytest.mark.parametrize(
    ("symbols", "label"),
    [(("BTC-USD",), "BTC-USD"), ((), "publish"), (("BTC-USD", "ETH-USD", "SOL-USD"), "BTC-USD and 2 more")],
)
def test_a_line_names_its_symbol_or_its_phase(symbols: tuple[str, ...], label: str) -> None:
    assert TaskRun("publish", symbols, "pod", "now", True).label == label


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
