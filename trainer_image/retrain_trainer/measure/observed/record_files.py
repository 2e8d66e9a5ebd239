"""The judged blocks of a promoted model as files, one for each time that new ones were judged.

A file is `observed/<SYMBOL>/<16 digits of the model's sha256>/<first block>.json`, and it is written only where there is none. Each begins
where the one before it ends, so two observers who judge at the same time want to write the same name: one of them does, and the
other reads what was written and goes on behind it. A file is never written again, since what was judged must not change any more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pydantic import ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError
from retrain_api.names import observed_folder
from retrain_api.observation.record import Block
from retrain_api.time import Question, Ties
from retrain_api.wire import Lenient
from retrain_trainer.data.columns.timeline import iso_time, nanoseconds
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there

READERS = 16
"""Files that are read at the same time: a model that is looked at every hour has thousands."""

_NAME = re.compile(r"\d{8}T\d{6}Z\.json")


@dataclass(frozen=True)
class Record:
    """What is known of a promoted model's life: its `blocks` of `length` bars, in time order, from `anchor` (ns UTC) on without a hole.

    `model` is the whole sha256, `anchor` the end of its test.
    """

    symbol: str
    model: str
    question: Question
    length: int
    anchor: int
    blocks: tuple[Block, ...] = ()

    @property
    def block_nanoseconds(self) -> int:
        """How long a block lasts."""
        return self.length * self.question.interval.nanoseconds

    @property
    def end(self) -> int:
        """Where the judged blocks end, in nanoseconds UTC: the next one begins there."""
        return self.start_of(len(self.blocks))

    def followed_by(self, new: Sequence[Block]) -> Record:
        """The record with more blocks."""
        return replace(self, blocks=(*self.blocks, *new))

    def start_of(self, index: int) -> int:
        """When a block begins, in nanoseconds UTC."""
        return self.anchor + index * self.block_nanoseconds


class _File(Lenient):
    """The contents of a file."""

    schema_version: int = 1
    symbol: str
    model: str
    block_length: int
    interval: str
    horizon_bars: int
    ties: Ties
    anchor: str
    blocks: tuple[Block, ...]


def read_record(store: Store, symbol: str, sha256: str) -> Record | None:
    """All that was judged of a model; None where nothing was yet. Raises DataError("RecordDamaged") and what the store raises."""
    folder = observed_folder(symbol, sha256)
    keys = [key for key in store.list(folder) if _NAME.fullmatch(key.removeprefix(folder))]
    if not keys:
        return None
    with ThreadPoolExecutor(min(READERS, len(keys))) as readers:
        found = list(readers.map(lambda key: read_if_there(store, key), keys))
    parts = [(key, decode(one.data, store.uri_of(key))) for key, one in zip(keys, found, strict=True) if one]
    return _joined(store, symbol, sha256, parts)


def append(store: Store, known: Record, new: Sequence[Block]) -> Record:
    """Write blocks that follow the known ones, and return the record with them. Without any nothing is written.

    Raises Conflict where somebody else has written their first one: read the record again, and go on behind it.
    """
    if not new:
        return known
    store.write(key_of(known, new[0]), encode(replace(known, blocks=tuple(new))), if_absent=True)
    return known.followed_by(new)


def key_of(record: Record, first: Block) -> str:
    """Key of the file that begins with a block; times in this form sort as text."""
    time = first.first.replace("-", "").replace(":", "")
    return f"{observed_folder(record.symbol, record.model)}{time}.json"


def encode(record: Record) -> bytes:
    """The bytes of a file with these blocks; the same blocks give the same bytes."""
    question = record.question
    file = _File(
        symbol=record.symbol,
        model=record.model,
        block_length=record.length,
        interval=str(question.interval),
        horizon_bars=question.horizon,
        ties=question.ties,
        anchor=iso_time(record.anchor),
        blocks=record.blocks,
    )
    return file.model_dump_json(by_alias=True).encode() + b"\n"


def decode(data: bytes, place: str) -> Record:
    """The contents of one file; `place` is what the message calls it. Raises DataError("RecordDamaged")."""
    try:
        file = _File.model_validate_json(data)
        question = Question.parse(file.interval, file.horizon_bars, file.ties)
        record = Record(file.symbol, file.model, question, file.block_length, nanoseconds(file.anchor), file.blocks)
        _require_possible(record, file)
    except (ValidationError, ValueError, ConfigurationError):
        raise damaged(f"{place} is not a file of judged blocks, or it is damaged") from None
    return record


def _require_possible(record: Record, file: _File) -> None:
    """Raise ValueError for what nobody writes: a later release with another meaning, too."""
    lengths = file.schema_version == 1 and record.length > 0 and file.horizon_bars > 0 and len(file.blocks) > 0
    if not lengths or not all(_is_possible(block, record.length) for block in record.blocks):
        raise ValueError("impossible")


def _is_possible(block: Block, length: int) -> bool:
    return 0 <= block.right <= block.bars <= length and math.isfinite(math.fsum((block.pnl, *block.gaps)))


def _joined(store: Store, symbol: str, sha256: str, parts: Iterable[tuple[str, Record]]) -> Record | None:
    """The files as one record. Raises DataError("RecordDamaged") where they don't follow each other, or are of another model."""
    whole: Record | None = None
    for key, part in parts:
        if (part.symbol, part.model) != (symbol, sha256):
            raise damaged(
                f"{store.uri_of(key)} is of the model {part.model[:12]} of {part.symbol}, not of its folder's"
            )
        whole = replace(part, blocks=()) if whole is None else whole
        if replace(part, blocks=()) != replace(whole, blocks=()):
            raise damaged(f"{store.uri_of(key)} cuts the bars into other blocks than the files before it")
        if key != key_of(part, part.blocks[0]):
            raise damaged(
                f"{store.uri_of(key)} begins with the block of {part.blocks[0].first}, and its name says another time"
            )
        whole = replace(whole, blocks=(*whole.blocks, *_following(whole, part, store.uri_of(key))))
    return whole


def _following(whole: Record, part: Record, place: str) -> tuple[Block, ...]:
    """The blocks of the next file, each of which must begin where the one before it ends."""
    for index, block in enumerate(part.blocks, start=len(whole.blocks)):
        if block.first != (expected := iso_time(whole.start_of(index))):
            raise damaged(f"{place} has a block from {block.first} on where the one from {expected} on must follow")
    return part.blocks


def damaged(what: str) -> DataError:
    """The error for a record that can't be gone on with."""
    return DataError(
        reasons.RECORD_DAMAGED,
        f"{what}; restore it from a copy of the store, or delete its folder: the model's bars are then judged anew.",
    )
