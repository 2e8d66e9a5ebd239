"""`retrain verify`: every test figure, interval and verdict of a run again, from its predictions, without torch."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrain_api import reasons
from retrain_api.documents.references import FileRef
from retrain_api.documents.tasks import PublishItem
from retrain_api.errors import DataError, NotFoundError
from retrain_api.gate.judgement import Judgement
from retrain_api.measurement import Measurement
from retrain_api.spec.run import RetrainRunSpec
from retrain_cli.inputs.results_file import RecordedRun
from retrain_cli.inputs.results_place import FoundResults, find_results
from retrain_cli.inputs.run_arguments import add_run_arguments

from .gate import judge_again

NOT_COMPUTED = (
    "taken as recorded, for the predictions do not tell it: what training and validation measured, suspicions about columns and bars of "
    "the train part, how many other tries there were and how alike they answer"
)
SHOWN = 20
"""Differences of a model that are named; the rest is counted."""


@dataclass(frozen=True)
class Verified:
    """One model: what was computed again, and a sentence for each difference."""

    symbol: str
    differences: Sequence[str]
    measurement: Measurement | None = None
    figures: int = 0
    note: str = ""

    def lines(self) -> Iterator[str]:
        """As the terminal shows it."""
        if not self.differences:
            yield f"  {self.symbol}: {self.note}"
        yield from (f"  {self.symbol}: {sentence}" for sentence in self.differences[:SHOWN])
        if len(self.differences) > SHOWN:
            yield f"  {self.symbol}: and {len(self.differences) - SHOWN} more"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain verify` takes."""
    parser.description = (
        "Computes every figure of the test bars, its interval and the verdict again from predictions.parquet, and follows the "
        "model's sha256 from training to pointer. What the predictions do not tell is named. RESULTS is a results.json, its folder, the URI of either, or the name of a "
        "run. Prints `equal`, or each difference, and then exits with 1. It needs neither torch nor the data."
    )
    add_run_arguments(parser, "RESULTS")


def run(args: argparse.Namespace) -> int:
    """Print what was found; exit code 1 where anything differs.

    Raises NotFoundError("PredictionsNotFound") for the results of a release that kept no predictions, what `find_results`
    raises, and what the store raises.
    """
    found = find_results(args, args.run, os.environ)
    models = [verified(found, item) for item in found.recorded.items]
    judged = list(other_judgement(found.recorded, models))
    equal = not judged and not any(model.differences for model in models)
    recorded = found.recorded
    print(f"{recorded.name}, report {recorded.number} of {recorded.written_at}: {'equal' if equal else 'different'}")
    print("\n".join([*(line for model in models for line in model.lines()), *(f"  {line}" for line in judged)]))
    if any(model.measurement is not None for model in models):
        print(f"  {NOT_COMPUTED}")
    return 0 if equal else 1


def verified(found: FoundResults, item: PublishItem) -> Verified:
    """One model of the results."""
    from retrain_trainer.promote.chain import broken_links, evaluation_of, read_bytes

    if item.measurement is None or item.model is None or item.evaluation is None:
        return Verified(item.symbol, (), note="it was not measured, so it has no figures")
    recorded = found.recorded
    promoted = next((model for model in recorded.promoted if model.symbol == item.symbol), None)
    broken = list(broken_links(found.store, found.locate, recorded.run, item, promoted))
    data = read_bytes(found.locate, item.evaluation.uri)
    if data is None:
        return Verified(item.symbol, [*broken, f"evaluation.json is not there: {item.evaluation.uri}"])
    document, of_others = evaluation_of(item, data)
    broken += of_others
    if not document:
        return Verified(item.symbol, broken)
    return _figures(found, item, document, broken, promoted is not None)


def _figures(
    found: FoundResults, item: PublishItem, document: Mapping[str, Any], broken: list[str], promoted: bool
) -> Verified:
    """The figures of a model whose evaluation could be read; `broken` is what was found before."""
    from retrain_trainer.measure.predictions.as_recorded import is_short_for
    from retrain_trainer.measure.predictions.prediction_file import decode
    from retrain_trainer.measure.predictions.verification import differences, leaf_differences, recompute
    from retrain_trainer.promote.chain import broken_file, read_bytes

    assert item.measurement is not None
    reference = _predictions_of(item, document)
    data = read_bytes(found.locate, reference.uri)
    broken += broken_file(found.locate, reference, "predictions.parquet")
    if data is None:
        return Verified(item.symbol, broken)
    try:
        recorded = decode(data, reference.uri)
        again = recompute(recorded, document)
    except DataError as error:
        return Verified(item.symbol, [*broken, error.message.rstrip(".")])
    broken += differences(recorded, document, again)
    broken += leaf_differences(again.document["measurement"], item.measurement, "results.json")
    broken += other_settings(found.recorded.spec, recorded.metadata)
    stated, measured = item.measurement.suspicions, again.measurement
    if is_short_for(stated, measured.suspicions):
        measured = measured.model_copy(update={"suspicions": stated})
    else:
        broken.append("its suspicions in results.json are others than evaluation.json and the predictions give")
    way = _way(found, item, promoted)
    note = f"{again.figures:,} values computed again from {counted_bars(measured.bars)}; {way}"
    return Verified(item.symbol, broken, measured, again.figures, note)


def counted_bars(bars: int) -> str:
    """How many bars were judged."""
    return f"{bars:,} judged bar{'s' * (bars != 1)}"


def _predictions_of(item: PublishItem, document: Mapping[str, Any]) -> FileRef:
    named = document.get("predictions")
    if not isinstance(named, Mapping):
        raise NotFoundError(
            reasons.PREDICTIONS_NOT_FOUND,
            f"{item.symbol} was measured by a release that kept no predictions, so its figures can't be computed again; "
            "train again with a new retrain.crpbot.dev/rerun token to have them.",
        )
    return FileRef.model_validate(named)


def _way(found: FoundResults, item: PublishItem, promoted: bool) -> str:
    """How far the model's digest was followed."""
    from retrain_trainer.promote.chain import in_service, is_of

    assert item.model is not None
    model = f"model {item.model.sha256[:8]} is the same from training to"
    if not promoted:
        return f"{model} evaluation, and was not promoted"
    pointer = in_service(found.store, item.symbol)
    if pointer is not None and is_of(pointer, item):
        return f"{model} pointer"
    return f"{model} promotion, and another model is in service now"


def other_settings(spec: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    """Where the predictions were made by other settings than the spec asks for."""
    asked = RetrainRunSpec.model_validate(spec)
    stated = {
        "data.interval": (asked.data.interval, metadata["interval"]),
        "label.horizonBars": (asked.label.horizon_bars, metadata["horizonBars"]),
        "label.ties": (asked.label.ties, metadata["ties"]),
        "model.lookbackBars": (asked.model.lookback_bars, metadata["lookbackBars"]),
        "evaluation": (asked.evaluation, type(asked.evaluation).model_validate(metadata["evaluation"])),
    }
    for name, (wanted, used) in stated.items():
        if wanted != used:
            yield f"spec.{name} is another than the predictions were made with"


def other_judgement(recorded: RecordedRun, models: Sequence[Verified]) -> Iterator[str]:
    """Where the figures that were computed again give another verdict than the recorded one."""
    figures = {model.symbol: model.measurement for model in models if model.measurement is not None}
    items = tuple(
        item.model_copy(update={"measurement": figures.get(item.symbol, item.measurement)}) for item in recorded.items
    )
    judgement = judge_again(replace(recorded, items=items), recorded.spec.get("gate", {}))
    if judgement == recorded.judgement:
        return
    yield from _verdicts(recorded.judgement, judgement)


def _verdicts(stated: Judgement, computed: Judgement) -> Iterator[str]:
    if stated.verdict != computed.verdict:
        yield f"the verdict on the run is {stated.verdict}, and the figures give {computed.verdict}"
    before = {model.symbol: model for model in stated.models}
    for model in computed.models:
        known = before.get(model.symbol)
        if known != model:
            was = "missing" if known is None else known.verdict
            gives = model.verdict if was != model.verdict else "other reasons for it"
            yield f"the verdict on {model.symbol} is {was}, and the figures give {gives}"
    if stated.models == computed.models and stated.verdict == computed.verdict:
        yield f"the judgement is: {stated.summary}; and the figures give: {computed.summary}"
