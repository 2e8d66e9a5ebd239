"""What is kept of every model that was measured: a bit for each bar, right or wrong, and digests that say which bars they were.

A record is the file `judged/<SYMBOL>/<first bar>-<last bar>-<model>.json`. Records of release 0.1.0 hold symbol, sha256, firstBar,
lastBar, run and namespace alone; everything else is optional, and what is damaged reads as if it were absent.

The digests are of times and closes. Labels and backtests are made of nothing else, so two files that agree in them ask the same
question, whatever their volumes and features are. Each day counts as a whole: that of its bars in the file, not only in the test.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.documents.references import RunRef
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.day_digests import BYTES, TIME, day_digests

Times: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.bool_]

MOST_BARS = 10_000_000
"""A damaged record claims no more memory than that: 19 years of minutes."""

_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Answers:
    """Which bars of a test were judged, bool[rows] in time order, and where the answer was right, bool[judged bars]."""

    judged: Bits
    right: Bits


@dataclass(frozen=True)
class TryRecord:
    """One model on its test bars. `recipe` says what was tried; it is empty, and the rest None, where that was not recorded.

    `days` holds 8 bytes for each UTC day from that of the first test bar to that of the last, zeros where there is no bar.
    `sharpe` is the mean over the standard deviation of the daily returns.
    """

    symbol: str
    sha256: str
    first_bar: str
    last_bar: str
    recipe: str = ""
    answers: Answers | None = None
    days: NDArray[np.uint8] | None = None
    sharpe: float | None = None

    def encode(self, run: RunRef) -> bytes:
        """The bytes of the file."""
        document: dict[str, Any] = {
            "symbol": self.symbol,
            "sha256": self.sha256,
            "firstBar": self.first_bar,
            "lastBar": self.last_bar,
            "run": run.name,
            "namespace": run.namespace,
            "recipe": self.recipe,
        }
        if self.answers is not None:
            document |= {
                "rows": len(self.answers.judged),
                "judged": _text(zlib.compress(np.packbits(self.answers.judged).tobytes(), 9)),
                "right": _text(np.packbits(self.answers.right).tobytes()),
            }
        if self.days is not None:
            document["days"] = _text(self.days.tobytes())
        if self.sharpe is not None:
            document["sharpe"] = float(f"{self.sharpe:.5g}")
        return json.dumps(document, separators=(",", ":")).encode()


def decode(data: bytes) -> TryRecord | None:
    """The record in a file; None where it is none. Answers and days that don't fit the rest are left out."""
    try:
        document = json.loads(data)
        symbol, sha256, first, last = (str(document[name]) for name in ("symbol", "sha256", "firstBar", "lastBar"))
        days = day_number(last) - day_number(first) + 1
    except (ValueError, KeyError, TypeError):
        return None
    recipe, sharpe = document.get("recipe"), document.get("sharpe")
    return TryRecord(
        symbol,
        sha256,
        first,
        last,
        recipe if isinstance(recipe, str) else "",
        _answers(document),
        _days(document, days),
        float(sharpe) if isinstance(sharpe, int | float) and np.isfinite(sharpe) else None,
    )


def _answers(document: Mapping[str, Any]) -> Answers | None:
    try:
        rows = int(document["rows"])
        if not 0 < rows <= MOST_BARS:
            return None
        packed = zlib.decompressobj().decompress(_bytes(document["judged"]), (rows + 7) // 8)
        judged = _bits(packed, rows)
        return Answers(judged, _bits(_bytes(document["right"]), int(judged.sum())))
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


def _days(document: Mapping[str, Any], days: int) -> NDArray[np.uint8] | None:
    try:
        return np.frombuffer(_bytes(document["days"]), dtype=np.uint8).reshape(days, BYTES)
    except (ValueError, KeyError, TypeError):
        return None


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return b64decode(text, validate=True)


def _bits(packed: bytes, count: int) -> Bits:
    """Raises ValueError where there are more or fewer bytes than `count` bits need."""
    if len(packed) != (count + 7) // 8:
        raise ValueError("another number of bits")
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=count).astype(np.bool_)


def day_number(time: str) -> int:
    """The UTC day of an ISO 8601 time, in days since 1970. Raises ValueError."""
    return datetime.fromisoformat(time).toordinal() - _EPOCH


_EPOCH = datetime(1970, 1, 1).toordinal()


def digests_of(times: Times, close: NDArray[np.float64], test: slice) -> NDArray[np.uint8]:
    """The digests of a record, uint8[days, 8], from the times and closes of a whole file and the rows of its test."""
    found = day_digests(times, [("close", close)])
    first, last = (int(times[row] // _DAY) for row in (test.start, test.stop - 1))
    digests = np.zeros((last - first + 1, BYTES), dtype=np.uint8)
    inside = (found.days >= first) & (found.days <= last)
    pairs = np.concatenate([found.column(TIME), found.column("close")], axis=1)[inside]
    for place, pair in zip(found.days[inside] - first, pairs, strict=True):
        digests[place] = np.frombuffer(blake2b(pair.tobytes(), digest_size=BYTES).digest(), dtype=np.uint8)
    return digests


def same_bars(one: TryRecord, other: TryRecord) -> bool | None:
    """Whether two tests that overlap in time are on the same bars; None where no day tells.

    A day tells where both have its digest. The last day of a file may lack bars that came later, so the last day of a test tells only where both
    end at the same bar. Half of the days that tell must agree: a few may have been corrected in between.
    """
    if one.days is None or other.days is None:
        return None
    starts = [day_number(record.first_bar) for record in (one, other)]
    stops = [day_number(record.last_bar) + (one.last_bar == other.last_bar) for record in (one, other)]
    first, stop = max(starts), min(stops)
    mine, theirs = (
        record.days[first - start : max(stop - start, first - start)]
        for record, start in zip((one, other), starts, strict=True)
        if record.days is not None
    )
    told = mine.any(axis=1) & theirs.any(axis=1)
    return None if not told.any() else bool((mine == theirs).all(axis=1)[told].mean() >= 0.5)


def aligned(record: TryRecord, times: Times, test: slice) -> tuple[Bits, Bits] | None:
    """Which of the test rows of another file at `times` a record judged, and where it was right, each bool[test rows].

    The record's rows are found by its first bar, or else its last; None where neither is in the file, or rows are missing between.
    """
    if record.answers is None:
        return None
    rows = len(record.answers.judged)
    first, last = _row(times, record.first_bar), _row(times, record.last_bar)
    if first is not None and last is not None and last - first + 1 != rows:
        return None
    if first is None:
        if last is None:
            return None
        first = last - rows + 1
    whole = np.zeros(rows, dtype=np.bool_)
    whole[record.answers.judged] = record.answers.right
    begin, stop = max(first, test.start), min(first + rows, test.stop)
    judged, right = (np.zeros(test.stop - test.start, dtype=np.bool_) for _ in range(2))
    if begin < stop:
        mine, theirs = slice(begin - test.start, stop - test.start), slice(begin - first, stop - first)
        judged[mine], right[mine] = record.answers.judged[theirs], whole[theirs]
    return judged, right


def _row(times: Times, time: str) -> int | None:
    row = int(np.searchsorted(times.astype("datetime64[ns]"), np.datetime64(time.rstrip("Z"), "ns")))
    return row if row < len(times) and iso_time(times[row]) == time else None
