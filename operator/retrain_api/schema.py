"""How every document here is written: camelCase on the wire, snake_case in Python, immutable, nothing unknown.

Field types that occur in more than one document are here too, with the bounds the API server checks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)
from pydantic.alias_generators import to_camel


class Strict(BaseModel):
    """What a person writes: an unknown field is a mistake, and said so."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, allow_inf_nan=False
    )


class Lenient(BaseModel):
    """What a program wrote, perhaps a newer one: unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Terse(Lenient):
    """A part of a status, which has little room: an empty text or list says nothing, and is left out."""

    @model_serializer(mode="wrap")
    def _without_what_is_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {name: value for name, value in fields.items() if value not in ("", [], ())}


def rule(expression: str, message: str, field_path: str = "") -> dict[str, str]:
    """One CEL rule as the CRD carries it; the models below repeat each as a validator."""
    entry = {"rule": expression, "message": message}
    return entry | ({"fieldPath": field_path} if field_path else {})


class FieldError(ValueError):
    """A broken rule about a field deeper down than where it is checked; `field_path` as in the CEL rule."""

    def __init__(self, broken: dict[str, str]) -> None:
        super().__init__(broken["message"])
        self.field_path = broken.get("fieldPath", "")


def each_once(names: Sequence[str]) -> None:
    """Raises FieldError for the first entry of a list that an earlier one names already."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FieldError({"message": f"{name} is there twice", "fieldPath": f"[{index}]"})


def validations(*rules: dict[str, str]) -> dict[str, Any]:
    """Schema extension that carries CEL rules."""
    return {"x-kubernetes-validations": list(rules)}


def to_wire(document: BaseModel) -> dict[str, Any]:
    """JSON-ready mapping in camelCase, without fields that are None (the API server would default a null again)."""
    return document.model_dump(mode="json", by_alias=True, exclude_none=True)


def finite(value: float | None) -> float | None:
    """A number that is not finite is null: JSON has no NaN, and a status write with one is refused."""
    return None if value is None or not math.isfinite(value) else value


def significant(value: float | None) -> float | None:
    """Five significant digits, or None where the number is not finite. Keeps the status small."""
    return None if value is None or not math.isfinite(value) else finite(float(f"{value:.5g}"))


def rounded(value: float | None) -> float | None:
    """Three significant digits: a bootstrap bound is not known better, and a status holds 27 of them a symbol."""
    return None if value is None or not math.isfinite(value) else finite(float(f"{value:.3g}"))


Measured: TypeAlias = Annotated[float | None, AfterValidator(significant), PlainSerializer(significant)]
"""A measured number of a status: judged as it is stored, so that judging again can't give another verdict."""

Bound: TypeAlias = Annotated[float | None, AfterValidator(rounded), PlainSerializer(rounded)]
"""A bound of an interval on its way into a status."""

SYMBOL_PATTERN = r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$"
INTERVAL_PATTERN = r"^[1-9][0-9]{0,3}(m|h|d)$"
URI_PATTERN = (
    r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?|file://(/|\./|\.\./).*"
    # The name of a remote, not one of rclone's ":kind,option=value:" strings: those hold passwords.
    r"|rclone://[A-Za-z0-9_]([A-Za-z0-9_.+@ -]*[A-Za-z0-9_.+@-])?(/.*)?)$"
)
NAME_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
WEIGHT_PATTERN = r"^(Auto|(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?)$"

Symbol: TypeAlias = Annotated[str, StringConstraints(pattern=SYMBOL_PATTERN, max_length=41)]
Uri: TypeAlias = Annotated[str, StringConstraints(pattern=URI_PATTERN, min_length=1, max_length=1024)]
ObjectName: TypeAlias = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=253)]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=1024)]
Seconds: TypeAlias = Annotated[int, Field(ge=1, le=31_536_000)]
