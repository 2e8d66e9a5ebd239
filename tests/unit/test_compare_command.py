"""`retrain compare`: old against new, and never two figures of different bars as a difference."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from retrain_api.documents import DataPin, FileRef, PublishItem
from retrain_api.measurement import Champion
from retrain_cli import compare_command
from retrain_cli.side_by_side import Side, against, architecture, side_by_side
from retrain_trainer.locate import locator
from retrain_trainer.publish_task import publish
from retrain_trainer.store import open_store
from support.publishing_case import NOW, measured, publish_item, publish_task

OLD = {"hiddenSize": 64, "layers": 2, "lookbackBars": 15, "bidirectional": True}
NEW = {"hiddenSize": 128, "layers": 3, "lookbackBars": 50, "bidirectional": False}
LABEL = {"horizonBars": 15, "ties": "Drop"}
TEST = {"firstBar": "2025-06-17T00:00:00Z", "lastBar": "2025-06-24T00:00:00Z"}


def side(name: str, accuracy: float, sha: str = "a", **changes: Any) -> Side:
    pin = DataPin(uri="", sha256=changes.get("data", "d") * 64, first_bar="a", last_bar="b", rows=9)
    measurement = measured(accuracy, bars=changes.get("bars", 10_000), champion=changes.get("champion"))
    model = FileRef(uri=f"file:///{sha}.pt", sha256=sha * 64)
    item = PublishItem(symbol="BTC-USD", verdict="Fail", model=model, data=pin, measurement=measurement)
    details: dict[str, Any] = {"test": changes.get("test", TEST)} | changes.get("details", {})
    return Side(name, {"model": NEW, "label": changes.get("label", LABEL)}, (item,), {"BTC-USD": details})


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
        ({"bars": 9_999}, "they were tested on different bars."),
        ({"test": {}}, "the test period of one is not at hand (give its results.json)."),
    ],
)
def test_a_difference_is_told_of_the_same_bars_alone(other: dict[str, Any], said: str) -> None:
    assert against("BTC-USD", side("old", 0.5), side("new", 0.52, **other)).endswith(said)


def test_a_difference_that_was_measured_comes_first_and_with_its_interval() -> None:
    champion = Champion(sha256="a" * 12, bars=9_000, accuracy=0.5, difference=-0.012)
    details = {"champion": {"low": -0.02, "high": -0.004}}
    new = side("new", 0.52, sha="b", data="e", champion=champion, details=details)
    said = "On the same 9,000 bars new is 1.2 points below old (95 % interval of the difference: -2.0 to -0.4 points)."
    assert against("BTC-USD", side("old", 0.5), new) == against("BTC-USD", new, side("old", 0.5)) == said


def test_models_of_other_runs_are_no_champion() -> None:
    champion = Champion(sha256="f" * 12, bars=9_000, difference=0.1)
    assert "On the same 10,000 bars" in against("BTC-USD", side("old", 0.5), side("new", 0.5, champion=champion))


def test_a_table_for_each_symbol_with_what_is_missing_as_missing() -> None:
    new = side("new", 0.7, details={"intervals": {"accuracy": {"95": [0.69, 0.71]}}})
    broken = PublishItem(symbol="ETH-USD", verdict="Error")
    old = Side("old", {}, (*side("old", 0.5).items, broken))
    lines = side_by_side([old, new])
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
    assert "nightly (1)  128/?/60" in out
    assert "On the same 10,000 bars nightly (2) is 1.0 points above nightly (1)" in out
