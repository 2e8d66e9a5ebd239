"""The files of judged blocks: read as one record, written once, and refused where they are not what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.errors import DataError
from retrain_api.observation.record import Block
from retrain_api.time import Question
from retrain_trainer.data.columns.timeline import iso_time, nanoseconds
from retrain_trainer.measure.observed.record_files import Record, append, decode, encode, read_record
from retrain_trainer.store.base import Conflict
from retrain_trainer.store.file import FileStore

MODEL = "ab" * 32
FOLDER = f"observed/BTC-USD/{MODEL[:16]}/"
NOTHING = Record("BTC-USD", MODEL, Question.parse("1m", 1, "Drop"), 60, nanoseconds("2026-11-28T03:00:00Z"))


def block(number: int, bars: int = 60, right: int = 40) -> Block:
    return Block(
        first=iso_time(NOTHING.start_of(number)),
        bars=bars,
        right=right,
        gaps=(0.5, -1.25),
        pnl=0.01,
        open_bars=1,
        digest="0123456789",
    )


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def test_what_was_never_looked_at_has_no_record(store: FileStore) -> None:
    assert read_record(store, "BTC-USD", MODEL) is None
    assert append(store, NOTHING, []) == NOTHING
    assert store.list("") == [], "a look that finds no whole block leaves nothing behind"


def test_each_look_adds_a_file_named_by_its_first_block(store: FileStore) -> None:
    record = append(store, NOTHING, [block(0), block(1)])
    record = append(store, record, [block(2)])
    assert store.list("observed/") == [f"{FOLDER}20261128T030000Z.json", f"{FOLDER}20261128T050000Z.json"]
    assert read_record(store, "BTC-USD", MODEL) == record
    assert iso_time(record.end) == "2026-11-28T06:00:00Z"


def test_the_format_is_this_one(store: FileStore) -> None:
    append(store, NOTHING, [block(0)])
    assert json.loads(store.read(f"{FOLDER}20261128T030000Z.json").data) == {
        "schemaVersion": 1,
        "symbol": "BTC-USD",
        "model": MODEL,
        "blockLength": 60,
        "interval": "1m",
        "horizonBars": 1,
        "ties": "Drop",
        "anchor": "2026-11-28T03:00:00Z",
        "blocks": [
            {
                "first": "2026-11-28T03:00:00Z",
                "bars": 60,
                "right": 40,
                "gaps": [0.5, -1.25],
                "pnl": 0.01,
                "openBars": 1,
                "digest": "0123456789",
            }
        ],
    }


def test_of_two_observers_one_writes_and_the_other_reads_it(store: FileStore) -> None:
    first = append(store, NOTHING, [block(0)])
    with pytest.raises(Conflict):
        append(store, NOTHING, [block(0, right=1), block(1)])
    assert read_record(store, "BTC-USD", MODEL) == first
    assert read_record(store, "BTC-USD", append(store, first, [block(1)]).model) is not None


def test_what_else_lies_in_the_folder_is_no_part_of_it(store: FileStore) -> None:
    record = append(store, NOTHING, [block(0)])
    store.write(f"{FOLDER}notes.txt", b"mine")
    assert read_record(store, "BTC-USD", MODEL) == record


def rewritten(change: Callable[[Record], Record]) -> Callable[[FileStore], None]:
    """The second file as if this had been written."""

    def damage(store: FileStore) -> None:
        key = f"{FOLDER}20261128T040000Z.json"
        store.write(key, encode(change(decode(store.read(key).data, key))))

    return damage


DAMAGES: dict[str, tuple[Callable[[FileStore], None], str]] = {
    "cut off": (
        lambda store: (store.write(f"{FOLDER}20261128T040000Z.json", b'{"schemaVersion": 1, "sym'), None)[1],
        "is not a file of judged blocks",
    ),
    "more right than judged": (
        rewritten(lambda one: replace(one, blocks=(block(1, 10, 11),))),
        "is not a file of judged blocks",
    ),
    "more judged than a block has": (
        rewritten(lambda one: replace(one, blocks=(block(1, 61),))),
        "is not a file of judged blocks",
    ),
    "another model": (rewritten(lambda one: replace(one, model="cd" * 32)), "is of the model cdcdcdcdcdcd of BTC-USD"),
    "another symbol": (rewritten(lambda one: replace(one, symbol="ETH-USD")), "of ETH-USD"),
    "other blocks": (rewritten(lambda one: replace(one, length=61)), "cuts the bars into other blocks"),
    "another question": (
        rewritten(lambda one: replace(one, question=Question.parse("1m", 2, "Drop"))),
        "cuts the bars into other blocks",
    ),
    "a hole": (
        lambda store: store.delete(f"{FOLDER}20261128T040000Z.json"),
        "has a block from 2026-11-28T05:00:00Z on where the one from 2026-11-28T04:00:00Z on must follow",
    ),
    "no beginning": (
        lambda store: store.delete(f"{FOLDER}20261128T030000Z.json"),
        "where the one from 2026-11-28T03:00:00Z on must follow",
    ),
    "an overlap": (
        rewritten(lambda one: replace(one, blocks=(block(1), block(2)))),
        "has a block from 2026-11-28T05:00:00Z on where the one from 2026-11-28T06:00:00Z on must follow",
    ),
    "another name": (rewritten(lambda one: replace(one, blocks=(block(2),))), "its name says another time"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_refused_with_the_file_and_what_to_do(store: FileStore, name: str) -> None:
    record = NOTHING
    for number in range(3):
        record = append(store, record, [block(number)])
    damage, words = DAMAGES[name]
    damage(store)
    with pytest.raises(DataError) as refused:
        read_record(store, "BTC-USD", MODEL)
    assert refused.value.reason == "RecordDamaged"
    assert words in refused.value.message and FOLDER in refused.value.message
    assert "delete its folder: the model's bars are then judged anew" in refused.value.message


@given(sizes=st.lists(st.integers(1, 7), max_size=6))
def test_however_the_blocks_are_spread_over_files_the_record_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    store, record = FileStore(tmp_path_factory.mktemp("store")), NOTHING
    for size in sizes:
        record = append(store, record, [block(len(record.blocks) + i) for i in range(size)])
    read = read_record(store, "BTC-USD", MODEL)
    assert (read or NOTHING) == record
    assert record.blocks == tuple(block(i) for i in range(sum(sizes)))
