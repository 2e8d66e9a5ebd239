"""Files that change between the start of a training, its retry and its evaluation: the same bytes come out, or one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from support import grown_file
from support.grown_file import LONG, beginning
from support.training_case import ROWS, TrainingSetup

from retrain_api.documents.results import EvaluateResult, TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.errors import CredentialsError, DataError, Interrupted, RetrainError
from retrain_trainer.store.disk import file_chunks
from retrain_trainer.store.file import FileStore
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    found = TrainingSetup(tmp_path / "setup")
    found.put(beginning())
    return found


def trained(setup: TrainingSetup, key: str = "a" * 16, stop_after_an_epoch: bool = False) -> TrainResult:
    return run(setup, setup.task(train_key=key), stop_after_an_epoch)


def run(setup: TrainingSetup, task: TrainTask, stop_after_an_epoch: bool = False) -> TrainResult:
    stop = Stop()

    def log(line: str) -> None:
        setup.log.append(line)
        if stop_after_an_epoch:
            stop.request()

    return training_task.run(task, {}, log, stop)


def evaluated(setup: TrainingSetup, result: TrainResult) -> EvaluateResult:
    return grown_file.evaluated(setup.task(), result, {})


def appended(setup: TrainingSetup) -> None:
    setup.put(beginning(ROWS + 300))


def appended_with_a_wrong_bar(setup: TrainingSetup) -> None:
    """The newest bar is still being written."""
    setup.put(pd.concat([beginning(), LONG[ROWS : ROWS + 1].assign(close=-1.0, hint=float("nan"))]))


def longer_at_its_beginning(setup: TrainingSetup) -> None:
    before = beginning(60)
    setup.put(pd.concat([before.assign(timestamp=before["timestamp"] - pd.Timedelta("1h")), beginning()]))


def written_anew(setup: TrainingSetup) -> None:
    """By another tool: other encodings, another order, columns more, the same values."""
    table = beginning(ROWS + 5).assign(exchange="somewhere", fresh=LONG["hint"] * 2, volume=1.0)
    table = table[["noise", "exchange", "fresh", "timestamp", "close", "hint", "volume"]]
    table.to_parquet(setup.file, index=False, compression="zstd", row_group_size=11, use_dictionary=False)


SAME = [appended, appended_with_a_wrong_bar, longer_at_its_beginning, written_anew]


def another_symbols(setup: TrainingSetup) -> None:
    setup.put(beginning(ROWS + 300).assign(close=beginning(ROWS + 300)["close"] * 30))


def corrected(setup: TrainingSetup) -> None:
    table = beginning(ROWS + 300).copy()
    table.loc[200, "close"] += 0.5
    setup.put(table)


def only_a_feature(setup: TrainingSetup) -> None:
    table = beginning(ROWS + 300).copy()
    table.loc[ROWS - 1, "hint"] += 0.5
    setup.put(table)


def oldest_bars_gone(setup: TrainingSetup) -> None:
    setup.put(beginning(ROWS + 300)[1:])


def shorter(setup: TrainingSetup) -> None:
    setup.put(beginning(ROWS - 1))


def a_later_month(setup: TrainingSetup) -> None:
    setup.put(beginning().assign(timestamp=beginning()["timestamp"] + pd.Timedelta("30D")))


def column_gone(setup: TrainingSetup) -> None:
    setup.put(beginning(ROWS + 300).drop(columns="noise"))


def gone(setup: TrainingSetup) -> None:
    setup.file.unlink()


def cut_in_the_middle(setup: TrainingSetup) -> None:
    appended(setup)
    data = setup.file.read_bytes()
    setup.file.write_bytes(data[: len(data) // 2])


def not_parquet(setup: TrainingSetup) -> None:
    setup.file.write_bytes(b"<html>404</html>")


OTHER = [
    (another_symbols, "DataChanged", "the first difference is in column 'close' on 2025-05-30"),
    (corrected, "DataChanged", "the first difference is in column 'close' on 2025-05-30"),
    (only_a_feature, "DataChanged", "the first difference is in column 'hint' on 2025-05-30"),
    (oldest_bars_gone, "DataChanged", "the first difference is in column 'timestamp' on 2025-05-30"),
    (shorter, "DataChanged", "the first difference is in column 'timestamp' on 2025-05-30"),
    (a_later_month, "DataChanged", "it has none of its bars"),
    (column_gone, "DataChanged", "it has no column 'noise' as it was"),
    (cut_in_the_middle, "Truncated", "its end is missing"),
    (not_parquet, "NotParquet", "is not a parquet file"),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, EvaluateResult]:
    """What a run whose file stays as it is gives."""
    setup = TrainingSetup(tmp_path_factory.mktemp("undisturbed") / "setup")
    setup.put(beginning())
    result = trained(setup)
    return result, evaluated(setup, result)


@pytest.mark.parametrize("change", SAME)
def test_a_retry_and_an_evaluation_find_their_rows_in_the_file_of_now(
    setup: TrainingSetup, change: Callable[[TrainingSetup], None], undisturbed: tuple[TrainResult, EvaluateResult]
) -> None:
    with pytest.raises(Interrupted):
        trained(setup, stop_after_an_epoch=True)
    change(setup)
    result = trained(setup)
    assert result.model.sha256 == undisturbed[0].model.sha256
    assert result.data.rows_sha256 == undisturbed[0].data.rows_sha256
    assert evaluated(setup, result).measurement == undisturbed[1].measurement


@pytest.mark.parametrize("lost", [0, 39])
def test_a_window_needs_no_bar_before_its_warm_up(setup: TrainingSetup, lost: int) -> None:
    """Five hours and 60 bars before them are read; a file that drops its oldest bars still has them."""
    task = setup.task(window="5h", as_of="2025-05-30T06:40:00Z")
    with pytest.raises(Interrupted):
        run(setup, task, stop_after_an_epoch=True)
    setup.put(beginning(ROWS + 300)[lost:])
    result = run(setup, task)
    assert result.data.first_row == "2025-05-30T00:40:00Z"
    elsewhere = TrainingSetup(setup.root / "elsewhere")
    elsewhere.put(beginning())
    whole = elsewhere.task(window="5h", as_of="2025-05-30T06:40:00Z")
    undisturbed = run(elsewhere, whole)
    assert result.model.sha256 == undisturbed.model.sha256
    measured = [grown_file.evaluated(one, of, {}).measurement for one, of in ((task, result), (whole, undisturbed))]
    assert measured[0] == measured[1]


@pytest.mark.parametrize(("change", "reason", "words"), OTHER)
def test_other_values_stop_an_evaluation_with_one_sentence(
    setup: TrainingSetup, change: Callable[[TrainingSetup], None], reason: str, words: str
) -> None:
    result = trained(setup)
    change(setup)
    with pytest.raises(DataError, match=words) as caught:
        evaluated(setup, result)
    assert caught.value.reason == reason
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("change", "reason", "words"), [*OTHER, (gone, "DataChanged", "it is gone")])
def test_other_values_stop_a_retry_with_one_sentence(
    setup: TrainingSetup, change: Callable[[TrainingSetup], None], reason: str, words: str
) -> None:
    with pytest.raises(Interrupted):
        trained(setup, stop_after_an_epoch=True)
    change(setup)
    with pytest.raises(RetrainError, match=words) as caught:
        trained(setup)
    assert caught.value.reason == reason


@pytest.mark.parametrize("first_start", [True, False])
def test_a_file_that_is_cut_while_it_is_read_is_one_sentence(
    setup: TrainingSetup, first_start: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = None if first_start else trained(setup)
    appended(setup)

    def chunks(path: Path) -> Iterator[bytes]:
        data = b"".join(file_chunks(path))
        yield data[: len(data) // 2] if path == setup.file else data

    monkeypatch.setattr("retrain_trainer.store.file.file_chunks", chunks)
    with pytest.raises(DataError, match="its end is missing") as caught:
        trained(setup) if result is None else evaluated(setup, result)
    assert caught.value.reason == "Truncated"


def test_without_the_digests_of_its_days_a_change_is_told_without_the_place(setup: TrainingSetup) -> None:
    result = trained(setup)
    for key in setup.pins():
        setup.store.delete(key)
    corrected(setup)
    with pytest.raises(DataError, match="its values have changed") as caught:
        evaluated(setup, result)
    assert caught.value.reason == "DataChanged"
    appended(setup)
    assert evaluated(setup, result).symbol == "BTC-USD"


@pytest.mark.parametrize("change", [appended, corrected])
def test_a_pin_of_the_present_release_is_obeyed_as_it_was(
    setup: TrainingSetup, change: Callable[[TrainingSetup], None]
) -> None:
    """It knows the bytes alone, and names no rows."""
    result = trained(setup)
    place = f"{setup.folder}data.json"
    old = ("uri", "sha256", "versionId", "firstBar", "lastBar", "rows")
    stored = json.loads(setup.store.read(place).data)
    setup.store.write(place, json.dumps({name: stored[name] for name in old}).encode())
    assert evaluated(setup, result).symbol == "BTC-USD"
    setup.store.delete(f"runs/default/nightly/{setup.task().run.uid}/{'e' * 16}/evaluation.json")
    change(setup)
    with pytest.raises(DataError, match="a shifted split would test on trained bars") as caught:
        evaluated(setup, result)
    assert caught.value.reason == "DataChanged"


@pytest.mark.parametrize("damage", [None, b"", b"{", b'{"uri": 3}'])
def test_an_evaluation_of_the_same_bytes_needs_no_pin(setup: TrainingSetup, damage: bytes | None) -> None:
    result = trained(setup)
    place = f"{setup.folder}data.json"
    setup.store.delete(place) if damage is None else setup.store.write(place, damage)
    assert evaluated(setup, result).symbol == "BTC-USD"


def test_the_rows_are_in_pin_and_card_and_the_model_knows_them(setup: TrainingSetup) -> None:
    result = trained(setup)
    (pin,) = setup.pins()
    data = setup.card(result)["data"]
    assert data["rowsSha256"] == result.data.rows_sha256
    assert pin.endswith(f"-{data['rowsSha256'][:16]}")
    assert (data["firstRow"], data["lastRow"]) == ("2025-05-30T00:00:00Z", "2025-05-30T06:39:00Z")
    assert json.loads(setup.store.read(f"{setup.folder}data.json").data)["columns"] == ["close", "hint", "noise"]


def test_the_next_training_names_what_was_rewritten(setup: TrainingSetup) -> None:
    assert trained(setup).restated is None
    corrected(setup)
    setup.log.clear()
    result = trained(setup, "b" * 16)
    assert result.restated is not None and result.restated.late, "the first day is the last one too"
    assert any("Late corrections: 2025-05-30" in line for line in setup.log)
    assert setup.card(result)["restated"]["column"] == "close"
    only_a_feature(setup)
    later = trained(setup, "c" * 16)
    assert later.restated is not None


def test_a_feature_that_was_rewritten_under_equal_candles_is_told_everywhere(setup: TrainingSetup) -> None:
    trained(setup)
    only_a_feature(setup)
    result = trained(setup, "b" * 16)
    assert result.restated is not None
    assert (result.restated.place, result.restated.late) == ("2025-05-30 hint", False)
    assert result.restated.sentence in result.warnings
    details = evaluated(setup, result).details
    document = json.loads(setup.store.read(details.uri.removeprefix(setup.store.uri)).data)
    assert document["restated"]["column"] == "hint"


def test_a_training_of_a_longer_file_is_not_restated(setup: TrainingSetup) -> None:
    trained(setup)
    appended(setup)
    assert trained(setup, "b" * 16).restated is None
    assert len(setup.pins()) == 2


def test_the_same_rows_are_kept_once(setup: TrainingSetup) -> None:
    task = setup.task(as_of="2025-06-01T00:00:00Z")
    for key in ("a" * 16, "b" * 16):
        training_task.run(task.model_copy(update={"train_key": key}), {}, setup.log.append, Stop())
    assert len(setup.pins()) == 1


def test_the_newest_ten_are_kept_and_the_one_behind_the_model_in_service(setup: TrainingSetup) -> None:
    result = trained(setup)
    (first,) = setup.pins()
    digits = first.rpartition("-")[2]
    old = [f"pins/BTC-USD/2020010{day}T000000Z-{'0' * 15}{day}" for day in range(1, 10)]
    named = f"pins/BTC-USD/20190101T000000Z-{digits}"
    for key in (*old, named, "pins/BTC-USD/README"):
        setup.store.write(key, b"")
    pointer = {
        "symbol": "BTC-USD",
        "model": {"uri": result.model.uri, "sha256": result.model.sha256},
        "run": {"namespace": "default", "name": "nightly", "uid": "1"},
        "test": {"firstBar": "2025-05-30T00:00:00Z", "lastBar": "2025-05-30T06:00:00Z"},
        "promotedAt": "2025-05-31T00:00:00Z",
    }
    setup.store.write("promoted/BTC-USD.json", json.dumps(pointer).encode())
    card = result.model.uri.rpartition("/")[2].removesuffix(".pt") + ".json"
    setup.store.write(f"promoted/{card}", json.dumps(setup.card(result)).encode())
    appended(setup)
    trained(setup, "b" * 16)
    left = setup.pins()
    assert old[0] not in left
    assert {named, first, "pins/BTC-USD/README", *old[1:]} <= set(left)


def refusing(method: str) -> Callable[..., object]:
    def refuse(store: FileStore, key: str, *rest: object, **more: object) -> object:
        if key.startswith("pins/"):
            raise CredentialsError("Forbidden", f"{key} may not be touched.")
        return original(store, key, *rest, **more)

    original = getattr(FileStore, method)
    return refuse


@pytest.mark.parametrize("method", ["list", "write", "delete", "read"])
def test_a_store_that_lets_nobody_keep_pins_stops_no_training(
    setup: TrainingSetup, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(setup)
    for day in range(1, 12):
        setup.store.write(f"pins/BTC-USD/202001{day:02}T000000Z-{'0' * 16}", b"")
    monkeypatch.setattr(FileStore, method, refusing(method))
    appended(setup)
    setup.log.clear()
    assert trained(setup, "b" * 16).epochs == 3
    assert any(line.startswith("The digests of the data's days are ") for line in setup.log)
