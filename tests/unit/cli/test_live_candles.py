"""`retrain live --candles`: bars that no look has judged yet, judged as a look would, with nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.documents import read_document
from support.measured_run import ROWS, SYMBOL, returning_table
from support.observed_model import BAR, ObservedModel

from retrain_cli import main
from retrain_trainer.measure.observed.record_files import Record

LONG = returning_table(6_000)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> ObservedModel:
    model = ObservedModel(tmp_path_factory.mktemp("live"), table=lambda rows: LONG[:rows])
    assert model.run.published().promoted
    return model


@pytest.fixture
def model(promoted: ObservedModel) -> Iterator[ObservedModel]:
    """The promoted model before anybody has looked at it."""
    yield promoted
    promoted.forget()


def candles(model: ObservedModel, rows: int, table: pd.DataFrame = LONG) -> Path:
    """A file of so many rows, that no run reads."""
    file = model.root / "later.parquet"
    table[:rows].to_parquet(file, index=False)
    return file


def live(model: ObservedModel, capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> dict[str, Any]:
    before = sorted(model.store.list(""))
    assert main.main(["live", SYMBOL, "--artifacts", model.store.uri, "--candles", str(file), "--json", *more]) == 0
    assert sorted(model.store.list("")) == before, "nothing is written"
    return read_document(capsys.readouterr().out, "Life")


def looked_at(model: ObservedModel, rows: int) -> Record:
    """The record after a real look at a file of so many rows."""
    model.write(LONG[:rows])
    model.look()
    model.write(LONG[:ROWS])
    record = model.record
    assert record is not None
    return record


@pytest.mark.parametrize("judged", [None, ROWS + 500, 6_000], ids=["nothing judged", "a part judged", "all judged"])
def test_it_says_what_a_look_at_all_of_it_would(
    model: ObservedModel, judged: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    known = len(looked_at(model, judged).blocks) if judged else 0
    found = live(model, capsys, candles(model, 6_000))
    record = looked_at(model, 6_000)
    assert (found["blocks"], found["judgedNow"]) == (len(record.blocks), len(record.blocks) - known)
    assert found["bars"] == sum(block.bars for block in record.blocks)
    assert found["accuracy"] == pytest.approx(sum(block.right for block in record.blocks) / found["bars"], abs=1e-5)
    assert (found["bar"], found["barOf"]) == (BAR, "gate")
    looked = model.look()
    assert found["calibrationError"] == pytest.approx(looked.calibration_error, rel=1e-4)
    assert found["pnl"] == pytest.approx(looked.pnl, rel=1e-4)


def test_a_file_without_a_later_block_says_when_the_next_one_is_whole(
    model: ObservedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    file = candles(model, ROWS)
    found = live(model, capsys, file)
    assert (found["judgedNow"], found["bars"]) == (0, None)
    (note,) = found["notes"]
    assert note.startswith(
        f"{file} has no whole block to judge: its newest bar closed at 2025-06-01T18:40:00Z, and the next "
    )


def test_a_file_that_names_another_market_is_said(model: ObservedModel, capsys: pytest.CaptureFixture[str]) -> None:
    found = live(model, capsys, candles(model, 6_000, LONG.assign(symbol="ETHUSDT")))
    assert found["notes"] == [
        f"Column 'symbol' of later.parquet names 'ETHUSDT', and the file is read for {SYMBOL}; is it the right file?"
    ]


def test_what_a_file_can_have_wrong_is_one_sentence(model: ObservedModel, capsys: pytest.CaptureFixture[str]) -> None:
    file = candles(model, 6_000, LONG.drop(columns="distance"))
    text = model.root / "later.csv"
    text.write_text("timestamp,close\n")
    for place, said in (
        (model.root / "none.parquet", "There is no file "),
        (text, "later.csv is "),
        (file, "later.parquet lacks features that data.features names: 'distance'"),
    ):
        assert main.main(["live", SYMBOL, "--artifacts", model.store.uri, "--candles", str(place)]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"retrain: {said}") and err.count("\n") == 1, err


def test_other_bytes_than_were_promoted_are_refused(model: ObservedModel, capsys: pytest.CaptureFixture[str]) -> None:
    key = model.pointer.model.uri.removeprefix(model.store.uri)
    data = model.store.read(key).data
    model.store.write(key, data + b"!")
    try:
        code = main.main(["live", SYMBOL, "--artifacts", model.store.uri, "--candles", str(candles(model, 6_000))])
    finally:
        model.store.write(key, data)
    assert code == 1 and "has other bytes than were promoted; restore that file." in capsys.readouterr().err
