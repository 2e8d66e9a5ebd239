"""The model file: all that inference needs, the same bytes for the same model, and never code."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.training_case import architecture

from retrain_api.errors import DataError
from retrain_api.time import Question
from retrain_trainer.data.windows import Scaling
from retrain_trainer.model.calibration import Calibration
from retrain_trainer.model.file import ModelFile, load_model, save_model
from retrain_trainer.model.network import DirectionLSTM


def model(seed: int = 1) -> ModelFile:
    torch.manual_seed(seed)
    return ModelFile(
        network=DirectionLSTM(architecture(layers=2, dropout=0.25)),
        symbol="BTC-USD",
        question=Question.parse("1m", 15, "Drop"),
        features=("hint", "noise", "volume"),
        scaling=Scaling(np.array([1, 2, 3], dtype=np.float32), np.array([0.5, 1, 2], dtype=np.float32)),
        lookback=5,
        calibration=Calibration(0.25, 1.5, -0.125, "Platt"),
        validation_end=1_748_563_200_000_000_000,
        training={"bestEpoch": 3, "validationLoss": 0.25, "precisionUsed": "Float32"},
        built_in=True,
        positive_weight=1.25,
    )


DATA = save_model(model())


def test_everything_comes_back() -> None:
    before, after = model(), load_model(DATA)
    plain = ("symbol", "question", "features", "lookback", "calibration", "validation_end")
    for name in (*plain, "training", "built_in", "positive_weight"):
        assert getattr(after, name) == getattr(before, name), name
    assert (after.scaling.mean == before.scaling.mean).all()
    assert (after.scaling.std == before.scaling.std).all()
    assert after.network.architecture == before.network.architecture
    windows = torch.randn(4, 5, 3)
    assert torch.equal(after.network(windows), before.network.eval()(windows)), "and it is ready for inference"


def test_the_same_model_has_the_same_bytes_and_reading_it_changes_none() -> None:
    assert save_model(model()) == DATA
    assert save_model(load_model(DATA)) == DATA
    assert save_model(model(seed=2)) != DATA


def test_torch_reads_it_without_running_code() -> None:
    payload = torch.load(io.BytesIO(DATA), weights_only=True)
    assert payload["features"] == ["hint", "noise", "volume"]


def test_a_file_with_code_is_refused_and_not_run() -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, ("raise SystemExit('ran')",)

    assert "not a model file" in refused(packed({"format": 1, "weights": Evil()}))


def packed(payload: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def refused(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        load_model(data)
    assert caught.value.reason == "BadModelFile"
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ([1, 2], "not a model file: it is a list that was saved by itself"),
        ({"weights": {}}, "not a model file: it is a checkpoint without weights: what it holds is 'weights'"),
        ({"format": "pt"}, "not a model file: it is a checkpoint without weights: what it holds is 'format'"),
        ({"format": 2}, "has format 2, and this trainer reads format 1"),
        ({"format": 1}, "lacks what inference needs"),
        ({"format": 1, "architecture": {"size": 3}}, "lacks what inference needs"),
    ],
)
def test_what_is_another_file_is_said(payload: Any, sentence: str) -> None:
    assert sentence in refused(packed(payload))


@pytest.mark.parametrize(
    ("name", "value"), [("weights", {}), ("scaling", {}), ("scaling", None), ("calibration", {}), ("features", None)]
)
def test_a_part_that_is_missing_is_said(name: str, value: Any) -> None:
    payload = torch.load(io.BytesIO(DATA), weights_only=True)
    assert "lacks what inference needs" in refused(packed(payload | {name: value}))


def test_weights_of_another_shape_are_said() -> None:
    payload = torch.load(io.BytesIO(DATA), weights_only=True)
    payload["architecture"] |= {"hidden_size": 7}
    assert "lacks what inference needs" in refused(packed(payload))


@settings(max_examples=40, deadline=None)
@example(data=b"G")
@given(data=st.binary(max_size=200) | st.integers(0, len(DATA) - 1).map(lambda place: DATA[:place]))
def test_what_is_cut_or_no_model_file_is_said(data: bytes) -> None:
    refused(data)


def test_a_model_on_the_way_keeps_its_own_weights() -> None:
    """The file holds copies: what is trained after does not change it."""
    given_model = model()
    data = save_model(given_model)
    with torch.no_grad():
        given_model.network.head.bias.add_(1)
    assert save_model(given_model) != data
    assert save_model(replace(given_model, network=load_model(data).network)) == data
