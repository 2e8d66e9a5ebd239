"""What a model answered on its validation bars, kept by its training, so that the evaluation need not ask it again.

Both compute in float32 with the same batches. A file that is missing, damaged or of other windows is as good as none: the answers
are then computed anew.
"""

from __future__ import annotations

from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.names import validation_file
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there

Floats: TypeAlias = NDArray[np.float64]


def keep(store: Store, folder: str, model: str, logits: Floats) -> None:
    """Write the logits [k] of the model with this sha256 into the folder of its training."""
    buffer = BytesIO()
    np.save(buffer, logits, allow_pickle=False)
    store.write(folder + validation_file(model), buffer.getvalue())


def kept(store: Store, folder: str, model: str, windows: int) -> Floats | None:
    """The logits [windows] that were kept; None where there are none for so many windows."""
    stored = read_if_there(store, folder + validation_file(model))
    if stored is None:
        return None
    try:
        found = np.load(BytesIO(stored.data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    whole = found.dtype == np.float64 and found.shape == (windows,) and bool(np.isfinite(found).all())
    return found if whole else None
