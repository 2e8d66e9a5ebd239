"""Files of a published report, from a path or from the store: report.md, its page, results.json, evaluation.json.

Several commands read them (report, compare, history, gate), always with the credentials of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.documents.references import RunRef
from retrain_api.documents.results import Promoted
from retrain_api.documents.tasks import PublishItem
from retrain_api.errors import DataError, NotFoundError
from retrain_api.gate.judgement import Judgement
from retrain_api.names import report_folder

RESULTS = "results.json"


@dataclass(frozen=True)
class RecordedRun:
    """What a results.json records: the spec, the measurements and the judgement of one report.

    `run` and `number` say which report it is, `promoted` which models it put in service.
    """

    name: str
    written_at: str
    spec: Mapping[str, Any]
    items: tuple[PublishItem, ...]
    judgement: Judgement
    run: RunRef
    number: int = 0
    promoted: tuple[Promoted, ...] = ()

    @property
    def key(self) -> str:
        """The key of the file in its store."""
        return report_folder(self.run.namespace, self.run.name, self.run.uid, self.number) + RESULTS


def load_results(place: str, environ: Mapping[str, str]) -> RecordedRun:
    """The results.json at a path or URI. Raises NotFoundError, DataError("BadResults") and what the store raises."""
    return parse_results(_read(place, environ), place)


def parse_results(text: str, place: str) -> RecordedRun:
    """The text of a results.json; `place` is what the message calls it. Raises DataError("BadResults")."""
    try:
        found = json.loads(text)
        return RecordedRun(
            name=str(found["run"]["name"]),
            written_at=str(found["writtenAt"]),
            spec=dict(found["spec"]),
            items=tuple(PublishItem.model_validate(item) for item in found["items"]),
            judgement=Judgement.model_validate(found["judgement"]),
            run=RunRef.model_validate(found["run"]),
            number=int(found.get("number", 0)),
            promoted=tuple(map(Promoted.model_validate, (found.get("promotion") or {}).get("promoted", ()))),
        )
    except (ValueError, KeyError, TypeError):
        raise DataError(
            reasons.BAD_RESULTS,
            f"{place} is not the results.json of a run; that file is beside the report, under reports/ in the store.",
        ) from None


def read_stored(uri: str, environ: Mapping[str, str]) -> str:
    """The text at a URI. Raises NotFoundError("ReportNotFound") where it is gone, and what the store raises."""
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.open import open_store, split_uri

    folder, key = split_uri(uri)
    try:
        return str(open_store(folder, environ_for("artifacts", environ)).read(key).data.decode("utf-8", "replace"))
    except NotFoundError as error:
        raise NotFoundError(reasons.REPORT_NOT_FOUND, f"The report is gone: {error.message}") from None


def _read(place: str, environ: Mapping[str, str]) -> str:
    if "://" in place:
        return read_stored(place, environ)
    try:
        return Path(place).read_text("utf-8", "replace")
    except OSError as error:
        raise NotFoundError(reasons.RESULTS_NOT_FOUND, f"{place} cannot be read: {error.strerror}.") from None
