"""The alert rules, tried by Prometheus' own promtool: they can be read, fire when they should, and are quiet otherwise."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "manifests" / "overlays" / "prometheus" / "rules.yaml"
CASES = ROOT / "tests" / "support" / "alerts.yaml"


@pytest.fixture
def folder(tmp_path: Path, require: Callable[[object, str], None]) -> Path:
    require(shutil.which("promtool"), "no promtool here (prometheus on Debian)")
    rules = yaml.safe_load(RULES.read_text())["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    return tmp_path


def promtool(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_them(folder: Path) -> None:
    promtool(folder, "check", "rules", "--lint-fatal", "rules.yaml")


def test_they_fire_when_they_should(folder: Path) -> None:
    shutil.copy(CASES, folder / "cases.yaml")
    promtool(folder, "test", "rules", "cases.yaml")
