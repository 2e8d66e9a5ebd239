"""A RetrainSchedule, as people write it and as the API server stores it. See `retrain_api.run`, which does the same of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError

from retrain_api.schema.known import known_part
from retrain_api.schema.messages import refusal
from retrain_api.spec.forms import ObjectName
from retrain_api.spec.schedule import NAME_ROOM, SHORT_NAME, RetrainScheduleSpec
from retrain_api.status.schedule import RetrainScheduleStatus

from . import reasons
from .errors import ConfigurationError
from .names import ANNOTATION_RESUME, ANNOTATION_TRIGGER, SCHEDULE_KIND
from .run import Metadata, as_stored
from .wire import ADMISSION, Strict


def _with_room_for_runs(name: str) -> str:
    if len(name) > NAME_ROOM:
        raise ValueError(SHORT_NAME["message"])
    return name


class ScheduleMetadata(Metadata):
    """The same of a schedule, whose name leaves room for those of its runs."""

    name: Annotated[ObjectName, AfterValidator(_with_room_for_runs)]


class RetrainSchedule(Strict):
    """The resource."""

    api_version: Literal["retrain.crpbot.dev/v1alpha1"]
    kind: Literal["RetrainSchedule"]
    metadata: ScheduleMetadata
    spec: RetrainScheduleSpec
    status: RetrainScheduleStatus = Field(default_factory=RetrainScheduleStatus)
    _ignored: tuple[str, ...] = PrivateAttr(())

    @property
    def ignored(self) -> tuple[str, ...]:
        """Paths of the fields that a newer CRD let in and this release does not know."""
        return self._ignored

    @property
    def trigger(self) -> str | None:
        """The trigger token that is not yet acted upon."""
        token = self.metadata.annotation(ANNOTATION_TRIGGER)
        return None if token == self.status.last_handled_trigger else token

    @property
    def resume(self) -> str | None:
        """The resume token that is not yet acted upon."""
        token = self.metadata.annotation(ANNOTATION_RESUME)
        return None if token == self.status.last_handled_resume else token


def parse_schedule(document: Mapping[str, Any]) -> RetrainSchedule:
    """The RetrainSchedule in a JSON-like mapping, as `parse_run` reads a run.

    Raises ConfigurationError("InvalidSchedule") with a sentence for each wrong field.
    """
    return _parse(document, ADMISSION)


def parse_stored_schedule(text: bytes) -> RetrainSchedule:
    """As `parse_schedule`, for JSON from the API server; see `parse_stored`."""
    try:
        return RetrainSchedule.model_validate_json(text, strict=True)
    except ValidationError:
        kept, unknown = known_part(json.loads(text), schedule_schema())
        schedule = _parse(kept, {})
        schedule._ignored = tuple(path for path in unknown if path.startswith("spec."))
        return schedule


def _parse(document: Mapping[str, Any], context: dict[str, bool]) -> RetrainSchedule:
    text = json.dumps(as_stored(document, schedule_schema()), default=str)
    try:
        return RetrainSchedule.model_validate_json(text, strict=True, context=context, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ConfigurationError(reasons.INVALID_SCHEDULE, refusal(error, document, SCHEDULE_KIND)) from None


@cache
def schedule_schema() -> dict[str, Any]:
    """Structural schema of a schedule, as this release knows it."""
    from retrain_api.schema.crd import schedule_root_schema

    return schedule_root_schema()
