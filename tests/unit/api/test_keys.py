"""Keys: the same work has the same key, whatever way it is written, and other work another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from support.planning import run_document

from retrain_api.keys import changed, digest, evaluate_key, recipe, train_key
from retrain_api.run import RetrainRun, parse_run
from retrain_api.spec.evaluation import Evaluation
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.training import Model, Training
from retrain_operator.manifests.jobs import template_key
from retrain_operator.state.view import PhaseName

PHASES: tuple[PhaseName, ...] = ("train", "evaluate", "publish", "deliver")


def spec_of(**fields: Any) -> RetrainRunSpec:
    return RetrainRunSpec.model_validate(run_document(**fields)["spec"])


def run_of(spec: RetrainRunSpec) -> RetrainRun:
    return parse_run(run_document()).model_copy(update={"spec": spec})


def all_keys(spec: RetrainRunSpec) -> list[str]:
    return [
        train_key(spec, "BTC-USD"),
        evaluate_key(spec, "BTC-USD"),
        *(template_key(run_of(spec), phase) for phase in PHASES),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"training": {"scheduler": {"type": "CosineAnnealingWarmRestarts"}}}),
        ({}, {"training": {"scheduler": {"t0": 10, "tMult": 2, "etaMin": 1e-6}}}),
        ({}, {"training": {"scheduler": {"tMult": 2}}}),
        ({}, {"training": {"epochs": 50, "loss": {"positiveWeight": "Auto"}}, "label": {}, "gate": {"minPassed": 1}}),
        ({}, {"data": {"uri": "s3://bucket/features"}}),
        ({}, {"data": {"uri": "s3://bucket/features/", "filename": "features_{symbol}_{interval}_latest.parquet"}}),
        ({}, {"symbols": ["BTC-USD"]}),
        ({"training": {"loss": {"positiveWeight": 2}}}, {"training": {"loss": {"positiveWeight": "2"}}}),
        ({"training": {"loss": {"positiveWeight": 2}}}, {"training": {"loss": {"positiveWeight": "2.0"}}}),
        (
            {"data": {"uri": "s3://bucket/", "features": ["rsi", "atr"]}},
            {"data": {"uri": "s3://bucket/", "features": ["atr", "rsi"]}},
        ),
        (
            {"data": {"uri": "s3://bucket/", "until": "2025-06-01T00:00:00Z"}},
            {"data": {"uri": "s3://bucket/", "until": "2025-06-01T02:00:00.5+02:00"}},
        ),
        ({}, {"evaluation": {"backtest": {"feeBps": 10.0}}}),
        ({}, {"model": {"dropout": 0.35}}),
        ({}, {"data": {"uri": "s3://bucket/features/", "window": None}, "split": {"validation": None, "test": None}}),
        ({"split": {"test": "14d"}}, {"split": {"test": "336h", "testPercent": 15}}),
        ({"split": {"validation": "7d", "test": "1h"}}, {"split": {"validation": "168h", "test": "60m"}}),
        (
            {"data": {"uri": "s3://bucket/features/", "window": "180d"}},
            {"data": {"uri": "s3://bucket/features/", "window": "4320h"}},
        ),
        ({}, {"pods": {"env": [], "labels": {}}, "train": {"gpu": {"count": 1}}}),
    ],
    ids=[
        "the default scheduler by its type",
        "the default scheduler in full",
        "one default of the scheduler",
        "other defaults written out",
        "a folder without its slash",
        "the default file name",
        "only this symbol of three",
        "a weight as a number or as text",
        "a weight with a decimal",
        "features in another order",
        "a time in another zone",
        "a whole fee as a fraction",
        "a default fraction",
        "lengths that are unset",
        "a test part in days or hours",
        "two parts in other units",
        "a window in days or hours",
        "empty lists and mappings",
    ],
)
def test_two_ways_of_writing_one_run(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert all_keys(spec_of(**first)) == all_keys(spec_of(**second))


@pytest.mark.parametrize("rerun", ["1", "2"])
def test_a_rerun_token_is_other_work(rerun: str) -> None:
    spec = spec_of()
    assert train_key(spec, "BTC-USD", rerun) != train_key(spec, "BTC-USD")
    assert evaluate_key(spec, "BTC-USD", rerun) != evaluate_key(spec, "BTC-USD")


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        ({"pods": {"image": "registry/trainer:2"}}, False),
        ({"gate": {"minPassed": 1, "maxLuckPercent": 5}}, False),
        ({"training": {"seed": 7}}, True),
        ({"model": {"lookbackBars": 90}}, True),
        ({"evaluation": {"calibration": "None"}}, True),
        ({"data": {"uri": "s3://bucket/features/", "until": "2025-06-01T00:00:00Z"}}, False),
        ({"data": {"uri": "s3://other/features/"}}, True),
    ],
    ids=[
        "another image",
        "another gate",
        "another seed",
        "another lookback",
        "another calibration",
        "as of another time",
        "other features",
    ],
)
def test_a_recipe_is_what_was_tried_and_not_how_often(fields: dict[str, Any], other: bool) -> None:
    """A rerun token and a champion are no part of it either."""
    assert (recipe(spec_of(**fields), "BTC-USD") != recipe(spec_of(), "BTC-USD")) is other
    assert recipe(spec_of(), "BTC-USD") != recipe(spec_of(), "ETH-USD")


def test_what_is_remembered_of_a_spec_is_that_specs_own() -> None:
    """A spec that is gone leaves its place in memory to the next one, and keys are remembered by identity."""
    for lookback in range(2, 700):
        spec = spec_of(model={"lookbackBars": lookback})
        for _ in range(2):
            assert train_key(spec, "BTC-USD") == train_key.__wrapped__(spec, "BTC-USD")  # type: ignore[attr-defined]
            assert train_key(spec, "BTC-USD") != train_key(spec, "ETH-USD")


def test_another_champion_is_another_measurement_and_so_is_none() -> None:
    spec, champions = spec_of(), (None, "", "a" * 12, "b" * 12)
    assert len({evaluate_key(spec, "BTC-USD", None, champion) for champion in champions}) == len(champions)
    assert evaluate_key(spec, "BTC-USD", "1", "a" * 12) != evaluate_key(spec, "BTC-USD", "2", "a" * 12)
    assert evaluate_key(spec, "BTC-USD", None, None) == evaluate_key(spec, "BTC-USD")


def test_built_in_features_are_other_work_where_they_are_asked_for_or_forbidden() -> None:
    keys = [
        train_key(spec_of(data={"uri": "s3://bucket/", **data}), "BTC-USD")
        for data in ({}, {"builtIn": True}, {"builtIn": False})
    ]
    assert len(set(keys)) == 3
    assert keys[0] == train_key(spec_of(data={"uri": "s3://bucket/", "builtIn": None}), "BTC-USD")


LENGTHS: list[dict[str, Any]] = [
    {},
    {"window": "180d"},
    {"window": "181d"},
    {"test": "14d"},
    {"validation": "14d"},
    {"validation": "14d", "test": "14d"},
    {"testPercent": 14},
    {"validationPercent": 14, "test": "14d"},
]


def test_every_other_window_and_part_is_other_work() -> None:
    specs = [
        spec_of(
            data={"uri": "s3://bucket/features/", "window": lengths.get("window")},
            split={name: size for name, size in lengths.items() if name != "window"},
        )
        for lengths in LENGTHS
    ]
    for key in (train_key, evaluate_key, recipe):
        assert len({key(spec, "BTC-USD") for spec in specs}) == len(LENGTHS)


def test_each_symbol_is_work_of_its_own() -> None:
    spec = spec_of(data={"uri": "s3://bucket/", "filename": "all.parquet"}, symbols=["BTC-USD"])
    assert train_key(spec, "BTC-USD") != train_key(spec, "ETH-USD")


class NewModel(Model):
    attention_heads: int = Field(0, ge=0)


class NewTraining(Training):
    clip: float | None = None
    warm_up: Model = Field(default=Model())


class NewEvaluation(Evaluation):
    folds: tuple[int, ...] = ()


@pytest.mark.parametrize(
    "newer",
    [
        {"model": NewModel()},
        {"training": NewTraining()},
        {"evaluation": NewEvaluation()},
    ],
    ids=[
        "a number of the model",
        "an unset field and a section of the training",
        "a list of the evaluation",
    ],
)
def test_a_release_with_a_new_defaulted_field_changes_no_key(newer: dict[str, Any]) -> None:
    spec = spec_of()
    assert all_keys(spec.model_copy(update=newer)) == all_keys(spec)


def test_the_new_field_counts_once_it_is_used() -> None:
    spec = spec_of()
    assert all_keys(spec.model_copy(update={"model": NewModel(attention_heads=2)}))[0] != all_keys(spec)[0]
    assert all_keys(spec.model_copy(update={"evaluation": NewEvaluation(folds=(1,))}))[1] != all_keys(spec)[1]


def test_keys_of_a_release_stay_what_they_are() -> None:
    """Changing these retrains every run of every user: do it on purpose or not at all."""
    spec = spec_of()
    assert train_key(spec, "BTC-USD") == "2d56401c528eb314"
    assert evaluate_key(spec, "BTC-USD") == "48c45b12530b9853"


def test_changed_names_only_what_differs_at_every_depth() -> None:
    spec = spec_of(pods={"env": [{"name": "A", "value": "1"}]}, training={"scheduler": {"t0": 5}, "seed": 3})
    assert changed(spec.pods) == {"env": [{"name": "A", "value": "1"}]}
    assert changed(spec.training) == {"seed": 3, "scheduler": {"t0": 5}}
    assert changed(spec.training.scheduler) == {"t0": 5}


parts = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text() | st.lists(st.integers() | st.text()), max_size=5
)


@given(parts, st.randoms())
def test_a_digest_does_not_depend_on_order_or_on_what_is_absent(content: dict[str, Any], random: Any) -> None:
    shuffled = list(content.items())
    random.shuffle(shuffled)
    assert digest(content) == digest({**dict(shuffled), "absent": None, "nothing": {}, "empty": ""})
    assert len(digest(content)) == 16 and int(digest(content), 16) >= 0


@given(parts, parts)
def test_other_parts_have_another_digest(first: dict[str, Any], second: dict[str, Any]) -> None:
    given_ = [{name: part for name, part in each.items() if part not in (None, "", {})} for each in (first, second)]
    assert (digest(first) == digest(second)) == (given_[0] == given_[1])
