"""The model file: everything inference needs, in bytes that depend on the training alone.

No time, no host and no path are inside, so the same seed, data and machine give the same sha256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any, Literal

import torch
from retrain_api.errors import DataError, Interrupted

from .calibrate import Calibration
from .model import Architecture, DirectionLSTM
from .windows import Scaling

FORMAT = 1


@dataclass(frozen=True)
class ModelFile:
    """A trained network and how to feed and read it.

    features: names of the columns, in the network's order. lookback: bars in a window. horizon_bars, ties: what is
    predicted. calibration: from logits to probabilities. validation_end: the last bar that training looked at, ns
    since 1970 UTC. training: figures of the training (trainAccuracy, validationAccuracy, bestEpoch, and more).
    built_in: whether the features are computed from candles, so that candles are all that a prediction needs.
    positive_weight: of the up labels in the loss; its logarithm is in the calibration too.
    """

    network: DirectionLSTM
    symbol: str
    interval: str
    features: tuple[str, ...]
    scaling: Scaling
    lookback: int
    horizon_bars: int
    ties: Literal["Drop", "Down"]
    calibration: Calibration
    validation_end: int
    training: Mapping[str, Any]
    built_in: bool = False
    positive_weight: float = 1.0


def save_model(model: ModelFile) -> bytes:
    """The file's bytes; the same model gives the same bytes."""
    payload = {
        "format": FORMAT,
        "architecture": asdict(model.network.architecture),
        "weights": {name: tensor.detach().cpu().clone() for name, tensor in model.network.state_dict().items()},
        "scaling": {"mean": torch.from_numpy(model.scaling.mean), "std": torch.from_numpy(model.scaling.std)},
        "symbol": model.symbol,
        "interval": model.interval,
        "features": list(model.features),
        "lookback": model.lookback,
        "horizon_bars": model.horizon_bars,
        "ties": model.ties,
        "calibration": asdict(model.calibration),
        "validation_end": model.validation_end,
        "training": dict(model.training),
        "built_in": model.built_in,
        "positive_weight": model.positive_weight,
    }
    # torch.save puts the file's own name into the archive: a buffer has none.
    buffer = BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def load_model(data: bytes) -> ModelFile:
    """The model in a file's bytes, on the CPU, ready for inference. Raises DataError for what is no model file."""
    payload = _payload(data)
    try:
        network = DirectionLSTM(Architecture(**payload["architecture"]))
        network.load_state_dict(payload["weights"])
        network.eval()
        return ModelFile(
            network=network,
            symbol=payload["symbol"],
            interval=payload["interval"],
            features=tuple(payload["features"]),
            scaling=Scaling(payload["scaling"]["mean"].numpy(), payload["scaling"]["std"].numpy()),
            lookback=payload["lookback"],
            horizon_bars=payload["horizon_bars"],
            ties=payload["ties"],
            calibration=Calibration(**payload["calibration"]),
            validation_end=payload["validation_end"],
            training=payload["training"],
            built_in=payload["built_in"],
            positive_weight=payload["positive_weight"],
        )
    except (KeyError, TypeError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise DataError("BadModelFile", f"The model file lacks what inference needs ({why}); train again.") from None


def _payload(data: bytes) -> dict[str, Any]:
    """Read with weights_only: a model file is data, and must not run code."""
    try:
        payload = torch.load(BytesIO(data), weights_only=True, map_location="cpu")
    except Interrupted:
        raise
    except Exception as error:  # bytes that are no model file make torch raise nearly anything
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError("BadModelFile", f"This is no model file, or a damaged one ({first[:200]}).") from None
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        found = payload.get("format") if isinstance(payload, dict) else None
        raise DataError("BadModelFile", f"The model file has format {found}, and this trainer reads {FORMAT}.")
    return payload
