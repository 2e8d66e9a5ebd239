"""A RetrainRun, as people write it and as the API server stores it.

Both forms go through one parser, so a file that `retrain run` accepts means the same on a cluster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StringConstraints, ValidationError

from retrain_api.schema.known import known_part
from retrain_api.schema.messages import refusal
from retrain_api.spec.forms import LABEL, ObjectName
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.run import RetrainRunStatus

from . import reasons
from .errors import ConfigurationError
from .names import ANNOTATION_APPROVE, ANNOTATION_OVERRIDE, ANNOTATION_REJECT, ANNOTATION_RERUN, ANNOTATION_RETRY, KIND
from .wire import ADMISSION, Lenient, Strict


class Metadata(Lenient):
    """The part of an object's metadata that matters here."""

    name: ObjectName
    namespace: Annotated[str, StringConstraints(max_length=63), LABEL.check] = "default"
    uid: str = ""
    resource_version: str = ""
    generation: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str | None = None
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
    _ignored: tuple[str, ...] = PrivateAttr(())

    @property
    def ignored(self) -> tuple[str, ...]:
        """Paths of the fields that a newer CRD let in and this release does not know."""
        return self._ignored

    @property
    def rerun(self) -> str | None:
        """The rerun token in force: the annotation's or, once that is removed, the one last acted upon."""
        return self.metadata.annotation(ANNOTATION_RERUN) or self.status.last_handled_rerun

    @property
    def retry(self) -> str | None:
        """The retry token in force, as with rerun: a new one tries again what failed, and keeps what succeeded."""
        return self.metadata.annotation(ANNOTATION_RETRY) or self.status.last_handled_retry

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

    A null field counts as unset, and 50.0 as an integer, as on the API server. Fields have their camelCase names alone. Raises
    ConfigurationError("InvalidRun") with a sentence for each wrong field.
    """
    return _parse(document, ADMISSION)


def _parse(document: Mapping[str, Any], context: dict[str, bool]) -> RetrainRun:
    text = json.dumps(as_stored(document, schema()), default=str)
    try:
        return RetrainRun.model_validate_json(text, strict=True, context=context, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ConfigurationError(reasons.INVALID_RUN, refusal(error, document, KIND)) from None


def parse_stored(text: bytes) -> RetrainRun:
    """As `parse_run`, for JSON from the API server: the quick way, as it is normalised already.

    What is stored is not held to rules that came later: see `retrain_api.wire.is_admission`. Fields that a newer CRD let in
    are left out, and named in `ignored`.
    """
    try:
        return RetrainRun.model_validate_json(text, strict=True)
    except ValidationError:
        kept, unknown = known_part(json.loads(text), schema())
        run = _parse(kept, {})
        run._ignored = tuple(path for path in unknown if path.startswith("spec."))
        return run


@cache
def schema() -> dict[str, Any]:
    """Structural schema of a run, as this release knows it."""
    from retrain_api.schema.crd import root_schema

    return root_schema()


def as_stored(value: Any, schema: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """`value` as the API server stores it: without null fields and with whole floats as integers, at every depth.

    A null in a field that is not in the schema stays: the API server refuses it like any other unknown field.
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
