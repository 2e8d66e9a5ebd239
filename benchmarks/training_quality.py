"""Does a bigger batch or a lower precision learn as well? Validation loss over paired seeds, and wall time to a result.

The reference is the training of the original plan: batch 32, float32 (a test proves it equal to plain torch). A variant is
non-inferior when its best validation loss, averaged over the seeds, is at most 0.002 nats above the reference's. For the
synthetic data the lowest possible loss is known and shown, so that "equal" does not mean two equal coin tosses.

    python benchmarks/training_quality.py [--candles FILE] [--seeds 5] [--out results.jsonl]

`--out` keeps finished trainings: the same command goes on from there. `--timed` trains one seed with each variant, on all
processors, and prints the wall time to the reference's best validation loss.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from training import reference
from training.cases import Case, candles, synthetic

from retrain_api.spec.training import EarlyStopping, Scheduler, Training
from retrain_trainer.model.network import Architecture
from retrain_trainer.train.learner import new_learner
from retrain_trainer.train.loop import Hooks, State, fit, validate
from retrain_trainer.train.step import StepSettings

MARGIN = 0.002
STUDENT_T = {2: 6.314, 3: 2.920, 4: 2.353, 5: 2.132, 6: 2.015, 8: 1.895, 10: 1.833}
"""95 % quantile of Student's t, by the number of pairs."""


@dataclass(frozen=True)
class Variant:
    """One way of training."""

    name: str
    batch: int
    precision: str
    rate: float = 0.001


VARIANTS = (
    Variant("batch 32, float32 (reference)", 32, "float32"),
    Variant("batch 32, bfloat16", 32, "bfloat16"),
    Variant("batch 128, bfloat16, learning rate x 2", 128, "bfloat16", 0.002),
)
PEOPLE_HAVE = "reference"


def case_of(name: str, options: argparse.Namespace, precision: str) -> Case:
    """The data of that name."""
    kind = getattr(torch, precision)
    if name == "synthetic":
        return synthetic(options.windows, kind)
    with tempfile.TemporaryDirectory(prefix="quality-") as scratch:
        return candles(Path(options.candles), options.windows, kind, Path(scratch))


def training_of(variant: Variant, seed: int, epochs: int) -> Training:
    """One whole period of the cosine, so that the learning rate of each variant has fallen to its lowest at the end."""
    return Training(
        epochs=epochs,
        batch_size=variant.batch,
        learning_rate=variant.rate,
        seed=seed,
        scheduler=Scheduler(t0=epochs),
        early_stopping=EarlyStopping(patience=0),
    )


def shape(case: Case) -> Architecture:
    """The plan's network for that many features."""
    return Architecture(case.training_data.features.shape[1], case.hidden_size, case.layers, 0.35, True)


def learn(
    case: Case, variant: Variant, seed: int, epochs: int, settings: StepSettings | None = None
) -> list[tuple[float, float]]:
    """Validation loss after each epoch, and the seconds until then."""
    how, device, found = training_of(variant, seed, epochs), case.training_data.device, []
    began = time.perf_counter()

    def told(state: State) -> None:
        found.append((state.epochs[-1].validation_loss, time.perf_counter() - began))

    fit(new_learner(shape(case), how, device), case.training_data, how, State(), Hooks(epoch=told), settings)
    return found


def learn_as_people_do(case: Case, seed: int, epochs: int) -> list[tuple[float, float]]:
    """The same with the reference's loop; validated as ours is, which favours it: one window at a time takes minutes."""
    what, how, device = case.training_data, training_of(VARIANTS[0], seed, epochs), case.training_data.device
    features, targets, ends = what.features.cpu(), what.targets.cpu(), torch.from_numpy(what.train_ends)
    windows = reference.Windows(features, targets, ends, what.lookback)
    learner = new_learner(shape(case), how, device)
    network = learner.network
    optimiser = torch.optim.Adam(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, epochs, 2, 1e-6)
    found, began = [], time.perf_counter()
    for epoch in range(epochs):
        for _ in reference.train(network, windows, what.weight, epoch, device, optimiser):
            pass
        schedule.step()
        reached = validate(network, what, epoch + 1, 0.0, 0.0, lambda: False)
        assert reached is not None
        found.append((reached.validation_loss, time.perf_counter() - began))
    return found


def one(options: argparse.Namespace) -> dict[str, Any]:
    """One training of the study, in this process."""
    variant = VARIANTS[options.variant]
    case = case_of(options.data, options, variant.precision)
    found = learn(case, variant, options.seed, options.epochs)
    return {
        "data": options.data, "variant": variant.name, "seed": options.seed, "bayes": case.bayes_loss,
        "trained": len(case.training_data.train_ends), "validated": len(case.training_data.validation_ends), "losses": [loss for loss, _ in found],
    }  # fmt: skip


def study(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs the trainings that are not done yet, as many side by side as there are processors, with one thread each."""
    out = Path(options.out)
    kept = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    there = {(entry["data"], entry["variant"], entry["seed"]) for entry in kept}
    wanted = [
        (data, index, seed)
        for seed in range(options.seeds)
        for data in data_of(options)
        for index, variant in enumerate(VARIANTS)
        if (data, variant.name, seed) not in there
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool, out.open("a") as file:
        for line in pool.map(lambda what: elsewhere(options, *what), wanted):
            file.write(line)
            file.flush()
            kept.append(json.loads(line))
    return kept


def data_of(options: argparse.Namespace) -> list[str]:
    """The names of the data."""
    return ["synthetic"] + (["candles"] if options.candles else [])


def elsewhere(options: argparse.Namespace, data: str, variant: int, seed: int) -> str:
    """One training in a process with one thread; its JSON line."""
    command = [sys.executable, __file__, "--data", data, "--variant", str(variant), "--seed", str(seed)]
    command += ["--windows", str(options.windows), "--epochs", str(options.epochs)]
    command += ["--candles", options.candles] if options.candles else []
    return subprocess.check_output(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True)


def report(kept: list[dict[str, Any]]) -> None:
    """Prints, for each data set and variant, the best loss and its paired difference from the reference's."""
    for data in sorted({entry["data"] for entry in kept}):
        entries = [entry for entry in kept if entry["data"] == data]
        first = entries[0]
        bayes = f"; lowest possible {first['bayes']:.4f}" if first["bayes"] is not None else ""
        print(f"\n{data}: {first['trained']:,} windows trained, {first['validated']:,} validated{bayes}")
        print(f"{'variant':42s} best loss   difference    95 % bound   non-inferior")
        reference_losses = best(entries, VARIANTS[0])
        for variant in VARIANTS:
            compare(variant, best(entries, variant), reference_losses)


def best(entries: Iterable[dict[str, Any]], variant: Variant) -> dict[int, float]:
    """The best validation loss by seed."""
    return {entry["seed"]: min(entry["losses"]) for entry in entries if entry["variant"] == variant.name}


def compare(variant: Variant, found: dict[int, float], expected: dict[int, float]) -> None:
    """One line of the table."""
    pairs = [found[seed] - expected[seed] for seed in found if seed in expected]
    if not pairs:
        return
    mean, spread = statistics.mean(pairs), statistics.stdev(pairs) if len(pairs) > 1 else 0.0
    bound = mean + STUDENT_T.get(len(pairs), 2.132) * spread / len(pairs) ** 0.5
    verdict = "-" if variant is VARIANTS[0] else "yes" if mean <= MARGIN else "no"
    print(f"{variant.name:42s} {statistics.mean(found.values()):9.4f}   {mean:+9.4f}   {bound:+9.4f}      {verdict}")


def timed(options: argparse.Namespace) -> None:
    """Prints the wall time to the reference's best validation loss, with all processors and one seed."""
    for data in data_of(options):
        case = case_of(data, options, "float32")
        people = learn_as_people_do(case, 0, options.epochs)
        goal = min(loss for loss, _ in people)
        base = reached(people, goal)
        print(f"\n{data}: seconds to the validation loss {goal:.4f}\n{PEOPLE_HAVE:42s} {base:7.1f}    1.00", flush=True)
        for variant in VARIANTS:
            found = learn(case_of(data, options, variant.precision), variant, 0, options.epochs)
            took = reached(found, goal)
            said = (
                f"{took:7.1f}   {base / took:5.2f}"
                if took
                else f"   not reached ({min(loss for loss, _ in found):.4f})"
            )
            print(
                f"{variant.name:42s} {said}   whole training {found[-1][1]:6.1f} s, {people[-1][1] / found[-1][1]:.2f} x",
                flush=True,
            )


def reached(found: list[tuple[float, float]], goal: float) -> float:
    """Seconds until the loss was at most MARGIN above `goal`; 0 if it never was."""
    return next((seconds for loss, seconds in found if loss <= goal + MARGIN), 0.0)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--candles", help="a candle file of 5-minute bars that can be predicted, such as those of a pegged pair"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--out", default="training_quality.jsonl")
    parser.add_argument("--timed", action="store_true")
    parser.add_argument("--data", help=argparse.SUPPRESS)
    parser.add_argument("--variant", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data:
        print(json.dumps(one(options)))
    elif options.timed:
        timed(options)
    else:
        report(study(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
