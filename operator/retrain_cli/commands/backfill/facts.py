"""From the runs of a backfill and the scores of its models to what the page and the table are written from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from retrain_api.formatting import counted
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.symbol import SymbolStatus
from retrain_api.time import nanoseconds_of
from retrain_api.wire import timestamp
from retrain_client.local.schedules.backfill import Backfill, SlotRun

if TYPE_CHECKING:
    from retrain_trainer.report.backfill.facts import BackfillFacts

_UNMEASURED = ("Failed", "Skipped", "Stopped")


def facts_of(backfill: Backfill, runs: Sequence[SlotRun], scores: Sequence[Any], now: datetime) -> BackfillFacts:
    """All that is told of a backfill."""
    from retrain_trainer.report.backfill.facts import BackfillFacts, Judged

    schedule, spec = backfill.schedule, backfill.spec
    judged = {
        (symbol, nanoseconds_of(timestamp(run.slot))): Judged(*judgement(run, run.status.symbol(symbol)))
        for run in runs
        for symbol in spec.symbols
    }
    return BackfillFacts(
        namespace=schedule.metadata.namespace,
        schedule=schedule.metadata.name,
        key=backfill.key,
        cron=f"{schedule.spec.schedule} ({schedule.spec.time_zone})",
        written_at=timestamp(now),
        asked=tuple(asked(spec)),
        scores=tuple(scores),
        judged=judged,
        bar=accuracy_bar(spec),
    )


def judgement(run: SlotRun, entry: SymbolStatus) -> tuple[str, tuple[str, ...]]:
    """The verdict on a symbol with its reasons; for one that passes in a run that does not, why it is not taken."""
    if entry.state in _UNMEASURED or entry.verdict is None:
        why = entry.message or run.status.message or "It was not measured."
        return (entry.state if entry.state in _UNMEASURED else "Error"), (why,)
    if entry.verdict == "Pass" and not run.passed:
        return entry.verdict, ("it passes, and too few others of the run do",)
    return entry.verdict, entry.reasons


def asked(spec: RetrainRunSpec) -> Iterator[tuple[str, str]]:
    """What doing it again needs to know, by name."""
    question, split, model = spec.question, spec.split, spec.model
    features = spec.data.features
    yield (
        "Question",
        f"close higher {counted(question.horizon, 'bar')} of {question.interval} later, ties: {question.ties}",
    )
    yield "Learns from", f"the last {spec.data.window}" if spec.data.window else "all earlier bars"
    yield (
        "Validation, test",
        f"{split.validation or f'{split.validation_percent} %'}, {split.test or f'{split.test_percent} %'}",
    )
    way = " both ways" if model.bidirectional else ""
    yield "Model", f"LSTM {model.layers} x {model.hidden_size}{way} over {model.lookback_bars} bars"
    yield "Features", "as found" if features is None else f"{len(features)} named"
    yield "Training", f"at most {spec.training.epochs} epochs, seed {spec.training.seed}"
    yield "Fee", f"{spec.evaluation.backtest.fee_bps:g} bps a fill"
    yield "Files", spec.data.filename


def accuracy_bar(spec: RetrainRunSpec) -> float | None:
    """The accuracy that the gate asks for; None where it asks for none."""
    return next((one.bound for one in spec.gate.criteria if one.metric == "accuracy"), None)
