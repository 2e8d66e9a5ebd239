"""The spec with every field as YAML: the defaults are the models' own, and no field is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from retrain_api.keys import evaluate_key, train_key
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schema.starter import every_field, scalar
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.wire import to_wire

GIVEN: dict[str, Any] = {
    "symbols": ["BTC-USD", "ON"],
    "data": {"uri": "file://./data/", "interval": "5m"},
    "artifacts": {"uri": "file://./artifacts/"},
    "train": {"device": "CPU"},
}


def parsed(spec: Any) -> RetrainRun:
    head = {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun", "metadata": {"name": "nightly"}}
    return parse_run({**head, "spec": spec})


def field_names(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


def test_every_default_that_is_written_out_is_the_models_own() -> None:
    written, plain = parsed(yaml.safe_load(every_field(GIVEN))), parsed(GIVEN)
    assert written.spec.training.scheduler == plain.spec.training.scheduler.resolved()
    for symbol in written.spec.symbols:
        assert train_key(written.spec, symbol) == train_key(plain.spec, symbol)
        assert evaluate_key(written.spec, symbol) == evaluate_key(plain.spec, symbol)
    unresolved = plain.spec.training.model_copy(update={"scheduler": written.spec.training.scheduler})
    assert written.spec == plain.spec.model_copy(update={"training": unresolved})


def test_every_default_is_written_out() -> None:
    written = yaml.safe_load(every_field(GIVEN))
    full = to_wire(parsed(GIVEN).spec)
    missing = [
        f"{section}.{field}"
        for section in ("label", "split", "model", "training", "evaluation", "gate", "promotion")
        for field in full[section]
        if field not in written[section]
    ]
    assert missing == []


def test_no_field_of_the_spec_is_left_out() -> None:
    words = set(re.findall(r"\w+", every_field(GIVEN)))
    assert sorted(set(field_names(RetrainRunSpec)) - words) == []


def test_what_is_unset_may_be_uncommented_before_a_value_is_put_in() -> None:
    text = re.sub(r"^( *)#(?=[^ #\n])", r"\1", every_field(GIVEN), flags=re.MULTILINE)
    assert yaml.safe_load(text)["promotion"]["baseline"] == {"uri": None, "lookbackBars": 60, "trainedUntil": None}
    assert yaml.safe_load(text)["gate"]["minPassed"] is None


def test_a_comment_stands_before_every_field_and_no_line_is_long() -> None:
    lines = every_field(GIVEN).splitlines()
    assert max(map(len, lines)) <= 100
    fields = [number for number, line in enumerate(lines) if re.match(r" *#?\w+:", line)]
    assert len(fields) > 90
    assert all(lines[number - 1].lstrip().startswith("# ") for number in fields)


@given(st.one_of(st.text(max_size=12), st.sampled_from(["on", "NO", "null", "1e6", "0x1f", "1m", "a: b", "é#", "~"])))
def test_a_text_is_read_back_as_the_text_it_is(text: str) -> None:
    assert yaml.safe_load(f"x: {scalar(text)}") == {"x": text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00001, "0.00001"),
        (0.0, "0"),
        (10.0, "10"),
        (True, "true"),
        (["BTC-USD", "600519"], '[BTC-USD, "600519"]'),
        ({"metric": "auc", "atLeast": 0.52}, "{metric: auc, atLeast: 0.52}"),
        ("s3://bucket/path/", "s3://bucket/path/"),
        ("file://./my data/", '"file://./my data/"'),
    ],
)
def test_a_value_is_written_as_people_write_it(value: Any, text: str) -> None:
    assert scalar(value) == text
