"""Logits of many windows: the same whatever the batches, without dropout, of exactly the windows asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.training_case import LOOKBACK, architecture, training_data

from retrain_trainer.model.inference import BATCH, batch_on, forward, in_float32, logits
from retrain_trainer.model.network import DirectionLSTM


@pytest.fixture(scope="module")
def network() -> DirectionLSTM:
    torch.manual_seed(3)
    return DirectionLSTM(architecture(layers=2, dropout=0.5))


def test_a_window_ends_at_its_row(network: DirectionLSTM) -> None:
    features = training_data().features
    ends = np.array([4, 90, 17, 159])
    found = logits(network, features, ends, LOOKBACK)
    network.eval()
    with torch.no_grad():
        expected = [network(features[end - 4 : end + 1].unsqueeze(0)).item() for end in ends]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 7, 155, 1000])
def test_the_batch_changes_nothing(network: DirectionLSTM, batch: int) -> None:
    what = training_data()
    ends = np.arange(4, 159)
    whole = logits(network, what.features, ends, LOOKBACK)
    np.testing.assert_allclose(logits(network, what.features, ends, LOOKBACK, batch), whole, atol=1e-6)


def test_dropout_is_off_and_no_gradient_is_kept(network: DirectionLSTM) -> None:
    network.train()
    what, ends = training_data(), np.arange(4, 60)
    one, other = (logits(network.train(), what.features, ends, LOOKBACK) for _ in range(2))
    assert (one == other).all()
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_no_windows_have_no_logits(network: DirectionLSTM) -> None:
    assert logits(network, training_data().features, np.empty(0, dtype=np.int64), LOOKBACK).shape == (0,)


def test_bfloat16_is_close_and_comes_back_as_float32(network: DirectionLSTM) -> None:
    network.eval()
    features, ends = training_data().features, torch.arange(4, 60)
    with torch.no_grad():
        exact = forward(network, features, ends, LOOKBACK)
        coarse = forward(network, features, ends, LOOKBACK, torch.bfloat16)
    assert coarse.dtype == torch.float32
    assert 0 < (exact - coarse).abs().max() < 0.05


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_bit(network: DirectionLSTM, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is computed by one thread, whichever; the answers keep their order."""
    what, ends = training_data(), np.arange(4, 159)
    expected = logits(network, what.features, ends, LOOKBACK, 10)
    before = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = logits(network, what.features, ends, LOOKBACK, 10)
    monkeypatch.undo()
    torch.set_num_threads(before)
    assert (found == expected).all()


def test_a_gpu_gets_more_windows_at_a_time() -> None:
    assert batch_on(torch.device("cuda")) > batch_on(torch.device("cpu")) == BATCH


def test_an_lstm_is_computed_in_float32_only_while_it_is_judged() -> None:
    """torch lets a GPU round to TF32; training may, and what decides about a promotion may not."""
    before = torch.backends.cudnn.rnn.fp32_precision
    with in_float32():
        assert torch.backends.cudnn.rnn.fp32_precision == "ieee"
    assert torch.backends.cudnn.rnn.fp32_precision == before


def test_float32_holds_until_the_last_of_several_threads_is_done() -> None:
    """The setting is the process's, so the first to end must not take it from the others."""
    before = torch.backends.cudnn.rnn.fp32_precision
    one, other = in_float32(), in_float32()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert torch.backends.cudnn.rnn.fp32_precision == "ieee"
    other.__exit__(None, None, None)
    assert torch.backends.cudnn.rnn.fp32_precision == before
