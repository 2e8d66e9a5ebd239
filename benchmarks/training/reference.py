"""The reference, what people usually write: one window per item, a DataLoader, float32, the loss read at every step.

It uses none of the project's code, so that it stays as it is when the project gets faster.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """A data set with one window per item."""

    def __init__(self, features: Tensor, targets: Tensor, ends: Tensor, lookback: int) -> None:
        self.features, self.targets, self.ends, self.lookback = features, targets, ends, lookback

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        end = int(self.ends[item])
        return self.features[end - self.lookback + 1 : end + 1], self.targets[end]


class Network(nn.Module):
    """The default network, written plainly."""

    def __init__(self, features: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=dropout, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, windows: Tensor) -> Tensor:
        outputs, _ = self.lstm(windows)
        final = torch.cat([outputs[:, -1, : self.hidden], outputs[:, 0, self.hidden :]], dim=1)
        logits: Tensor = self.head(self.dropout(final)).squeeze(1)
        return logits


def train(
    network: nn.Module, windows: Windows, weight: float, seed: int, device: torch.device, optimiser: torch.optim.Adam
) -> Iterator[int]:
    """Train one epoch; yields the windows done after each step."""
    order = torch.Generator().manual_seed(seed)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight, device=device))
    network.train()
    done, total = 0, 0.0
    for batch, targets in DataLoader(windows, batch_size=32, shuffle=True, generator=order):
        optimiser.zero_grad()
        loss = criterion(network(batch.to(device)), targets.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        total += loss.item() * len(batch)
        done += len(batch)
        yield done


@torch.no_grad()
def evaluate(network: Network, windows: Windows, device: torch.device) -> Iterator[int]:
    """Probabilities one window at a time; yields the windows done."""
    network.eval()
    found = []
    for item in range(len(windows)):
        window, _ = windows[item]
        found.append(torch.sigmoid(network(window.unsqueeze(0).to(device))).item())
        yield item + 1
