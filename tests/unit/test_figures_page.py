"""docs/figures.md is enough: a program that follows it, and nothing of the project, finds every figure of a real run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.measured_run import MeasuredRun

from retrain_trainer.measure.tries.luck import over_all_tries

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "support" / "by_the_page.py"
ALLOWED = {"json", "math", "pickle", "sys", "zipfile", "pathlib", "statistics", "numpy", "pandas", "scipy", "sklearn"}
SPEC = {
    "label": {"horizonBars": 3, "ties": "Drop"},
    "split": {"validationPercent": 15, "testPercent": 25},
    "model": {"lookbackBars": 10, "hiddenSize": 4, "layers": 2, "dropout": 0, "bidirectional": True},
    "training": {"epochs": 4, "learningRate": 0.01, "precision": "Float32"},
    "promotion": {"policy": "Never"},
}


def candles() -> pd.DataFrame:
    """Two days of real minutes with a gap, and three columns to learn from."""
    table = pd.read_parquet(ROOT / "examples" / "data" / "candles_BTC-USD_1m.parquet")[:3_000].reset_index(drop=True)
    close = table["close"]
    table["step"] = close.pct_change().fillna(0) * 1_000
    table["distance"] = (close / close.rolling(20, min_periods=1).mean() - 1) * 1_000
    table["range"] = (table["high"] / table["low"] - 1) * 1_000
    kept = table[["timestamp", "close", "step", "distance", "range"]]
    return kept.drop(index=range(2_500, 2_530)).reset_index(drop=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures by the page, and evaluation.json."""
    measured = MeasuredRun(tmp_path_factory.mktemp("run"), spec=SPEC, table=candles)
    results = measured.published().results.removeprefix("file://")
    command = [sys.executable, str(PROGRAM), str(measured.root / "artifacts"), results, str(measured.file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    (item,) = json.loads(Path(results).read_text())["items"]
    return json.loads(ended.stdout), json.loads(measured.read(item["evaluation"]["uri"]))


def test_the_program_imports_nothing_of_the_project(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    tree = ast.parse(PROGRAM.read_text())
    names = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= ALLOWED
    assert run[0]["modules"] == []


def test_every_column_of_the_predictions_follows(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    columns, calibration = run[0]["columns"], run[0]["calibration"]
    assert columns["logit"] < 1e-4 and columns["probability"] < 1e-4 and columns["bar_return"] < 1e-12
    assert calibration == pytest.approx({name: run[1]["calibration"][name] for name in calibration}, rel=1e-3, abs=1e-4)
    assert calibration["slope"] > 0, "a model that has learnt nothing would hide a wrong slope"
    for name in ("label", "flat", "judged", "position", "majority", "persistence", "reversal"):
        assert columns[name] == 0, name
    assert columns["logistic"] <= 1, "two solvers may part a bar that lies on the border"


def test_every_figure_follows(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    found, measured = run[0], run[1]["measurement"]
    assert (found["bars"], found["trades"]) == (measured["bars"], measured["trades"])
    assert found["metrics"] == pytest.approx({name: measured["metrics"][name] for name in found["metrics"]}, rel=1e-4)
    assert found["calibrationErrorExpected"] == pytest.approx(measured["calibrationErrorExpected"], rel=1e-4)
    assert found["loss"] == pytest.approx(run[1]["test"]["loss"], rel=1e-4)
    assert found["baselines"] == pytest.approx(
        {name: measured["baselines"][name] for name in found["baselines"]}, abs=2e-3
    )


def test_the_intervals_follow(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert run[0]["block"] == run[1]["doubleBlock"]["blockBars"]
    for name, bounds in run[0]["intervals"].items():
        assert bounds == pytest.approx(run[1]["intervals"][name]["95"], rel=5e-3, abs=1e-6), name


def test_what_luck_explains_follows(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Alone it is in the document; among seven that differ, the project's own function gives it."""
    alone, found = run[1]["luck"], run[0]["luck"]
    assert (alone["tries"], alone["different"]) == (1, 1)
    assert found["1"] == pytest.approx({name: alone[name] for name in found["1"]}, rel=1e-4)
    assert found["7"]["luck"] == pytest.approx(over_all_tries(alone["pValue"], 7), rel=1e-4)
    assert found["7"]["luckiest"] > found["1"]["luckiest"] + 0.001


def test_the_comparisons_with_the_baselines_follow(run: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert run[0]["majority"] == pytest.approx(run[1]["majorityPValue"], rel=1e-4)
    for name, found in run[0]["against"].items():
        known = run[1]["against"][name]
        assert found["interval"] == pytest.approx([known["low"], known["high"]], rel=5e-3, abs=5e-3), name
        if name != "majority":
            assert found["pValue"] == pytest.approx(known["pValue"], abs=5e-3), name
