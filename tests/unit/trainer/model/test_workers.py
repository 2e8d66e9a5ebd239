"""Threads side by side: answers in order, no more threads than torch has, and torch as it was afterwards."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from retrain_trainer.model.workers import Workers


@pytest.mark.parametrize(("wanted", "threads", "count"), [(5, 2, 2), (1, 8, 1), (0, 4, 1), (3, 8, 3)])
def test_there_are_no_more_than_torch_has(
    wanted: int, threads: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert Workers(wanted).count == count


def test_each_has_its_share_and_torch_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    with Workers(3) as workers:
        list(workers.map(lambda _: time.sleep(0.05), range(6)))
    assert set_to == [2, 2, 2, 2, 8], "the caller's own, the three workers', and the caller's afterwards"


def test_who_waits_for_the_workers_takes_no_more_than_a_share(two_threads: None) -> None:
    """What two threads share waits for both, and another program may have one of the processors."""
    with Workers(2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_answers_come_in_order_from_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)

    def slowest_first(number: int) -> tuple[int, str]:
        time.sleep(0.1 if number == 0 else 0)
        return number, threading.current_thread().name

    with Workers(2) as workers:
        found = list(workers.map(slowest_first, range(4)))
    assert [number for number, _ in found] == [0, 1, 2, 3]
    assert {name.split("_")[0] for _, name in found} == {"worker"}


def test_one_is_the_callers_own() -> None:
    with Workers(1) as workers:
        assert list(workers.map(lambda _: threading.current_thread(), [0])) == [threading.current_thread()]


def test_an_error_reaches_the_caller_and_torch_is_as_it_was() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), Workers(2) as workers:
        list(workers.map(lambda number: 1 // number, [1, 0]))
    assert torch.get_num_threads() == before


def test_after_an_interruption_nothing_more_is_begun(two_threads: None) -> None:
    begun, goes_on = list[int](), threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        goes_on.wait()

    def interrupted() -> None:
        with Workers(2) as workers:
            workers.map(work, range(100))
            threading.Timer(0.1, goes_on.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(begun) <= 4, "of a hundred"
