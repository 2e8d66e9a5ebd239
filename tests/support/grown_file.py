"""A training, and the evaluation of its model, of a file that may have changed in between."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from retrain_api.documents.references import DataPin
from retrain_api.documents.results import EvaluateResult, TrainResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask, TrainTask
from retrain_api.spec.evaluation import Evaluation
from retrain_trainer.tasks import evaluate as evaluate_task

from .training_case import ROWS, feature_table

LONG = feature_table(2_000)


def beginning(rows: int = ROWS) -> pd.DataFrame:
    """The first rows of a long table."""
    return LONG[:rows]


def in_status(pin: DataPin) -> DataPin:
    """As a status gives it to the evaluation: half of the digest, and no rows."""
    kept = pin.model_dump(include={"uri", "version_id", "first_bar", "last_bar", "rows"})
    return DataPin(**kept, sha256=pin.sha256[:32])


def evaluated(task: TrainTask, result: TrainResult, environ: Mapping[str, str]) -> EvaluateResult:
    """What the evaluation of a trained model says."""
    item = EvaluateItem(
        symbol="BTC-USD",
        train_key=result.train_key,
        evaluate_key="e" * 16,
        model=result.model,
        data=in_status(result.data),
    )
    asked = EvaluateTask(
        run=task.run,
        artifacts_uri=task.artifacts_uri,
        items=(item,),
        interval="1m",
        as_of=task.as_of,
        window=task.window,
        label=task.label,
        split=task.split,
        lookback_bars=task.model.lookback_bars,
        evaluation=Evaluation(),
        device="CPU",
    )
    return evaluate_task.run(asked, environ, lambda line: None)
