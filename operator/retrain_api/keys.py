"""Keys: digests of what a piece of work depends on. Work is repeated only when its key has changed.

A key hashes the spec without the fields that equal their default, so that a release which adds a defaulted field changes
no key and retrains nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from retrain_api.spec.data import Split
from retrain_api.spec.run import RetrainRunSpec

from .names import data_file_uri
from .time import UNITS, Duration, in_utc

_LENGTH = 16
_D = TypeVar("_D", bound=BaseModel)
_P = ParamSpec("_P")
_T = TypeVar("_T")


def digest(parts: Mapping[str, Any]) -> str:
    """16 hex digits of the canonical JSON of `parts`; the order of keys and absent parts do not matter."""
    given = {name: part for name, part in parts.items() if part not in (None, {}, "")}
    text = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


@dataclass(frozen=True)
class _Same:
    """A document, known by its identity: to compare its fields would cost as much as what is remembered of it."""

    document: Any

    def __hash__(self) -> int:
        return id(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.document is other.document


def once(function: Callable[Concatenate[_D, _P], _T]) -> Callable[Concatenate[_D, _P], _T]:
    """What a function says of a document is remembered: documents are immutable, and each plan asks several times for each key."""
    found: Callable[..., _T] = lru_cache(512)(lambda same, *rest, **named: function(same.document, *rest, **named))

    @wraps(function)
    def remembered(document: _D, /, *rest: _P.args, **named: _P.kwargs) -> _T:
        return found(_Same(document), *rest, **named)

    return remembered


def changed(document: BaseModel) -> dict[str, Any]:
    """What differs from the default, at every depth, in camelCase."""
    defaults, differing = _defaults(type(document)), {}
    for name, field in type(document).model_fields.items():
        value = getattr(document, name)
        if value == defaults[name]:
            continue
        differing[field.alias or name] = _wire(value)
    return differing


@cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Cached, because pydantic copies a default at every call, and keys are computed at every reconcile."""
    return {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}


def _wire(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return changed(value)
    return [_wire(part) for part in value] if isinstance(value, tuple | list) else value


@once
def train_key(spec: RetrainRunSpec, symbol: str, rerun: str | None = None) -> str:
    """Key of a symbol's training: data, until, label, split, features, model, training, an image that the run names, rerun."""
    training = spec.training.model_copy(update={"scheduler": spec.training.scheduler.resolved()})
    weight = training.loss.weight
    loss = None if weight is None else {"positiveWeight": weight}
    features = spec.data.features
    return digest(
        {
            "symbol": symbol,
            "data": data_file_uri(spec.data.uri, spec.data.filename, symbol, spec.data.interval),
            "interval": spec.data.interval,
            "features": None if features is None else sorted(features),
            "builtIn": spec.data.built_in,
            "until": None if spec.data.until is None else in_utc(spec.data.until),
            "label": changed(spec.label),
            "window": _minutes(spec.data.window),
            "split": _split(spec.split),
            "model": changed(spec.model),
            "training": changed(training.model_copy(update={"loss": type(training.loss)()})),
            "loss": loss,
            "image": spec.pods.image,
            "rerun": rerun,
        }
    )


def _split(split: Split) -> dict[str, Any]:
    """What differs from the default; 336h and 14d are one length."""
    return changed(split) | {
        part: _minutes(length) for part in ("validation", "test") if (length := getattr(split, part))
    }


def _minutes(length: str | None) -> int | None:
    return None if length is None else Duration.parse(length).nanoseconds // UNITS["m"]


def evaluate_key(spec: RetrainRunSpec, symbol: str, rerun: str | None = None, champion: str | None = None) -> str:
    """Key of a symbol's evaluation: the train key, how the model is measured and, where publish met another model in
    service than the measured one, against which (`SymbolResult.champion`; "" is none, and other work than None).
    """
    baseline = spec.promotion.baseline
    described = {} if baseline is None else changed(baseline)
    return digest(
        {
            "train": train_key(spec, symbol, rerun),
            "evaluation": changed(spec.evaluation),
            "baseline": described.pop("uri", None),
            "baselineModel": described,
            # A digest leaves out what is empty, and that no model was in service is something else than nothing.
            "champion": "none" if champion == "" else champion,
        }
    )


@once
def recipe(spec: RetrainRunSpec, symbol: str) -> str:
    """What is tried: the key of a symbol's evaluation without what repeats the same try: the rerun token, the image, and as of when."""
    again = {"pods": spec.pods.model_copy(update={"image": None}), "data": spec.data.model_copy(update={"until": None})}
    return evaluate_key(spec.model_copy(update=again), symbol)


def proof_key(spec: RetrainRunSpec) -> str:
    """Key of a template's proof on the past: what is tried on each symbol. Another recipe, or another symbol, needs another proof."""
    return digest({"recipes": {symbol: recipe(spec, symbol) for symbol in spec.symbols}})
