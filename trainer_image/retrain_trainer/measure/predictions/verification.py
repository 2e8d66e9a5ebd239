"""Computes every test figure again from predictions.parquet, and names what differs from the evaluation document.

The figures come from the very functions that measured, so equality is exact; docs/figures.md and its test compute them with none
of this code. What the predictions do not tell is taken as it was recorded: see `as_recorded`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import Measurement
from retrain_api.wire import to_wire
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.labels import label
from retrain_trainer.measure.assess import Assessment, Predictions, assess, measurement, shortened, windows_of_test
from retrain_trainer.measure.document import evaluation_document
from retrain_trainer.measure.figures import baselines
from retrain_trainer.measure.judged_blocks import rule_of
from retrain_trainer.measure.leaks.suspicion import is_of_figures
from retrain_trainer.model.calibration import probability

from .answers import compared
from .as_recorded import luck_again, measured_luck, suspicions_again
from .prediction_file import OTHERS, Recorded, positions

Document: TypeAlias = Mapping[str, Any]

OUTSIDE = frozenset({"gaps", "warnings", "suspicions"})
"""Parts of the document that also depend on other bars or on the features. Of the suspicions, those about figures are compared."""
_CLOSE = 1e-12
"""Exponentials and logarithms differ in the last bit between processors."""


@dataclass(frozen=True)
class Recomputed:
    """The figures that a file gives: `document` as evaluation.json has them, `measurement` as the gate reads them.

    `sentences` are the suspicions and warnings that follow from the figures, `bar_returns` [bars] those of the backtest.
    """

    document: Document
    measurement: Measurement
    sentences: Sequence[str]
    bar_returns: NDArray[np.float64]

    @property
    def figures(self) -> int:
        """How many numbers were computed again."""
        return sum(1 for _ in _leaves(self.document, ""))


def recompute(recorded: Recorded, document: Document) -> Recomputed:
    """Every test figure of an evaluation document. Raises DataError where no test bar is judged."""
    predictions, evaluation = recorded.predictions, recorded.evaluation
    assessment = assess(predictions, evaluation, recorded.rules)
    others = {name: compared(predictions, answers).champion for name, answers in recorded.others.items()}
    before = Measurement.model_validate(document["measurement"])
    among, counted, explained = _among_tries(predictions, assessment, document, before)
    measured = measurement(predictions, assessment, others.get("champion"), counted, explained)
    found = evaluation_document(predictions, assessment, evaluation)
    known: dict[str, Any] = {"suspicions": shortened(suspicions_again(document["suspicions"], found["suspicions"]))}
    if "champion" not in others:
        known["champion"] = before.champion  # a note why there is no comparison
    figures = {name: part for name, part in found.items() if name not in OUTSIDE}
    return Recomputed(
        figures
        | _block_rule(predictions, document)
        | among
        | {"measurement": _numbers(to_wire(measured))}
        | {name: _numbers({"champion": to_wire(other)})["champion"] for name, other in others.items()},
        measured.model_copy(update=known),
        [*found["suspicions"], *found["warnings"]],
        np.expm1(assessment.backtest.log_returns),
    )


def _block_rule(predictions: Predictions, document: Document) -> dict[str, Any]:
    """In which blocks the model is observed; nothing where an earlier release fixed none."""
    return to_wire(rule_of(predictions)) if "blockLength" in document else {}


def _among_tries(
    predictions: Predictions, assessment: Assessment, document: Document, before: Measurement
) -> tuple[dict[str, Any], int | None, float | None]:
    """The part `luck`, and for the measurement how many were tried before and what luck explains; as recorded without that part."""
    if not document.get("luck"):
        return {}, before.judged_before, before.luck
    luck, figures = luck_again(predictions, assessment, document["luck"])
    return {"luck": figures}, figures["tries"] - 1, measured_luck(luck, before.luck)


def _numbers(measured: dict[str, Any]) -> dict[str, Any]:
    """A measurement without its sentences, which are compared by themselves."""
    kept = {name: part for name, part in measured.items() if name != "suspicions"}
    if "champion" in kept:
        kept["champion"] = {name: part for name, part in kept["champion"].items() if name != "note"}
    return kept


def differences(recorded: Recorded, document: Document, found: Recomputed) -> list[str]:
    """A sentence for each figure that the file does not give, and for each column that contradicts the others."""
    return [
        *_contradictions(recorded, found),
        *_of_other_subjects(recorded, document),
        *(
            f"{path} is {_shown(stated)}, and the predictions give {_shown(value)}"
            for path, value in _leaves(found.document, "")
            if (stated := _at(document, path)) != value
        ),
        *_other_sentences(document, found),
        *(
            f"{name} has a comparison, and the predictions have no answers of that model"
            for name in OTHERS
            if name not in recorded.others and (document.get(name) or {}).get("difference") is not None
        ),
    ]


def _other_sentences(document: Document, found: Recomputed) -> Iterator[str]:
    """Suspicions and warnings that the figures give and the document lacks, and the other way round."""
    stated = (*document.get("suspicions", ()), *document.get("warnings", ()))
    yield from (f"it does not say: {sentence}" for sentence in found.sentences if sentence not in stated)
    yield from (
        f"it says what the predictions do not give: {sentence}"
        for sentence in document.get("suspicions", ())
        if is_of_figures(sentence) and sentence not in found.sentences
    )
    if tuple(document["measurement"].get("suspicions", ())) != found.measurement.suspicions:
        yield "measurement.suspicions are others than those that it lists and the predictions give"


def leaf_differences(computed: Document, stated: Measurement, where: str) -> Iterator[str]:
    """A sentence for each figure of a measurement in another document, named by `where`, that differs from the computed one."""
    wire = to_wire(stated)
    for path, value in _leaves(computed, ""):
        if (known := _at(wire, path)) != value:
            yield f"{path} is {_shown(known)} in {where}, and the predictions give {_shown(value)}"


def _of_other_subjects(recorded: Recorded, document: Document) -> Iterator[str]:
    """Where file and document are of different models, data or settings."""
    for name in ("symbol", "trainKey", "evaluateKey", "model", "data", "calibration"):
        if recorded.metadata.get(name) != document.get(name):
            yield f"{name} is another in evaluation.json than in the predictions"


def _contradictions(recorded: Recorded, found: Recomputed) -> Iterator[str]:
    """Columns that do not follow from those that they are computed from."""
    predictions, dataset = recorded.predictions, recorded.predictions.dataset
    times, close = dataset.candles.timestamps, dataset.candles.close
    outcomes = label(close, times, dataset.question)
    ends, labelled = windows_of_test(dataset, predictions.lookback)
    logits = predictions.logits if predictions.logits is not None else np.full(len(close), np.nan)
    pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "label": (dataset.labels.values, outcomes.values),
        "flat": (dataset.labels.flat, outcomes.flat),
        "judged": (_marks(predictions.labelled, len(close)), _marks(labelled, len(close))),
        "probability": (predictions.probabilities, probability(recorded.calibration, logits)),
        "logit": (np.isfinite(logits), _marks(ends, len(close))),
        "position": (recorded.positions, positions(predictions, recorded.evaluation)),
        "bar_return": (recorded.bar_returns, found.bar_returns),
    }
    for name, (stated, computed) in pairs.items():
        rows = np.flatnonzero(
            ~np.isclose(stated.astype(np.float64), computed, rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
        )
        yield from _contradiction(name, rows, times)
    yield from _wrong_rules(recorded)


def _wrong_rules(recorded: Recorded) -> Iterator[str]:
    """Answers of the rules that need no training, where the test bars alone give them."""
    predictions, dataset = recorded.predictions, recorded.predictions.dataset
    rows, close = predictions.labelled, dataset.candles.close
    labels = dataset.labels.values[rows]
    computed = {
        "majority": baselines.majority(labels),
        "persistence": baselines.persistence(close, rows, labels),
        "reversal": baselines.reversal(close, rows, labels),
    }
    first = {"majority": 0, "persistence": 1, "reversal": baselines.REVERSAL_BARS - 1}
    for name, right in computed.items():
        stated = recorded.rules[name]
        wrong = np.ones(len(rows), dtype=np.bool_) if stated is None else stated != right
        yield from _contradiction(f"{name}_right", rows[wrong & (rows >= first[name])], dataset.candles.timestamps)


def _contradiction(name: str, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Iterator[str]:
    if rows.size:
        yield f"column {name} contradicts the others in {rows.size:,} bars, first at {iso_time(times[rows[0]])}"


def _marks(rows: NDArray[np.int64], bars: int) -> NDArray[np.bool_]:
    marks = np.zeros(bars, dtype=np.bool_)
    marks[rows] = True
    return marks


def _leaves(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value with its path, such as intervals.accuracy.95.0."""
    if isinstance(part, Mapping):
        for name, below in part.items():
            yield from _leaves(below, f"{path}.{name}" if path else str(name))
    elif isinstance(part, Sequence) and not isinstance(part, str):
        yield f"{path}.length" if path else "length", len(part)
        for index, below in enumerate(part):
            yield from _leaves(below, f"{path}.{index}")
    else:
        yield path, part


def _at(document: Any, path: str) -> Any:
    """The value at a path of `_leaves`; None where there is none."""
    for name in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, Sequence) and not isinstance(document, str):
            if name == "length":
                return len(document)
            document = document[int(name)] if name.isdecimal() and int(name) < len(document) else None
        else:
            return None
    return document


def _shown(value: Any) -> str:
    return "missing" if value is None else str(value)
