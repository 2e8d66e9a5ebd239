"""What `retrain run` prints of a run: a summary of the trainings, the verdict, and what to do next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from retrain_api.formatting import measured
from retrain_api.gate.caveats import caveats
from retrain_api.names import ANNOTATION_APPROVE
from retrain_api.status.condition_types import ANSWER_STALE
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus

from .failures import failed_work


def training_summary(status: RetrainRunStatus) -> list[str]:
    """Minutes per symbol and in total, for when no training is left to wait for."""
    lines = ["Training Summary"]
    total = 0.0
    for entry in status.symbols:
        result = entry.result
        if result is None or result.model is None:
            lines.append(f"  {entry.symbol}: no model ({entry.reason}: {entry.message})")
            continue
        seconds = result.duration_seconds or 0.0
        total += seconds
        resumed = f", {result.resumed_epochs} resumed" if result.resumed_epochs else ""
        epochs = f"{result.epochs} epochs{resumed}, best {result.best_epoch}"
        lines.append(f"  {entry.symbol}: {seconds / 60:.1f} minutes, {epochs}, {result.model.uri.rsplit('/', 1)[-1]}")
    return [*lines, f"  Total: {total / 60:.1f} minutes of training"]


def run_summary(name: str, status: RetrainRunStatus) -> list[str]:
    """The verdict with its reasons, what was promoted, and where everything is."""
    lines = [f"{name}: {status.state}", *_verdicts(status), *_learning(status)]
    if status.gate is not None:
        lines += [f"Gate: {status.gate.verdict}, {status.gate.outcome}. {status.gate.summary}.", *_worth(status)]
    elif status.message:
        # The reasons are with their symbols, above.
        lines += [status.message.split(". ", 1)[0].rstrip(".") + "."]
    lines += _promotion(name, status)
    if status.report is not None and status.report.markdown:
        page = " --open" if status.report.html else ""
        lines += [f"Report: {status.report.markdown}   (retrain report {shlex.quote(name)}{page})"]
    if status.backups is not None and status.backups.message:
        lines += [f"Copies: {status.backups.message}"]
    if failed_work(status):
        how = f"retrain retry {shlex.quote(name)}"
        lines += [f"To try again what failed, once its cause is mended: {how}; then the same command again."]
    return lines


def _worth(status: RetrainRunStatus) -> list[str]:
    """What has to be known of models that are promoted, or may be."""
    meant = [entry for entry in status.symbols if entry.promoted or entry.verdict in ("Pass", "Suspect")]
    found = caveats({entry.symbol: entry.result.metrics for entry in meant if entry.result and entry.result.metrics})
    return [found] if found else []


def _verdicts(status: RetrainRunStatus) -> Iterable[str]:
    for entry in status.symbols:
        yield f"  {entry.symbol}: {entry.verdict or entry.state}{figures(entry) or reached(entry)}"
        for reason in entry.reasons or ((entry.message,) if entry.state == "Failed" and entry.message else ()):
            yield f"      {reason}"


def _learning(status: RetrainRunStatus) -> list[str]:
    """How old the learning is, as the condition says it; nothing while symbols are in training, or of an earlier release's models."""
    return [one.message for one in status.conditions if one.type == "Trained" and one.status == "True" and one.message]


def reached(entry: SymbolStatus) -> str:
    """How far a training is."""
    if entry.progress is None or entry.state != "Training":
        return ""
    return f"   epoch {entry.progress.epoch} of {entry.progress.epochs}"


def figures(entry: SymbolStatus) -> str:
    """A measured model's figures in one line; empty where there are none."""
    found = entry.result.metrics if entry.result else None
    if found is None:
        return ""
    metrics = found.metrics
    parts = [
        f"accuracy {measured('accuracy', metrics.accuracy)}",
        f"(majority {measured('accuracy', found.baselines.majority)})",
        f"calibration error {measured('calibrationError', metrics.calibration_error)}",
        f"PnL {measured('pnl', metrics.pnl)} in {found.trades} trades",
    ]
    return f"   {', '.join([' '.join(parts[:2]), *parts[2:]])}, on {found.bars} test bars"


def _promotion(name: str, status: RetrainRunStatus) -> list[str]:
    promotion = status.promotion
    if status.state == "AwaitingApproval" and status.gate is not None:
        return [
            *(condition.message for condition in status.conditions if condition.type == ANSWER_STALE),
            "The promotion needs a person's approval. To approve exactly these models:",
            f"  retrain approve {shlex.quote(name)} --reason 'YOUR REASON'",
            "or add this to metadata.annotations; then run the same command again:",
            f'  {ANNOTATION_APPROVE}: "{status.gate.digest} by YOUR NAME: YOUR REASON"',
        ]
    if status.state == "Passed":
        why = (promotion.message if promotion else None) or "promotion.policy is Never"
        return [f"Nothing was promoted: {why.rstrip('.')}."]
    if promotion is None or not promotion.models:
        return ["Nothing was promoted."] if status.state in FINAL_STATES else []
    override = [f"{promotion.override_note}."] if promotion.override_note else []
    return [
        *override,
        f"Promoted by {promotion.by}:",
        *(f"  {model.symbol}: {model.uri}" for model in promotion.models),
    ]
