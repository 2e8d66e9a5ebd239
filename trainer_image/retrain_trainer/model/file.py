"""The model file: everything that inference needs.

It contains no time, host or path, so the same seed, data and machine give the same sha256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import torch

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Question
from retrain_trainer.data.features.selection import BUILT_IN_NAMES
from retrain_trainer.data.windows import Scaling

from .calibration import Calibration
from .contents import described, unpacked
from .network import Architecture, DirectionLSTM

FORMAT = 1
_NEEDED = (
    *("architecture", "weights", "scaling", "symbol", "interval", "features", "lookback", "horizon_bars", "ties"),
    *("calibration", "validation_end", "training", "built_in", "positive_weight"),
)


@dataclass(frozen=True)
class ModelFile:
    """A trained network, with all that is needed to feed it and to read its output.

    features: names of the columns, in the network's order. question: what is predicted. lookback: bars in a window. calibration: from logits to probabilities. validation_end: the last bar that training used, ns
    since 1970 UTC. training: figures of the training (trainAccuracy, validationAccuracy, bestEpoch, and more).
    built_in: whether the features are computed from candles, so that candles are all that a prediction needs.
    computed: the features that are computed where others are columns of the file; None where `built_in` says it for all.
    positive_weight: of the up labels in the loss; its logarithm is in the calibration too.
    """

    network: DirectionLSTM
    symbol: str
    question: Question
    features: tuple[str, ...]
    scaling: Scaling
    lookback: int
    calibration: Calibration
    validation_end: int
    training: Mapping[str, Any]
    built_in: bool = False
    positive_weight: float = 1.0
    computed: tuple[str, ...] | None = None

    @property
    def computed_features(self) -> tuple[str, ...]:
        """The features that are computed from candles; the others are columns that a prediction must be given."""
        if self.computed is not None:
            return self.computed
        return tuple(name for name in self.features if self.built_in and name in BUILT_IN_NAMES)

    @property
    def interval(self) -> str:
        """Time between two bars, as it was written."""
        return str(self.question.interval)

    @property
    def horizon_bars(self) -> int:
        """Bars between a prediction and its outcome."""
        return self.question.horizon


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
        "horizon_bars": model.question.horizon,
        "ties": model.question.ties,
        "calibration": asdict(model.calibration),
        "validation_end": model.validation_end,
        "training": dict(model.training),
        "built_in": model.built_in,
        "positive_weight": model.positive_weight,
    }
    if model.computed is not None:
        payload["computed"] = list(model.computed)
    # torch.save puts the file's own name into the archive: a buffer has none.
    buffer = BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def load_model(data: bytes) -> ModelFile:
    """The model in a file's bytes, on the CPU, ready for inference. Raises DataError for anything else."""
    payload = _payload(data)
    if missing := [name for name in _NEEDED if name not in payload]:
        raise _lacking(f"its {', '.join(missing)}")
    try:
        network = DirectionLSTM(Architecture(**payload["architecture"]))
        network.load_state_dict(payload["weights"])
        network.eval()
        return ModelFile(
            network=network,
            symbol=payload["symbol"],
            question=Question.parse(payload["interval"], payload["horizon_bars"], payload["ties"]),
            features=tuple(payload["features"]),
            scaling=Scaling(payload["scaling"]["mean"].numpy(), payload["scaling"]["std"].numpy()),
            lookback=payload["lookback"],
            calibration=Calibration(**payload["calibration"]),
            validation_end=payload["validation_end"],
            training=payload["training"],
            built_in=payload["built_in"],
            positive_weight=payload["positive_weight"],
            computed=tuple(payload["computed"]) if "computed" in payload else None,
        )
    except Exception:  # what a stranger's file may hold in these places raises nearly anything
        raise _lacking("parts that fit each other") from None


def _lacking(what: str) -> DataError:
    return DataError(reasons.BAD_MODEL_FILE, f"The model file lacks what inference needs: {what}; train again.")


def _payload(data: bytes) -> dict[str, Any]:
    """A model file is data and must not execute code."""
    payload = unpacked(data)
    version = payload.get("format") if isinstance(payload, dict) else None
    if not isinstance(version, int):
        raise DataError(reasons.BAD_MODEL_FILE, f"This is not a model file: it is {described(payload)}.")
    if version != FORMAT:
        raise DataError(
            reasons.BAD_MODEL_FILE, f"The model file has format {version}, and this trainer reads format {FORMAT}."
        )
    return dict(payload)
