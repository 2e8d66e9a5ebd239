"""How a promoted model is observed goes with it: from the evaluation into card and pointer, and from the card back into a pointer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.publishing_case import NOW, measured, publish_item, publish_task, put_evaluation

from retrain_api.errors import DataError
from retrain_api.observation.blocks import Blocks, rule_in
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import locator
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks.publish import publish

SYMBOL = "BTC-USD"
RULE = {"blockLength": 240, "blockCorrelation": 0.05, "blockDeviation": 0.12}
BLOCKS = Blocks(240, 0.05, 0.12)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "artifacts").mkdir()
    return open_store(f"file://{tmp_path}/artifacts/", {}, 1)


def promoted(store: Store, rule: dict[str, Any], version: int = 1) -> Pointer:
    item = publish_item(store, SYMBOL, measured(0.7), version=version)
    item = item.model_copy(update={"evaluation": put_evaluation(store, SYMBOL, item.data.last_bar, **rule)})
    task = publish_task(store, [item], publish_key=f"key{version}", number=version)
    assert publish(task, store, locator(store, task.artifacts_uri, {}), NOW, lambda line: None).promoted
    return today(store)


def today(store: Store) -> Pointer:
    pointed = read_pointer(store, SYMBOL)
    assert pointed is not None
    return pointed.pointer


def card(store: Store) -> dict[str, Any]:
    key = today(store).model.uri.removeprefix(store.uri).replace(".pt", ".json")
    return dict(json.loads(store.read(key).data))


@pytest.mark.parametrize(
    ("rule", "blocks"),
    [
        (RULE, BLOCKS),
        ({}, None),  # measured by an earlier release
        (RULE | {"blockLength": "long"}, None),
        ({"blockLength": 240}, None),
    ],
)
def test_card_and_pointer_have_it_or_say_that_there_is_none(
    store: Store, rule: dict[str, Any], blocks: Blocks | None
) -> None:
    assert promoted(store, rule).blocks == blocks
    assert rule_in(card(store)).blocks == blocks
    written = json.loads(store.read(f"promoted/{SYMBOL}.json").data)
    assert {name: written[name] for name in RULE if name in written} == (RULE if blocks else {})


@pytest.mark.parametrize("rule", [RULE, {}])
def test_a_rollback_takes_it_from_the_card(store: Store, rule: dict[str, Any]) -> None:
    first = promoted(store, rule)
    promoted(store, RULE | {"blockLength": 960}, version=2)
    assert roll_back(store, SYMBOL, None, "ada", "bad fills", "2025-07-10T09:00:00Z").blocks == first.blocks
    assert today(store).blocks == (BLOCKS if rule else None)


def test_a_pointer_whose_length_is_none_is_damaged(store: Store) -> None:
    promoted(store, RULE)
    key = f"promoted/{SYMBOL}.json"
    store.write(key, json.dumps(json.loads(store.read(key).data) | {"blockLength": -1}).encode())
    with pytest.raises(DataError) as caught:
        read_pointer(store, SYMBOL)
    assert caught.value.reason == "BadPointer"
