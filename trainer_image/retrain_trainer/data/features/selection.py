"""Decides what is learnt from: which columns of the file, which built-in features, and which rows are cut for them.

Training, evaluation, comparison and `retrain doctor` all come through here. The rows that are cut follow from the features
that are used and from nothing else: an evaluation is given the names of the model's file, and must find the very split that
the training had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError
from retrain_api.time import Interval
from retrain_trainer.data.columns.column_values import only_grows
from retrain_trainer.data.files.candles import CANDLE_COLUMNS, Candles, FeatureFile
from retrain_trainer.data.files.own_columns import LeftOut

from .built_in import BUILT_IN, WARMUP_ROWS, compute

BUILT_IN_NAMES = tuple(definition.name for definition in BUILT_IN)

TrainRows = Callable[[int], slice]
"""The train part of the rows from a row on, counted from there. Raises DataError("TooFewRows")."""


@dataclass(frozen=True)
class Wish:
    """What the run asks for: `data.features` and `data.builtIn`, both None where they are unset."""

    features: Sequence[str] | None = None
    built_in: bool | None = None

    @property
    def computable(self) -> tuple[str, ...]:
        """The built-in features that may be computed."""
        return () if self.built_in is False else BUILT_IN_NAMES

    def computed(self, there: Sequence[str]) -> tuple[str, ...]:
        """The features to compute beside the columns that are `there`, in the order of their definition or of the wish."""
        asked = tuple(name for name in self.features or () if name not in there)
        every = self.built_in or (self.built_in is None and self.features is None and not there)
        return asked + tuple(name for name in BUILT_IN_NAMES if every and name not in (*there, *asked))


@dataclass(frozen=True)
class Selection:
    """What is learnt from: candles, names and values float32[n, f] without the `cut` rows at the start.

    computed: those of the names that are built in; the others are columns of the file. left_out: columns of the file that
    are not used. dropped: features that are constant over the train rows, of either kind. blank: the used column whose
    first value comes last, and the row of that value; None where every used column has a value in the first row of the window.
    """

    candles: Candles
    names: tuple[str, ...]
    values: NDArray[np.float32]
    computed: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    dropped: tuple[str, ...]
    cut: int
    blank: tuple[str, int] | None

    @property
    def own(self) -> tuple[str, ...]:
        """The features that are columns of the file's own."""
        return tuple(name for name in self.names if name not in self.computed and name not in CANDLE_COLUMNS)


@dataclass(frozen=True)
class _Columns:
    """Feature columns float32[n, f], of which those at `kept` are used; each lacks a value in its first `starts` rows."""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    starts: tuple[int, ...]
    kept: tuple[int, ...]

    @property
    def used(self) -> tuple[str, ...]:
        return tuple(self.names[index] for index in self.kept)

    @property
    def start(self) -> int:
        return max((self.starts[index] for index in self.kept), default=0)

    @property
    def last(self) -> tuple[str, int] | None:
        """The used column whose first value comes last."""
        return (
            (next(self.names[i] for i in self.kept if self.starts[i] == self.start), self.start) if self.start else None
        )

    def without(self, names: Sequence[str]) -> _Columns:
        return replace(self, kept=tuple(index for index in self.kept if self.names[index] not in names))


def select(file: FeatureFile, interval: Interval, wish: Wish, train_rows: TrainRows) -> Selection:
    """Leave out what is no feature, compute what is built in, and cut the rows at the start that lack a value.

    Where `wish` names no features, columns that only grow are left out. What is constant over the train rows always is; and
    where no own column remains, the built-in features are computed unless the wish forbids them. Raises DataError: AllConstant,
    MissingFeature, TooFewRows, and what `compute` raises.
    """
    own = _Columns(file.names, file.values, file.starts, tuple(range(len(file.names))))
    built_in = _computed(file, interval, wish.computed(file.names))
    warmup = file.warmup
    grown: list[str] = []
    dropped: list[str] = []
    while True:
        cut = max(own.start, built_in.start, warmup)
        if not own.kept and not built_in.kept:
            if wish.features is not None or built_in.names:
                raise _all_constant(dropped)
            built_in = _computed(file, interval, _fallback(file, wish, [*grown, *dropped]))
            continue
        train = _train_rows(train_rows, cut, warmup, own)
        found = [] if wish.features is not None else _growing(own, cut)
        constant = [*_constant(own, cut, train), *_constant(built_in, cut, train)]
        if not found and not constant:
            break
        grown += found
        dropped += [name for name in constant if name not in found]
        own, built_in = own.without((*found, *constant)), built_in.without(constant)
    left_out = file.left_out + tuple(LeftOut(name, "it only grows") for name in grown)
    names, values = _joined(own, built_in, cut, wish)
    return Selection(
        candles=_from_row(file.candles, cut),
        names=names,
        values=values,
        computed=built_in.used,
        left_out=left_out,
        dropped=tuple(dropped),
        cut=cut,
        blank=own.last if own.start > warmup else None,
    )


def _all_constant(dropped: Sequence[str]) -> DataError:
    return DataError(reasons.ALL_CONSTANT, f"Every feature is constant over the train rows: {', '.join(dropped[:12])}.")


def least_cut(file: FeatureFile, interval: Interval, wish: Wish) -> int:
    """How many rows at the start are cut at least, for the warm-up of what is computed whatever the values are.

    Of `file` only names, columns and number of rows count. Raises what `select` raises for these.
    """
    names = wish.computed(file.names)
    if not names and not file.names:
        names = _fallback(file, wish, ())
    return _computed(file, interval, names).start


def rows_of(file: FeatureFile, interval: Interval, names: Sequence[str]) -> tuple[Candles, NDArray[np.float32]]:
    """Candles and values float32[n, f] of exactly these features, those computed that the file was not read for."""
    own = _Columns(file.names, file.values, file.starts, tuple(range(len(file.names))))
    built_in = _computed(file, interval, tuple(name for name in names if name not in file.names))
    cut = max(own.start, built_in.start)
    return _from_row(file.candles, cut), _joined(own, built_in, cut, Wish(names))[1]


def _fallback(file: FeatureFile, wish: Wish, gone: Sequence[str]) -> tuple[str, ...]:
    """The built-in features, where no own column is left. Raises DataError("MissingFeature") where they are forbidden."""
    if wish.built_in is False:
        names = [one.name for one in file.left_out] + list(gone)
        why = f" (left out: {', '.join(names[:12])})" if names else ""
        raise DataError(
            reasons.MISSING_FEATURE,
            f"The file has no column of its own to learn from{why}, and data.builtIn is false; name columns in "
            "data.features, or leave data.builtIn out.",
        )
    return BUILT_IN_NAMES


def _computed(file: FeatureFile, interval: Interval, names: tuple[str, ...]) -> _Columns:
    rows = len(file.candles.timestamps)
    if not names:
        return _Columns((), np.empty((rows, 0), np.float32), (), ())
    try:
        found, values, warmup = compute(file.candles, interval, names)
    except DataError as error:
        if error.reason != reasons.MISSING_COLUMN or not file.left_out:
            raise
        left_out = ", ".join(f"{one.name} ({one.why})" for one in file.left_out[:12])
        raise DataError(error.reason, f"{error.message} Not used: {left_out}.") from None
    if warmup >= rows:
        raise DataError(
            reasons.TOO_FEW_ROWS, f"The file has {rows} rows, and the built-in features need more than {WARMUP_ROWS}."
        )
    return _Columns(found, values, (warmup,) * len(found), tuple(range(len(found))))


def _train_rows(train_rows: TrainRows, cut: int, warmup: int, own: _Columns) -> slice:
    """The train part of the rows that are left, as rows of the file."""
    try:
        train = train_rows(cut)
    except DataError as error:
        if own.last is None or not own.start == cut > warmup:
            raise
        name, start = own.last
        why = f"Column {name!r} has no value in the first {start - warmup:,} rows, which are cut; leave it out, or fill it in."
        raise DataError(error.reason, f"{error.message} {why}") from None
    return slice(cut + train.start, cut + train.stop)


def _growing(columns: _Columns, cut: int) -> list[str]:
    """Columns that only grow. A built-in feature that `retrain features` wrote is none, though day_cos may fall for hours."""
    found = [index for index in columns.kept if columns.names[index] not in BUILT_IN_NAMES]
    return [columns.names[index] for index in found if only_grows(columns.values[cut:, index])]


def _constant(columns: _Columns, cut: int, train: slice) -> list[str]:
    part = columns.values[train]
    varies = part.min(axis=0) != part.max(axis=0)
    return [columns.names[index] for index in columns.kept if not varies[index]]


def _joined(own: _Columns, built_in: _Columns, cut: int, wish: Wish) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The used columns in the order of the wish, then the own ones in the file's order, then the built-in ones."""
    if not own.kept or not built_in.kept:
        one = own if own.kept else built_in
        whole = len(one.kept) == len(one.names)
        return one.used, np.ascontiguousarray(one.values[cut:] if whole else one.values[cut:, list(one.kept)])
    where = {
        name: (columns, index)
        for columns in (own, built_in)
        for name, index in zip(columns.used, columns.kept, strict=True)
    }
    names = tuple(dict.fromkeys([name for name in wish.features or () if name in where] + [*own.used, *built_in.used]))
    values = np.empty((len(own.values) - cut, len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        columns, index = where[name]
        values[:, column] = columns.values[cut:, index]
    return names, values


def _from_row(candles: Candles, row: int) -> Candles:
    columns: dict[str, Any] = {field.name: getattr(candles, field.name) for field in fields(candles)}
    return replace(candles, **{name: values[row:] for name, values in columns.items() if values is not None})
