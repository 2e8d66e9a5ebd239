"""`retrain compare`: old against new, and never two figures of different bars as a difference."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from support.documents import read_document
from support.measured_run import MeasuredRun, returning_table
from support.publishing_case import NOW, measured, publish_item, publish_task

from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.tasks import PublishItem
from retrain_api.measurement import Champion
from retrain_api.status.run import RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus
from retrain_cli.commands.results import compare as compare_command
from retrain_cli.display.comparisons.table import ComparedRun, Difference, architecture, comparison, difference
from retrain_trainer.measure.predictions.common_bars import on_common_bars
from retrain_trainer.measure.predictions.prediction_file import decode
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

OLD = {"hiddenSize": 64, "layers": 2, "lookbackBars": 15, "bidirectional": True}
NEW = {"hiddenSize": 128, "layers": 3, "lookbackBars": 50, "bidirectional": False}
LABEL = {"horizonBars": 15, "ties": "Drop"}
TEST = {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"}


def side(name: str, accuracy: float, sha: str = "a", **changes: Any) -> ComparedRun:
    pin = DataPin(uri="", sha256=changes.get("data", "d") * 64, first_bar="a", last_bar="b", rows=9)
    measurement = measured(accuracy, bars=changes.get("bars", 10_000), champion=changes.get("champion"))
    model = FileRef(uri=f"file:///{sha}.pt", sha256=sha * 64)
    item = PublishItem(symbol="BTC-USD", verdict="Fail", model=model, data=pin, measurement=measurement)
    details: dict[str, Any] = {"test": changes.get("test", TEST)} | changes.get("details", {})
    return ComparedRun(name, {"model": NEW, "label": changes.get("label", LABEL)}, (item,), {"BTC-USD": details})


@pytest.mark.parametrize(("model", "said"), [(OLD, "64/2/15"), (NEW, "128/3/50 one way"), ({}, "-"), (None, "-")])
def test_an_architecture_in_short(model: Any, said: str) -> None:
    assert architecture({"model": model}) == said


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, "On the same 10,000 bars new is 2.0 points above old; no interval was measured for this pair."),
        ({"data": "e"}, "not comparable bar by bar: they were measured on different feature files."),
        ({"label": {"horizonBars": 3}}, "not comparable bar by bar: they predict different things (spec.label)."),
        ({"test": {**TEST, "firstBar": "2025-06-18T00:00:00Z"}}, "they were tested on different bars."),
        (
            {"bars": 9_900},
            "new is 2.0 points above old, on 9,900 and 10,000 bars of the same period: a longer lookback has fewer windows, "
            "which moves an accuracy by at most 1 points; no interval was measured for this pair.",
        ),
        ({"test": {}}, "the test period of one of them is not known here (give its results.json)."),
    ],
)
def test_a_difference_is_given_for_the_same_bars_alone(other: dict[str, Any], said: str) -> None:
    assert difference("BTC-USD", side("old", 0.5), side("new", 0.52, **other)).sentence.endswith(said)


def test_a_difference_that_was_measured_comes_first_and_with_its_interval() -> None:
    champion = Champion(sha256="a" * 12, bars=9_000, accuracy=0.5, difference=-0.012)
    details = {"champion": {"low": -0.02, "high": -0.004}}
    new = side("new", 0.52, sha="b", data="e", champion=champion, details=details)
    said = "On the same 9,000 bars new is 1.2 points below old (95 % interval of the difference: -2.0 to -0.4 points)."
    found = difference("BTC-USD", side("old", 0.5), new)
    assert found == difference("BTC-USD", new, side("old", 0.5))
    assert found == Difference("new", "old", said, -0.012, -0.02, -0.004, 9_000)


def test_models_of_other_runs_are_no_champion() -> None:
    champion = Champion(sha256="f" * 12, bars=9_000, difference=0.1)
    found = difference("BTC-USD", side("old", 0.5), side("new", 0.5, champion=champion))
    assert "On the same 10,000 bars" in found.sentence


def test_a_table_for_each_symbol_marks_what_is_missing() -> None:
    new = side("new", 0.7, details={"intervals": {"accuracy": {"95": [0.69, 0.71]}}})
    broken = PublishItem(symbol="ETH-USD", verdict="Error")
    old = ComparedRun("old", {}, (*side("old", 0.5).items, broken))
    lines = comparison([old, new])
    assert lines[0] == "BTC-USD" and "ETH-USD" in lines
    row = next(line for line in lines if line.startswith("  new"))
    assert "128/3/50 one way" in row and "70 % (69 % to 71 %)" in row and "2025-06-17T00:00:00Z to 2025-" in row
    assert ["old", "-", "Error", *["-"] * 6] in [line.split() for line in lines]


def test_results_files_are_compared_with_all_that_is_in_the_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        store = open_store(f"file://{folder}/", {}, 1)
        task = publish_task(store, [publish_item(store, "BTC-USD", measured(0.7 + number / 100))])
        files.append(publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None).results)
    parser = argparse.ArgumentParser()
    compare_command.add_arguments(parser)
    assert compare_command.run(parser.parse_args(files)) == 0
    out = capsys.readouterr().out
    assert compare_command.run(parser.parse_args([*files, "--json"])) == 0
    (symbol,) = read_document(capsys.readouterr().out, "Comparison")["symbols"]
    assert [model["metrics"]["accuracy"] for model in symbol["models"]] == [0.71, 0.72]
    (gap,) = symbol["differences"]
    assert (gap["model"], gap["against"], gap["bars"]) == ("nightly (2)", "nightly (1)", 10_000)
    assert gap["accuracyDifference"] == pytest.approx(0.01) and gap["message"] in out
    assert "nightly (1)  128/?/60" in out
    assert "On the same 10,000 bars nightly (2) is 1.0 points above nightly (1)" in out


def shown(capsys: pytest.CaptureFixture[str], *places: str) -> str:
    parser = argparse.ArgumentParser()
    compare_command.add_arguments(parser)
    assert compare_command.run(parser.parse_args(places)) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def lookbacks(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The results of two runs on one file that differ in their lookback alone."""
    root, found = tmp_path_factory.mktemp("lookbacks"), {}
    for bars in (5, 25):
        model = {"lookbackBars": bars, "hiddenSize": 4, "layers": 1, "dropout": 0}
        found[bars] = MeasuredRun(root, f"lookback-{bars}", {"model": model, "promotion": {"policy": "Never"}})
    return {bars: run.published().results for bars, run in found.items()}


def bars_of(results: str) -> pd.DataFrame:
    """The predictions behind results."""
    (item,) = json.loads(Path(results.removeprefix("file://")).read_text())["items"]
    path = Path(item["evaluation"]["uri"].removeprefix("file://")).with_name("predictions.parquet")
    return pd.read_parquet(path).set_index("time")


def test_two_lookbacks_are_compared_on_their_common_bars_with_an_interval(
    lookbacks: dict[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    short, long = (bars_of(lookbacks[bars]) for bars in (5, 25))
    both = short.index[short.judged & long.judged]
    assert len(both) == long.judged.sum() < short.judged.sum()
    right = [((run.probability > 0.5) == (run.label == 1))[both].mean() for run in (short, long)]
    out = shown(capsys, lookbacks[5], lookbacks[25])
    (said,) = [line.strip() for line in out.splitlines() if line.startswith("  On the same ")]
    found = re.fullmatch(
        r"On the same ([\d,]+) bars lookback-25 is (.*) lookback-5 "
        r"\(95 % interval of the difference: ([-+][\d.]+) to ([-+][\d.]+) points\)\.",
        said,
    )
    assert found is not None, said
    gap = 100 * (right[1] - right[0])
    assert found[1] == f"{len(both):,}"
    assert found[2] == ("level with" if gap == 0 else f"{abs(gap):.1f} points {'above' if gap > 0 else 'below'}")
    assert float(found[3]) <= gap <= float(found[4])


def test_where_the_predictions_are_gone_the_sums_are_compared(
    lookbacks: dict[int, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = Path(lookbacks[5].removeprefix("file://").split("/reports/")[0])
    shutil.copytree(root, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("predictions.parquet"):
        path.unlink()
    copies = [f"{tmp_path}/copy{place.removeprefix(f'file://{root}')}" for place in lookbacks.values()]
    out = shown(capsys, *copies)
    assert "bars of the same period: a longer lookback has fewer windows, which moves an accuracy by at most 1." in out


def test_models_of_other_prices_are_not_compared(lookbacks: dict[int, str], tmp_path: Path) -> None:
    other = MeasuredRun(tmp_path, "other", table=lambda: returning_table(seed=9))
    recorded = other.recorded(other.evaluated(other.trained())[1])
    (item,) = json.loads(Path(lookbacks[5].removeprefix("file://")).read_text())["items"]
    place = Path(item["evaluation"]["uri"].removeprefix("file://")).with_name("predictions.parquet")
    found = on_common_bars(recorded, decode(place.read_bytes(), "x"))
    assert found.difference is None and found.obstacle == "their prices differ on the bars in common"


def test_a_run_that_is_not_measured_yet_shows_how_far_it_is() -> None:
    entry = SymbolStatus(symbol="BTC-USD", state="Training")
    handle = SimpleNamespace(name="young", spec=None, status=RetrainRunStatus(symbols=(entry,)))
    lines = comparison([side("old", 0.5), compare_command.from_status(handle)])  # type: ignore[arg-type]
    assert ["young", "-", "Training", *["-"] * 6] in [line.split() for line in lines]
    assert "Error" not in "\n".join(lines)
