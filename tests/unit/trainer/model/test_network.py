"""The network: an LSTM and one logit, against the LSTM's equations written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.training_case import architecture

from retrain_trainer.model.network import DirectionLSTM

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def states(window: Floats, weights: dict[str, Floats], suffix: str) -> list[Floats]:
    """Hidden states of one direction of one layer, step by step: S. Hochreiter, J. Schmidhuber, 1997, with forget gate."""
    into, within = weights[f"lstm.weight_ih_{suffix}"], weights[f"lstm.weight_hh_{suffix}"]
    bias = weights[f"lstm.bias_ih_{suffix}"] + weights[f"lstm.bias_hh_{suffix}"]
    hidden, cell, found = np.zeros(within.shape[1]), np.zeros(within.shape[1]), []
    for bar in window:
        enter, forget, new, leave = np.split(into @ bar + within @ hidden + bias, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
        hidden = sigmoid(leave) * np.tanh(cell)
        found.append(hidden)
    return found


def plain_logit(network: DirectionLSTM, window: Floats) -> float:
    """The logit of a window without torch."""
    weights = {name: value.numpy().astype(np.float64) for name, value in network.state_dict().items()}
    shape, given = network.architecture, window
    for layer in range(shape.layers):
        forward = states(given, weights, f"l{layer}")
        backward = states(given[::-1], weights, f"l{layer}_reverse") if shape.bidirectional else []
        final = np.concatenate([forward[-1], *backward[-1:]])
        given = np.array(
            [np.concatenate(pair) for pair in zip(forward, *([backward[::-1]] if backward else []), strict=True)]
        )
    return float((weights["head.weight"] @ final + weights["head.bias"])[0])


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_logit_is_that_of_the_equations(layers: int, bidirectional: bool) -> None:
    torch.manual_seed(1)
    network = DirectionLSTM(architecture(layers=layers, bidirectional=bidirectional)).eval()
    windows = torch.randn(3, 5, 3)
    with torch.no_grad():
        logits = network(windows)
    assert logits.shape == (3,)
    expected = [plain_logit(network, window.numpy().astype(np.float64)) for window in windows]
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_every_bar_of_the_window_matters(bidirectional: bool) -> None:
    network = DirectionLSTM(architecture(bidirectional=bidirectional)).eval()
    window = torch.randn(1, 5, 3, requires_grad=True)
    network(window).sum().backward()
    assert window.grad is not None
    assert (window.grad.abs().sum(dim=2) > 0).all()


def test_a_logit_is_no_probability() -> None:
    network = DirectionLSTM(architecture()).eval()
    with torch.no_grad():
        network.head.bias.fill_(30.0)
        assert network(torch.zeros(1, 5, 3)).item() > 20


@pytest.mark.parametrize("layers", [1, 3])
def test_dropout_is_there_in_training_alone(layers: int) -> None:
    """One layer with dropout makes no warning, which the tests' settings would turn into an error."""
    network = DirectionLSTM(architecture(layers=layers, dropout=0.5))
    windows = torch.randn(8, 5, 3)
    assert not torch.equal(network(windows), network(windows))
    network.eval()
    assert torch.equal(network(windows), network(windows))


def test_the_defaults_of_the_plan_have_the_size_of_the_plan() -> None:
    """3 layers of 128 in 2 directions on 31 features: 4 gates x 128 x (inputs + 128 + 2 biases), and the head."""
    network = DirectionLSTM(architecture(features=31, hidden_size=128, layers=3, dropout=0.35))
    gates = [2 * 4 * 128 * (inputs + 128 + 2) for inputs in (31, 256, 256)]
    assert sum(parameter.numel() for parameter in network.parameters()) == sum(gates) + 256 + 1
    assert (network.lstm.dropout, network.dropout.p) == (0.35, 0.35)
