"""Task and result documents: they come back as they went, fit where they must, and other versions are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import Cluster, passing, task_of

from retrain_api.documents.encoding import (
    MESSAGE_LIMIT,
    decode_message,
    decode_task,
    encode,
    encode_message,
    encode_task,
)
from retrain_api.documents.references import DataPin, FileRef, RunRef
from retrain_api.documents.results import (
    Delivered,
    DeliverResult,
    EvaluateResult,
    NotPromoted,
    PreflightResult,
    Promoted,
    PublishResult,
    Refusal,
    Result,
    TaskFailure,
    TrainResult,
)
from retrain_api.documents.tasks import PREFLIGHT_SYMBOLS, PreflightItem, PreflightTask
from retrain_api.errors import ConfigurationError
from retrain_api.measurement import METRICS, Baselines, Champion, Measurement, Metrics
from retrain_api.spec.data import Label, Split

# A character of four bytes, one that JSON writes with six, and two of its own.
AWKWARD = ["x", "ü", "\N{OUTBOX TRAY}", "\x1b", "\x00", '"', "\\", "\n"]
PIN = DataPin(uri="s3://b/f.parquet", sha256="d" * 64, version_id="v" * 32, first_bar="a", last_bar="b", rows=9)
FILE = FileRef(uri="s3://bucket/models/file", sha256="f" * 64)


def tasks() -> list[Any]:
    cluster = Cluster.of(
        backups=[{"name": "vault", "uri": "s3://vault/"}], report={"git": {"url": "https://g.example"}}
    )
    cluster.to_the_end()
    return [task_of(manifest) for manifest in cluster.manifests.values()]


def full_measurement(**parts: Any) -> Measurement:
    """All that an evaluation can say, with as many digits as there are."""
    metrics = Metrics.model_validate(dict.fromkeys(METRICS, 0.123456789))
    baselines = Baselines(majority=0.523456789, persistence=0.5123456, reversal=0.56789123, logistic=0.6123456)
    champion = Champion(sha256="c" * 64, bars=90_000, accuracy=0.68123456, difference=-0.0123456, note="n" * 80)
    bounds = tuple((-0.123456, -0.234567, -0.345678) for _ in METRICS)
    whole = {
        "metrics": metrics,
        "baselines": baselines,
        "champion": champion,
        "near_bounds": bounds,
        "bars": 90_000,
        "market": "m" * 14,
    }
    return Measurement.model_validate(whole | parts)


def train(**parts: Any) -> TrainResult:
    fields = {"symbol": "BTC-USD", "train_key": "k" * 16, "model": FILE, "data": PIN, "epochs": 50, "best_epoch": 1}
    return TrainResult.model_validate(fields | {"duration_seconds": 1.5} | parts)


def evaluate(**parts: Any) -> EvaluateResult:
    fields = {"symbol": "BTC-USD", "evaluate_key": "k" * 16, "model_sha256": "m" * 64, "details": FILE}
    return EvaluateResult.model_validate(fields | {"measurement": full_measurement(**parts)})


def publish(**parts: Any) -> PublishResult:
    return PublishResult.model_validate(
        {"publish_key": "k" * 16, "markdown": "s3://b/1", "results": "s3://b/2"} | parts
    )


def refusals(count: int, message: str = "s3://data/f.parquet is not there.") -> tuple[Refusal, ...]:
    return tuple(
        Refusal(symbol=f"{'B' * 14}{number}-USD", reason="NotFound", message=message) for number in range(count)
    )


def preflight(symbols: int) -> PreflightTask:
    items = tuple(
        PreflightItem(symbol=f"S{number}", train_key="k" * 16, recipe="r" * 16, data_uri=f"s3://data/{number}")
        for number in range(symbols)
    )
    return PreflightTask(
        run=RunRef(namespace="ns", name="weekly", uid="u"),
        artifacts_uri="s3://artifacts/",
        preflight_key="p" * 16,
        items=items,
        interval="1m",
        label=Label(),
        split=Split(),
        lookback_bars=60,
    )


RESULTS: list[Result] = [
    PreflightResult(preflight_key="k" * 16, refused=refusals(2)),
    train(warnings=("two features are constant",), validation_loss=0.61, resumed_epochs=3),
    evaluate(suspicions=("too good",)),
    publish(
        html="s3://b/3", promoted=(Promoted(symbol="BTC-USD", uri="s3://b/p", sha256="p" * 64, previous="o" * 64),)
    ),
    DeliverResult(targets=(Delivered(name="vault", ok=False, message="full"),)),
    TaskFailure(reason="NoGPU", message="no GPU here"),
]


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.kind)
def test_a_task_comes_back_as_it_went(task: Any) -> None:
    assert decode_task(encode(task)) == task
    assert "null" not in encode(task) and json.loads(encode(task))["schemaVersion"] == 1


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_comes_back_as_it_went(result: Result) -> None:
    assert decode_message(encode_message(result)) == result


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_unknown_fields_of_a_newer_release_are_ignored(result: Result) -> None:
    newer = json.loads(encode(result)) | {"somethingNew": {"a": [1]}}
    assert decode_message(json.dumps(newer)) == result


def test_a_preflight_comes_back_as_it_went() -> None:
    task = preflight(9).model_copy(update={"as_of": "2026-11-28T12:00:00Z", "max_age": "2h", "min_new_bars": 60})
    assert decode_task(encode_task(task)) == task


@pytest.mark.parametrize(("symbols", "indexes"), [(1, [1]), (8, [8]), (9, [8, 1]), (64, [8] * 8)])
def test_an_index_of_a_preflight_looks_at_eight_symbols(symbols: int, indexes: list[int]) -> None:
    task = preflight(symbols)
    parts = [task.items_of(index) for index in range(task.indexes)]
    assert [len(part) for part in parts] == indexes and sum(parts, ()) == task.items
    assert task.items_of(task.indexes) == () and task.items_of(-1) == ()


@given(message=st.text(st.sampled_from(AWKWARD), min_size=1, max_size=2000))
def test_the_refusals_of_one_index_fit_a_message(message: str) -> None:
    result = PreflightResult(preflight_key="k" * 16, refused=refusals(PREFLIGHT_SYMBOLS, message))
    text = encode_message(result)
    found = decode_message(text)
    assert len(text.encode()) <= MESSAGE_LIMIT and isinstance(found, PreflightResult)
    assert [one.symbol for one in found.refused] == [one.symbol for one in result.refused]


def test_unknown_fields_of_a_newer_task_are_ignored() -> None:
    task = tasks()[0]
    document = json.loads(encode(task)) | {"new": 1}
    document["run"]["new"] = 1
    assert decode_task(json.dumps(document)) == task


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schemaVersion": 2}, "train.schemaVersion: Input should be 1"),
        ({"kind": "sing"}, "the document: Input tag 'sing' found"),
        ({"symbol": None}, "train.symbol: Input should be a valid string"),
        ({"model": {"hiddenSize": 0}}, "train.model.hiddenSize: Input should be greater than or equal to 1"),
    ],
    ids=[
        "a newer schema",
        "an unknown kind",
        "a missing field",
        "a value out of bounds",
    ],
)
def test_a_task_of_another_version_is_refused_with_one_sentence(change: dict[str, Any], where: str) -> None:
    document = json.loads(encode(tasks()[0])) | change
    with pytest.raises(ConfigurationError) as caught:
        decode_task(json.dumps(document))
    assert caught.value.reason == "BadTask" and where in caught.value.message
    assert caught.value.message.endswith("use operator and trainer images of the same release.")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "42", "zlib:", "zlib:!", "zlib:AAAA"])
def test_a_task_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="The task in RETRAIN_TASK is not one"):
        decode_task(text)


@pytest.mark.parametrize("text", [None, "", "Killed", "{", '{"kind":"train"}', '{"kind":"x"}', "[]", "null"])
def test_a_message_that_is_no_result_is_none(text: str | None) -> None:
    assert decode_message(text) is None


def test_a_message_of_another_version_is_none() -> None:
    assert decode_message(encode(RESULTS[4]).replace('"schemaVersion":1', '"schemaVersion":2')) is None


# 4,096 bytes


def fits(result: Result) -> Any:
    text = encode_message(result)
    assert len(text.encode()) <= MESSAGE_LIMIT
    back = decode_message(text)
    assert back is not None and type(back) is type(result)
    return back


@given(st.text(st.sampled_from(AWKWARD) | st.characters(exclude_categories=["Cs"]), max_size=6000))
def test_any_sentence_of_a_failure_fits(message: str) -> None:
    back = fits(TaskFailure(reason="DiskFull", message=message))
    assert back.reason == "DiskFull" and back.message.startswith(message[:600])


@pytest.mark.parametrize("character", AWKWARD)
@pytest.mark.parametrize("length", [10, 600, 1000, 4000, 100_000])
def test_long_sentences_of_every_kind_fit(character: str, length: int) -> None:
    sentence = character * length
    assert fits(TaskFailure(reason="DiskFull", message=sentence)).message[:10] == character * 10
    assert fits(train(warnings=(sentence, sentence))).model == FILE
    measured = fits(evaluate(suspicions=(sentence,) * 4)).measurement
    assert measured.suspicions and measured.near_bounds == full_measurement().near_bounds
    targets = tuple(Delivered(name=f"place-{number}", ok=number > 0, message=sentence) for number in range(9))
    assert [target.ok for target in fits(DeliverResult(targets=targets)).targets] == [False] + [True] * 8
    refused = tuple(NotPromoted(symbol=f"COIN{n}-USD", reason="OlderTest", message=sentence) for n in range(12))
    assert len(fits(publish(not_promoted=refused)).not_promoted) == 12


@pytest.mark.parametrize("count", [1, 3, 12, 30, 64])
def test_a_publication_of_many_models_fits_and_names_each(count: int) -> None:
    promoted = tuple(
        Promoted(
            symbol=f"COIN{n}-USDT",
            uri=f"s3://bucket/models/promoted/lstm_COIN{n}.pt",
            sha256="a" * 64,
            previous="b" * 64,
        )
        for n in range(count)
    )
    back = fits(publish(promoted=promoted))
    assert [model.symbol for model in back.promoted] == [model.symbol for model in promoted]
    assert count > 3 or back.promoted == promoted


@pytest.mark.parametrize(("count", "named"), [(1, 1), (12, 12), (32, 32), (64, 32)])
def test_of_many_refused_models_those_to_be_measured_again_are_named_first(count: int, named: int) -> None:
    older = NotPromoted(symbol="OLD-USD", reason="OlderTest", message="s" * 200)
    again = tuple(
        NotPromoted(symbol=f"COIN{n}-USDT", reason="ChampionChanged", message="s" * 200, champion=f"{n:012}")
        for n in range(count)
    )
    back = fits(publish(not_promoted=(older, *again))).not_promoted
    told = [(one.symbol, one.champion) for one in back if one.reason == "ChampionChanged"]
    assert told == [(one.symbol, one.champion) for one in again[:named]]


@pytest.mark.parametrize(("length", "named"), [(1000, True), (1900, False)])
def test_the_page_is_named_as_long_as_there_is_room(length: int, named: bool) -> None:
    place = "s3://bucket/" + "x" * length + "/"
    back = fits(publish(markdown=place + "report.md", results=place + "results.json", html=place + "report.html"))
    assert back.markdown == place + "report.md"
    assert (back.html is not None) is named


def test_nothing_that_is_needed_is_cut() -> None:
    with pytest.raises(ValueError, match=r"a TrainResult of [0-9]+ characters does not fit a message"):
        encode_message(train(model=FileRef(uri="s3://bucket/" + "x" * 5000, sha256="f" * 64)))


def test_no_message_has_a_nan() -> None:
    nan = float("nan")
    result = EvaluateResult.model_validate(evaluate().model_dump() | {"measurement": {"metrics": {"accuracy": nan}}})
    assert "NaN" not in encode_message(result)
    assert passing(nan).metrics.accuracy is None


@pytest.mark.parametrize("symbols", [3, 64])
def test_a_publish_task_fits_an_environment_variable(symbols: int) -> None:
    """Linux refuses an argument or variable of more than 128 KiB."""
    cluster = Cluster.of(symbols=[f"COIN{number}-USDT" for number in range(symbols)])
    cluster.measurements = dict.fromkeys(cluster.run.spec.symbols, full_measurement(suspicions=("s" * 150,) * 2))
    cluster.to_the_end()
    (publish_job,) = (each for name, each in cluster.manifests.items() if "-publish-" in name)
    task = task_of(publish_job)
    text = encode_task(task)
    assert len(text) < 100_000 and decode_task(text) == task
    assert text.startswith("zlib:") == (len(encode(task)) > 100_000) == (symbols == 64)
