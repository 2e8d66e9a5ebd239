"""Finds the other models that were measured on the same test bars, and records this one.

Of twenty models without skill, one passes at 95 %: whoever tries until one passes has found luck, and a report that does
not say how often they tried hides it. Each measured model leaves a small file under `judged/<SYMBOL>/`. Its name gives the
bars and the first digits of the model's sha256, so which tests overlap is seen from one listing.

A try is another recipe on overlapping bars, under the name of any symbol. The same recipe, trained again or on later bars, is no
other try. A record without a recipe (of release 0.1.0) counts by its model. Under another symbol's name a record counts if its
digests say that the bars are the same, and under this symbol's name unless they say that they are not.

What it costs: one listing of `judged/` (in S3 a request for each 1,000 files), at most MOST_PROBED reads to see which other symbols
are the same market, and at most MOST_READ reads of records. Those beyond are counted by their names, which needs no reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from retrain_api.documents.references import RunRef
from retrain_api.names import judged_folder
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import read_if_there

from .try_record import TryRecord, decode, same_bars

MOST_PROBED = 100
"""Periods of other symbols of which one record is read, those of the longest overlap first."""
MOST_READ = 500
"""Records of the same market that are read, the newest test bars first: some 10 seconds of S3 at 20 ms a read, in READERS at once."""
READERS = 8

_NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d{8}T\d{6}Z)-([0-9a-f]{16})\.json")
_FOLDER = "judged/"


@dataclass(frozen=True)
class Found:
    """The name of a record in the listing: its symbol, test bars and model."""

    key: str
    symbol: str
    first: str
    last: str
    model: str


@dataclass(frozen=True)
class OtherTries:
    """The other tries on the same bars: the records that could be read, one for each recipe, and how many there are in all.

    `notes` are for the log: what could not be read.
    """

    records: tuple[TryRecord, ...] = ()
    count: int = 0
    notes: tuple[str, ...] = ()


def record_name(first_bar: str, last_bar: str, sha256: str) -> str:
    """File name of the record of a model measured on bars `first_bar` to `last_bar` (ISO 8601 in UTC, to the second).

    20250617T000000Z-20250624T000000Z-<first 16 hex digits>.json; times in this form sort as text.
    """
    return f"{_compact(first_bar)}-{_compact(last_bar)}-{sha256[:16]}.json"


def _compact(time: str) -> str:
    return time.replace("-", "").replace(":", "")


def overlapping(keys: Iterable[str], own: str) -> list[Found]:
    """The records among `keys` whose test bars overlap those of `own`, those of its own model left out.

    Keys are judged/<SYMBOL>/<name>, and `own` is one of them; names of another form are skipped.
    """
    mine = _found(own)
    assert mine is not None, own
    found = [one for key in keys if (one := _found(key))]
    return [one for one in found if one.first <= mine.last and mine.first <= one.last and one.model != mine.model]


def _found(key: str) -> Found | None:
    symbol, _, name = key.removeprefix(_FOLDER).rpartition("/")
    match = _NAME.fullmatch(name)
    return Found(key, symbol, *match.groups()) if symbol and match else None


def find_and_record(store: Store, own: TryRecord, run: RunRef) -> OtherTries:
    """The other tries on these bars; records this one as well. Raises what the store raises."""
    key = judged_folder(own.symbol) + record_name(own.first_bar, own.last_bar, own.sha256)
    others = overlapping(store.list(_FOLDER), key)
    found = tries_among(store, own, others)
    _record(store, key, own.encode(run))
    return found


def _record(store: Store, key: str, data: bytes) -> None:
    """Write the record; one that the previous release wrote of the same model and bars is replaced by what says more."""
    with suppress(Conflict):  # somebody recorded the same model at this moment
        known = read_if_there(store, key)
        if known is None:
            store.write(key, data, if_absent=True)
        elif (record := decode(known.data)) is None or record.answers is None:
            store.write(key, data, if_match=known.etag)


def tries_among(store: Store, own: TryRecord, others: Sequence[Found]) -> OtherTries:
    """Which of the records that overlap in time are tries on the same bars."""
    markets, notes = _symbols_to_read(store, own, others)
    near = sorted((one for one in others if one.symbol in markets), key=lambda one: (one.last, one.key), reverse=True)
    read = _read_all(store, near[:MOST_READ])
    unread = [one for one in near[MOST_READ:] if one.symbol == own.symbol]
    tries: dict[str, TryRecord | None] = {}
    for one, record in zip(near, read, strict=False):
        if record is not None and _is_try(own, one, record):
            tries.setdefault(record.recipe or one.model, record if record.answers is not None else None)
        elif record is None and one.symbol == own.symbol:
            tries.setdefault(one.model, None)
    tries |= {one.model: None for one in unread if one.model not in tries}
    damaged = sum(record is None for record in read)
    notes += [
        f"{damaged} damaged {'record' if damaged == 1 else 'records'} of tests counted without their answers"
    ] * bool(damaged)
    notes += [f"{len(unread)} older records of tests counted without reading them"] * bool(unread)
    return OtherTries(tuple(record for record in tries.values() if record is not None), len(tries), tuple(notes))


def _is_try(own: TryRecord, one: Found, record: TryRecord) -> bool:
    if own.recipe and record.recipe == own.recipe:
        return False
    same = same_bars(own, record)
    return same is True or (same is None and one.symbol == own.symbol)


def _symbols_to_read(store: Store, own: TryRecord, others: Sequence[Found]) -> tuple[set[str], list[str]]:
    """This symbol, and the others of which a record shows that they are the same market."""
    periods = {(one.symbol, one.first, one.last): one for one in others if one.symbol != own.symbol}
    mine = (_compact(own.first_bar), _compact(own.last_bar))
    nearest = sorted(periods.values(), key=lambda one: (_distance(mine, one), one.key))
    probed = nearest[:MOST_PROBED]
    read = zip(probed, _read_all(store, probed), strict=True)
    same = {one.symbol for one, record in read if record is not None and same_bars(own, record)}
    left = len(nearest) - len(probed)
    notes = [f"{left} periods of other symbols not compared with these test bars"] * bool(left)
    return {own.symbol, *same}, notes


def _distance(mine: tuple[str, str], one: Found) -> int:
    """How many of the two ends of a test are not the same: copies of a file have the same test bars."""
    return (mine[0] != one.first) + (mine[1] != one.last)


def _read_all(store: Store, found: Sequence[Found]) -> list[TryRecord | None]:
    """The records in the order of `found`; None for one that is damaged, or was removed after the listing."""

    def read(one: Found) -> TryRecord | None:
        stored = read_if_there(store, one.key)
        return None if stored is None else decode(stored.data)

    if not found:
        return []
    with ThreadPoolExecutor(min(READERS, len(found))) as readers:
        return list(readers.map(read, found))


def newest_record(store: Store, symbol: str, recipe: str) -> TryRecord | None:
    """The record of this symbol and recipe with the latest test bars, among the newest MOST_READ; None where there is none."""
    found = [one for key in store.list(judged_folder(symbol)) if (one := _found(key))]
    newest = sorted(found, key=lambda one: (one.last, one.key), reverse=True)[:MOST_READ]
    for start in range(0, len(newest), READERS):
        for record in _read_all(store, newest[start : start + READERS]):
            if record is not None and record.recipe == recipe:
                return record
    return None
