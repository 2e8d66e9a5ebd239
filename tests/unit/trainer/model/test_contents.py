"""Files that are taken for a model: what each is instead, in our own words."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from retrain_api.errors import DataError
from retrain_trainer.model.contents import unpacked
from retrain_trainer.model.file import load_model
from retrain_trainer.model.state_dict_model import weights_in

LSTM = nn.LSTM(3, 4)
HEAD = {"fc.weight": torch.ones(1, 4), "fc.bias": torch.ones(1)}
WEIGHTS = {f"lstm.{name}": tensor for name, tensor in LSTM.state_dict().items()} | HEAD
SAVE = "; save its state_dict alone: torch.save(model.state_dict(), ...)"


def packed(payload: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer, **options)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return buffer.getvalue()


OTHERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (lambda: b"", "empty"),
    "a page": (lambda: b"<html>404</html>", "an HTML page; look at what its address shows in a browser"),
    "a page as servers send it": (lambda: b"\n<!DOCTYPE html>\n<html>" + b"x" * 9_000, "an HTML page; look at what its address shows in a browser"),
    "a refusal of S3": (lambda: b"<?xml version='1.0'?>\n<Error/>", "an XML text"),
    "json": (lambda: json.dumps({"a": 1}).encode(), "a JSON text"),
    "a line": (lambda: b"hello\n", "a text"),
    "git lfs": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
    "half a download": (lambda: packed(WEIGHTS)[:1_000], "cut off or damaged; copy it again"),
    "all but the end": (lambda: packed(WEIGHTS)[:-30], "cut off or damaged; copy it again"),
    "a zip": (lambda: zipped("notes"), "a zip archive without a model in it; name the file inside"),
    "a TorchScript archive": (lambda: zipped("m/data.pkl", "m/constants.pkl", "m/code/x.py"), "a TorchScript archive, which holds a program" + SAVE),
    "a whole model": (lambda: packed(LSTM), "a file with Python objects besides numbers (torch.nn.modules.rnn.LSTM)" + SAVE),
    "arguments": (lambda: packed({"model": WEIGHTS, "args": argparse.Namespace()}), "a file with Python objects besides numbers (argparse.Namespace)" + SAVE),
    "a pickle": (lambda: pickle.dumps({"lr": 0.1}), "a pickle of Python objects, which could run code when it is read" + SAVE),
    "an old whole model": (lambda: packed(LSTM, _use_new_zipfile_serialization=False), "cut off or damaged, or it holds Python objects besides numbers" + SAVE),
    "safetensors": (lambda: (8).to_bytes(8, "little") + b'{"a":{}}' + bytes(9), "a safetensors file; read it with safetensors.torch.load_file, and torch.save what that returns"),
    "keras": (lambda: b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it; in PyTorch" + SAVE.replace(";", ",")),
    "compressed": (lambda: b"\x1f\x8b\x08", "compressed with gzip; unpack it"),
    "candles": (lambda: b"PAR1", "a parquet file"),
    "noise": (lambda: bytes(range(129, 256)), "of a kind that is not known here, or damaged"),
    "a tensor": (lambda: packed(torch.ones(2)), "a Tensor that was saved by itself" + SAVE),
    "another key": (lambda: packed({"net": WEIGHTS, "epoch": 3}), "a checkpoint with its weights under 'net'; save that part alone: torch.save(checkpoint['net'], ...)"),
    "no weights": (lambda: packed({"epoch": 3, "loss": 0.1}), "a checkpoint without weights: what it holds is 'epoch', 'loss'"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_model_is_named(case: str) -> None:
    made, words = OTHERS[case]
    data = made()
    with pytest.raises(DataError) as caught:
        load_model(data)
    assert caught.value.message == f"This is not a model file: it is {words}."
    assert caught.value.reason == "BadModelFile" and not caught.value.retryable
    assert as_baseline(data) in (None, caught.value.message)


def as_baseline(data: bytes) -> object:
    """The weights in a file, or the sentence instead."""
    try:
        return weights_in(data)
    except DataError as error:
        return error.message


def test_a_state_dict_is_refused_where_a_model_is_needed() -> None:
    with pytest.raises(DataError, match="it is a state_dict, without all else that a prediction needs"):
        load_model(packed(WEIGHTS))


@pytest.mark.parametrize(
    "beside",
    {
        "a mean of losses": np.mean([0.1, 0.2]),
        "an epoch": np.int64(3),
        "a flag": np.bool_(True),
        "a scaling": np.ones(3, dtype=np.float32),
        "a time": np.datetime64("2025-05-31", "ns"),
    }.items(),
    ids=lambda item: item[0],
)
def test_numbers_of_numpy_are_data(beside: tuple[str, Any]) -> None:
    found = weights_in(packed({"model": WEIGHTS, "best": beside[1]}))
    assert found is not None and found.keys() == WEIGHTS.keys()


@pytest.mark.parametrize("allowed", [[], [np.dtype], [set]])
def test_nothing_that_was_read_leaves_a_mark_on_torch(allowed: list[type]) -> None:
    """Neither what was needed for it, nor a gap where the process itself had allowed that before. torch keeps a set."""
    with torch.serialization.safe_globals(allowed):
        before = set(torch.serialization.get_safe_globals())
        assert before >= {*allowed}
        unpacked(packed({"a": np.float64(1)}))
        assert set(torch.serialization.get_safe_globals()) == before


@given(st.binary(max_size=300) | st.integers(0, 1_500).map(lambda cut: packed({"model": WEIGHTS})[:cut]))
def test_any_other_bytes_are_one_sentence(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        load_model(data)
    message = caught.value.message
    assert message.startswith("This is not a model file: it is ") and message.endswith(".") and len(message) < 300
    assert message.isprintable() and "weights_only" not in message
