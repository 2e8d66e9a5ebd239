"""What a promoted model has promised, and how it does, read from the store as promotions and looks leave it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.lives import RULE, TESTED_UNTIL, blocks, judge, promoted

from retrain_api.errors import DataError
from retrain_api.names import card_file, file_name, observed_folder
from retrain_api.observation.blocks import BlockRule
from retrain_api.wire import to_wire
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.observed.promise import Reports
from retrain_trainer.measure.observed.reading import read_life
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "models").mkdir()
    return open_store(f"file://{tmp_path}/models/", {}, 1)


def life(store: Store, bar: float | None = None) -> Life:
    pointer = json.loads(store.read("promoted/BTC-USD.json").data)
    return read_life(Reports(store), "BTC-USD", pointer["model"]["uri"], pointer["model"]["sha256"], pointer, bar)


def test_all_that_it_promised_is_found_where_its_promotion_left_it(store: Store) -> None:
    promoted(store)
    found = life(store).promise
    assert (found.accuracy, found.low, found.high, found.bars) == (0.712, 0.702, 0.724, 10_000)
    assert (found.bar, found.bar_of, found.symbols, found.min_bars) == (0.68, "gate", 1, 100)
    assert found.blocks is not None and found.blocks.length == 60 and found.tested_until == TESTED_UNTIL
    assert life(store, 0.7).promise.bar == 0.7 and life(store, 0.7).promise.bar_of == "given"


Change = Callable[[Store], None]


def change(key: str, edit: Callable[[dict[str, Any]], object]) -> Change:
    def change(store: Store) -> None:
        document = json.loads(store.read(key).data)
        edit(document)
        store.write(key, json.dumps(document).encode())

    return change


RUN = "default/nightly/11111111-2222-3333-4444-555555555555"
RESULTS, EVALUATION = f"reports/{RUN}/1/results.json", f"runs/{RUN}/{'b' * 16}/evaluation.json"


def damage(key: str) -> Change:
    def damage(store: Store) -> None:
        store.write(key, b"{")

    return damage


def damage_card(store: Store) -> None:
    pointer = json.loads(store.read("promoted/BTC-USD.json").data)
    store.write("promoted/" + card_file(file_name(pointer["model"]["uri"])), b"[]")


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        (damage(RESULTS), {"bar": 0.51, "bar_of": "majority", "symbols": None}),
        (change(RESULTS, lambda found: found["spec"].pop("gate")), {"bar": 0.51, "bar_of": "majority", "symbols": 1}),
        (
            change(RESULTS, lambda found: found["spec"].update(gate={"criteria": [{"metric": "auc", "atLeast": 0.6}]})),
            {"bar": 0.51, "bar_of": "majority"},
        ),
        (change(RESULTS, lambda found: found["spec"].update(observation={"minBars": 7})), {"min_bars": 7}),
        (damage(EVALUATION), {"high": None, "low": 0.702, "bar": 0.68}),
        (change(EVALUATION, lambda found: found.update(intervals=[])), {"high": None, "low": 0.702}),
        (damage_card, {"accuracy": 0.712, "low": None, "bar": 0.68, "tested_until": TESTED_UNTIL}),
    ],
    ids=["no results", "no gate", "no bar of accuracy", "own minBars", "no evaluation", "no interval", "no card"],
)
def test_what_is_gone_is_unknown_and_nothing_is_made_up(store: Store, changed: Change, known: dict[str, Any]) -> None:
    promoted(store)
    changed(store)
    promise = life(store).promise
    assert {name: getattr(promise, name) for name in known} == known


@pytest.mark.parametrize(
    ("shares", "state", "alarmed"),
    [
        ([], "Observing", None),
        ([0.72], "Observing", None),
        ([0.72] * 240, "Holding", None),
        ([0.69] * 24 * 60, "BelowPromise", None),
        ([0.72] * 48 + [0.55] * 72, "Decaying", "2025-06-26"),
    ],
    ids=["nothing judged", "a block", "as promised", "two points less", "fallen"],
)
def test_its_state_follows_from_its_record(store: Store, shares: list[float], state: str, alarmed: str | None) -> None:
    pointer = promoted(store)
    if shares:
        judge(store, pointer, blocks(shares))
    found = life(store)
    assert (found.state, found.alarmed, len(found.record)) == (state, alarmed, len(shares))
    assert found.until == ("2025-06-24T01:16:00Z" if len(shares) == 1 else found.until)
    assert sum(day.bars for day in found.days) == 60 * len(shares)


def test_a_model_of_an_earlier_release_is_not_measurable(store: Store) -> None:
    promoted(store, rule=BlockRule())
    found = life(store)
    assert found.state == "NotMeasurable" and found.totals is None and found.days == []
    assert found.not_measurable.startswith("An earlier release promoted it")


def test_without_a_bar_and_a_majority_there_is_nothing_to_hold_it_to(store: Store) -> None:
    promoted(store)
    damage_card(store)
    damage(RESULTS)(store)
    found = life(store)
    assert found.state == "NotMeasurable" and found.not_measurable.startswith("Nobody knows what to hold it to")
    assert life(store, 0.68).state == "Observing"


def test_symbols_of_all_reports_of_the_run_count(store: Store) -> None:
    """A second one that was approved later makes the line higher for both."""
    promoted(store)
    results = json.loads(store.read(RESULTS).data)
    results["promotion"] = {"promoted": [{"symbol": "ETH-USD", "sha256": "0" * 64}], "notPromoted": []}
    store.write(RESULTS.replace("/1/", "/12/"), json.dumps(results).encode())
    found = life(store)
    assert (found.promise.symbols, found.alarm) == (2, 40)


def test_a_damaged_record_is_said(store: Store) -> None:
    pointer = promoted(store)
    judge(store, pointer, blocks([0.7]))
    (key,) = store.list(observed_folder("BTC-USD", pointer.model.sha256))
    store.write(key, b"{}")
    with pytest.raises(DataError, match=r"20250624T001600Z\.json is not a file of judged blocks") as raised:
        life(store)
    assert raised.value.reason == "RecordDamaged"


def test_blocks_of_another_length_than_the_card_says_are_a_damaged_record(store: Store) -> None:
    judge(store, promoted(store, rule=RULE.model_copy(update={"block_length": 120})), blocks([0.7]))
    with pytest.raises(DataError, match="are of 60 bars from 2025-06-24T00:16:00Z on, and its card says 120") as raised:
        life(store)
    assert raised.value.reason == "RecordDamaged"


def test_the_reports_of_a_run_are_read_once_however_many_symbols_it_has(store: Store) -> None:
    pointer = promoted(store)
    reports = Reports(store)
    first = read_life(reports, "BTC-USD", pointer.model.uri, pointer.model.sha256)
    store.delete(RESULTS)
    assert read_life(reports, "BTC-USD", pointer.model.uri, pointer.model.sha256) == first


def test_a_pointer_as_json_is_enough(store: Store) -> None:
    pointer = promoted(store)
    assert read_life(Reports(store), "BTC-USD", pointer.model.uri, pointer.model.sha256, to_wire(pointer)) == life(
        store
    )
