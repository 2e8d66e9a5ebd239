"""How the documents travel: a task in an environment variable, a result in the container's termination message.

Both channels are short. Linux refuses a variable of more than 128 KiB, so a long task is packed; the kubelet cuts a
message after 4,096 bytes, so a long result is shortened here, where the loss can be chosen. Anything bigger is a file in
the store, named with its sha256.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from itertools import chain

from pydantic import TypeAdapter, ValidationError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError

from .results import (
    AnyResult,
    DeliverResult,
    EvaluateResult,
    KnownResult,
    ObserveResult,
    PreflightResult,
    PublishResult,
    Result,
    TaskFailure,
    TrainResult,
)
from .tasks import AnyTask, KnownTask, Task

TASK_VARIABLE = "RETRAIN_TASK"


TERMINATION_VARIABLE = "RETRAIN_TERMINATION_LOG"
"""Names the file that the message goes to outside a cluster; /dev/termination-log when unset."""


GRACE_VARIABLE, GRACE_SECONDS = "RETRAIN_GRACE_SECONDS", 30.0
"""Says how many seconds a task has between SIGTERM and SIGKILL; a pod's 30 when unset."""


MESSAGE_LIMIT = 4096
"""Bytes of a termination message; the kubelet cuts off the rest."""


_VARIABLE_LIMIT = 100_000
"""Bytes of a variable that is left unpacked; Linux refuses one of more than 128 KiB, its name included."""


_PACKED = "zlib:"


_TASKS: TypeAdapter[KnownTask] = TypeAdapter(AnyTask)


_RESULTS: TypeAdapter[KnownResult] = TypeAdapter(AnyResult)


def encode(document: Task | Result) -> str:
    """Compact JSON of a task or result."""
    return document.model_dump_json(by_alias=True, exclude_none=True)


def encode_task(task: Task) -> str:
    """A task as the value of an environment variable; compressed where it would be too long."""
    text = encode(task)
    if len(text.encode()) <= _VARIABLE_LIMIT:
        return text
    return _PACKED + base64.b64encode(zlib.compress(text.encode())).decode()


def _unpacked(text: str) -> str:
    if not text.startswith(_PACKED):
        return text
    try:
        return zlib.decompress(base64.b64decode(text.removeprefix(_PACKED))).decode()
    except (ValueError, zlib.error):
        return ""


def decode_task(text: str) -> KnownTask:
    """The task in `text`. Raises ConfigurationError("BadTask") for one that this release can't read."""
    try:
        return _TASKS.validate_json(_unpacked(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ConfigurationError(
            reasons.BAD_TASK,
            f"The task in {TASK_VARIABLE} is not one that this trainer version understands ({where}: {first['msg']}); "
            "use operator and trainer images of the same release.",
        ) from None


def encode_message(result: Result) -> str:
    """The termination message. Where it would exceed 4,096 bytes, sentences are cut and optional parts left out."""
    shorter = (_shortened(result, room) for room in _ROOMS)
    for text in map(encode, chain([result], shorter, _without_refusals(result))):
        if len(text.encode()) <= MESSAGE_LIMIT:
            return text
    raise ValueError(f"a {type(result).__name__} of {len(encode(result))} characters does not fit a message")


_ROOMS = (2000, 600, 200, 60, 0)
"""Characters allowed per sentence, tried in turn: a character takes 1 to 6 bytes of JSON."""


def _shortened(result: Result, room: int) -> Result:
    """The same result with sentences of at most `room` characters, without what its reader can derive."""
    match result:
        case TaskFailure():
            return result.model_copy(update={"message": _cut(result.message, room)})
        case PreflightResult():
            refused = tuple(one.model_copy(update={"message": _cut(one.message, room)}) for one in result.refused)
            return result.model_copy(update={"refused": refused})
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
        case ObserveResult():
            return _shortened_look(result, room)
    return result


def _shortened_look(result: ObserveResult, room: int) -> ObserveResult:
    """Sixteen digits name a model as well as all of them; they are cut last."""
    digits = 64 if room > 0 else 16
    symbols = [
        one.model_copy(update={"problem": _cut(one.problem, room), "model": one.model[:digits]})
        for one in result.symbols
    ]
    return result.model_copy(update={"symbols": tuple(symbols)})


def _shortened_publication(result: PublishResult, room: int) -> PublishResult:
    """Digest and location of a promoted model are those of its evaluated file, which the reader knows."""
    details = {"previous": None} if room > 200 else {"previous": None, "uri": "", "sha256": ""}
    refused = tuple(one.model_copy(update={"message": _cut(one.message, room)}) for one in result.not_promoted)
    promoted = tuple(model.model_copy(update=details) for model in result.promoted)
    # Three locations with a long prefix can fill the message; the HTML page is always beside report.md.
    html = result.html if room > 0 else None
    return result.model_copy(update={"promoted": promoted, "not_promoted": refused, "html": html})


def _without_refusals(result: Result) -> Iterator[Result]:
    """A publication that names fewer and fewer of the models that were refused; the report has them all.

    Some forty fit. Those that are to be measured again come first: the publication that follows refuses the rest again.
    """
    if not isinstance(result, PublishResult):
        return
    again = sorted(result.not_promoted, key=lambda one: one.reason != reasons.CHAMPION_CHANGED)
    while len(again) > 1:
        again = again[: len(again) // 2]
        yield _shortened_publication(result.model_copy(update={"not_promoted": tuple(again)}), 0)


def _cut(sentence: str, room: int) -> str:
    return sentence if len(sentence) <= room else sentence[:room] + " ..."


def result_text(text: str | None) -> str | None:
    """A termination message as it is, or None where `decode_message` finds no result in it."""
    return text if decode_message(text) is not None else None


def decode_message(text: str | None) -> KnownResult | None:
    """The result in a termination message; None where there is none (lost, truncated, or not from a task of ours)."""
    if not text:
        return None
    try:
        return _RESULTS.validate_json(text)
    except ValidationError:
        return None
