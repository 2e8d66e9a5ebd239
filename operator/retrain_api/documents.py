"""What operator and Job say to each other: task documents in, result documents out.

A task travels as JSON in the environment variable RETRAIN_TASK, a result as JSON of at most 4,096 bytes in the
container's termination message; anything bigger is a file in the store, named with its sha256.
"""

from __future__ import annotations

import base64
import zlib
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from .errors import ConfigurationError
from .measurement import Measurement
from .schema import Lenient, Measured
from .spec_data import Evaluation, Label, Model, Split, Training
from .spec_gate import Baseline

SCHEMA_VERSION = 1
TASK_VARIABLE = "RETRAIN_TASK"
TERMINATION_VARIABLE = "RETRAIN_TERMINATION_LOG"
"""Where the message goes outside a cluster; /dev/termination-log when unset."""
MESSAGE_LIMIT = 4096
"""Bytes of a termination message; the kubelet cuts what is longer."""


class RunRef(Lenient):
    """Which run a task belongs to."""

    namespace: str
    name: str
    uid: str


class FileRef(Lenient):
    """A file in the store, and what it must contain."""

    uri: str
    sha256: str


class DataPin(Lenient):
    """Exactly the bytes a model was trained on, and the period they span (ISO 8601, UTC)."""

    uri: str
    sha256: str
    version_id: str | None = None
    first_bar: str
    last_bar: str
    rows: int


class Task(Lenient):
    """What every task has."""

    schema_version: Literal[1] = 1
    run: RunRef
    artifacts_uri: str


class TrainTask(Task):
    """Train one symbol's model."""

    kind: Literal["train"] = "train"
    symbol: str
    train_key: str
    data_uri: str
    interval: str
    features: tuple[str, ...] | None = None
    label: Label
    split: Split
    model: Model
    training: Training
    device: Literal["GPU", "CPU"]


class EvaluateItem(Lenient):
    """One model to measure."""

    symbol: str
    train_key: str
    evaluate_key: str
    model: FileRef
    data: DataPin


class EvaluateTask(Task):
    """Measure models; JOB_COMPLETION_INDEX says which item."""

    kind: Literal["evaluate"] = "evaluate"
    items: tuple[EvaluateItem, ...]
    interval: str
    features: tuple[str, ...] | None = None
    label: Label
    split: Split
    lookback_bars: int
    evaluation: Evaluation
    baseline: Baseline | None = None
    device: Literal["GPU", "CPU"]


class PublishItem(Lenient):
    """One symbol of the judgement; model and evaluation are missing where something broke."""

    symbol: str
    verdict: str
    reasons: tuple[str, ...] = ()
    train_key: str = ""
    evaluate_key: str = ""
    model: FileRef | None = None
    data: DataPin | None = None
    evaluation: FileRef | None = None
    measurement: Measurement | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    duration_seconds: float | None = None
    promote: bool = False


class PublishTask(Task):
    """Write the report of a judgement, then promote what may be promoted."""

    kind: Literal["publish"] = "publish"
    number: int
    publish_key: str
    judgement: dict[str, Any]
    items: tuple[PublishItem, ...]
    spec: dict[str, Any]
    approved_by: str | None = None
    override: bool = False
    started: str | None = None


class DeliverTarget(Lenient):
    """A place that gets a copy."""

    name: str
    uri: str
    required: bool = False


class DeliverTask(Task):
    """Copy the report and the promoted models to other places."""

    kind: Literal["deliver"] = "deliver"
    files: tuple[str, ...]
    promoted: tuple[FileRef, ...] = ()
    backups: tuple[DeliverTarget, ...] = ()
    git: dict[str, Any] | None = None


AnyTask: TypeAlias = Annotated[TrainTask | EvaluateTask | PublishTask | DeliverTask, Field(discriminator="kind")]


class Result(Lenient):
    """What every result has."""

    schema_version: Literal[1] = 1


class TrainResult(Result):
    """A trained model."""

    kind: Literal["train"] = "train"
    symbol: str
    train_key: str
    model: FileRef
    data: DataPin
    epochs: int
    best_epoch: int
    duration_seconds: float
    resumed_epochs: int = 0
    validation_loss: Measured = None
    validation_accuracy: Measured = None
    warnings: tuple[str, ...] = ()


class EvaluateResult(Result):
    """A measured model; `details` is the file with curves, intervals and the equity."""

    kind: Literal["evaluate"] = "evaluate"
    symbol: str
    evaluate_key: str
    model_sha256: str
    measurement: Measurement
    details: FileRef


class Promoted(Lenient):
    """A model that the pointer names now; `uri` and `sha256` are empty where the message had no room for them."""

    symbol: str
    uri: str = ""
    sha256: str = ""
    previous: str | None = None


class NotPromoted(Lenient):
    """A model that passed and was not promoted all the same."""

    symbol: str
    reason: str
    message: str


class PublishResult(Result):
    """The report, and what was promoted."""

    kind: Literal["publish"] = "publish"
    publish_key: str
    markdown: str
    results: str
    html: str | None = None
    promoted: tuple[Promoted, ...] = ()
    not_promoted: tuple[NotPromoted, ...] = ()


class Delivered(Lenient):
    """How one copy went."""

    name: str
    ok: bool
    message: str = ""


class DeliverResult(Result):
    """How the copies went."""

    kind: Literal["deliver"] = "deliver"
    targets: tuple[Delivered, ...] = ()


class TaskFailure(Result):
    """Why a task ended without a result."""

    kind: Literal["failure"] = "failure"
    reason: str
    message: str


AnyResult: TypeAlias = Annotated[
    TrainResult | EvaluateResult | PublishResult | DeliverResult | TaskFailure, Field(discriminator="kind")
]

_TASKS: TypeAdapter[TrainTask | EvaluateTask | PublishTask | DeliverTask] = TypeAdapter(AnyTask)
_RESULTS: TypeAdapter[TrainResult | EvaluateResult | PublishResult | DeliverResult | TaskFailure] = TypeAdapter(
    AnyResult
)


def encode(document: Task | Result) -> str:
    """Compact JSON of a task or result."""
    return document.model_dump_json(by_alias=True, exclude_none=True)


def encode_task(task: Task) -> str:
    """A task as the value of an environment variable; packed where Linux would refuse it as too long (128 KiB)."""
    text = encode(task)
    if len(text.encode()) <= _VARIABLE_LIMIT:
        return text
    return _PACKED + base64.b64encode(zlib.compress(text.encode())).decode()


_VARIABLE_LIMIT = 100_000
_PACKED = "zlib:"


def _unpacked(text: str) -> str:
    if not text.startswith(_PACKED):
        return text
    try:
        return zlib.decompress(base64.b64decode(text.removeprefix(_PACKED))).decode()
    except (ValueError, zlib.error):
        return ""


def decode_task(text: str) -> TrainTask | EvaluateTask | PublishTask | DeliverTask:
    """The task in `text`; ConfigurationError where it is none that this version knows."""
    try:
        return _TASKS.validate_json(_unpacked(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ConfigurationError(
            "BadTask",
            f"The task in {TASK_VARIABLE} is not one that this trainer version understands ({where}: {first['msg']}); "
            "use operator and trainer images of the same release.",
        ) from None


def encode_message(result: Result) -> str:
    """The termination message; where it would be longer than 4,096 bytes, sentences are cut and asides left out."""
    for text in map(encode, (result, *(_shortened(result, room) for room in _ROOMS))):
        if len(text.encode()) <= MESSAGE_LIMIT:
            return text
    raise ValueError(f"a {type(result).__name__} of {len(encode(result))} characters does not fit a message")


_ROOMS = (2000, 600, 200, 60, 0)
"""Characters left for a sentence, tried in turn: a character takes 1 to 6 bytes of JSON."""


def _shortened(result: Result, room: int) -> Result:
    """The same result with sentences of at most `room` characters; what is derived elsewhere is left out."""
    match result:
        case TaskFailure():
            return result.model_copy(update={"message": _cut(result.message, room)})
        case TrainResult():
            return result.model_copy(update={"warnings": ()})
        case EvaluateResult():
            few = tuple(_cut(sentence, room) for sentence in result.measurement.suspicions[:3])
            measurement = result.measurement.model_copy(update={"suspicions": few})
            return result.model_copy(update={"measurement": measurement})
        case DeliverResult():
            targets = tuple(one.model_copy(update={"message": _cut(one.message, room)}) for one in result.targets)
            return result.model_copy(update={"targets": targets})
        case PublishResult():
            return _shortened_publication(result, room)
    return result


def _shortened_publication(result: PublishResult, room: int) -> PublishResult:
    """Digest and location of a promoted model are those of its evaluated file: the reader knows them."""
    details = {"previous": None} if room > 200 else {"previous": None, "uri": "", "sha256": ""}
    refused = tuple(one.model_copy(update={"message": _cut(one.message, room)}) for one in result.not_promoted)
    promoted = tuple(model.model_copy(update=details) for model in result.promoted)
    # Three locations in a bucket with a long prefix take all the room; the page lies beside report.md.
    html = result.html if room > 0 else None
    return result.model_copy(update={"promoted": promoted, "not_promoted": refused, "html": html})


def _cut(sentence: str, room: int) -> str:
    return sentence if len(sentence) <= room else sentence[:room] + " ..."


def decode_message(
    text: str | None,
) -> TrainResult | EvaluateResult | PublishResult | DeliverResult | TaskFailure | None:
    """The result in a termination message, or None where there is none (lost, cut, or not ours)."""
    if not text:
        return None
    try:
        return _RESULTS.validate_json(text)
    except ValidationError:
        return None
