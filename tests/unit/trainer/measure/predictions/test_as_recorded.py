"""What predictions tell only in part: suspicions about figures and about columns, and luck among tries of which a number is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.measured_run import MeasuredRun, returning_table

from retrain_api.measurement import Measurement
from retrain_api.wire import significant
from retrain_trainer.measure.predictions.as_recorded import is_short_for, measured_luck, suspicions_again
from retrain_trainer.measure.predictions.prediction_file import Recorded
from retrain_trainer.measure.predictions.verification import differences, recompute
from retrain_trainer.measure.tries.luck import Lead, luck_given

Document = dict[str, Any]
COLUMN, COPIED, FEATURE = (
    "Column 'x' knows later bars (5 %)",
    "Copied bars: 20 test bars",
    "Feature x has a correlation",
)
ACCURACY, AUC, WINS = "Accuracy is 99.0 %", "AUC is 0.991", "Win rate over 40 trades is 98.0 %"


def too_good_table() -> pd.DataFrame:
    """Closes that go up and down by turns: whoever knows the last close knows the next one."""
    table = returning_table()
    table["close"] = 100 + np.where(np.arange(len(table)) % 2, 0.5, -0.5) + table["noise"] / 20
    return table.assign(distance=table["close"] - 100)


def wandering_table() -> pd.DataFrame:
    """Closes that wander, and return a little: right in 58 % of the bars, which three tries may have been by luck."""
    table = returning_table()
    walk = np.random.default_rng(1).normal(0, 0.5, len(table)).cumsum()
    return table.assign(close=np.round(100 + walk + 0.3 * table["distance"], 1))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Document, Recorded]:
    """evaluation.json and predictions of a model that is too good to be true."""
    training = {"epochs": 8, "learningRate": 0.03, "precision": "Float32"}
    run = MeasuredRun(tmp_path_factory.mktemp("run"), spec={"training": training}, table=too_good_table)
    _, found = run.evaluated(run.trained())
    return run.document(found), run.recorded(found)


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> tuple[Document, Recorded]:
    """The same of the third model that was tried on the same bars."""
    root = tmp_path_factory.mktemp("run")
    for seed in (1, 2, 3):
        training = {"epochs": 1, "seed": seed, "learningRate": 0.01, "precision": "Float32"}
        run = MeasuredRun(root, f"run-{seed}", {"training": training}, table=wandering_table)
        _, found = run.evaluated(run.trained())
    return run.document(found), run.recorded(found)


def named(document: Document, recorded: Recorded) -> list[str]:
    return differences(recorded, document, recompute(recorded, document))


def test_what_is_recorded_is_what_the_predictions_give(measured: tuple[Document, Recorded]) -> None:
    document, recorded = measured
    found = recompute(recorded, document)
    assert differences(recorded, document, found) == []
    assert found.measurement == Measurement.model_validate(document["measurement"])
    assert [sentence.split()[0] for sentence in document["suspicions"]] == ["Accuracy", "AUC", "Feature"]


def test_luck_follows_from_the_stated_tries(third: tuple[Document, Recorded]) -> None:
    document, recorded = third
    found = recompute(recorded, document)
    assert differences(recorded, document, found) == []
    assert found.measurement == Measurement.model_validate(document["measurement"])
    assert document["luck"]["tries"] == 3 and 1 < document["luck"]["different"] < 3
    assert {*found.document["luck"]} == {*document["luck"]} - {"deflatedSharpe"}, "it takes the ratios of the others"


def test_a_suspicion_that_was_taken_out_everywhere_is_named_and_judged(measured: tuple[Document, Recorded]) -> None:
    document, recorded = measured
    *_, feature = document["suspicions"]
    stripped = document | {"suspicions": [feature], "measurement": document["measurement"] | {"suspicions": [feature]}}
    assert [sentence[:30] for sentence in named(stripped, recorded)] == [
        "it does not say: Accuracy is 1",
        "it does not say: AUC is 1.000,",
        "measurement.suspicions are oth",
    ]
    assert set(recompute(recorded, stripped).measurement.suspicions) == set(document["suspicions"])


def test_a_suspicion_about_a_column_is_taken_as_recorded(measured: tuple[Document, Recorded]) -> None:
    document, recorded = measured
    sentences = [COLUMN, *document["suspicions"]]
    more = document | {"suspicions": sentences, "measurement": document["measurement"] | {"suspicions": sentences}}
    assert named(more, recorded) == []
    assert recompute(recorded, more).measurement.suspicions == tuple(sentences)


def test_a_suspicion_that_the_figures_do_not_give_is_named(measured: tuple[Document, Recorded]) -> None:
    document, recorded = measured
    sentences = [*document["suspicions"], WINS]
    more = document | {"suspicions": sentences, "measurement": document["measurement"] | {"suspicions": sentences}}
    assert f"it says what the predictions do not give: {WINS}" in named(more, recorded)


@pytest.mark.parametrize(
    ("name", "change", "others"),
    [
        ("pValue", lambda value: value * 1.01, ()),
        ("luck", lambda value: value / 2, ()),
        ("realityCheck", lambda value: value * 1.01, ()),
        ("luckiest", lambda value: value - 0.01, ()),
        ("tries", lambda value: "many", ("measurement.judgedBefore", "luck.different")),
        ("different", lambda value: value + 10, ("luck.realityCheck", "luck.luck", "luck.luckiest")),
        ("different", lambda value: 0.5, ("luck.realityCheck", "luck.luck", "luck.luckiest")),
        ("different", lambda value: None, ("luck.luck",)),
    ],
)
def test_a_changed_figure_of_luck_is_named(
    third: tuple[Document, Recorded], name: str, change: Callable[[Any], Any], others: tuple[str, ...]
) -> None:
    document, recorded = third
    forged = json.loads(json.dumps(document))
    forged["luck"][name] = change(forged["luck"][name])
    said = {sentence.split(" is ")[0] for sentence in named(forged, recorded)}
    assert {f"luck.{name}", *others} <= said


def test_another_number_of_tries_contradicts_the_measurement(third: tuple[Document, Recorded]) -> None:
    document, recorded = third
    forged = document | {"luck": document["luck"] | {"tries": 4}}
    assert named(forged, recorded) == ["measurement.judgedBefore is 2, and the predictions give 3"]


def test_without_tries_luck_stays_as_recorded(third: tuple[Document, Recorded]) -> None:
    """As where nobody may list the store."""
    document, recorded = third
    before = {name: part for name, part in document["measurement"].items() if name not in ("luck", "judgedBefore")}
    assert named(document | {"luck": None, "measurement": before}, recorded) == []


@pytest.mark.parametrize(
    ("stated", "figures", "expected"),
    [
        ([], [], ()),
        ([], [AUC], (AUC,)),
        ([COLUMN, COPIED, ACCURACY, FEATURE], [ACCURACY, AUC], (COLUMN, COPIED, ACCURACY, AUC, FEATURE)),
        ([COLUMN, WINS], [], (COLUMN,)),
        ([COLUMN, FEATURE], [AUC], (COLUMN, FEATURE, AUC)),
    ],
)
def test_suspicions_about_figures_are_those_that_were_computed(
    stated: list[str], figures: list[str], expected: tuple[str, ...]
) -> None:
    assert suspicions_again(stated, figures) == expected


@pytest.mark.parametrize(
    ("short", "whole", "expected"),
    [
        ((), (), True),
        ((), (COLUMN,), False),
        ((COLUMN,), (), False),
        (("Column 'x' knows ...",), (COLUMN, AUC), True),
        (("'x' knows later bars",), (COLUMN, AUC), True),
        ((AUC,), (COLUMN,), False),
    ],
)
def test_a_status_holds_the_beginnings_of_suspicions(
    short: tuple[str, ...], whole: tuple[str, ...], expected: bool
) -> None:
    assert is_short_for(short, whole) == expected


@given(st.floats(0.001, 0.2), st.integers(2, 500), st.floats(0, 1))
def test_rounding_of_different_models_is_no_difference(ahead: float, tries: int, share: float) -> None:
    own = Lead(lead=ahead, expected=0.5, error=0.02, blocks=300)
    different = 1 + share * (tries - 1)
    exact = luck_given(own, tries, different)
    stated = Measurement(luck=exact.luck).luck
    again = luck_given(own, tries, significant(different) or different)
    assert measured_luck(again, stated) == stated
    assert measured_luck(again, (stated or 1.0) / 3) == again.luck
