"""A sitting at a GPU must not fail for a typo: every line of it runs here on a CPU, with sizes whose figures mean nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.autograd import DeviceType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
IN_PROCESSES_OF_THEIR_OWN = ("equality", "together", "stopping")
Load = Callable[[str], Any]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """A module of the sitting, as its program sees it; tiny networks are faster with one thread."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda name: import_module(f"gpu.{name}")
    torch.set_num_threads(threads)


def setup(load: Load, folder: Path, results: dict[str, Any] | None = None) -> Any:
    notes = load("notes").Notes(folder / "cells.jsonl")
    return load("step_setup").StepSetup(torch.device("cpu"), True, 0.02, notes, results or {}, folder)


def cells(load: Load, folder: Path) -> dict[str, dict[str, Any]]:
    return {cell["cell"]: cell for cell in load("notes").cells_in(folder / "cells.jsonl")}


def sitting(*options: str, out: Path) -> subprocess.CompletedProcess[str]:
    """The program itself."""
    command = [sys.executable, str(BENCHMARKS / "gpu_sitting.py"), "--device", "cpu", "--small", "--out", str(out)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *options], env=environ, capture_output=True, text=True, check=False)


@pytest.mark.filterwarnings("default")  # torch.compile warns of itself, and on a GPU no warning ends a step
@pytest.mark.parametrize("name", ["machine", "speed", "variants", "candles", "memory", "kernels", "quality"])
def test_every_cell_of_a_step_can_be_measured(name: str, load: Load, tmp_path: Path) -> None:
    load(name).measure(setup(load, tmp_path))
    found = cells(load, tmp_path)
    assert found
    assert {cell: figures["error"] for cell, figures in found.items() if "error" in figures} == {}


def test_steps_with_processes_of_their_own_can_be_measured_too(tmp_path: Path) -> None:
    ended = sitting("--only", ",".join(IN_PROCESSES_OF_THEIR_OWN), out=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (file,) = tmp_path.glob("*.json")
    steps = json.loads(file.read_text())["steps"]
    assert tuple(steps) == IN_PROCESSES_OF_THEIR_OWN
    assert [cell for step in steps.values() for cell in step["cells"] if "error" in cell] == []
    assert steps["equality"]["cells"][0]["failed"] == 0
    assert file.with_suffix(".md").read_text() in ended.stdout


def test_no_step_is_forgotten(load: Load) -> None:
    tried = {"machine", "speed", "variants", "candles", "memory", "kernels", "quality", *IN_PROCESSES_OF_THEIR_OWN}
    assert {step.name for step in load("plan").STEPS} == tried


def test_a_step_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = sitting("--only", "speed,sped", out=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("There is no step sped; there are machine, equality, ")


SLEEP = "import time; time.sleep(600)"
CRASH = "import os; os.abort()"
NOTE = """
import sys
print("heard")
with open(sys.argv[1], "a") as file:
    file.write('{"cell": "a", "x": 1}' + chr(10) + '{"cel')
"""


def test_a_step_that_crashes_or_hangs_takes_no_other_with_it(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, module = load("plan"), load("sitting")
    monkeypatch.setattr(module, "WORTH_BEGINNING", 0)
    code = {"crashes": CRASH, "hangs": NOTE + SLEEP, "works": NOTE}
    steps = [plan.Step(name, name, 3 if name == "hangs" else 60) for name in code]
    place, told = module.Place(tmp_path), []

    def command(step: Any) -> list[str]:
        return [sys.executable, "-c", code[step.name], str(place.notes(step.name))]

    results = module.sit(steps, command, place, 600, lambda found: told.append(len(found["steps"])))
    found = results["steps"]
    assert told == [1, 2, 3]
    assert found["crashes"]["ended"].startswith("failed with exit code")
    assert found["hangs"]["ended"] == "ended after its 3 s"
    assert found["works"]["ended"] == "done"
    assert found["hangs"]["cells"] == found["works"]["cells"] == [{"cell": "a", "x": 1}]
    assert found["works"]["said"] == "heard\n"


def test_when_the_sitting_is_over_no_step_begins(load: Load, tmp_path: Path) -> None:
    plan, module = load("plan"), load("sitting")
    step, place = plan.Step("late", "Late", 60), module.Place(tmp_path)
    found = module.sit([step], lambda _: ["/does/not/exist"], place, 1, lambda _: None)
    assert found["steps"]["late"]["ended"] == "no time was left for it"


def test_a_cell_that_fails_says_why_and_the_next_is_measured(load: Load, tmp_path: Path) -> None:
    notes = load("notes").Notes(tmp_path / "cells.jsonl")

    def out_of_memory() -> dict[str, Any]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmany more lines")

    assert notes.cell("big", out_of_memory) == {}
    assert notes.cell("small", lambda: {"x": 1.5}) == {"x": 1.5}
    notes.write("killed", {"error": "it was not finished"})
    assert cells(load, tmp_path) == {
        "big": {"cell": "big", "error": "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"},
        "small": {"cell": "small", "x": 1.5},
        "killed": {"cell": "killed", "error": "it was not finished"},
    }


def results_of(**steps: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Results with these cells."""
    return {
        "steps": {
            name: {
                "title": name,
                "ended": "done",
                "seconds": 1.0,
                "cells": [{"cell": cell, **figures} for cell, figures in found.items()],
            }
            for name, found in steps.items()
        }
    }


MEASURED = results_of(
    speed={
        "training, reference": {"windows_per_second": 1000.0},
        "training, batch 32, bfloat16": {"windows_per_second": 2000.0, "ratio": 2.0},
        "training, batch 512, bfloat16": {"windows_per_second": 14000.0, "ratio": 14.0},
        "training, batch 2048, float32": {"windows_per_second": 20000.0, "ratio": 20.0},
        "evaluation, as the trainer does it": {"windows_per_second": 9000.0, "ratio": 60.0},
    },
    variants={
        "batch 32, plain": {"windows_per_second": 2000.0},
        "batch 32, graph": {"windows_per_second": 3500.0},
        "batch 512, plain": {"windows_per_second": 14000.0},
        "batch 512, graph": {"windows_per_second": 13000.0},
    },
    together={
        "batch 32, plain": {"one_after_the_other": 2000.0, "three_processes": 4000.0, "three_streams": 2100.0},
        "batch 32, graph": {"one_after_the_other": 3500.0, "three_processes": 7000.0, "three_streams": 10500.0},
    },
    kernels={"batch 512, plain": {"idle_percent": 12.0}, "batch 512, graph": {"idle_percent": 4.0}},
    quality={
        "batch 512, bfloat16": {"batch": 512, "non_inferior": True},
        "batch 2048, bfloat16": {"batch": 2048, "non_inferior": False},
    },
)


def test_goals_are_read_off_the_figures(load: Load) -> None:
    """The biggest batch counts only where it learnt as well, and a step in the better of its ways."""
    assert [found for _, _, found in load("found").goals(MEASURED)] == [3.5, 14.0, 60.0, 3.0, 4.0]


def test_what_was_not_measured_is_called_so(load: Load) -> None:
    assert [found for _, _, found in load("found").goals({"steps": {}})] == [None] * 5
    assert "not measured" in load("table").page({"steps": {}})


def test_later_steps_use_what_the_earlier_ones_found(load: Load) -> None:
    found = load("found")
    assert found.fastest_batch(MEASURED) == (2048, "float32")
    assert found.fastest_batch({}) is None
    assert found.graph_pays(MEASURED, 32)
    assert not found.graph_pays(MEASURED, 2048)
    assert not found.graph_pays({}, 32)


def test_the_table_has_every_figure_and_every_error(load: Load) -> None:
    shown = load("table").page(
        results_of(one={"a cell": {"rate": 12345.6, "names": ["x", "y"]}, "b": {"error": "no | reason"}})
    )
    assert "| | a cell | rate 12,346; names x, y |" in shown
    assert "| | b | error no / reason |" in shown


def test_idle_is_the_time_in_which_nothing_runs(load: Load) -> None:
    kernels = load("kernels")
    assert kernels.busy([(0, 2), (1, 3), (6, 10), (7, 8)]) == 7
    assert kernels.span([(6, 10), (0, 2)]) == 10
    assert kernels.longest([("a", 1), ("b", 5), ("a", 2)]) == ["62.5 % b", "37.5 % a"]


def event(name: str, start: float, end: float, kind: Any, annotation: bool = False) -> SimpleNamespace:
    """As torch's profiler tells it, in microseconds."""
    time = SimpleNamespace(start=start, end=end, elapsed_us=lambda: end - start)
    return SimpleNamespace(name=name, device_type=kind, time_range=time, is_user_annotation=annotation)


def test_launches_and_idle_time_are_those_of_a_step(load: Load) -> None:
    """Of two steps of 5 ms each, 2 ms a step are filled; an annotation fills nothing."""
    gpu, cpu = DeviceType.CUDA, DeviceType.CPU
    events = [
        *(event("cudaLaunchKernel", start, start + 5, cpu) for start in range(6)),
        event("cudaMemcpyAsync", 9, 10, cpu),
        event("gemm", 0, 3000, gpu),
        event("copy", 5000, 6000, gpu),
        event("Optimizer.step", 0, 8000, gpu, annotation=True),
    ]
    found = load("kernels").figures_of(events, gpu, 2, 5.0)
    assert (found["launches_a_step"], found["copies_a_step"], found["kernels_a_step"]) == (3, 0.5, 1)
    assert (found["busy_ms"], found["idle_percent"]) == (2, 60)
    assert found["longest"] == ["75.0 % gemm", "25.0 % copy"]


def test_a_profiler_that_sees_nothing_is_told_of(load: Load) -> None:
    with pytest.raises(RuntimeError, match="saw no kernel"):
        load("kernels").figures_of([], DeviceType.CUDA, 2, 5.0)


def test_a_batch_is_judged_by_five_seeds_and_no_fewer(load: Load) -> None:
    verdict = load("quality").verdict
    assert verdict([0.001] * 5, 5)["non_inferior"] is True
    assert verdict([0.003] * 5, 5)["non_inferior"] is False
    assert verdict([0.001] * 4, 5)["non_inferior"] == "too few seeds"


def test_the_script_installs_what_is_missing_and_passes_options_on(tmp_path: Path) -> None:
    """Here nothing is missing: a wheel of a name that is installed is left alone, whatever it holds."""
    (tmp_path / "pydantic-1.0-py3-none-any.whl").touch()
    command = ["bash", str(BENCHMARKS / "gpu_sitting.sh"), str(tmp_path), "--only", "machine", "--device", "cpu"]
    environ = {**os.environ, "PYTHON": sys.executable, "OUT": str(tmp_path / "out")}
    ended = subprocess.run([*command, "--small"], env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cpu.json", "cpu.md"]


def test_without_wheels_the_script_says_how_to_get_them(tmp_path: Path) -> None:
    command = ["bash", str(BENCHMARKS / "gpu_sitting.sh"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "scripts/gpu_wheels.sh" in ended.stderr
