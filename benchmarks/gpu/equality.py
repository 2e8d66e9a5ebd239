"""The tests of tests/unit that want a GPU, file by file."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from .notes import Figures
from .step_setup import StepSetup

ROOT = Path(__file__).parents[2]


def measure(setup: StepSetup) -> None:
    """A cell for each file. On a CPU one test runs, to try this step itself."""
    chosen = ["-k", "gradients"] if setup.device.type == "cpu" else ["-m", "gpu"]
    for file in wanting_a_gpu()[-1 if setup.small else 0 :]:
        setup.notes.cell(file.name, partial(tried, file, chosen, setup.scratch / f"{file.stem}.xml"))


def wanting_a_gpu() -> list[Path]:
    """Files with a test that is marked so. All others are left alone: collecting them would load what is missing there."""
    return [path for path in sorted((ROOT / "tests/unit").rglob("test_*.py")) if "pytest.mark.gpu" in path.read_text()]


def tried(file: Path, chosen: list[str], report: Path) -> Figures:
    """How many passed, and which did not. A warning of another torch is shown and fails nothing."""
    # The project's own options ask for plugins that the machine may lack.
    plain = ["-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider", "-W", "default"]
    command = [sys.executable, "-m", "pytest", str(file), *chosen, *plain, "--junitxml", str(report), "-q"]
    ended = subprocess.run(command, cwd=ROOT, check=False)
    if not report.exists():
        raise RuntimeError(f"pytest ended with {ended.returncode} before any test")
    return counted(ElementTree.parse(report).getroot())


def counted(report: ElementTree.Element) -> Figures:
    """The figures of a report in JUnit's form."""
    cases = list(report.iter("testcase"))
    bad = [(case, sign) for case in cases for sign in case if sign.tag in ("failure", "error")]
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    failures = [f"{case.get('name')}: {(sign.get('message') or '').splitlines()[:1]}"[:300] for case, sign in bad]
    return {"passed": len(cases) - len(bad) - skipped, "failed": len(bad), "skipped": skipped} | (
        {"failures": failures} if failures else {}
    )
