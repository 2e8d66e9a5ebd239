"""Could a model without skill be right this often? Its calls are moved against the labels, and counted again.

Moved by a block or more, calls and labels no longer belong together, but each still follows itself as it did: calls that stay
the same for hours, outcomes that overlap, a market that mostly rose. So every such shift shows how often a model is right
that calls like this one and knows nothing. The calls go around the end of the test, as the blocks do.

The paired bootstrap against the majority, which this took the place of, asks whether the model would beat the majority on
other bars. There the majority is chosen after the fact on every test, and one needs about twice the bars to show it
(docs/measuring.md has the table).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .resampling import FEWEST_BLOCKS

Floats: TypeAlias = NDArray[np.float64]

FEWEST_SHIFTS = 20
"""With fewer, even the best of all is no p-value of 5 %."""


def shifted_p_value(probabilities: Floats, labels: NDArray[np.int8], block_bars: int) -> float | None:
    """The share of shifts by a block or more in which the calls are right at least as often; one-sided.

    `probabilities` [bars] (NaN where there is no window; a call is up above 0.5) and `labels` [bars] (1, 0, or -1 for none)
    cover every test bar in time order. The measured accuracy counts as one of the shifts, so that the value is never 0. None
    where fewer than FEWEST_BLOCKS blocks fit or fewer than FEWEST_SHIFTS are possible, or where no bar is judged.
    """
    called, labelled = np.isfinite(probabilities), labels >= 0
    shifts = slice(block_bars, labels.size - block_bars + 1)
    few = labels.size < FEWEST_BLOCKS * block_bars or shifts.stop - shifts.start < FEWEST_SHIFTS
    if few or not (called & labelled).any():
        return None
    calls = np.where(called, np.where(probabilities > 0.5, 1.0, -1.0), 0.0)
    outcomes = np.where(labelled, np.where(labels == 1, 1.0, -1.0), 0.0)
    pairs, agreed = _products(np.abs(calls), np.abs(outcomes)), _products(calls, outcomes)
    right, judged = (pairs + agreed) / 2, np.maximum(pairs, 1)
    # Counts are whole numbers, so that cross-multiplied they compare exactly.
    as_good = (right * judged[0] >= right[0] * judged)[shifts]
    return float((1 + as_good.sum()) / (1 + as_good.size))


def _products(calls: Floats, outcomes: Floats) -> Floats:
    """Sums of calls[i + shift] * outcomes[i] for each shift [bars], around the end; whole numbers."""
    spectrum = np.fft.rfft(calls) * np.fft.rfft(outcomes).conj()
    return np.round(np.fft.irfft(spectrum, calls.size))
