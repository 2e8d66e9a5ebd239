"""A RetrainRun as a person writes it and the API server stores it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, ValidationError

from .errors import ConfigurationError
from .explain import sentences
from .names import ANNOTATION_APPROVE, ANNOTATION_OVERRIDE, ANNOTATION_REJECT, ANNOTATION_RERUN
from .schema import Lenient, Strict
from .spec import RetrainRunSpec
from .status import RetrainRunStatus


class Metadata(Lenient):
    """The part of an object's metadata that matters here."""

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", min_length=1, max_length=253)
    namespace: str = "default"
    uid: str = ""
    generation: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str | None = None

    def annotation(self, name: str) -> str | None:
        """An annotation's value, or None where it is missing or empty."""
        return self.annotations.get(name) or None


class RetrainRun(Strict):
    """The resource."""

    api_version: Literal["retrain.crpbot.dev/v1alpha1"]
    kind: Literal["RetrainRun"]
    metadata: Metadata
    spec: RetrainRunSpec
    status: RetrainRunStatus = Field(default_factory=RetrainRunStatus)

    @property
    def rerun(self) -> str | None:
        """The rerun token in force: the annotation's, or the one acted upon last when it was taken away."""
        return self.metadata.annotation(ANNOTATION_RERUN) or self.status.last_handled_rerun

    @property
    def approval(self) -> str | None:
        """Value of the approve annotation."""
        return self.metadata.annotation(ANNOTATION_APPROVE)

    @property
    def rejection(self) -> str | None:
        """Value of the reject annotation."""
        return self.metadata.annotation(ANNOTATION_REJECT)

    @property
    def override(self) -> str | None:
        """Value of the override annotation."""
        return self.metadata.annotation(ANNOTATION_OVERRIDE)


def parse_run(document: Mapping[str, Any]) -> RetrainRun:
    """The RetrainRun in a JSON-like mapping.

    A null field is an unset one, and 50.0 an integer, as on the API server. Raises ConfigurationError("InvalidRun") with a sentence for
    each wrong field.
    """
    try:
        stored = as_stored(document, _schema())
        return RetrainRun.model_validate_json(json.dumps(stored, default=str), strict=True)
    except ValidationError as error:
        raise ConfigurationError("InvalidRun", "\n".join(sentences(error))) from None


def parse_stored(text: bytes, document: Mapping[str, Any]) -> RetrainRun:
    """As `parse_run`, of JSON and the mapping that it says, as the API server stores it: mostly with nothing to change."""
    try:
        return RetrainRun.model_validate_json(text, strict=True)
    except ValidationError:
        return parse_run(document)


@cache
def _schema() -> dict[str, Any]:
    from .crd import root_schema

    return root_schema()


def as_stored(value: Any, schema: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """`value` as the API server takes it: without fields that are null, whole floats as integers, at every depth.

    A null in a field that the schema does not know stays: the API server refuses it like any other unknown field.
    """
    if isinstance(value, Mapping):
        known = schema.get("properties")
        return {
            name: as_stored(part, _below(schema, name))
            for name, part in value.items()
            if part is not None or (known is not None and name not in known)
        }
    if isinstance(value, list):
        return [as_stored(part, schema.get("items", {})) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _below(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.get("properties", {}).get(name, {})
    return found
