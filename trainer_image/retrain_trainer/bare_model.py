"""A plain state_dict as a model to compare with: the original plan's network, which says nothing of itself.

An LSTM whose output at the last step a linear layer reads; a sigmoid after it has no weights and changes no call of up or
down. Its shape is read from the weights, lookback and last training day from the spec. The rest is taken from the new
model: the features and their order, their scaling (the old one's is nowhere), interval, horizon and ties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO

import torch
from retrain_api.errors import DataError, Interrupted
from retrain_api.spec_gate import Baseline
from torch import Tensor

from .calibrate import Calibration
from .model import Architecture, DirectionLSTM
from .model_file import ModelFile

_WITHIN = ("model_state_dict", "state_dict", "model")
"""Where training scripts put the weights in a checkpoint."""
_OF_THE_LSTM = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")


class LastStepLSTM(DirectionLSTM):
    """The same weights, read at the last step in both directions."""

    def forward(self, windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits [batch] of windows [batch, lookback, features]."""
        output, _ = self.lstm(windows)
        logits: Tensor = self.head(output[:, -1]).squeeze(1)
        return logits.float()


def weights_in(data: bytes) -> Mapping[str, Tensor] | None:
    """The state_dict in a file's bytes, read with weights_only; None where there is none."""
    try:
        found = torch.load(BytesIO(data), weights_only=True, map_location="cpu")
    except Interrupted:
        raise
    except Exception:  # bytes that are no model file make torch raise nearly anything
        return None
    inner = next((found[name] for name in _WITHIN if name in found), found) if isinstance(found, Mapping) else None
    if not isinstance(inner, Mapping) or not inner or not all(isinstance(part, Tensor) for part in inner.values()):
        return None
    return inner


def bare_model(weights: Mapping[str, Tensor], described: Baseline, like: ModelFile) -> ModelFile:
    """The model of a state_dict; `like` is the new one. Raises DataError where it is another network, or not for its features."""
    named = _named(weights)
    try:
        network = LastStepLSTM(_shape(named))
        network.load_state_dict(named)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError("BadBaseline", f"it is not an LSTM that one linear layer reads ({why})") from None
    needed = network.architecture.features
    if needed != len(like.features):
        raise DataError(
            "BadBaseline",
            f"it reads {needed} features, and this run has {len(like.features)}: list its own in data.features",
        )
    return _as_file(network.eval(), described, like)


def _shape(weights: Mapping[str, Tensor]) -> Architecture:
    """What the weights themselves tell."""
    return Architecture(
        features=weights["lstm.weight_ih_l0"].shape[1],
        hidden_size=weights["lstm.weight_hh_l0"].shape[1],
        layers=sum(re.fullmatch(r"lstm\.weight_hh_l\d+", name) is not None for name in weights),
        dropout=0.0,
        bidirectional="lstm.weight_ih_l0_reverse" in weights,
    )


def _named(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names of our network: the LSTM's by their endings, all others are the head's."""
    named = {}
    for name, tensor in weights.items():
        last = name.rsplit(".", 1)[-1]
        ours = f"lstm.{last}" if last.startswith(_OF_THE_LSTM) else f"head.{last}"
        if ours in named:
            raise DataError("BadBaseline", f"it has more layers than an LSTM and one linear layer ({name[:80]})")
        named[ours] = tensor
    return named


def _as_file(network: LastStepLSTM, described: Baseline, like: ModelFile) -> ModelFile:
    return ModelFile(
        network=network,
        symbol=like.symbol,
        interval=like.interval,
        features=like.features,
        scaling=like.scaling,
        lookback=described.lookback_bars,
        horizon_bars=like.horizon_bars,
        ties=like.ties,
        calibration=Calibration(0.0, 1.0, 0.0, "None"),
        validation_end=_nanoseconds(described.trained_until),
        training={},
    )


def _nanoseconds(day: str | None) -> int:
    """End of a day of UTC in ns since 1970; 0 where it is not known. Raises DataError for a day that no calendar has."""
    if day is None:
        return 0
    try:
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        raise DataError("BadBaseline", f"promotion.baseline.trainedUntil {day} is in no calendar") from None
    return (int(midnight.timestamp()) + 86_400 - 1) * 1_000_000_000
