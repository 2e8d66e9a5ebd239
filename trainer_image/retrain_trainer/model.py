"""The network: an LSTM over a window, and one logit for "the close is higher after the horizon"."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Architecture:
    """All that fixes the shape of the network."""

    features: int
    hidden_size: int
    layers: int
    dropout: float
    bidirectional: bool


class DirectionLSTM(nn.Module):
    """Windows float32[batch, lookback, features] to logits float32[batch].

    The head reads the last layer's final states: of the forward direction the state at the window's last bar,
    of the backward direction the state at its first bar, so both have read the whole window. (The backward
    output at the last bar would have read that one bar alone.) Without the backward direction this is the
    output of the last step. Dropout lies between the layers and before the head.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.lstm = nn.LSTM(
            architecture.features,
            architecture.hidden_size,
            architecture.layers,
            batch_first=True,
            # With one layer there is nothing between layers, and torch warns of a dropout there.
            dropout=architecture.dropout if architecture.layers > 1 else 0.0,
            bidirectional=architecture.bidirectional,
        )
        directions = 2 if architecture.bidirectional else 1
        self.dropout = nn.Dropout(architecture.dropout)
        self.head = nn.Linear(directions * architecture.hidden_size, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Logits [batch] of windows [batch, lookback, features]."""
        _, (states, _) = self.lstm(windows)
        directions = 2 if self.architecture.bidirectional else 1
        final = torch.cat(tuple(states[-directions:]), dim=1)
        logits: Tensor = self.head(self.dropout(final)).squeeze(1)
        return logits.float()
