"""The base of every document: camelCase on the wire, snake_case in Python, immutable.

Field types that more than one document uses are here too, with the bounds that the API server enforces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    model_serializer,
)
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    """A document that people write: an unknown field is a mistake, and an error."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class Lenient(BaseModel):
    """A document that a program wrote, perhaps a newer release: unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Terse(Lenient):
    """A part of a status, where room is scarce: empty texts and lists are left out."""

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {name: value for name, value in fields.items() if value not in ("", [], ())}


def rule(expression: str, message: str, field_path: str = "") -> dict[str, str]:
    """One CEL rule of the CRD; the models repeat each rule as a validator."""
    entry = {"rule": expression, "message": message}
    return entry | ({"fieldPath": field_path} if field_path else {})


class FieldError(ValueError):
    """A broken rule about a field below the one that is validated; `field_path` as in the CEL rule."""

    def __init__(self, broken: dict[str, str]) -> None:
        super().__init__(broken["message"])
        self.field_path = broken.get("fieldPath", "")


ADMISSION = {"admission": True}
"""Context of the validation of what a person writes now."""


def is_admission(info: ValidationInfo) -> bool:
    """Whether a document is held to the rules that came after the first release.

    What is stored already, in a cluster, a task or a results file, is not: it was right when it was written, and its run goes
    on. The API server does the same: a rule is asked again only of what a change touches (CRD validation ratcheting).
    """
    return bool(info.context and info.context.get("admission"))


def known_or(kind: Any, fallback: str) -> BeforeValidator:
    """For a Literal in what a program wrote: a word that only a newer release knows reads as `fallback`."""
    words = get_args(kind)
    return BeforeValidator(lambda value: fallback if isinstance(value, str) and value not in words else value)


def each_once(names: Sequence[str]) -> None:
    """Raises FieldError for the first entry of a list that repeats an earlier one."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FieldError({"message": f"{name} is listed twice", "fieldPath": f"[{index}]"})


def validations(*rules: dict[str, str]) -> dict[str, Any]:
    """Schema extension that carries CEL rules."""
    return {"x-kubernetes-validations": list(rules)}


def to_wire(document: BaseModel) -> dict[str, Any]:
    """JSON-ready mapping in camelCase, without fields that are None (the API server would default a null again)."""
    return document.model_dump(mode="json", by_alias=True, exclude_none=True)


def timestamp(time: datetime) -> str:
    """A UTC time as Kubernetes writes it: RFC 3339, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


_DIGITS = 5
"""Significant digits of a measured number; more would only make a status longer."""
BOUND_DIGITS = 3
"""Of a bound: a bootstrap is no more precise than that, and a status holds 27 bounds per symbol."""


def finite(value: float | None) -> float | None:
    """None for a number that is not finite: JSON has no NaN, and the API server would refuse a status with one."""
    return None if value is None or not math.isfinite(value) else value


def significant(value: float | None) -> float | None:
    """Five significant digits, to nearest, or None where the number is not finite. Keeps the status small."""
    return None if value is None or not math.isfinite(value) else finite(float(f"{value:.{_DIGITS}g}"))


def rounded(value: float | None) -> float | None:
    """Three significant digits, as a bootstrap bound is shown."""
    return None if value is None or not math.isfinite(value) else finite(float(f"{value:.{BOUND_DIGITS}g}"))


def down(value: float | None, digits: int = _DIGITS) -> float | None:
    """The nearest number of so many significant digits that is not above the value; None where that is not finite."""
    return _cut(value, digits, ROUND_FLOOR)


def up(value: float | None, digits: int = _DIGITS) -> float | None:
    """The nearest number of so many significant digits that is not below the value; None where that is not finite."""
    return _cut(value, digits, ROUND_CEILING)


def _cut(value: float | None, digits: int, rounding: str) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    # The shortest decimal that means this float, so that 0.68 stays 0.68 and what was cut once is not cut again.
    return finite(float(Context(prec=digits, rounding=rounding).create_decimal(repr(float(value)))))


Measured: TypeAlias = Annotated[float | None, AfterValidator(significant), PlainSerializer(significant)]
"""A measured number in a status, to be read."""

MeasuredDown: TypeAlias = Annotated[float | None, AfterValidator(down), PlainSerializer(down)]
"""A number that must be high enough. It is judged as it is stored, so that judging again gives the same verdict, and it is
stored towards failing: an accuracy of 0.679996 rounded to nearest would pass a bar of 0.68."""

MeasuredUp: TypeAlias = Annotated[float | None, AfterValidator(up), PlainSerializer(up)]
"""As `MeasuredDown`, of a number that must be low enough."""

Bound: TypeAlias = Annotated[float | None, AfterValidator(rounded), PlainSerializer(rounded)]
"""A bound of an interval, as a status holds it."""


def _upper(value: float | None) -> float | None:
    return up(value, BOUND_DIGITS)


UpperBound: TypeAlias = Annotated[float | None, AfterValidator(_upper), PlainSerializer(_upper)]
"""A bound from resamples that must be low enough, such as a p-value."""

Text: TypeAlias = Annotated[str, StringConstraints(max_length=1024)]
Seconds: TypeAlias = Annotated[int, Field(ge=1, le=31_536_000)]
