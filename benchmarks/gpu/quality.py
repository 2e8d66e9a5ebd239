"""The rule of `docs/performance.md` for bigger batches: at most 0.002 nats above batch 32 in float32, in the mean of five seeds."""

from __future__ import annotations

import statistics
from functools import partial

from training_quality import MARGIN, STUDENT_T, Variant, learn

from retrain_trainer.train.step import StepSettings

from .candles import case_of, variant
from .found import graph_pays
from .notes import Figures
from .step_setup import StepSetup

SEEDS, WINDOWS, EPOCHS = 5, 8_000, 6


def measure(setup: StepSetup) -> None:
    """Seed by seed, so that whatever time there is gives pairs; the verdict on a batch is renewed after each.

    On synthetic data, whose lowest loss is known: on the candles all would be equal coin tosses.
    """
    seeds, windows, epochs = (2, 60, 1) if setup.small else (SEEDS, WINDOWS, EPOCHS)
    first = variant(setup.batches[0], "float32")
    variants = [variant(batch, "bfloat16") for batch in setup.batches]
    pairs: dict[str, list[float]] = {one.name: [] for one in variants}
    for seed in range(seeds):
        base = best_loss(setup, first, seed, windows, epochs)
        for one in variants:
            setup.notes.cell(
                one.name,
                partial(judged_anew, setup, one, seed, windows, epochs, base, pairs[one.name]),
            )


def best_loss(setup: StepSetup, one: Variant, seed: int, windows: int, epochs: int) -> float:
    """Of a training of the synthetic data."""
    settings = StepSettings(graph=setup.device.type == "cuda" and graph_pays(setup.results, one.batch))
    case = case_of(setup, "synthetic", windows, one.precision)
    return min(loss for loss, _ in learn(case, one, seed, epochs, settings))


def judged_anew(
    setup: StepSetup, one: Variant, seed: int, windows: int, epochs: int, base: float, pairs: list[float]
) -> Figures:
    """One seed more, and what all of them say now."""
    pairs.append(best_loss(setup, one, seed, windows, epochs) - base)
    return {"batch": one.batch, **verdict(pairs, SEEDS)}


def verdict(pairs: list[float], wanted: int) -> Figures:
    """Mean difference and its 95 % bound; a verdict only with as many seeds as the rule asks for."""
    mean = statistics.mean(pairs)
    spread = statistics.stdev(pairs) if len(pairs) > 1 else 0.0
    figures: Figures = {"seeds": len(pairs), "above_the_reference": mean}
    if len(pairs) > 1:
        figures = {**figures, "bound": mean + STUDENT_T.get(len(pairs), 2.132) * spread / len(pairs) ** 0.5}
    return {**figures, "non_inferior": mean <= MARGIN if len(pairs) >= wanted else "too few seeds"}
