"""Writes the task document of each Job: everything a task needs to know of the run, and nothing that it does not.

A trainer never reads the RetrainRun. It runs without access to the API server, on a laptop as in a cluster, and a task
that is repeated later must do what was asked for when its Job was created, not what the spec says by then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from retrain_api.documents.references import DataPin, FileRef, RunRef
from retrain_api.documents.tasks import (
    DeliverTarget,
    DeliverTask,
    EvaluateItem,
    EvaluateTask,
    NotifyTask,
    ObserveItem,
    ObserveTask,
    PreflightItem,
    PreflightTask,
    PublishItem,
    PublishTask,
    TrainTask,
)
from retrain_api.gate.judgement import Judgement
from retrain_api.keys import evaluate_key, recipe, train_key
from retrain_api.measurement import CHAMPION_DIGITS
from retrain_api.names import EVALUATION_FILE, data_file_uri, file_name, folder, run_folder
from retrain_api.run import RetrainRun
from retrain_api.status.run import PromotedModel, ReportStatus
from retrain_api.status.symbol import SymbolResult, SymbolStatus
from retrain_api.wire import to_wire


def run_ref(run: RetrainRun) -> RunRef:
    """The run that a task belongs to."""
    return RunRef(namespace=run.metadata.namespace, name=run.metadata.name, uid=run.metadata.uid)


def _data_uri(run: RetrainRun, symbol: str) -> str:
    data = run.spec.data
    return data_file_uri(data.uri, data.filename, symbol, data.interval)


def preflight_item(run: RetrainRun, symbol: str) -> PreflightItem:
    """One symbol to look at before it is trained."""
    key = train_key(run.spec, symbol, run.rerun)
    return PreflightItem(symbol=symbol, train_key=key, recipe=recipe(run.spec, symbol), data_uri=_data_uri(run, symbol))


def preflight_task(run: RetrainRun, symbols: Sequence[str], key: str, as_of: str | None = None) -> PreflightTask:
    """Look at the data of these symbols, and at the store; `as_of` is the time of the work that they join."""
    spec = run.spec
    return PreflightTask(
        run=run_ref(run),
        artifacts_uri=folder(spec.artifacts.uri),
        preflight_key=key,
        items=tuple(preflight_item(run, symbol) for symbol in symbols),
        interval=spec.data.interval,
        features=spec.data.features,
        built_in=spec.data.built_in,
        label=spec.label,
        split=spec.split,
        lookback_bars=spec.model.lookback_bars,
        as_of=as_of,
        until=spec.data.until,
        window=spec.data.window,
        max_age=spec.data.max_age,
        min_new_bars=spec.data.min_new_bars,
        wait_for=spec.data.wait_for,
    )


def train_task(run: RetrainRun, symbol: str, as_of: str | None = None) -> TrainTask:
    """Train one symbol from the bars that had closed by `as_of`."""
    spec = run.spec
    return TrainTask(
        run=run_ref(run),
        artifacts_uri=folder(spec.artifacts.uri),
        symbol=symbol,
        train_key=train_key(spec, symbol, run.rerun),
        data_uri=_data_uri(run, symbol),
        interval=spec.data.interval,
        as_of=as_of,
        features=spec.data.features,
        built_in=spec.data.built_in,
        window=spec.data.window,
        label=spec.label,
        split=spec.split,
        model=spec.model,
        training=spec.training.model_copy(update={"scheduler": spec.training.scheduler.resolved()}),
        device=spec.train.device,
        max_age=spec.data.max_age,
        min_new_bars=spec.data.min_new_bars,
        recipe=recipe(spec, symbol) if spec.data.min_new_bars else "",
    )


def evaluate_item(run: RetrainRun, known: SymbolStatus) -> EvaluateItem:
    """One trained model to measure."""
    assert known.result and known.result.model and known.result.data and known.train_key
    model, data, champion = known.result.model, known.result.data, known.result.champion
    return EvaluateItem(
        symbol=known.symbol,
        train_key=known.train_key,
        evaluate_key=evaluate_key(run.spec, known.symbol, run.rerun, champion),
        model=FileRef(uri=model.uri, sha256=model.sha256),
        data=DataPin(uri=_data_uri(run, known.symbol), **data.model_dump()),
        champion=champion if run.spec.promotion.require_improvement else None,
        recipe=recipe(run.spec, known.symbol),
    )


def evaluate_task(run: RetrainRun, items: Sequence[EvaluateItem]) -> EvaluateTask:
    """Measure the items' models."""
    spec = run.spec
    return EvaluateTask(
        run=run_ref(run),
        artifacts_uri=folder(spec.artifacts.uri),
        items=tuple(items),
        interval=spec.data.interval,
        as_of=run.status.as_of,
        features=spec.data.features,
        window=spec.data.window,
        label=spec.label,
        split=spec.split,
        lookback_bars=spec.model.lookback_bars,
        evaluation=spec.evaluation,
        baseline=spec.promotion.baseline,
        device=spec.evaluate.device,
    )


def publish_item(
    run: RetrainRun, known: SymbolStatus, judgement: Judgement, promote: bool, override: bool = False
) -> PublishItem:
    """One symbol of the judgement. `override`: a person promotes it, whatever is in service."""
    model = judgement.model(known.symbol)
    result = known.result
    if result is None or result.model is None or result.data is None:
        return PublishItem(symbol=known.symbol, verdict=model.verdict, reasons=model.reasons)
    return PublishItem(
        symbol=known.symbol,
        verdict=model.verdict,
        reasons=model.reasons,
        train_key=known.train_key or "",
        evaluate_key=result.evaluate_key or "",
        model=FileRef(uri=result.model.uri, sha256=result.model.sha256),
        data=DataPin(uri=_data_uri(run, known.symbol), **result.data.model_dump()),
        evaluation=_details(run, result),
        measurement=result.metrics,
        best_epoch=result.best_epoch,
        epochs=result.epochs,
        duration_seconds=result.duration_seconds,
        promote=promote,
        champion=_champion(result) if promote and not override and run.spec.promotion.require_improvement else None,
    )


def _champion(result: SymbolResult) -> str:
    """The model in service that the gate judged the improvement against; empty where there was none.

    `promotion.baseline` has no part in that: it is compared for the report alone.
    """
    champion = result.metrics.champion if result.metrics else None
    return champion.sha256[:CHAMPION_DIGITS] if champion else ""


def _details(run: RetrainRun, result: SymbolResult) -> FileRef | None:
    """The file that the evaluation wrote, in the folder of its key."""
    if result.evaluate_key is None or result.details_sha256 is None:
        return None
    where = run_folder(run.metadata.namespace, run.metadata.name, run.metadata.uid, result.evaluate_key)
    return FileRef(uri=folder(run.spec.artifacts.uri) + where + EVALUATION_FILE, sha256=result.details_sha256)


def publish_task(
    run: RetrainRun,
    known: Sequence[SymbolStatus],
    judgement: Judgement,
    number: int,
    key: str,
    promote: Collection[str],
    approved_by: str | None,
    override: bool,
) -> PublishTask:
    """Write report `number` on the judgement and promote the symbols in `promote`, on the authority of `approved_by`.

    `override` says that a person promotes them against the gate.
    """
    return PublishTask(
        run=run_ref(run),
        artifacts_uri=folder(run.spec.artifacts.uri),
        number=number,
        publish_key=key,
        judgement=to_wire(judgement),
        items=tuple(publish_item(run, entry, judgement, entry.symbol in promote, override) for entry in known),
        # Without whom the run tells: that says nothing of a verdict, and a report may be public.
        spec=to_wire(run.spec.model_copy(update={"notify": ()})),
        approved_by=approved_by,
        override=override,
        expires_after=run.spec.promotion.expires_after,
        started=run.status.start_time,
    )


def deliver_task(
    run: RetrainRun, report: ReportStatus | None, symbols: Sequence[SymbolStatus], promoted: Sequence[PromotedModel]
) -> DeliverTask:
    """Copy the last report and the promoted models to the other places."""
    git = run.spec.report.git
    digests = _digests(symbols)
    present = [model for model in promoted if model.symbol in digests and _is_present(model, symbols)]
    files = () if report is None else tuple(uri for uri in (report.markdown, report.html, report.results) if uri)
    return DeliverTask(
        run=run_ref(run),
        artifacts_uri=folder(run.spec.artifacts.uri),
        files=files,
        promoted=tuple(FileRef(uri=model.uri, sha256=digests[model.symbol]) for model in present),
        backups=tuple(
            DeliverTarget(name=backup.name, uri=folder(backup.uri), required=backup.required)
            for backup in run.spec.backups
        ),
        git=None if git is None else {"url": git.url, "branch": git.branch, "path": git.path},
    )


def _digests(symbols: Sequence[SymbolStatus]) -> dict[str, str]:
    return {entry.symbol: entry.result.model.sha256 for entry in symbols if entry.result and entry.result.model}


def _is_present(model: PromotedModel, symbols: Sequence[SymbolStatus]) -> bool:
    """Whether the promoted model is the one that the symbol has now, not one of an earlier training."""
    return any(entry.symbol == model.symbol and file_name(entry.model_uri) == file_name(model.uri) for entry in symbols)


def observe_task(run: RetrainRun, models: Sequence[PromotedModel], key: str, as_of: str) -> ObserveTask:
    """Look at the models that the run promoted, on the bars that had closed by `as_of`."""
    spec = run.spec
    digests = _digests(run.status.symbols)
    return ObserveTask(
        run=run_ref(run),
        artifacts_uri=folder(spec.artifacts.uri),
        observe_key=key,
        items=tuple(
            ObserveItem(
                symbol=model.symbol,
                data_uri=_data_uri(run, model.symbol),
                model=digests[model.symbol] if _is_present(model, run.status.symbols) else "",
            )
            for model in models
        ),
        interval=spec.data.interval,
        label=spec.label,
        evaluation=spec.evaluation,
        bar=next((one.at_least for one in spec.gate.criteria if one.metric == "accuracy"), None),
        as_of=as_of,
    )


def notify_task(
    run: RetrainRun,
    receiver: str,
    transition: str,
    title: str,
    body: str,
    fields: Mapping[str, Any],
    warning: bool = False,
) -> NotifyTask:
    """Tell a receiver of a transition, such as 3-Promoted; for programs by `fields`."""
    return NotifyTask(
        run=run_ref(run),
        artifacts_uri=folder(run.spec.artifacts.uri),
        key=f"{run.metadata.uid}/{transition}",
        receiver=receiver,
        title=title,
        body=body,
        warning=warning,
        fields=dict(fields),
    )
