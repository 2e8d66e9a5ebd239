"""One symbol's file, ready to train on: features, labels, split, and what a person should know about them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from retrain_api.errors import DataError

from .candles import CANDLE_COLUMNS, Candles, FeatureFile, read_feature_file
from .features import BUILT_IN, compute
from .labels import Labels, label
from .split import Split, split_rows
from .timeline import interval_nanoseconds, iso_time
from .windows import window_ends

_BUILT_IN_NAMES = tuple(definition.name for definition in BUILT_IN)


@dataclass(frozen=True)
class Dataset:
    """What training and evaluation work on; row i of all arrays is the same bar.

    values: float32[rows, f], C-contiguous, not scaled (fit the scaling on `split.train`); names: its columns.
    Rows, first and last bar are those left once the warm-up rows of computed features are cut.
    dropped: features that are constant over the train rows. gaps: breaks in time between neighbouring rows.
    sha256: of the file's bytes. warnings: sentences for the person who reads the result.
    """

    symbol: str
    interval: str
    names: tuple[str, ...]
    values: NDArray[np.float32]
    candles: Candles
    labels: Labels
    split: Split
    gaps: int
    dropped: tuple[str, ...]
    sha256: str
    first_bar: str
    last_bar: str
    rows: int
    warnings: tuple[str, ...]


def load_dataset(
    path: Path,
    *,
    symbol: str,
    interval: str,
    features: Sequence[str] | None,
    horizon_bars: int,
    ties: Literal["Drop", "Down"],
    validation_percent: int,
    test_percent: int,
    lookback: int,
) -> Dataset:
    """Read a feature file, or candles with the built-in features, and label and split it.

    Raises NotFoundError for a missing file and DataError for what no training could be right on: see
    `read_feature_file` and `split_rows`; OneClass, NoWindows and AllConstant here."""
    interval_ns = interval_nanoseconds(interval)
    file = with_features(read_feature_file(path, interval, features, _BUILT_IN_NAMES), interval, features)
    candles = file.candles
    labels = label(candles.close, candles.timestamps, interval_ns, horizon_bars, ties)
    split = split_rows(len(candles.close), validation_percent, test_percent, lookback, horizon_bars)
    _require_windows(candles, interval_ns, lookback, split, labels)
    names, values, dropped = _without_constants(file, split.train)
    gaps = np.flatnonzero(np.diff(candles.timestamps) > interval_ns)
    return Dataset(
        symbol=symbol,
        interval=interval,
        names=names,
        values=values,
        candles=candles,
        labels=labels,
        split=split,
        gaps=len(gaps),
        dropped=dropped,
        sha256=file_sha256(path),
        first_bar=iso_time(candles.timestamps[0]),
        last_bar=iso_time(candles.timestamps[-1]),
        rows=len(candles.close),
        warnings=file.warnings + _gap_warning(candles, interval_ns, gaps) + _constant_warning(dropped),
    )


def make_feature_table(candles_path: Path, interval: str) -> pa.Table:
    """Candles with the 31 built-in features beside them (float32), the warm-up rows cut.

    Columns of the file that are no candle columns are left out. Raises as `read_feature_file` does, and
    DataError when a candle column is missing or no row is left.
    """
    file = with_features(read_feature_file(candles_path, interval, (), _BUILT_IN_NAMES), interval, None)
    columns = {"timestamp": pa.array(file.candles.timestamps, pa.timestamp("ns", tz="UTC"))}
    columns |= {name: pa.array(getattr(file.candles, name)) for name in CANDLE_COLUMNS}
    columns |= {name: pa.array(file.values[:, column]) for column, name in enumerate(file.names)}
    return pa.table(columns)


def with_features(file: FeatureFile, interval: str, wanted: Sequence[str] | None) -> FeatureFile:
    """The file with the built-in features it lacks computed and the warm-up rows cut; unchanged if none are.

    `wanted` as for `read_feature_file`; None computes all 31 when the file has no feature column.
    """
    missing = _BUILT_IN_NAMES if wanted is None else tuple(name for name in wanted if name not in file.names)
    if not missing or (wanted is None and file.names):
        return file
    computed, values, warmup = compute(file.candles, interval_nanoseconds(interval), missing)
    if warmup >= len(values):
        raise DataError(
            "TooFewRows",
            f"There are {len(values)} rows, and the built-in features need more than {warmup} to start.",
        )
    if file.names:  # some wanted columns are of the file itself, such as volume: bring all into the order asked
        columns = dict(zip(computed + file.names, (*values.T, *file.values.T), strict=True))
        computed = tuple(wanted or ())
        values = np.stack([columns[name] for name in computed], axis=1)
    return FeatureFile(_from_row(file.candles, warmup), computed, values[warmup:], file.warnings)


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_row(candles: Candles, row: int) -> Candles:
    columns: dict[str, Any] = {field.name: getattr(candles, field.name) for field in fields(candles)}
    return replace(candles, **{name: values[row:] for name, values in columns.items() if values is not None})


def _require_windows(candles: Candles, interval_ns: int, lookback: int, split: Split, labels: Labels) -> None:
    for part, rows in vars(split).items():
        ends = window_ends(candles.timestamps, interval_ns, lookback, rows, labels.values)
        if len(ends) == 0:
            raise DataError(
                "NoWindows",
                f"The {part} rows hold no window of {lookback} bars without a gap and with a label at its "
                "end; give a file with fewer gaps or fewer flat bars, or a smaller model.lookbackBars.",
            )
        if part == "train" and (labels.values[ends] == labels.values[ends[0]]).all():
            direction = "up" if labels.values[ends[0]] == 1 else "not up"
            raise DataError(
                "OneClass", f"All {len(ends):,} train labels are {direction}: there is nothing to tell apart."
            )


def _without_constants(file: FeatureFile, train: slice) -> tuple[tuple[str, ...], NDArray[np.float32], tuple[str, ...]]:
    part = file.values[train]
    varies = part.min(axis=0) != part.max(axis=0)
    dropped = tuple(name for name, kept in zip(file.names, varies, strict=True) if not kept)
    if not dropped:
        return file.names, file.values, ()
    if len(dropped) == len(file.names):
        raise DataError("AllConstant", f"Every feature is constant over the train rows: {', '.join(dropped[:12])}.")
    names = tuple(name for name, kept in zip(file.names, varies, strict=True) if kept)
    return names, np.ascontiguousarray(file.values[:, varies]), dropped


def _constant_warning(dropped: Sequence[str]) -> tuple[str, ...]:
    return (f"Left out, constant over the train rows: {', '.join(dropped)}.",) if dropped else ()


def _gap_warning(candles: Candles, interval_ns: int, gaps: NDArray[np.int64]) -> tuple[str, ...]:
    if len(gaps) == 0:
        return ()
    missing = np.diff(candles.timestamps)[gaps] // interval_ns - 1
    longest = int(np.argmax(missing))
    after = iso_time(candles.timestamps[gaps[longest]])
    return (
        f"{len(gaps):,} gap{'s' if len(gaps) > 1 else ''} in time, {int(missing.sum()):,} bars missing, "
        f"the longest {int(missing[longest]):,} bars after {after}; no window or label spans one.",
    )
