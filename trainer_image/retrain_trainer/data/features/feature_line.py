"""The one line that says what is learnt from: which features, whose they are, and what `data.builtIn: true` would add."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_trainer.data.files.candles import CANDLE_COLUMNS
from retrain_trainer.data.files.own_columns import LeftOut, listed

from .selection import BUILT_IN_NAMES, Selection, Wish


def feature_line(found: Selection, wish: Wish) -> str:
    """One line without a break, such as: 1 feature: 1 of the file's own (funding). data.builtIn: true would add ..."""
    return " ".join(filter(None, (_whose(found), _would_add(found, wish), _without(found))))


def left_out_of(found: Selection) -> tuple[LeftOut, ...]:
    """Every column of the file and every built-in feature that is not used, with the reason."""
    return found.left_out + tuple(LeftOut(name, "constant over the train rows") for name in found.dropped)


def cut_warning(found: Selection, skipped: int = 0, warmup: int = 0) -> tuple[str, ...]:
    """That rows are cut because a column has no value in them; `skipped` and `warmup` as in FeatureFile."""
    if found.blank is None:
        return ()
    name, row = found.blank
    rows = f"The first {found.cut - warmup:,} rows{' of data.window' if warmup else ''} are cut"
    return (
        f"{rows}, as the warm-up of built-in features is: column {name!r} has no value before row {skipped + row:,}.",
    )


def _whose(found: Selection) -> str:
    names = found.names
    candles = tuple(name for name in names if name in CANDLE_COLUMNS)
    parts = [
        _part(found.own, "of the file's own"),
        _part(candles, "from the candle columns"),
        _part(found.computed, "built in", every=len(BUILT_IN_NAMES)),
    ]
    return f"{len(names)} feature{'s' * (len(names) != 1)}: {'; '.join(filter(None, parts))}."


def _part(names: Sequence[str], whose: str, every: int = 0) -> str:
    if not names:
        return ""
    return f"all {every} {whose}" if len(names) == every else f"{len(names)} {whose} ({listed(names)})"


def _would_add(found: Selection, wish: Wish) -> str:
    more = [name for name in BUILT_IN_NAMES if name not in found.names and name not in found.dropped]
    complete = all(getattr(found.candles, name) is not None for name in CANDLE_COLUMNS)
    if wish.built_in or not more or not complete:
        return ""
    which = f"the {len(more)} built-in ones" if len(more) == len(BUILT_IN_NAMES) else f"{len(more)} more built-in ones"
    return f"data.builtIn: true would add {which}."


def _without(found: Selection) -> str:
    left_out = left_out_of(found)
    if not left_out:
        return ""
    said = listed([f"{one.name} ({one.why})" for one in left_out], most=40)
    return f"{'Left out' if found.own else 'No column of its own is used; left out'}: {said}."
