"""The observe task: whatever a pointer names is judged by its exact bytes, once, and each symbol says by itself what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.measured_run import SYMBOL, returning_table
from support.observed_model import BAR, ObservedModel

from retrain_api.documents.encoding import MESSAGE_LIMIT, decode_message, encode_message
from retrain_api.documents.results import Looked, ObserveResult
from retrain_api.documents.tasks import ObserveItem
from retrain_api.errors import ConfigurationError, CredentialsError, DataError, NotFoundError, StoreUnreachable
from retrain_api.measurement import Measurement
from retrain_api.names import promoted_pointer
from retrain_api.observation.record import total
from retrain_api.observation.state import nulls_at
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.promote.rollback import roll_back
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.tasks import observe

LONG = returning_table(6_000)
POINTER = promoted_pointer(SYMBOL)


def grown(rows: int = 6_000) -> pd.DataFrame:
    return LONG[:rows]


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> ObservedModel:
    model = ObservedModel(tmp_path_factory.mktemp("observed"), table=grown)
    assert model.run.published().promoted
    return model


@pytest.fixture
def model(promoted: ObservedModel) -> Iterator[ObservedModel]:
    """The promoted model, with all files as they were after its promotion."""
    files = {path: path.read_bytes() for path in promoted.root.rglob("*") if path.is_file()}
    yield promoted
    for path in [path for path in promoted.root.rglob("*") if path.is_file() and path not in files]:
        path.unlink()
    for path, data in files.items():
        path.write_bytes(data)


def test_the_first_look_finds_no_bars_and_proves_that_all_can_be_read(model: ObservedModel) -> None:
    found = model.look()
    assert (found.bars, found.blocks, found.accuracy, found.problem) == (0, 0, None, "")
    assert found.model == model.pointer.model.sha256 and found.run == "uid-of-nightly"
    assert found.promised == model.pointer.metrics.accuracy and found.newest == model.pointer.tested_until
    assert found.days_to_see and found.days_to_see > 0
    assert model.record is None


def test_later_bars_are_judged_and_the_numbers_are_over_the_whole_record(model: ObservedModel) -> None:
    model.write(grown())
    found = model.look()
    record = model.record
    assert record is not None and found.blocks == len(record.blocks)
    assert record.blocks[0].first == model.pointer.tested_until
    measurement = Measurement.model_validate(card(model)["evaluation"]["measurement"])
    nulls, blocks = nulls_at(BAR, measurement), model.pointer.blocks
    assert nulls is not None and nulls.promised == measurement.near_bound("accuracy", 95) and blocks is not None
    totals = total(record.blocks, nulls, blocks)
    assert (found.bars, found.right, found.accuracy) == (totals.bars, totals.right, pytest.approx(totals.accuracy))
    assert found.wealth == pytest.approx(totals.bar.log, abs=1e-6) and totals.promise is not None
    assert found.promise == pytest.approx(totals.promise.log, abs=1e-6)
    assert found.accuracy is not None and found.accuracy > 0.7, "the market is the same, and the model is honest"


def card(model: ObservedModel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(model.store.read(card_key(model)).data)
    return found


def card_key(model: ObservedModel) -> str:
    return model.pointer.model.uri.removeprefix(model.store.uri).removesuffix(".pt") + ".json"


def test_judged_as_if_its_test_bars_were_later_it_reads_what_its_evaluation_says(model: ObservedModel) -> None:
    """Against truth: accuracy, calibration error and account of the test part, from the blocks."""
    document = json.loads(next(iter(evaluations(model))))
    first = pd.Timestamp(document["test"]["firstBar"]) + pd.Timedelta(minutes=4)  # the end of the first whole window
    update = {"testedUntil": iso_time(first.value), "blockLength": 1}
    model.change(POINTER, lambda pointer: pointer | update)
    found = model.look()
    metrics = document["measurement"]["metrics"]
    assert found.bars == document["measurement"]["bars"]
    assert found.accuracy == pytest.approx(metrics["accuracy"], abs=1e-5)
    assert found.calibration_error == pytest.approx(metrics["calibrationError"], abs=1e-5)
    assert found.pnl == pytest.approx(metrics["pnl"], abs=1e-5)


def evaluations(model: ObservedModel) -> Iterator[bytes]:
    for key in model.store.list("runs/"):
        if key.endswith("evaluation.json"):
            yield model.store.read(key).data


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    looks=st.sets(st.integers(4_001, 5_400), max_size=5),
    hole=st.tuples(st.integers(4_001, 5_300), st.integers(0, 200)),
)
def test_many_small_looks_find_what_one_finds(model: ObservedModel, looks: set[int], hole: tuple[int, int]) -> None:
    """Bit by bit: the probabilities too, of the network itself."""
    model.forget()
    table = LONG.drop(index=range(hole[0], hole[0] + hole[1]))
    for last in (*sorted(looks), 5_400):
        model.write(table[table.index < last])
        step_by_step = model.look()
    record = model.record
    model.forget()
    assert model.look() == step_by_step
    assert model.record == record


def test_a_long_life_is_judged_in_parts(model: ObservedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model.write(grown())
    at_once = (model.look(), model.record)
    model.forget()
    monkeypatch.setattr("retrain_trainer.measure.observed.later_bars.PART_BARS", 500)
    assert (model.look(), model.record) == at_once
    assert len(model.store.list("observed/")) >= 4


def test_only_bars_that_had_closed_by_the_time_of_the_look_are_judged(model: ObservedModel) -> None:
    model.write(grown())
    found = model.look(model.minutes_after_test(500))
    assert found.newest == model.minutes_after_test(500)
    record = model.record
    assert record is not None and iso_time(record.end) <= model.minutes_after_test(499)
    later = model.look(model.minutes_after_test(400))
    assert later.blocks == found.blocks and later.newest == model.minutes_after_test(400), "what was judged stays"


def test_looking_again_judges_nothing_anew(model: ObservedModel) -> None:
    model.write(grown())
    first = model.look()
    files = model.store.list("observed/")
    assert model.look() == first and model.store.list("observed/") == files
    assert "0 blocks judged" in model.log[0]


def test_late_and_restated_bars_are_counted_and_change_nothing_that_was_judged(model: ObservedModel) -> None:
    late = np.delete(np.arange(5_000), np.arange(4_300, 4_420))
    model.write(LONG.iloc[late])
    before = model.look()
    record = model.record
    assert before.late == 0 and record is not None and 0 in {block.bars for block in record.blocks}
    model.write(grown(5_000))
    after = model.look()
    assert after.late >= 120 // record.length and after.model_copy(update={"late": 0}) == before
    restated = grown(5_000).copy()
    restated.loc[4_800:, "close"] += 1
    model.write(restated)
    assert model.look().late > after.late
    assert model.record == record


def rolled_back(model: ObservedModel) -> None:
    """As if another model had been promoted in between, by a newer run."""
    mine = json.loads(model.store.read(POINTER).data)
    other = mine | {"model": {"uri": model.store.uri_of("promoted/other.pt"), "sha256": "cd" * 32}}
    model.store.write(POINTER, json.dumps(other | {"run": {**mine["run"], "uid": "newer"}}).encode())
    roll_back(model.store, SYMBOL, mine["model"]["uri"], "Ann", "worse", "2026-01-02T00:00:00Z")


def test_the_record_of_a_model_that_was_rolled_back_to_goes_on_and_the_gap_is_judged(model: ObservedModel) -> None:
    model.write(grown(4_500))
    before = model.look()
    rolled_back(model)
    model.write(grown())
    found = model.look()
    assert found.rolled_back and found.model == before.model and found.promoted_at == "2026-01-02T00:00:00Z"
    assert found.bars > before.bars and found.problem == ""
    record = model.record
    model.forget()
    model.look()
    assert model.record == record, "as if it had been in service all the time"


@pytest.mark.parametrize(
    ("digest", "concerned"),
    [("cd" * 32, True), ("", True), ("ab" * 32, False)],
    ids=["the run whose model it took", "a run that trains anew", "a run that was replaced before"],
)
def test_a_rollback_concerns_the_run_that_promoted_last(model: ObservedModel, digest: str, concerned: bool) -> None:
    model.write(grown())
    rolled_back(model)
    (item,) = model.task("2026-01-01T00:00:00Z").items
    found = model.look(items=(item.model_copy(update={"model": digest}),))
    assert found.rolled_back == concerned and found.bars > 0


def test_a_newer_models_own_life_is_judged_under_its_own_name(model: ObservedModel) -> None:
    """The operator reads from `run` and `model` that the run's own model is superseded."""
    model.write(grown())
    model.change(POINTER, lambda pointer: pointer | {"run": {**pointer["run"], "uid": "newer"}})
    found = model.look()
    assert found.run == "newer" and found.bars > 0 and not found.rolled_back


def test_an_expired_model_is_observed_all_the_same(model: ObservedModel) -> None:
    model.write(grown())
    model.change(POINTER, lambda pointer: pointer | {"expiresAt": model.minutes_after_test(60)})
    assert model.look().bars > 1_000


def test_without_a_pointer_nothing_is_promoted(model: ObservedModel) -> None:
    model.store.delete(POINTER)
    assert model.look() == Looked(symbol=SYMBOL)


def test_without_a_bar_the_majority_of_the_test_is_the_bar(model: ObservedModel) -> None:
    model.write(grown())
    measurement = Measurement.model_validate(card(model)["evaluation"]["measurement"])
    assert measurement.baselines.majority is not None
    assert model.look(bar=None).wealth == model.look(bar=measurement.baselines.majority).wealth


def test_without_a_file_in_the_past_only_what_is_there_is_judged(model: ObservedModel) -> None:
    """A file that begins long after the test: the hole is judged as blocks without bars."""
    model.write(LONG[5_000:])
    found = model.look()
    assert found.problem == "" and found.bars > 700
    model.forget()
    model.write(grown())
    assert model.look().bars > 1_500


def test_a_feature_that_begins_later_than_the_bars_leaves_the_bars_before_unjudged(model: ObservedModel) -> None:
    model.write(grown().assign(distance=lambda table: table["distance"].where(table.index >= 4_600)))
    found = model.look()
    record = model.record
    assert found.problem == "" and record is not None
    judged = [block.first for block in record.blocks if block.bars]
    assert judged[0] >= model.minutes_after_test(600 - record.length), "600 bars after the test it has its first value"
    assert found.bars > 1_000


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda document: {name: value for name, value in document.items() if name not in names}


def of_an_earlier_release(model: ObservedModel, *names: str) -> None:
    model.change(card_key(model), without(*names))
    model.change(POINTER, without(*names))


def without_majority(model: ObservedModel) -> None:
    model.change(card_key(model), without("evaluation"))


def as_a_state_dict(model: ObservedModel) -> None:
    """What somebody else has trained, and put there by hand."""
    buffer = BytesIO()
    torch.save({"lstm.weight_ih_l0": torch.zeros(4, 2)}, buffer)
    model.store.write(model_key(model), buffer.getvalue())
    digest = sha256(buffer.getvalue()).hexdigest()
    model.change(POINTER, lambda pointer: pointer | {"model": {**pointer["model"], "sha256": digest}})


RULE = ("blockLength", "blockCorrelation", "blockDeviation")
UNFIT: dict[str, tuple[Callable[[ObservedModel], object], dict[str, Any], str, str]] = {
    "no block rule, as in release 0.1.0": (
        lambda model: of_an_earlier_release(model, *RULE),
        {},
        "NotMeasurable",
        "neither its pointer nor its card says into which blocks its bars are cut; promote a model that this release has trained.",
    ),
    "no end of its test": (
        lambda model: of_an_earlier_release(model, "testedUntil"),
        {},
        "NotMeasurable",
        "neither its pointer nor its card says until when it was tested",
    ),
    "nothing to be held to": (without_majority, {"bar": None}, "NotMeasurable", "The gate asks for no accuracy"),
    "other bytes": (
        lambda model: model.store.write(model_key(model), b"other"),
        {},
        "ModelChanged",
        "has other bytes than were promoted",
    ),
    "weights without all else": (
        as_a_state_dict,
        {},
        "BadModelFile",
        "a state_dict, without all else that a prediction needs",
    ),
    "no model": (lambda model: model.store.delete(model_key(model)), {}, "ModelNotFound", "is not there"),
    "a damaged pointer": (
        lambda model: model.store.write(POINTER, b"{}"),
        {},
        "BadPointer",
        "is not a pointer to a promoted model",
    ),
    "no data": (lambda model: model.run.file.unlink(), {}, "ObjectNotFound", "features_BTC-USD_1m_latest.parquet"),
    "no parquet": (
        lambda model: model.run.file.write_bytes(b"time,close"),
        {},
        "NotParquet",
        "is not a parquet file",
    ),
    "a feature that is gone": (
        lambda model: model.write(grown().drop(columns="distance")),
        {},
        "MissingFeature",
        "distance",
    ),
    "a hole in a feature": (
        lambda model: model.write(grown().assign(distance=lambda table: table["distance"].where(table.index != 5_100))),
        {},
        "NotFinite",
        "Column 'distance'",
    ),
    "a hole where the read part of the file begins": (
        lambda model: model.write(grown().assign(distance=lambda table: table["distance"].where(table.index != 3_000))),
        {},
        "NotFinite",
        "Column 'distance'",
    ),
}


def model_key(model: ObservedModel) -> str:
    return model.pointer.model.uri.removeprefix(model.store.uri)


@pytest.mark.parametrize("case", UNFIT)
def test_a_symbol_that_cannot_be_judged_says_why_and_nothing_is_written(model: ObservedModel, case: str) -> None:
    change, fields, reason, words = UNFIT[case]
    model.write(grown())
    task = model.task("2026-01-01T00:00:00Z", **fields)
    change(model)
    (found,) = observe.run(task, {}, model.log.append).symbols
    assert (found.reason, found.bars) == (reason, 0)
    assert words in found.problem
    assert model.store.list("observed/") == []


def test_a_model_of_another_question_is_not_held_to_this_runs_bar(model: ObservedModel) -> None:
    model.write(grown())
    found = model.look(label=model.run.run.spec.label.model_copy(update={"horizon_bars": 15}))
    assert found.reason == "NotMeasurable" and "predicts 1 bars of 1m ahead" in found.problem


def test_data_that_is_gone_leaves_the_numbers_of_what_is_known(model: ObservedModel) -> None:
    model.write(grown())
    before = model.look()
    model.run.file.unlink()
    found = model.look()
    assert found.reason == "ObjectNotFound" and (found.bars, found.peak) == (before.bars, before.peak)


def test_a_damaged_record_is_that_symbols_problem_and_stays_as_it_is(model: ObservedModel) -> None:
    model.write(grown(4_500))
    model.look()
    (key,) = model.store.list("observed/")
    model.store.write(key, b"{")
    model.write(grown())
    found = model.look()
    assert found.reason == "RecordDamaged" and key in found.problem
    assert model.store.list("observed/") == [key] and model.store.read(key).data == b"{"


def test_a_record_of_other_blocks_than_the_pointers_is_damaged(model: ObservedModel) -> None:
    model.write(grown())
    model.look()
    model.change(POINTER, lambda pointer: pointer | {"blockLength": 99})
    found = model.look()
    assert found.reason == "RecordDamaged" and "its pointer says 99 from" in found.problem


def test_one_symbol_does_not_keep_the_others_from_being_judged(model: ObservedModel) -> None:
    model.write(grown())
    task = model.task("2026-01-01T00:00:00Z")
    model.change(POINTER, lambda pointer: pointer | {"blockLength": None})
    model.store.write(promoted_pointer("SOL-USD"), b"{")
    items = [ObserveItem(symbol=symbol, data_uri=task.items[0].data_uri) for symbol in ("SOL-USD", SYMBOL, "ETH-USD")]
    found = observe.run(task.model_copy(update={"items": tuple(items)}), {}, model.log.append).symbols
    assert [(one.symbol, one.reason) for one in found] == [("SOL-USD", "BadPointer"), (SYMBOL, ""), ("ETH-USD", "")]
    assert found[1].bars > 0, "the card knows the blocks where the pointer doesn't"


def test_each_index_looks_at_its_own_symbols(model: ObservedModel) -> None:
    items = tuple(ObserveItem(symbol=f"S{number}", data_uri="file:///none/x.parquet") for number in range(9))
    task = model.task("2026-01-01T00:00:00Z", items=items)
    first, second = (observe.run(task, {"JOB_COMPLETION_INDEX": index}, print) for index in ("0", "1"))
    assert [len(first.symbols), [one.symbol for one in second.symbols]] == [8, ["S8"]]
    for index in ("2", "x"):
        with pytest.raises(ConfigurationError, match="the task has indexes 0 to 1"):
            observe.run(task, {"JOB_COMPLETION_INDEX": index}, print)


@pytest.mark.parametrize(
    "error",
    [
        StoreUnreachable("Unreachable", "away"),
        CredentialsError("AccessDenied", "no"),
        ConfigurationError("BadLocation", "nowhere"),
    ],
)
def test_what_concerns_all_symbols_ends_the_look(
    model: ObservedModel, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(observe, "read_pointer", fail)
    with pytest.raises(type(error)):
        observe.run(model.task("2026-01-01T00:00:00Z"), {}, print)


def test_of_two_observers_the_slower_goes_on_behind_the_faster(
    model: ObservedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.write(grown())
    write, others = observe.append, [4_300, 5_000]

    def slowly(store: Store, known: Any, new: Any) -> Any:
        """Before this look can write, another one has."""
        if others:
            rows, other = others.pop(0), ObservedModel(model.root, table=grown)
            monkeypatch.setattr(observe, "append", write)
            other.write(grown(rows))
            other.look()
            other.write(grown())
            monkeypatch.setattr(observe, "append", slowly)
        return write(store, known, new)

    monkeypatch.setattr(observe, "append", slowly)
    found = model.look()
    assert sum("another look was faster" in line for line in model.log) == 2
    record = model.record
    monkeypatch.setattr(observe, "append", write)
    model.forget()
    assert model.look() == found and model.record == record


def test_a_store_that_refuses_and_shows_nothing_is_tried_again_later(
    model: ObservedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Conflict("Conflict", "there is one")

    model.write(grown())
    monkeypatch.setattr(observe, "append", refuse)
    with pytest.raises(Conflict):
        model.look()


def test_eight_symbols_with_long_sentences_fit_a_message() -> None:
    one = Looked(
        symbol="A" * 20,
        model="ab" * 32,
        run="11111111-2222-3333-4444-555555555555",
        promoted_at="2026-11-28T12:00:00Z",
        rolled_back=True,
        reason="RecordDamaged",
        problem="x" * 900,
        newest="2026-11-28T12:00:00Z",
        blocks=100_000,
        bars=1_000_000,
        right=700_000,
        accuracy=0.712345678,
        calibration_error=0.0123456,
        pnl=-0.123456,
        promised=0.7123,
        wealth=-12.123456,
        peak=123.123456,
        promise=-12.123456,
        late=1_234,
        days_to_see=12.345678,
    )
    found = encode_message(ObserveResult(observe_key="d" * 16, symbols=(one,) * 8))
    assert len(found.encode()) <= MESSAGE_LIMIT
    read = decode_message(found)
    assert isinstance(read, ObserveResult) and {entry.bars for entry in read.symbols} == {1_000_000}


def test_the_errors_of_one_symbol_are_those_that_last() -> None:
    assert not observe.concerns_all(DataError("Damaged", "x"))
    assert not observe.concerns_all(ConfigurationError("UnknownFeature", "x"))
    assert not observe.concerns_all(NotFoundError("ObjectNotFound", "x"))
    assert observe.concerns_all(NotFoundError("BucketNotFound", "x"))
