"""Rollback: back to a model that is whole, on record, and not forward again by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import measured, publish_item, publish_task

from retrain_api.errors import ConfigurationError, DataError, NotFoundError, RetrainError, SoftwareError
from retrain_cli import main
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

AT = "2025-06-25T09:00:00Z"
SYMBOL = "BTC-USD"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three models of BTC-USD, promoted one after the other."""
    (tmp_path / "artifacts").mkdir()
    store = open_store(f"file://{tmp_path}/artifacts/", {}, 1)
    for version in (1, 2, 3):
        promote(store, version)
    return store


def promote(store: Store, version: int, number: int = 0, **changes: Any) -> Any:
    day = f"2025-06-{20 + version}T00:00:00Z"
    item = publish_item(store, SYMBOL, measured(0.7 + version / 100), version=version, last_bar=day)
    task = publish_task(store, [item], number=number or version, publish_key=f"{number or version:016}", **changes)
    now = datetime(2025, 6, 24, 2, 0, tzinfo=UTC)
    return publish(task, store, locator(store, task.artifacts_uri, {}), now, lambda line: None)


def today(store: Store) -> Pointer:
    pointed = read_pointer(store, SYMBOL)
    assert pointed is not None
    return pointed.pointer


def back(store: Store, to: str | None = None) -> Pointer:
    return roll_back(store, SYMBOL, to, "ada", "bad fills since noon", AT)


def accuracy(store: Store) -> float | None:
    return today(store).metrics.accuracy


def test_the_pointer_goes_back_to_the_model_promoted_before_and_says_who_and_why(store: Store) -> None:
    bad, good = today(store), today(store).previous
    assert back(store) == today(store)
    pointer = today(store)
    assert good and (pointer.model.uri, pointer.model.sha256) == (good.uri, good.sha256)
    assert (pointer.metrics, pointer.test) == (good.metrics, good.test)
    assert (pointer.train_key, pointer.evaluate_key, pointer.calibration) == ("a" * 16, "b" * 16, "Platt")
    assert json.loads(store.read(f"promoted/{SYMBOL}.json").data)["rolledBack"] == {
        "by": "ada",
        "at": AT,
        "reason": "bad fills since noon",
        "from": {"uri": bad.model.uri, "sha256": bad.model.sha256},
    }
    assert pointer.previous and pointer.previous.sha256 == bad.model.sha256
    assert pointer.withdrawn == (bad.model.sha256,)


def test_a_second_time_it_asks_where_to_and_goes_there(store: Store) -> None:
    first = today(store).previous
    back(store)
    with pytest.raises(NotFoundError, match=r"was already rolled back at 2025-06-25T09:00:00Z; name .* --to"):
        back(store)
    files = [key for key in store.list("promoted/") if key.endswith(".pt")]
    assert len(files) == 3 and first is not None
    oldest = next(key for key in files if key not in (first.uri.removeprefix(store.uri_of("")), _key(store)))
    back(store, oldest)
    assert len(today(store).withdrawn) == 2


def _key(store: Store) -> str:
    """The file that was rolled back from."""
    record = today(store).rolled_back
    return record.from_.uri.removeprefix(store.uri_of("")) if record else ""


def test_the_model_rolled_back_from_is_not_promoted_again_by_its_own_run(store: Store) -> None:
    back(store)
    pointer = today(store)
    assert [model.symbol for model in promote(store, 3).promoted] == [SYMBOL], "done is done: the result is repeated"
    assert today(store) == pointer
    again = promote(store, 3, number=4)
    assert [refused.reason for refused in again.not_promoted] == ["RolledBack"]
    assert today(store) == pointer


def test_it_stays_withdrawn_after_a_newer_model_and_comes_back_by_a_persons_word_alone(store: Store) -> None:
    back(store)
    promote(store, 4)
    assert accuracy(store) == 0.74 and len(today(store).withdrawn) == 1 and today(store).rolled_back is None
    assert not promote(store, 3, number=5).promoted
    task: dict[str, Any] = {"override": True, "approved_by": "Ann: it was the feed"}
    assert promote(store, 3, number=6, **task).promoted
    assert today(store).override and today(store).withdrawn == ()


def test_a_rollback_to_a_withdrawn_model_takes_it_back(store: Store) -> None:
    bad = today(store).model
    back(store)
    back(store, bad.uri)
    assert today(store).model == bad and bad.sha256 not in today(store).withdrawn


def forgotten(store: Store) -> None:
    store.delete(f"promoted/{SYMBOL}.json")


def alone(store: Store) -> None:
    store.write(f"promoted/{SYMBOL}.json", today(store).model_copy(update={"previous": None}).encode())


def without_file(store: Store) -> None:
    store.delete(_previous(store))


def without_card(store: Store) -> None:
    store.delete(_previous(store).replace(".pt", ".json"))


def other_bytes(store: Store) -> None:
    store.write(_previous(store), b"other weights")


def other_card(store: Store) -> None:
    store.write(_previous(store).replace(".pt", ".json"), b'{"symbol": "ETH-USD"}')


def _previous(store: Store) -> str:
    previous = today(store).previous
    assert previous is not None
    return previous.uri.removeprefix(store.uri_of(""))


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        (forgotten, NotFoundError, "No model of BTC-USD is promoted in"),
        (alone, NotFoundError, "No model of BTC-USD was promoted before this one"),
        (without_file, NotFoundError, "no longer exists"),
        (without_card, NotFoundError, "and its card are not there"),
        (other_bytes, DataError, "has other bytes than were promoted"),
        (other_card, DataError, "is not the card of a model of BTC-USD"),
    ],
)
def test_what_stands_against_it_is_one_sentence(store: Store, harm: Any, error: type[RetrainError], said: str) -> None:
    harm(store)
    before = read_pointer(store, SYMBOL)
    with pytest.raises(error, match=said):
        back(store)
    assert read_pointer(store, SYMBOL) == before


def test_the_model_of_today_is_where_it_is(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        back(store, today(store).model.uri)


def test_a_promotion_in_between_is_not_lost(store: Store) -> None:
    class Raced:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def write(self, key: str, data: bytes, **condition: Any) -> str:
            promote(store, 4)
            return store.write(key, data, **condition)

    with pytest.raises(SoftwareError, match="was changed in the meantime"):
        back(Raced())  # type: ignore[arg-type]
    assert accuracy(store) == 0.74


def test_the_command_says_what_it_did(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rollback", SYMBOL, "--artifacts", store.uri_of(""), "--reason", "bad fills"]
    assert main.main(words) == 0
    out = capsys.readouterr().out
    assert out.startswith("BTC-USD is back at lstm_BTC_USD_1m_") and "(accuracy 72 %, tested up to 2025-06-22" in out
    assert main.main(words) == 1
    assert "name the model to return to with --to" in capsys.readouterr().err
    assert main.main([*words, "--to", today(store).previous.uri, "--expires-after", "3 days"]) == 2
    assert "--expires-after: write 3d; a duration is a number and m, h or d." in capsys.readouterr().err
    assert main.main([*words, "--to", today(store).previous.uri, "--expires-after", "3d"]) == 0
    assert f"It expires at {today(store).expires_at}." in capsys.readouterr().out
    assert main.main([*words[:-1], " "]) == 2
    assert main.main(["rollback", SYMBOL, "--artifacts", "models", "--reason", "x"]) == 2
