"""All that is to be measured on a GPU, in one sitting of eight minutes: measure first, think later.

Each step runs in a process of its own with a time limit, and notes each figure as it comes: whatever hangs, crashes or takes
too long, the rest is measured. After every step the results are written, as JSON and as one table.

    benchmarks/gpu_sitting.sh WHEELS                  # on a machine without a network; the wheels: scripts/gpu_wheels.sh
    python benchmarks/gpu_sitting.py [--only speed,kernels] [--out FOLDER]
    python benchmarks/gpu_sitting.py --device cpu --small    # a try of every line; the figures mean nothing

Results go to --out, or to the folder in $OUT, or to benchmarks/results; they end in benchmarks/gpu/<card>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from gpu.found import Results, cells_of
from gpu.notes import Notes
from gpu.plan import TOTAL, Step, steps_named
from gpu.sitting import Place, sit
from gpu.table import page


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; those without help are for the processes of the steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try every line")
    parser.add_argument("--seconds", type=float, help="for a cell (default: 5, or 0.05 with --small)")
    parser.add_argument("--total", type=float, default=TOTAL, help="seconds in all (default: %(default)s)")
    parser.add_argument("--only", help="names of steps, with commas")
    parser.add_argument("--out", help="folder of the results (default: $OUT, or benchmarks/results)")
    for name in ("--step", "--scratch", "--results"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (0.05 if options.small else 5)
    return options


def one_step(options: argparse.Namespace) -> None:
    """What a step's own process does. torch is loaded here, and not by the process that watches."""
    import torch
    from gpu.step_setup import StepSetup

    if options.small:
        torch.set_num_threads(1)  # threads that wait for one another take longer than such a size
    place = Path(options.scratch or tempfile.gettempdir())
    kept = Path(options.results) if options.results else None
    results = json.loads(kept.read_text()) if kept and kept.exists() else {}
    notes = Notes(Place(place).notes(options.step))
    setup = StepSetup(torch.device(options.device), options.small, options.seconds, notes, results, place)
    if options.step == "companion":
        import_module("gpu.together").accompany(setup)
    else:
        import_module(f"gpu.{options.step}").measure(setup)


def command_of(options: argparse.Namespace, scratch: Path, results: Path, step: Step) -> list[str]:
    """The command of a step's process."""
    command = [sys.executable, __file__, "--step", step.name, "--device", options.device]
    command += ["--seconds", str(options.seconds), "--scratch", str(scratch), "--results", str(results)]
    return command + (["--small"] if options.small else [])


def written(options: argparse.Namespace, folder: Path, kept: Path, results: Results) -> None:
    """The results so far: for the next step, as JSON and as a page; a line of what ended."""
    results["small"] = options.small
    results["card"] = cells_of(results, "machine").get("machine", {}).get("card", "unknown")
    name = results["card"].lower().replace(" ", "-")
    text = json.dumps(results, indent=1)
    kept.write_text(text)
    (folder / f"{name}.json").write_text(text + "\n")
    (folder / f"{name}.md").write_text(page(results))
    last = list(results["steps"].values())[-1]
    failed = [cell["cell"] for cell in last["cells"] if "error" in cell]
    wrong = f"; failed: {', '.join(failed)}" if failed else ""
    print(f"{last['title']}: {last['ended']}, {last['seconds']:.0f} s{wrong}", flush=True)


def measured(options: argparse.Namespace, steps: Sequence[Step]) -> Results:
    """All steps; a try is about the lines, and a busy machine may take its time for them."""
    folder = Path(options.out or os.environ.get("OUT") or Path(__file__).parent / "results")
    folder.mkdir(parents=True, exist_ok=True)
    patience = 10 if options.small else 1
    limited = [replace(step, limit=step.limit * patience) for step in steps]
    with tempfile.TemporaryDirectory(prefix="sitting-") as name:
        scratch = Path(name)
        kept = scratch / "results.json"
        command, tell = partial(command_of, options, scratch, kept), partial(written, options, folder, kept)
        return sit(limited, command, Place(scratch), options.total * patience, tell)


def main() -> int:
    """Sit, and print the page."""
    options = parsed()
    if options.step:
        one_step(options)
        return 0
    try:
        steps = steps_named(options.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    results = measured(options, steps)
    print(page(results))
    ended_well = all(step["ended"] == "done" for step in results["steps"].values())
    return 0 if ended_well else 1


if __name__ == "__main__":
    sys.exit(main())
