"""What every step has at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from training.pace import DEFAULT, Sizes

from retrain_trainer.model.network import Architecture

from .found import Results
from .notes import Notes

SMALL = Sizes(windows=128, lookback=6, shape=Architecture(5, 8, 2, 0.35, True))
"""For a try on a CPU: every line runs, and no figure means anything."""

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class StepSetup:
    """Device, sizes and time of the cells; the results of the steps before; a folder that all steps share."""

    device: torch.device
    small: bool
    seconds: float
    notes: Notes
    results: Results
    scratch: Path

    @property
    def sizes(self) -> Sizes:
        """Of noise and network."""
        return SMALL if self.small else DEFAULT

    @property
    def batches(self) -> Sequence[int]:
        """That are compared."""
        return (8, 16) if self.small else (32, 128, 512, 2048)

    @property
    def two_batches(self) -> Sequence[int]:
        """The default one, whose steps are short, and one whose steps are not."""
        return (8, 16) if self.small else (32, 512)
