"""A model among all that were tried on its test bars: what is recorded of it, and what luck explains of its accuracy.

`test_reuse` finds the others, `luck` does the arithmetic; this module turns predictions and records into what those take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from retrain_api.wire import significant
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.measure.assess import Assessment, Predictions, block_bars, days_of

from .luck import Lead, Luck, deflated_sharpe, lead, loadings, luck_given, luck_of, sharpe_of_days
from .test_reuse import OtherTries
from .try_record import Answers, TryRecord, aligned, digests_of


def record_of(predictions: Predictions, assessment: Assessment, sha256: str, recipe: str) -> TryRecord:
    """What is recorded of a model that was measured."""
    candles, test = predictions.dataset.candles, predictions.test
    times, returns = candles.timestamps[test], days_of(predictions, assessment.backtest)
    return TryRecord(
        symbol=predictions.dataset.symbol,
        sha256=sha256,
        first_bar=iso_time(times[0]),
        last_bar=iso_time(times[-1]),
        recipe=recipe,
        answers=answers_of(predictions),
        days=digests_of(candles.timestamps, candles.close, test),
        sharpe=None if returns is None else sharpe_of_days(returns),
    )


def answers_of(predictions: Predictions) -> Answers:
    """Which test bars the model was judged on, and where it was right."""
    judged = np.zeros(len(predictions.probabilities), dtype=np.bool_)
    judged[predictions.labelled - predictions.test.start] = True
    return Answers(judged, predictions.right(predictions.labelled) == 1)


def luck_among(predictions: Predictions, assessment: Assessment, others: OtherTries) -> Luck | None:
    """What luck explains of the accuracy, among these other tries; None where the test is too short for ten blocks."""
    own, block = _lead(predictions), block_bars(predictions)
    if own is None:
        return None
    mine = answers_of(predictions)
    right = mine.judged.copy()
    right[mine.judged] = mine.right
    bars = len(predictions.labelled)
    vectors = [loadings(mine.judged, right, block, bars), *_loadings(predictions, others.records, block)]
    unknown, as_good = others.count - len(others.records), _shifts_as_good(predictions, assessment)
    return luck_of(own, np.array(vectors), unknown, as_good)


def luck_among_recorded(predictions: Predictions, assessment: Assessment, tries: int, different: float) -> Luck | None:
    """The same from what was recorded of the other tries, without their files."""
    own = _lead(predictions)
    return None if own is None else luck_given(own, tries, different, _shifts_as_good(predictions, assessment))


def _lead(predictions: Predictions) -> Lead | None:
    """How far the model is ahead of one whose answers have nothing to do with the labels."""
    rows = predictions.labelled
    called, labels = predictions.at(rows) > 0.5, predictions.dataset.labels.values[rows] == 1
    return lead(called, labels, rows - predictions.test.start, block_bars(predictions))


def _shifts_as_good(predictions: Predictions, assessment: Assessment) -> float:
    """The p-value of the majority test, which counts the measured accuracy as one of the shifts, without that one."""
    tested = assessment.against["majority"]
    shifts = len(predictions.probabilities) - 2 * block_bars(predictions) + 1
    return 0.0 if tested is None or tested.p_value is None else max(tested.p_value - 1 / (1 + shifts), 0.0)


def _loadings(predictions: Predictions, records: Sequence[TryRecord], block: int) -> list[Any]:
    """The loadings of recorded answers on this model's test bars; zeros, as of a model like no other, where they can't be placed."""
    times, test = predictions.dataset.candles.timestamps, predictions.test
    none = np.zeros(test.stop - test.start, dtype=np.bool_)
    found = []
    for record in records:
        judged, right = aligned(record, times, test) or (none, none)
        bars = len(record.answers.right) if record.answers is not None else 0
        found.append(loadings(judged, right, block, bars))
    return found


def luck_document(
    predictions: Predictions, assessment: Assessment, luck: Luck | None, others: OtherTries
) -> dict[str, Any]:
    """The part `luck` of evaluation.json; figures that were not measured are null."""
    sharpes = [record.sharpe for record in others.records if record.sharpe is not None]
    returns, tries = days_of(predictions, assessment.backtest), others.count + 1
    return luck_figures(luck, tries) | {"deflatedSharpe": significant(deflated_sharpe(returns, sharpes, tries))}


def luck_figures(luck: Luck | None, tries: int) -> dict[str, Any]:
    """What luck explains of the accuracy, ready for JSON."""
    names = {"different": "different", "p_value": "pValue", "reality_check": "realityCheck", "luck": "luck", "luckiest": "luckiest"}  # fmt: skip
    figures = {} if luck is None else asdict(luck)
    return {"tries": tries, **{name: significant(figures.get(field)) for field, name in names.items()}}
