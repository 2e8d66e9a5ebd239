"""Six epochs of the reference and of ours: how good, how long, and how long to the reference's best loss."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from training.cases import Case, candles, moved, synthetic
from training_quality import Variant, learn, learn_as_people_do, reached

from retrain_trainer.train.step import StepSettings

from .found import fastest_batch, graph_pays
from .notes import Figures
from .step_setup import PRECISIONS, StepSetup

FILE = Path(__file__).parents[2] / "examples/data/candles_BTC-USD_1m.parquet"
"""51 days of 1-minute candles; it lies in the repository, so it is there wherever a sitting is."""

WINDOWS, EPOCHS = 12_000, 6
Course = list[tuple[float, float]]


def measure(setup: StepSetup) -> None:
    """On candles, where a loss far below 0.693 would be a wonder, and on data whose lowest loss is known."""
    windows, epochs = (200, 1) if setup.small else (WINDOWS, EPOCHS)
    batch, name = fastest_batch(setup.results) or (512, "bfloat16")
    best = variant(batch, name)
    settings = StepSettings(graph=setup.device.type == "cuda" and graph_pays(setup.results, batch))
    for data in ("candles", "synthetic"):
        compare(setup, data, windows, epochs, best, settings)


def variant(batch: int, precision: str) -> Variant:
    """A learning rate that grows with the root of the batch, as `docs/performance.md` has it for 128."""
    return Variant(f"batch {batch}, {precision}", batch, precision, 0.001 * (batch / 32) ** 0.5)


def compare(setup: StepSetup, data: str, windows: int, epochs: int, best: Variant, settings: StepSettings) -> None:
    """The reference, its batch in ours, and the fastest batch; each with the time to the reference's best loss."""
    case = partial(case_of, setup, data, windows)
    people: Course = []

    def taught() -> Figures:
        people.extend(learn_as_people_do(case("float32"), 0, epochs))
        return course(people, people)

    def learnt(one: Variant) -> Figures:
        return course(learn(case(one.precision), one, 0, epochs, settings), people)

    setup.notes.cell(f"{data}, reference", taught)
    for one in (variant(32, "bfloat16"), best):
        setup.notes.cell(f"{data}, {one.name}{', graph' if settings.graph else ''}", partial(learnt, one))


def case_of(setup: StepSetup, data: str, windows: int, precision: str) -> Case:
    """The data on the device."""
    kind = PRECISIONS[precision]
    if data == "synthetic":
        case = synthetic(windows, kind)
    else:
        with tempfile.TemporaryDirectory(dir=setup.scratch) as scratch:
            case = candles(FILE, windows, kind, Path(scratch), symbol="BTC-USD", interval="1m")
    small = replace(case, hidden_size=4, layers=1) if setup.small else case
    return moved(small, setup.device)


def course(found: Course, people: Course) -> Figures:
    """Best loss, time of the whole, and time to the best loss that people reach."""
    figures: Figures = {"best_loss": min(loss for loss, _ in found), "seconds": found[-1][1]}
    if not people:
        return figures
    base, took = (reached(which, min(loss for loss, _ in people)) for which in (people, found))
    return {**figures, "seconds_to_the_reference": took or "not reached"} | ({"ratio": base / took} if took else {})
