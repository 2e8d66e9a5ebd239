"""Predict with a promoted model, as a trading service does.

Features, scaling, windows and calibration are the same code as in training. A service that rebuilt them by itself would
trade on another model than the one that was measured.

    from retrain_trainer.predict import load_promoted

    predictor = load_promoted("s3://my-bucket/models/", "BTC-USD")     # once, and again after a promotion
    candles = latest_candles("BTC-USD", bars=predictor.bars_needed)    # your own: a pandas or polars DataFrame
    up = predictor.predict(candles)                                    # probability, 0 to 1

`up` is the probability that the close `predictor.model.horizon_bars` bars after the last bar is above the last
bar's close; with `ties: Drop` it is that probability given that the close does change. What training refuses in a file, a
prediction refuses in the same words, and it refuses a bar that is still forming: training never saw one.

A model that `promotion.expiresAfter` has let expire is refused by `load_promoted`; `allow_expired=True` loads it all the same.

`predictor.predict(candles, max_age=timedelta(minutes=5))` refuses bars that closed longer ago as well, and `up.far` names the
features that are far outside what was learnt from: there the model extrapolates.

torch's number of threads is the service's own to set. `torch.set_num_threads(1)` suits small networks: on a busy machine
with two processors, 1,280 windows of the default model took 1.2 to 2.3 s with one thread and 0.6 to 11.6 s with two, which
wait for each other inside each product.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from os import environ as process_environ
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from retrain_api import reasons
from retrain_api.errors import DataError, NotFoundError
from retrain_api.spec.forms import SYMBOL
from retrain_api.wire import timestamp
from retrain_trainer.data.features.built_in import WARMUP_ROWS, compute
from retrain_trainer.data.files.bars import read_candles, read_feature, read_times
from retrain_trainer.data.files.plausible import is_forming, require_closed, require_recent
from retrain_trainer.data.files.tables import Table, with_times
from retrain_trainer.data.windows import window_ends
from retrain_trainer.model.calibration import probability
from retrain_trainer.model.file import ModelFile, load_model
from retrain_trainer.model.inference import logits
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.locate import open_artifacts, read_if_there

FAR = 20.0
"""Standard deviations of the train rows from their mean beyond which a feature is far from what was learnt from. Of 30 days of BTC, ETH
and SOL minutes no train row is, and of the later windows of 60 bars 0, 1.8 and 1.7 %, in the wildest hours (docs/predicting.md)."""


class Prediction(float):
    """A probability of up: a float, with the time at which the bar opened that it is for, and what is far from the training.

    `far` has a feature for each that is FAR standard deviations or more from its mean over the train rows anywhere in the window,
    with how many, furthest first: what a model says there is extrapolation. Empty where all is as it was learnt from.
    """

    bar: datetime
    far: Mapping[str, float]

    def __new__(cls, value: float, bar: datetime, far: Mapping[str, float]) -> Prediction:
        """A prediction of that probability."""
        found = super().__new__(cls, value)
        found.bar, found.far = bar, far
        return found

    def __getnewargs__(self) -> tuple[float, datetime, Mapping[str, float]]:  # type: ignore[override]
        """What pickle and copy make it again from."""
        return float(self), self.bar, self.far


@dataclass(frozen=True)
class Predictor:
    """A model that is ready to predict. It is safe to share between threads: a prediction changes nothing in it, and never
    torch's number of threads, which belongs to the process.
    """

    model: ModelFile
    sha256: str

    @property
    def bars_needed(self) -> int:
        """Number of bars, without a gap in time, that a prediction for the last of them needs."""
        return self.model.lookback + (WARMUP_ROWS if self.model.built_in or self.model.computed_features else 0)

    def predict(self, bars: Table, *, now: datetime | None = None, max_age: timedelta | None = None) -> Prediction:
        """Probability of up after the last bar, for `bars` as in `predict_all`.

        `now` is the time that bars are held against, this machine's clock where it is unset; `max_age` is how long ago the last
        bar may have closed, any time where it is unset. Raises DataError where the last bar has no complete window (too few bars,
        or a gap in time among them), has not closed by `now` (BarForming: it is not predicted from, since training never
        saw a bar whose prices still change), or is older than `max_age` (BarsTooOld).
        """
        clock = _clock(now)
        timestamps, scaled, warmup = self._scaled(bars, clock)
        interval = self.model.question.interval
        require_closed(timestamps, interval, clock)
        if max_age is not None:
            require_recent(timestamps, interval, clock, max_age // timedelta(microseconds=1) * 1000)
        ends = self._ends(timestamps, warmup)[-1:]
        if not len(ends) or ends[0] != len(timestamps) - 1:
            raise DataError(
                reasons.TOO_FEW_BARS,
                f"A prediction of {self.model.symbol} needs the last {self.bars_needed} bars of "
                f"{self.model.interval} without a gap; give more bars.",
            )
        return Prediction(
            self._probabilities(scaled, ends)[0],
            bar=np.datetime64(int(timestamps[-1]), "ns").astype("datetime64[us]").item().replace(tzinfo=UTC),
            far=self._far(scaled[-self.model.lookback :]),
        )

    def predict_all(self, bars: Table, last_only: bool = False, *, now: datetime | None = None) -> NDArray[np.float64]:
        """Probability of up after each bar, float64[n]; NaN where no complete window ends at a bar, and at a bar still forming.

        `bars` is in time order and has a column `timestamp` (when a bar opens; UTC where it has no time zone) and
        the model's features; open, high, low, close and volume where features are computed from them. It may be a pandas
        DataFrame, whose index may be the time, a polars DataFrame or LazyFrame, a pyarrow Table or a dict. Rows at the
        start in which a feature has no value are part of no window, as in training. With `last_only`, all probabilities
        except the last are NaN. Raises DataError for all that training refuses, in the same words: a missing column, text, a
        value that is not finite, bars that are out of order, not of the model's interval or later than `now`, a high
        below its low, a close outside its bar, a price of zero or less, a negative volume.
        """
        clock = _clock(now)
        timestamps, scaled, warmup = self._scaled(bars, clock)
        ends, last = self._ends(timestamps, warmup), len(timestamps) - 1
        if last_only:
            ends = ends[ends == last]
        if is_forming(timestamps, self.model.question.interval, clock):
            ends = ends[ends != last]
        found = np.full(len(timestamps), np.nan)
        found[ends] = self._probabilities(scaled, ends)
        return found

    def _scaled(self, bars: Table, clock: int) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
        """Times int64[n], scaled features float32[n, f], and the number of rows at the start without features."""
        bars = with_times(bars)
        timestamps = read_times(bars, self.model.question.interval, clock)
        features, warmup = self._features(bars, timestamps)
        return timestamps, self.model.scaling.apply(features), warmup

    def _ends(self, timestamps: NDArray[np.int64], warmup: int) -> NDArray[np.int64]:
        interval = self.model.question.interval
        return window_ends(timestamps, interval, self.model.lookback, slice(warmup, len(timestamps)))

    def _probabilities(self, scaled: NDArray[np.float32], ends: NDArray[np.int64]) -> NDArray[np.float64]:
        device = next(self.model.network.parameters()).device
        features = torch.from_numpy(scaled).to(device)
        found = logits(self.model.network, features, ends, self.model.lookback, parallel=False)
        return probability(self.model.calibration, found)

    def _far(self, window: NDArray[np.float32]) -> Mapping[str, float]:
        """Features that are FAR standard deviations or more from their mean in a scaled window [lookback, f], furthest first."""
        furthest = window[np.abs(window).argmax(axis=0), np.arange(window.shape[1])]
        order = np.argsort(-np.abs(furthest), kind="stable")
        return {self.model.features[i]: round(float(furthest[i]), 1) for i in order if abs(furthest[i]) >= FAR}

    def _features(self, bars: Table, timestamps: NDArray[np.int64]) -> tuple[NDArray[np.float32], int]:
        """Unscaled features float32[n, f] in the network's order, and the number of rows at the start without features."""
        names = self.model.features
        computed = self.model.computed_features
        values = np.empty((len(timestamps), len(names)), dtype=np.float32)
        warmup = 0
        candles = read_candles(bars, timestamps, needed=bool(computed))
        if candles is not None and computed:
            _, block, warmup = compute(candles, self.model.question.interval, computed)
            values[:, [names.index(name) for name in computed]] = block
        for column, name in enumerate(names):
            if name not in computed:
                values[:, column], start = read_feature(bars, name, timestamps)
                warmup = max(warmup, start)
        return values, warmup


def load(file: str | Path | bytes, calibrated: bool = True) -> Predictor:
    """A predictor from a model file on this machine, or its bytes. Raises NotFoundError and DataError.

    Without `calibrated`, only the weight of the loss is taken off the logits, as with `evaluation.calibration: None`.
    """
    try:
        data = file if isinstance(file, bytes) else Path(file).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(reasons.MODEL_NOT_FOUND, f"There is no model file {file!s}.") from None
    model = load_model(data)
    if not calibrated:
        plain = replace(model.calibration, slope=1.0, intercept=0.0, method="None")
        model = replace(model, calibration=plain)
    return Predictor(model, sha256(data).hexdigest())


def load_promoted(
    artifacts_uri: str,
    symbol: str,
    environ: Mapping[str, str] = process_environ,
    *,
    allow_expired: bool = False,
    now: datetime | None = None,
) -> Predictor:
    """The model of `symbol` that is promoted today, from the artifacts folder of its runs: a URI, or a path on this machine.

    Credentials are the AWS_* variables in `environ`, or whatever else boto3 finds. The bytes are compared with
    the pointer's sha256, and the probability is calibrated as it was when the model was measured. Raises
    NotFoundError where no model is promoted or its file is missing, DataError where the file has other bytes or the model has
    expired by `now`, this machine's clock where it is unset (Expired, unless `allow_expired`), and what the store raises.
    """
    uri = artifacts_uri if "://" in artifacts_uri else Path(artifacts_uri).resolve().as_uri()
    store, locate = open_artifacts(uri, environ)
    pointed = read_pointer(store, symbol)
    if pointed is None:
        answer = SYMBOL.answer(symbol)
        raise NotFoundError(
            reasons.NOT_PROMOTED, f"No model of {symbol} is promoted in {store.uri}{f': {answer}' if answer else ''}."
        )
    pointer = pointed.pointer
    if not allow_expired:
        _require_unexpired(pointer, _aware(now) if now else datetime.now(UTC))
    source = locate(pointer.model.uri)
    stored = read_if_there(source.store, source.key)
    if stored is None:
        raise NotFoundError(reasons.MODEL_NOT_FOUND, f"The promoted model {pointer.model.uri} does not exist.")
    if sha256(stored.data).hexdigest() != pointer.model.sha256:
        raise DataError(reasons.MODEL_CHANGED, f"{pointer.model.uri} has other bytes than were promoted; restore it.")
    return load(stored.data, calibrated=pointer.calibration == "Platt")


def _require_unexpired(pointer: Pointer, now: datetime) -> None:
    """Raises DataError("Expired") for a model whose time is over."""
    if pointer.is_expired(now):
        tested = timestamp(pointer.tested_end.astimezone(UTC))
        raise DataError(
            reasons.EXPIRED,
            f"The promoted model of {pointer.symbol} expired at {pointer.expires_at}, and was tested up to {tested}; promote a newer "
            "one, or pass allow_expired=True to load it all the same.",
        )


def _aware(now: datetime) -> datetime:
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def _clock(now: datetime | None) -> int:
    """`now` in nanoseconds UTC; UTC where it has no time zone, as the bars are, and this machine's clock where it is None."""
    if now is None:
        return time.time_ns()
    return (_aware(now) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
