"""Reads a plain state_dict as a model to compare with: the original plan's network, without any metadata.

It is an LSTM with a linear layer on the output of the last step; a final sigmoid has no weights and does not change a
prediction of up or down. The shape comes from the weights, the lookback and the last training day from the spec. The rest
is taken from the new model: features, their order and scaling (the old one's is unknown), interval, horizon and ties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO

import torch
from torch import Tensor

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.spec.gate import Baseline

from .calibration import Calibration
from .file import ModelFile
from .network import Architecture, DirectionLSTM

_WITHIN = ("model_state_dict", "state_dict", "model")
"""Keys under which training scripts store the weights in a checkpoint."""
_OF_THE_LSTM = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")


class LastStepLSTM(DirectionLSTM):
    """The same weights, but the head reads the last step of both directions."""

    def forward(self, windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits [batch] of windows [batch, lookback, features]."""
        output, _ = self.lstm(windows)
        logits: Tensor = self.head(output[:, -1]).squeeze(1)
        return logits.float()


def weights_in(data: bytes) -> Mapping[str, Tensor] | None:
    """The state_dict in a file's bytes, read with weights_only; None where the file holds none."""
    try:
        found = torch.load(BytesIO(data), weights_only=True, map_location="cpu")
    except Exception:  # for other bytes torch raises nearly anything
        return None
    inner = next((found[name] for name in _WITHIN if name in found), found) if isinstance(found, Mapping) else None
    if not isinstance(inner, Mapping) or not inner or not all(isinstance(part, Tensor) for part in inner.values()):
        return None
    return inner


def model_from_state_dict(weights: Mapping[str, Tensor], described: Baseline, like: ModelFile) -> ModelFile:
    """The model of a state_dict; `like` is the new model.

    Raises DataError("BadBaseline") for another kind of network, and where the number of features differs.
    """
    named = _named(weights)
    try:
        network = LastStepLSTM(_shape(named))
        network.load_state_dict(named)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError(reasons.BAD_BASELINE, f"it is not an LSTM followed by one linear layer ({why})") from None
    needed = network.architecture.features
    if needed != len(like.features):
        raise DataError(
            reasons.BAD_BASELINE,
            f"it expects {needed} features, and this run has {len(like.features)}: list its features in data.features",
        )
    return _as_file(network.eval(), described, like)


def _shape(weights: Mapping[str, Tensor]) -> Architecture:
    """The shape, as far as the weights determine it."""
    return Architecture(
        features=weights["lstm.weight_ih_l0"].shape[1],
        hidden_size=weights["lstm.weight_hh_l0"].shape[1],
        layers=sum(re.fullmatch(r"lstm\.weight_hh_l\d+", name) is not None for name in weights),
        dropout=0.0,
        bidirectional="lstm.weight_ih_l0_reverse" in weights,
    )


def _named(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under our network's names: the LSTM's are recognised by their endings, all others are the head's."""
    named = {}
    for name, tensor in weights.items():
        last = name.rsplit(".", 1)[-1]
        ours = f"lstm.{last}" if last.startswith(_OF_THE_LSTM) else f"head.{last}"
        if ours in named:
            raise DataError(reasons.BAD_BASELINE, f"it has layers beyond an LSTM and one linear layer ({name[:80]})")
        named[ours] = tensor
    return named


def _as_file(network: LastStepLSTM, described: Baseline, like: ModelFile) -> ModelFile:
    return ModelFile(
        network=network,
        symbol=like.symbol,
        question=like.question,
        features=like.features,
        scaling=like.scaling,
        lookback=described.lookback_bars,
        calibration=Calibration(0.0, 1.0, 0.0, "None"),
        validation_end=_nanoseconds(described.trained_until),
        training={},
        computed=like.computed_features,
    )


def _nanoseconds(day: str | None) -> int:
    """The end of a UTC day in ns since 1970; 0 where it is unknown. Raises DataError for a day that does not exist."""
    if day is None:
        return 0
    try:
        midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        raise DataError(reasons.BAD_BASELINE, f"promotion.baseline.trainedUntil {day} does not exist") from None
    return (int(midnight.timestamp()) + 86_400 - 1) * 1_000_000_000
