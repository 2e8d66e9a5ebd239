"""Computes a model file's probabilities on rows of a feature file.

Challenger, champion and baseline all come through here, so a difference between two models can't come from a difference
in how they were read, scaled or calibrated.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_trainer.data.features.selection import BUILT_IN_NAMES, rows_of
from retrain_trainer.data.files.candles import Candles, read_feature_file
from retrain_trainer.data.period import Window
from retrain_trainer.model.calibration import Calibration, probability
from retrain_trainer.model.file import ModelFile
from retrain_trainer.model.inference import logits

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


def calibration_of(model: ModelFile, method: str) -> Calibration:
    """The model's own calibration; with method "None" only the weight of the loss is taken off the logits."""
    return (
        model.calibration if method == "Platt" else replace(model.calibration, slope=1.0, intercept=0.0, method="None")
    )


def probabilities(
    model: ModelFile, scaled: NDArray[np.float32], ends: Integers, method: str, device: torch.device
) -> Floats:
    """Probability of up [k] for the windows that end at rows `ends`; raises what `finite_logits` raises."""
    return probability(calibration_of(model, method), finite_logits(model, scaled, ends, device))


def finite_logits(model: ModelFile, scaled: NDArray[np.float32], ends: Integers, device: torch.device) -> Floats:
    """Logits [k] of the windows that end at rows `ends` of the scaled features float32[rows, f].

    Raises DataError("LogitsNotFinite") where one is not finite.
    """
    found = logits(model.network.to(device), torch.from_numpy(scaled).to(device), ends, model.lookback)
    if not np.isfinite(found).all():
        raise DataError(reasons.LOGITS_NOT_FINITE, "The model's output on the test bars is not finite; train it again.")
    return found


def rows_for(
    model: ModelFile, path: Path, until: int, window: Window | None = None
) -> tuple[Candles, NDArray[np.float32]]:
    """Candles and scaled features of the bars of a file that had closed by `until` (ns UTC), as the model needs them.

    Of a `window` those of its warm-up are among them.

    What the model's training computed is computed again, whatever columns of that name this file has. Raises DataError where a
    feature is missing.
    """
    interval = model.question.interval
    own = [name for name in model.features if name not in model.computed_features]
    file = read_feature_file(path, interval, own, BUILT_IN_NAMES, until=until, window=window)
    candles, values = rows_of(file, interval, model.features)
    return candles, model.scaling.apply(values, out=values)
