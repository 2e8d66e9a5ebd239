"""What is trained already: a finished training is never done again."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.results import TrainResult
from retrain_api.documents.tasks import TrainTask
from retrain_api.names import RESULT_FILE, runs_folder
from retrain_trainer.store.base import Store
from retrain_trainer.store.locate import read_if_there
from retrain_trainer.store.open import split_uri

RESULT = RESULT_FILE
Log = Callable[[str], None]


def earlier_result(task: TrainTask, store: Store, folder: str, log: Log) -> TrainResult | None:
    """The result in the store, if there is one and its model file still exists."""
    result = result_at(store, folder + RESULT, task.symbol, log)
    if result is not None:
        log(f"{task.symbol} is already trained: {result.model.uri}")
    return result


def result_of_another_uid(task: TrainTask, store: Store, pin: DataPin, log: Log) -> TrainResult | None:
    """The result of the same training, of the same bytes up to the same bar, by a run of this name before it was restored from a backup.

    A restored run has a new UID, and so folders of its own. Whoever wants another training of the same asks for it with a
    rerun token, which changes the key.
    """
    end = f"/{task.train_key}/{RESULT}"
    for key in (key for key in store.list(runs_folder(task.run.namespace, task.run.name)) if key.endswith(end)):
        result = result_at(store, key, task.symbol, log)
        same = (result.data.sha256, result.data.last_bar) == (pin.sha256, pin.last_bar) if result is not None else False
        if result is not None and same and result.symbol == task.symbol:
            log(f"{task.symbol} was trained from the same bytes before this run was made anew: {result.model.uri}")
            return result.model_copy(update={"data": pin})
    return None


def result_at(store: Store, key: str, symbol: str, log: Log) -> TrainResult | None:
    """A result, if there is one under the key and its model file still exists."""
    stored = read_if_there(store, key)
    if stored is None:
        return None
    try:
        result = TrainResult.model_validate_json(stored.data)
    except ValidationError:
        log(f"{store.uri_of(key)} is damaged; training {symbol} again.")
        return None
    if store.head(model_key(result.model)) is None:
        log(f"The model file {result.model.uri} no longer exists; training {symbol} again.")
        return None
    return result


def model_key(reference: FileRef) -> str:
    """The key of a model file, which lies at the root of the artifacts store."""
    return split_uri(reference.uri)[1]
