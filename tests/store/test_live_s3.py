"""`retrain live` from a real S3 server, as somebody with the store's credentials and nothing else has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.documents import read_document
from support.lives import blocks, promoted
from support.publishing_case import RUN

from retrain_api.time import Question
from retrain_cli import main
from retrain_trainer.data.columns.timeline import nanoseconds
from retrain_trainer.measure.observed.record_files import Record, append
from retrain_trainer.store.open import open_store


def test_the_record_of_many_looks_is_one_life(
    s3: Any, s3_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(s3_root, s3.environ(), 30)
    pointer = promoted(store)
    assert pointer.run == RUN and pointer.tested_until is not None
    found = blocks([0.72] * 24 * 20 + [0.55] * 24 * 10)
    record = Record(
        "BTC-USD", pointer.model.sha256, Question.parse("1m", 15, "Drop"), 60, nanoseconds(pointer.tested_until)
    )
    for start in range(0, len(found), 24):
        record = append(store, record, found[start : start + 24])
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    page = tmp_path / "live.html"
    assert main.main(["live", "BTC-USD", "--artifacts", s3_root, "--json", "-o", str(page)]) == 0
    document = read_document(capsys.readouterr().out, "Life")
    assert (document["blocks"], document["bars"], document["state"]) == (24 * 30, 60 * 24 * 30, "Decaying")
    assert (document["bar"], document["promised"]["high"], document["symbols"]) == (0.68, 0.724, 1)
    assert len(document["days"]) == 30 and page.read_text().count("<svg") == 2
