"""The card beside a promoted model's file, as far as it can be read: who needs more than it says finds it empty, not broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from retrain_api.measurement import Measurement
from retrain_api.names import card_file, file_name
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there

Document: TypeAlias = Mapping[str, Any]


def read_document(store: Store, key: str) -> dict[str, Any]:
    """A JSON document; empty where it is gone or damaged. Raises what the store raises."""
    stored = read_if_there(store, key)
    try:
        found = json.loads(stored.data) if stored else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def card_of(store: Store, uri: str) -> dict[str, Any]:
    """The card of a model in `promoted/`."""
    return read_document(store, f"promoted/{card_file(file_name(uri))}")


def measurement_in(card: Document) -> Measurement | None:
    """What the model was promoted for; None where the card does not say it."""
    try:
        return Measurement.model_validate(card["evaluation"]["measurement"])
    except (ValidationError, KeyError, TypeError):
        return None
