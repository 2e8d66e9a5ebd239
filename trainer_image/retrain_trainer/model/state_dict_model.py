"""Reads a plain state_dict as a model to compare with: the original plan's network, without any metadata.

It is an LSTM with a linear layer on the output of the last step; a final sigmoid has no weights and does not change a
prediction of up or down. The shape comes from the weights, the lookback and the last training day from the spec. The rest
is taken from the new model: features, their order and scaling (the old one's is unknown), interval, horizon and ties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import torch
from torch import Tensor

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.spec.gate import Baseline

from .calibration import Calibration
from .contents import is_state_dict, unpacked
from .file import ModelFile
from .network import Architecture, DirectionLSTM

_WITHIN = ("model_state_dict", "state_dict", "model")
"""Keys under which training scripts store the weights in a checkpoint."""
_FIRST = "lstm.weight_ih_l0"
_OF_THE_LOSS = re.compile(r"(.*[._])?(pos_weight|(criterion|loss)(_\w+)?\.[\w.]+|loss_fn\.[\w.]+)")
"""Buffers that Lightning keeps beside the weights: they take part in training alone."""
_OF_THE_LSTM = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")


class LastStepLSTM(DirectionLSTM):
    """The same weights, but the head reads the last step of both directions."""

    def forward(self, windows: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Logits [batch] of windows [batch, lookback, features]."""
        output, _ = self.lstm(windows)
        logits: Tensor = self.head(output[:, -1]).squeeze(1)
        return logits.float()


def weights_in(data: bytes) -> Mapping[str, Tensor] | None:
    """The state_dict in a file's bytes; None where the file holds none. Raises DataError("BadModelFile")."""
    found = unpacked(data)
    inner = next((found[name] for name in _WITHIN if name in found), found) if isinstance(found, Mapping) else None
    return inner if isinstance(inner, Mapping) and is_state_dict(inner) else None


def model_from_state_dict(weights: Mapping[str, Tensor], described: Baseline, like: ModelFile) -> ModelFile:
    """The model of a state_dict; `like` is the new model.

    Raises DataError("BadBaseline") for another kind of network, and where the number of features differs.
    """
    network = _network(_named(weights))
    needed = network.architecture.features
    if needed != len(like.features):
        raise DataError(
            reasons.BAD_BASELINE,
            f"it expects {needed} features, and this run has {len(like.features)}: list its features in data.features",
        )
    return _as_file(network.eval(), described, like)


def _network(named: Mapping[str, Tensor]) -> LastStepLSTM:
    if _FIRST not in named:
        raise _another("it has no LSTM whose weights it names weight_ih_l0")
    if not all(torch.isfinite(tensor).all() for tensor in named.values()):
        raise DataError(reasons.BAD_BASELINE, "some of its weights are not numbers (NaN or infinite)")
    try:
        network = LastStepLSTM(_shape(named))
    except (KeyError, IndexError, ValueError, RuntimeError):
        raise _another("the shapes of its weights fit no LSTM") from None
    expected = network.state_dict()
    for name in sorted(expected.keys() | named.keys(), reverse=True):  # the LSTM's before the head's
        if wrong := _wrong(named.get(name), expected.get(name)):
            place, _, weight = name.partition(".")
            raise _another(f"{weight[:80]} of its {'LSTM' if place == 'lstm' else 'linear layer'} {wrong}")
    network.load_state_dict(dict(named))
    return network


def _wrong(found: Tensor | None, needed: Tensor | None) -> str | None:
    """What is wrong with a weight, if anything."""
    if found is None:
        return "is missing"
    if needed is None:
        return "is one too many"
    if found.shape != needed.shape:
        return "has the shape {}, and {} is needed".format(*("x".join(map(str, one.shape)) for one in (found, needed)))
    return None


def _another(why: str) -> DataError:
    return DataError(reasons.BAD_BASELINE, f"it is not an LSTM followed by one linear layer: {why}")


def _shape(weights: Mapping[str, Tensor]) -> Architecture:
    """The shape, as far as the weights determine it."""
    return Architecture(
        features=weights[_FIRST].shape[1],
        hidden_size=weights["lstm.weight_hh_l0"].shape[1],
        layers=sum(re.fullmatch(r"lstm\.weight_hh_l\d+", name) is not None for name in weights),
        dropout=0.0,
        bidirectional="lstm.weight_ih_l0_reverse" in weights,
    )


def _named(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under our network's names: the LSTM's are recognised by their endings, all others are the head's."""
    named = {}
    for name, tensor in weights.items():
        if _OF_THE_LOSS.fullmatch(name):
            continue
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
