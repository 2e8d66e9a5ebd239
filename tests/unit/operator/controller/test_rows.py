"""What `kubectl get retrainruns -w` prints: each row says something new, and a training's says how far it is."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.planning import Cluster
from support.watched_run import Pace, WatchedRun, row

from retrain_api.status.progress import Progress
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.symbol import SymbolState, SymbolStatus
from retrain_api.wire import to_wire
from retrain_operator.controller.reconcile import minor
from retrain_operator.decide.run.columns import columns

COPIES = [{"name": "vault", "uri": "s3://vault/models/"}]
FAST = Pace(pull=0, apart=0, epoch=1, epochs=2, evaluation=1, report=1)


def lived(pace: Pace, **spec: Any) -> WatchedRun:
    run = WatchedRun(pace, spec)
    run.live()
    return run


PACES: dict[str, tuple[Pace, dict[str, Any]]] = {
    "an image that is there already": (Pace(), {}),
    "an image that is pulled": (Pace(pull=30, epoch=30, epochs=3), {}),
    "one after the other": (Pace(pull=12, epochs=2), {"parallelism": 1}),
    "a person approves": (Pace(), {"promotion": {"policy": "Manual"}}),
    "copies": (Pace(pull=30, epochs=2), {"backups": COPIES}),
    "no epoch is ever known": (Pace(epochs=1, epoch=90), {}),
}


@pytest.mark.parametrize(("pace", "spec"), PACES.values(), ids=PACES.keys())
def test_no_row_is_printed_twice(pace: Pace, spec: dict[str, Any]) -> None:
    rows = lived(pace, **spec).rows
    assert len(set(rows)) == len(rows), rows


SECONDS = st.integers(0, 25)


@settings(max_examples=10, deadline=None)
@given(
    st.builds(
        Pace,
        pull=SECONDS,
        apart=SECONDS,
        epoch=st.integers(1, 25),
        evaluation=SECONDS,
        report=SECONDS,
        epochs=st.just(3),
    ),
    st.sampled_from([{}, {"parallelism": 1}, {"parallelism": 2}, {"backups": COPIES}]),
)
def test_whatever_the_pace_no_row_is_printed_twice(pace: Pace, spec: dict[str, Any]) -> None:
    run = lived(pace, **spec)
    assert len(set(run.rows)) == len(run.rows), run.rows
    assert run.writes == len(run.rows) - 1, "one for each row but that of the creation"


WAITS = {
    "a queue": Pace(queue=12, epochs=2),
    "no room": Pace(room=12, epochs=2),
    "both": Pace(queue=30, room=40, apart=5, epochs=2),
}


@pytest.mark.parametrize("pace", WAITS.values(), ids=WAITS.keys())
def test_while_it_waits_no_row_follows_its_like(pace: Pace) -> None:
    """The symbols begin to wait one after the other, for the same reason."""
    run = lived(pace)
    assert all(before != after for before, after in itertools.pairwise(run.rows)), run.rows
    words = {word for cells in run.rows if cells[0] == "Queued" for word in cells[2].split()}
    assert words & {"JobSuspended", "Unschedulable"} and "3" in words


def test_a_fast_run_is_five_writes() -> None:
    assert [cells[0] for cells in lived(FAST).rows] == [
        "",
        "Queued",
        "Training",
        "Evaluating",
        "Publishing",
        "Promoted",
    ]


def test_a_training_shows_its_epochs() -> None:
    shown = [cells[2] for cells in lived(Pace(epoch=20, epochs=4), symbols=["BTC-USD"]).rows if cells[0] == "Training"]
    assert shown == ["0/4", "1/4", "2/4", "3/4", "4/4"]


def test_what_no_column_shows_comes_with_the_next_row() -> None:
    """The third training starts while nothing else is worth a write; all of it is in the status of the next one."""
    run = lived(Pace())
    (status,) = (status for status in run.statuses if status.progress == "1,1,1/5")
    assert [one.state for one in status.symbols] == ["Training"] * 3
    assert status.message == "0 of 3 symbols trained, 3 training."


def test_what_takes_long_is_told_although_no_column_shows_it() -> None:
    told = [
        status
        for status in lived(Pace(pull=615, epochs=1), symbols=["BTC-USD"]).statuses
        if status.state == "Evaluating"
    ]
    assert [one.symbol("BTC-USD").reason for one in told] == [None, "ContainerCreating"]


def entry(number: int, state: SymbolState, epoch: int | None = None, reason: str | None = None) -> SymbolStatus:
    progress = None if epoch is None else Progress(epoch=epoch, epochs=50)
    return SymbolStatus(symbol=f"S{number}", state=state, progress=progress, reason=reason)


EPOCHS: list[tuple[list[int | None], str]] = [
    ([], ""),
    ([None], "0/50"),
    ([34], "34/50"),
    ([34, None, 28], "34,0,28/50"),
    ([34, 34, 34, 34], "34,34,34,34/50"),
    ([34, 28, 30, None, 31], "5 at 0-34/50"),
    ([34] * 64, "64 at 34/50"),
]


@pytest.mark.parametrize(("epochs", "shown"), EPOCHS)
def test_the_epochs_of_a_few_are_shown_one_by_one_and_those_of_many_as_a_range(
    epochs: list[int | None], shown: str
) -> None:
    symbols = [entry(number, "Training", epoch) for number, epoch in enumerate(epochs)]
    idle = (entry(90, "Trained"), entry(91, "Queued", 3))
    status = RetrainRunStatus(state="Training", symbols=(*symbols, *idle))
    assert columns(status, "Training", False, 50)["progress"] == (shown or None)


@pytest.mark.parametrize(
    ("state", "reason", "delivers", "shown"),
    [
        ("Queued", "PodPending", False, ""),
        ("Queued", "ContainerCreating", False, "ContainerCreating"),
        ("Queued", "Unschedulable", False, "Unschedulable"),
        ("Evaluating", "Evaluating", False, ""),
        ("Evaluating", "ContainerCreating", False, ""),
        ("Evaluating", "ImagePullBackOff", False, "ImagePullBackOff"),
        ("Publishing", "Publishing", False, ""),
        ("Publishing", "Delivering", True, "Delivering"),
        ("Publishing", "ContainerCreating", True, "Delivering"),
        ("AwaitingApproval", "AwaitingApproval", True, ""),
        ("Promoted", "Promoted", True, ""),
        ("Failed", "AllFailed", False, ""),
    ],
)
def test_a_run_that_is_held_up_shows_why(state: Any, reason: str, delivers: bool, shown: str) -> None:
    assert columns(RetrainRunStatus(state=state), reason, delivers, 50)["progress"] == (shown or None)


def test_the_first_symbol_that_is_held_up_says_why_a_run_is_queued() -> None:
    symbols = (entry(1, "Queued", reason="ContainerCreating"), entry(2, "Queued", reason="Unschedulable"))
    status = RetrainRunStatus(state="Queued", symbols=symbols)
    assert columns(status, "ContainerCreating", False, 50)["progress"] == "Unschedulable"
    another = status.model_copy(update={"symbols": (*symbols, entry(3, "Queued", reason="Unschedulable"))})
    assert columns(another, "ContainerCreating", False, 50)["progress"] == "2 Unschedulable"


@pytest.mark.parametrize(
    ("before", "after", "small"),
    [
        ((None, None), (None, "Unschedulable"), False),
        (("Unschedulable", None), ("Unschedulable", "Unschedulable"), True),
        (("Unschedulable", None), ("Unschedulable", "QuotaExceeded"), False),
        (("Unschedulable", "Unschedulable"), (None, "Unschedulable"), True),
        ((None, None), ("ContainerCreating", None), True),
    ],
)
def test_a_reason_that_holds_a_symbol_up_is_told_at_once_where_none_was_held_up_for_it(
    before: tuple[str | None, ...], after: tuple[str | None, ...], small: bool
) -> None:
    one, other = (
        RetrainRunStatus(symbols=tuple(entry(number, "Queued", reason=why) for number, why in enumerate(reasons)))
        for reasons in (before, after)
    )
    assert minor(one, other) is small


def test_a_training_that_is_held_up_altogether_shows_why() -> None:
    symbols = (entry(1, "Trained"), entry(2, "Queued", reason="Unschedulable"))
    status = RetrainRunStatus(state="Training", symbols=symbols)
    assert columns(status, "Training", False, 50)["progress"] == "Unschedulable"


def test_the_columns_are_those_that_kubectl_prints() -> None:
    cluster = Cluster.of()
    for _ in range(3):
        status = cluster.settle().status
        assert status.columns == row({"status": to_wire(status)})
        cluster.finish_all()
