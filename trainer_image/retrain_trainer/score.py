"""Probabilities of a model file on rows of a feature file: the same for a challenger, a champion and a baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from retrain_api.errors import DataError

from .calibrate import Calibration, probability
from .candles import Candles, read_feature_file
from .dataset import with_features
from .features import BUILT_IN
from .inference import logits
from .model_file import ModelFile

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

_BUILT_IN_NAMES = tuple(definition.name for definition in BUILT_IN)


def calibration_of(model: ModelFile, method: str) -> Calibration:
    """The model's own calibration; with "None" the loss weight alone is taken off."""
    return (
        model.calibration if method == "Platt" else replace(model.calibration, slope=1.0, intercept=0.0, method="None")
    )


def probabilities(
    model: ModelFile, scaled: NDArray[np.float32], ends: Integers, method: str, device: torch.device
) -> Floats:
    """Probability of up [k] of the windows that end at rows `ends` of scaled features float32[rows, f].

    Raises DataError where one is not a number.
    """
    found = logits(model.network.to(device), torch.from_numpy(scaled).to(device), ends, model.lookback)
    if not np.isfinite(found).all():
        raise DataError("LogitsNotFinite", "The model gives numbers that are not finite on the test bars; train again.")
    return probability(calibration_of(model, method), found)


def rows_for(model: ModelFile, path: Path) -> tuple[Candles, NDArray[np.float32]]:
    """Candles and scaled features of a feature file as a model needs them; DataError where it lacks a feature."""
    file = with_features(
        read_feature_file(path, model.interval, model.features, _BUILT_IN_NAMES), model.interval, model.features
    )
    return file.candles, model.scaling.apply(file.values, out=file.values)
