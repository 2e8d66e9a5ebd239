"""The network: an LSTM over a window, and one logit for "the close is higher after the horizon"."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_OF_A_LAYER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclass(frozen=True)
class Architecture:
    """The parameters that determine the network's shape."""

    features: int
    hidden_size: int
    layers: int
    dropout: float
    bidirectional: bool


class DirectionLSTM(nn.Module):
    """Windows float32[batch, lookback, features] to logits float32[batch].

    The head reads the last layer's final states: the forward direction's state at the window's last bar, and the backward
    direction's at its first bar, so both have read the whole window. (The backward output at the last bar would have read
    that bar alone.) Without the backward direction this is the output of the last step. Dropout is applied between the
    layers and before the head.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.lstm = nn.LSTM(
            architecture.features,
            architecture.hidden_size,
            architecture.layers,
            batch_first=True,
            # A single layer has no gap for dropout, and torch warns about one.
            dropout=architecture.dropout if architecture.layers > 1 else 0.0,
            bidirectional=architecture.bidirectional,
        )
        directions = 2 if architecture.bidirectional else 1
        self.dropout = nn.Dropout(architecture.dropout)
        self.head = nn.Linear(directions * architecture.hidden_size, 1)

    def forward(self, windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits [batch] of windows [batch, lookback, features].

        With a `generator`, dropout draws from it instead of torch's global one, so that several threads can train at the
        same time, each with its own.
        """
        if generator is None:
            _, (states, _) = self.lstm(windows)
            final = self.dropout(self._joined(states))
        else:
            final = self._drop(self._joined(self._by_layer(windows, generator)), generator)
        logits: Tensor = self.head(final).squeeze(1)
        return logits.float()

    def _joined(self, states: Tensor) -> Tensor:
        directions = 2 if self.architecture.bidirectional else 1
        return torch.cat(tuple(states[-directions:]), dim=1)

    def _by_layer(self, windows: Tensor, generator: torch.Generator) -> Tensor:
        """Final states of the last layer [directions, batch, hidden]: nn.LSTM's own computation, layer by layer."""
        shape, outputs = self.architecture, windows
        suffixes = ("", "_reverse") if shape.bidirectional else ("",)
        for layer in range(shape.layers):
            if layer:
                outputs = self._drop(outputs, generator)
            weights = [getattr(self.lstm, f"{name}_l{layer}{end}") for end in suffixes for name in _OF_A_LAYER]
            zeros = outputs.new_zeros(len(suffixes), len(outputs), shape.hidden_size)
            outputs, states, _ = torch.lstm(
                outputs, (zeros, zeros), weights, True, 1, 0.0, self.training, shape.bidirectional, True
            )
        return states

    def _drop(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """Inverted dropout (Srivastava et al., JMLR 15, 2014) while the network is in training mode."""
        dropout = self.architecture.dropout
        if not self.training or dropout == 0:
            return values
        return values * _kept(values, dropout, generator).div_(1 - dropout)


def _kept(values: Tensor, dropout: float, generator: torch.Generator) -> Tensor:
    """1 where a value is kept and 0 where it is dropped, in the shape and type of `values`.

    On a CPU `bernoulli_` draws 64 bits for each value, and took a tenth of a step. 16 bits are enough: dropout is then
    right to 0.00001.
    """
    kept = torch.empty_like(values)
    if values.is_cuda:
        return kept.bernoulli_(1 - dropout, generator=generator)
    draws = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    uniform = draws.view(torch.int16)[: values.numel()].view(values.shape)
    return torch.ge(uniform, min(round(dropout * 2**16), 2**16 - 1) - 2**15, out=kept)
