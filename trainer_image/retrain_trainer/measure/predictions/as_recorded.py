"""What predictions.parquet tells only in part: suspicions, and what luck explains among other tries.

A suspicion about a column or about bars that stand in the train part needs the train rows, and how many others were tried on these bars, and how
alike they answer, needs the files of those tries: that much is taken as recorded. The rest is computed again. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from retrain_api.measurement import Measurement
from retrain_api.wire import significant
from retrain_trainer.measure.assess import Assessment, Predictions, days_of
from retrain_trainer.measure.leaks.suspicion import is_of_figures
from retrain_trainer.measure.tries.counting import luck_among_recorded, luck_figures
from retrain_trainer.measure.tries.luck import Luck, deflated_sharpe

Document: TypeAlias = Mapping[str, Any]

_CUT = " ..."
_OF_ROUNDED = 2e-4
"""What is computed from `different`, of which five digits are recorded, may differ by this share."""
_FROM_DIFFERENT = ("realityCheck", "luck", "luckiest")
_ALONE = 2
"""With so many tries a deflated Sharpe ratio takes nothing from the others; see `deflated_sharpe`."""


def suspicions_again(stated: Sequence[str], figures: Sequence[str]) -> tuple[str, ...]:
    """The stated suspicions, with those about figures of the test bars replaced by the ones that were computed."""
    others = [sentence for sentence in stated if not is_of_figures(sentence)]
    place = next((at for at, sentence in enumerate(stated) if is_of_figures(sentence)), len(others))
    return (*others[:place], *figures, *others[place:])


def is_short_for(short: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether `short` may be what a status had room for of these suspicions: some of them, each cut somewhere."""
    parts = [sentence.removesuffix(_CUT) for sentence in short]
    return bool(short) == bool(whole) and all(any(part in sentence for sentence in whole) for part in parts)


def luck_again(
    predictions: Predictions, assessment: Assessment, stated: Document
) -> tuple[Luck | None, dict[str, Any]]:
    """What luck explains, and the part of the document that follows, given the stated number of tries and of different models."""
    tries = int(max(_number(stated.get("tries"), 1), 1))
    different = min(max(_number(stated.get("different"), tries), 1.0), float(tries))
    luck = luck_among_recorded(predictions, assessment, tries, different)
    found = luck_figures(luck, tries)
    if tries > 1:
        found |= {name: _if_close(found[name], stated.get(name)) for name in _FROM_DIFFERENT}
    if tries <= _ALONE:
        found["deflatedSharpe"] = significant(deflated_sharpe(days_of(predictions, assessment.backtest), [], tries))
    return luck, found


def _number(value: Any, otherwise: float) -> float:
    return value if isinstance(value, int | float) and math.isfinite(value) else otherwise


def _if_close(value: Any, stated: Any) -> Any:
    """The stated number where it is this one but for rounding."""
    numbers = isinstance(value, float) and isinstance(stated, int | float)
    return stated if numbers and math.isclose(value, stated, rel_tol=_OF_ROUNDED) else value


def measured_luck(luck: Luck | None, stated: float | None) -> float | None:
    """Luck for a measurement: the stated one where it may be this one, rounded."""
    if luck is None:
        return None
    spread = 0.0 if luck.tries == 1 else _OF_ROUNDED
    near = [Measurement(luck=luck.luck * (1 + side * spread)).luck for side in (-1, 0, 1)]
    return stated if stated in near else luck.luck
