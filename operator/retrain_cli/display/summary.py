"""What `retrain run` prints of a run: a summary of the trainings, the verdict, and what to do next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from retrain_api.formatting import age, counted, measured
from retrain_api.gate.caveats import caveats
from retrain_api.names import ANNOTATION_APPROVE
from retrain_api.status.condition_types import ANSWER_STALE, NOTIFIED
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus

from .failures import failed_work
from .observed import observed_lines


def trained_models(status: RetrainRunStatus) -> dict[str, str]:
    """The train keys of the symbols that have a model."""
    return {entry.symbol: entry.train_key or "" for entry in status.symbols if entry.model_uri}


def training_summary(status: RetrainRunStatus, earlier: Mapping[str, str], seconds: float) -> list[str]:
    """What was trained by now and not `earlier`, each with its minutes, after `seconds` on the clock; empty where nothing was.

    A symbol that has no model stands beside what was trained.
    """
    models = trained_models(status)
    now = [one for one in status.symbols if one.model_uri and models[one.symbol] != earlier.get(one.symbol)]
    if not now:
        return []
    total = sum(entry.result.duration_seconds or 0.0 for entry in now if entry.result)
    lines = [_trained(entry) for entry in status.symbols if entry in now or not entry.model_uri]
    clock = f"  Total: {total / 60:.1f} minutes of training, in {seconds / 60:.1f} minutes on the clock"
    return ["Training Summary", *lines, clock]


def _trained(entry: SymbolStatus) -> str:
    result = entry.result
    if result is None or result.model is None:
        return f"  {entry.symbol}: no model ({entry.reason}: {entry.message})"
    resumed = f", {result.resumed_epochs} resumed" if result.resumed_epochs else ""
    epochs = f"{counted(result.epochs or 0, 'epoch')}{resumed}, best {result.best_epoch}"
    minutes = (result.duration_seconds or 0.0) / 60
    return f"  {entry.symbol}: {minutes:.1f} minutes, {epochs}, {result.model.uri.rsplit('/', 1)[-1]}"


def run_summary(name: str, status: RetrainRunStatus, page: str | None = None) -> list[str]:
    """The verdict with its reasons, what was promoted, and where everything is; `page` is a nearer place of the report."""
    return [f"{name}: {status.state}", *_verdicts(status), *closing(name, status, page)]


def closing(name: str, status: RetrainRunStatus, page: str | None = None) -> list[str]:
    """What follows the symbols: the gate's line, what was promoted, the report, what to do next."""
    if status.gate is not None:
        lines = [f"Gate: {status.gate.verdict}, {status.gate.outcome}. {status.gate.summary}.", *_worth(status)]
    else:
        # The reasons are with their symbols, above.
        lines = [status.message.split(". ", 1)[0].rstrip(".") + "."] if status.message else []
    lines = [*_learning(status), *lines, *_promotion(name, status)]
    lines += _report(name, status, page)
    lines += [*observed_lines(status.observation), *_not_told(status)]
    if status.backups is not None and status.backups.message:
        lines += [f"Copies: {status.backups.message}"]
    if failed_work(status):
        how = f"retrain retry {shlex.quote(name)}"
        lines += [f"To try again what failed, once its cause is mended: {how}; then the same command again."]
    return lines


def _not_told(status: RetrainRunStatus) -> list[str]:
    """Who could not be told what became of the run, and why."""
    return [one.message for one in status.conditions if one.type == NOTIFIED and one.status == "False"]


def _report(name: str, status: RetrainRunStatus, page: str | None) -> list[str]:
    report = status.report
    if report is None or not report.markdown:
        return []
    how = f"(retrain report {shlex.quote(name)}{' --open' if report.html else ''})"
    if not reports_today(status):
        return [f"No report of this yet; the last one is of an earlier judgement: {report.markdown}   {how}"]
    return [f"Report: {page or report.html or report.markdown}   {how}"]


def reports_today(status: RetrainRunStatus) -> bool:
    """Whether the last report is about how the run stands now: that of an earlier judgement must not be taken for it."""
    report = status.report
    written = report is not None and bool(report.markdown) and report.failed_key is None
    return written and status.gate is not None and status.state != "Publishing"


def kept(status: RetrainRunStatus) -> str:
    """What a run that was stopped has kept of each symbol, in a line; empty where that is nothing yet."""
    parts = []
    for entry in status.symbols:
        progress = entry.progress
        if entry.result is not None and entry.result.metrics is not None:
            parts.append(f"{entry.symbol} is measured")
        elif entry.model_uri:
            parts.append(f"{entry.symbol} is trained")
        elif progress is not None:
            parts.append(f"{entry.symbol} has {progress.epoch} of {progress.epochs} epochs")
    return ", ".join(parts)


def _worth(status: RetrainRunStatus) -> list[str]:
    """What has to be known of models that are promoted, or may be."""
    meant = [entry for entry in status.symbols if entry.promoted or entry.verdict in ("Pass", "Suspect")]
    found = caveats({entry.symbol: entry.result.metrics for entry in meant if entry.result and entry.result.metrics})
    return [found] if found else []


def _verdicts(status: RetrainRunStatus) -> Iterable[str]:
    for entry in status.symbols:
        yield f"  {entry.symbol}: {entry.verdict or entry.state}{figures(entry) or reached(entry)}"
        yield from (f"      {reason}" for reason in reasons_of(entry))


def reasons_of(entry: SymbolStatus) -> tuple[str, ...]:
    """Why a symbol has its verdict, or why it failed."""
    return entry.reasons or ((entry.message,) if entry.state in ("Failed", "Skipped") and entry.message else ())


def _learning(status: RetrainRunStatus) -> list[str]:
    """How old the learning is, as the condition says it; nothing while symbols are in training, or of an earlier release's models."""
    return [one.message for one in status.conditions if one.type == "Trained" and one.status == "True" and one.message]


def reached(entry: SymbolStatus) -> str:
    """How far a training is."""
    if entry.progress is None or entry.state != "Training":
        return ""
    left = entry.progress.remaining_seconds
    return f"   epoch {entry.progress.epoch} of {entry.progress.epochs}{f', about {age(left)} left' if left else ''}"


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
