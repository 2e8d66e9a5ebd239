"""Predict with a promoted model, as a trading service does.

    from retrain_trainer.predict import load_promoted

    predictor = load_promoted("s3://my-bucket/models/", "BTC-USD")     # once, and again after a promotion
    candles = latest_candles("BTC-USD", bars=predictor.bars_needed)    # your own: a pandas DataFrame
    up = predictor.predict(candles)                                    # probability, 0 to 1

`up` is the probability that the close `predictor.model.horizon_bars` bars after the last bar is above the last
bar's close; with `ties: Drop` it is that probability given that the close is not unchanged. Pass closed bars
only: a bar that is still forming was never seen in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from os import environ as process_environ
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from retrain_api.errors import DataError, NotFoundError

from .calibrate import probability
from .candles import CANDLE_COLUMNS, Candles
from .features import BUILT_IN, WARMUP_ROWS, compute
from .inference import logits
from .locate import open_artifacts, read_if_there
from .model_file import ModelFile, load_model
from .pointer import read_pointer
from .timeline import interval_nanoseconds, require_spacing
from .windows import window_ends

_BUILT_IN_NAMES = frozenset(definition.name for definition in BUILT_IN)


class Table(Protocol):
    """Columns by name: a pandas DataFrame, a pyarrow Table, or a dict of arrays."""

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True)
class Predictor:
    """A model, ready to predict. Safe to share between threads: a prediction changes nothing in it."""

    model: ModelFile
    sha256: str

    @property
    def bars_needed(self) -> int:
        """Fewest bars that a prediction for the last of them needs, without a gap in time."""
        return self.model.lookback + (WARMUP_ROWS if self.model.built_in else 0)

    def predict(self, bars: Table) -> float:
        """Probability of up after the last bar. `bars` as for `predict_all`.

        Raises DataError where the last bar has no whole window: too few bars, or a gap in time among them.
        """
        found = self.predict_all(bars, last_only=True)[-1:]
        if not np.isfinite(found).any():
            raise DataError(
                "TooFewBars",
                f"A prediction of {self.model.symbol} needs the last {self.bars_needed} bars of "
                f"{self.model.interval} without a gap; give more bars.",
            )
        return float(found[0])

    def predict_all(self, bars: Table, last_only: bool = False) -> NDArray[np.float64]:
        """Probability of up after each bar, float64[n]; NaN where a bar has no whole window behind it.

        `bars` has a column `timestamp` (when a bar opens; without a time zone it is UTC) in time order, and the
        model's features, or open, high, low, close and volume where they are computed. With `last_only` all but
        the last probability are NaN. Raises DataError for a missing column, a value that is not finite, and
        bars out of order or not of the model's interval.
        """
        timestamps = _nanoseconds(_column(bars, "timestamp"))
        interval = interval_nanoseconds(self.model.interval)
        require_spacing(timestamps, self.model.interval, interval, "The table of bars")
        features, warmup = self._features(bars, timestamps, interval)
        ends = window_ends(timestamps, interval, self.model.lookback, slice(warmup, len(timestamps)))
        if last_only:
            ends = ends[ends == len(timestamps) - 1]
        found = np.full(len(timestamps), np.nan)
        scaled = torch.from_numpy(self.model.scaling.apply(features))
        device = next(self.model.network.parameters()).device
        said = logits(self.model.network, scaled.to(device), ends, self.model.lookback)
        found[ends] = probability(self.model.calibration, said)
        return found

    def _features(self, bars: Table, timestamps: NDArray[np.int64], interval: int) -> tuple[NDArray[np.float32], int]:
        """Unscaled float32[n, f] in the network's order, and the rows at the start that have none."""
        names = self.model.features
        computed = [name for name in names if self.model.built_in and name in _BUILT_IN_NAMES]
        values = np.empty((len(timestamps), len(names)), dtype=np.float32)
        warmup = 0
        if computed:
            candles = Candles(timestamps, **{name: _finite(bars, name) for name in CANDLE_COLUMNS})
            _, block, warmup = compute(candles, interval, computed)
            values[:, [names.index(name) for name in computed]] = block
        for column, name in enumerate(names):
            if name not in computed:
                values[:, column] = _finite(bars, name)
        return values, warmup


def load(file: str | Path | bytes, calibrated: bool = True) -> Predictor:
    """A predictor from a model file on this machine, or its bytes. Raises NotFoundError and DataError.

    Without `calibrated` the loss weight alone is taken off the logits, as `evaluation.calibration: None` does.
    """
    try:
        data = file if isinstance(file, bytes) else Path(file).read_bytes()
    except FileNotFoundError:
        raise NotFoundError("ModelNotFound", f"There is no model file {file!s}.") from None
    model = load_model(data)
    if not calibrated:
        plain = replace(model.calibration, slope=1.0, intercept=0.0, method="None")
        model = replace(model, calibration=plain)
    return Predictor(model, sha256(data).hexdigest())


def load_promoted(artifacts_uri: str, symbol: str, environ: Mapping[str, str] = process_environ) -> Predictor:
    """The model of `symbol` that is promoted today, in the artifacts folder of its runs.

    Credentials are the AWS_* variables in `environ`, or whatever else boto3 finds. The bytes are compared with
    the pointer's sha256, and the probability is calibrated as it was when the model was measured. Raises
    NotFoundError where no model is promoted, DataError where its bytes are others, and what the store raises.
    """
    store, locate = open_artifacts(artifacts_uri, environ)
    pointed = read_pointer(store, symbol)
    if pointed is None:
        raise NotFoundError("NotPromoted", f"No model of {symbol} is promoted in {store.uri}.")
    pointer = pointed.pointer
    source = locate(pointer.model.uri)
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError("ModelNotFound", f"The promoted model {pointer.model.uri} is not there.")
    if sha256(stored.data).hexdigest() != pointer.model.sha256:
        raise DataError("ModelChanged", f"{pointer.model.uri} has other bytes than were promoted; restore it.")
    return load(stored.data, calibrated=pointer.calibration == "Platt")


def _column(bars: Table, name: str) -> Any:
    try:
        return bars[name]
    except KeyError:
        raise DataError("MissingColumn", f"The table of bars has no column {name!r}, and the model needs it.") from None


def _finite(bars: Table, name: str) -> NDArray[np.float64]:
    try:
        values = np.asarray(_column(bars, name), dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("NotNumeric", f"Column {name!r} of the table of bars does not hold numbers.") from None
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise DataError("NotFinite", f"Column {name!r} of the table of bars has no finite number in row {row}.")
    return values


def _nanoseconds(times: Sequence[Any]) -> NDArray[np.int64]:
    """Times of any kind that Arrow knows (pandas, numpy, datetime), as int64[n] nanoseconds UTC."""
    try:
        array = times.combine_chunks() if isinstance(times, pa.ChunkedArray) else pa.array(times)
        if not pa.types.is_timestamp(array.type):
            raise pa.ArrowInvalid(f"{array.type} is no date and time")
        moments = array.cast(pa.timestamp("ns", tz=array.type.tz)).cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError("TimestampType", f"Column 'timestamp' of the table of bars can't be read: {error}.") from None
    if moments.null_count:
        raise DataError("NotFinite", "Column 'timestamp' of the table of bars has an empty row.")
    found: NDArray[np.int64] = np.asarray(moments.to_numpy(zero_copy_only=False), dtype=np.int64)
    return found
