"""Looks for the future in a dataset, in the two ways it gets there: through a column, and through bars that stand in it twice.

Training, evaluation and `retrain doctor` all ask here, so that a person reads the same sentence before and after an hour on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrain_api.documents.references import LookAheadRef
from retrain_api.wire import rounded
from retrain_trainer.data.dataset import Dataset

from .copied_bars import CopiedBars, copied_bars
from .look_ahead import FEWEST_ROWS, LookAhead, look_ahead, short_name


@dataclass(frozen=True)
class Leaks:
    """What was found; `own` is the number of columns that are the file's own."""

    look_ahead: LookAhead
    copied: CopiedBars
    own: int

    @property
    def suspicions(self) -> tuple[str, ...]:
        """Why no figure of a model of this data can be believed."""
        return (*self.look_ahead.sentences(), *(self.copied.sentences() if self.copied.suspect else ()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know and no verdict rests on."""
        return (*self._not_measured(), *(() if self.copied.suspect else self.copied.sentences()))

    def _not_measured(self) -> tuple[str, ...]:
        if self.look_ahead.measured or not self.own:
            return ()
        columns = "the file's own column knows" if self.own == 1 else f"the {self.own:,} columns of the file's own know"
        return (
            f"Whether {columns} later bars was not measured: that takes {FEWEST_ROWS:,} train rows with a bar before each.",
        )

    def as_document(self) -> dict[str, Any]:
        """For evaluation.json and the card."""
        return {"lookAhead": self.look_ahead.as_document(), "copiedBars": self.copied.as_document()}

    def reference(self) -> LookAheadRef:
        """The worst column in short, for a result."""
        found = self.look_ahead
        worst = found.readings[0] if found.readings else None
        return LookAheadRef(
            rows=found.rows,
            suspects=len(found.suspects),
            column=short_name(worst.name)[1:-1] if worst else None,
            next_share=rounded(worst.next_share) if worst else None,
            later_share=rounded(worst.later_share) if worst else None,
        )


def find_leaks(dataset: Dataset, values: NDArray[np.float32]) -> Leaks:
    """Measure the columns `values` [rows, features], scaled or not, on the train rows, and compare train and test bars."""
    interval, train = dataset.question.interval, dataset.split.train
    return Leaks(
        look_ahead(dataset.candles, interval, dataset.names, values, train),
        copied_bars(dataset.candles, dataset.split),
        len(dataset.own),
    )
