"""When the outcomes of a dataset's parts are decided: the three times of a model, from the rows that it was split into."""

from __future__ import annotations

import numpy as np

from retrain_api.model_times import Times
from retrain_api.time import Question

from .columns.timeline import iso_time
from .dataset import Dataset
from .windows import window_ends


def times_of(dataset: Dataset, lookback: int) -> Times:
    """The times of a model with windows of `lookback` bars that is trained, chosen and tested on this dataset.

    Train counts every labelled row: one that no window reaches is known to the scaling. Of the test only what is judged counts.
    """
    times, labels, split, question = dataset.candles.timestamps, dataset.labels.values, dataset.split, dataset.question
    trained = split.train.start + np.flatnonzero(labels[split.train] >= 0)
    tested = window_ends(times, question.interval, lookback, split.test, labels)

    def decided(row: int) -> str:
        return iso_time(times[row] + decided_after(question))

    return Times(
        trained_until=decided(trained[-1]) if trained.size else None,
        known_until=decided(split.validation.stop - 1),
        tested_until=decided(tested[-1]) if tested.size else None,
    )


def decided_after(question: Question) -> int:
    """Nanoseconds from a bar's opening to the close that decides its label."""
    return question.horizon_nanoseconds + question.interval.nanoseconds
