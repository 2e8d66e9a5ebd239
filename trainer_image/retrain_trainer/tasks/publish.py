"""The publish command: writes the report of a judgement, promotes, and writes the report again with the outcome.

A Job can be killed between any two writes, and a second one can start before the first has ended. A publication is finished
when its marker exists. The marker is written last and by only one writer, so a repeated Job returns the same result, and an
interrupted one does everything again without changing what was done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from retrain_api import reasons
from retrain_api.documents.encoding import encode
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import PublishResult
from retrain_api.documents.tasks import PublishItem, PublishTask
from retrain_api.errors import DataError, NotFoundError, SoftwareError
from retrain_api.gate.judgement import Judgement
from retrain_api.model_times import times_in
from retrain_api.names import TRADES_FILE, card_file, report_folder
from retrain_api.observation.blocks import rule_in
from retrain_api.unforeseen import place_of
from retrain_api.wire import to_wire
from retrain_trainer.model.pointer import Pointer, Previous, TestPeriod, expiry, read_pointer
from retrain_trainer.promote.promotion import Candidate, promote
from retrain_trainer.report.facts import Facts
from retrain_trainer.report.sections import render
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.locate import Locate, Located, open_artifacts, read_if_there

from . import traded
from .lives import read_lives

Log = Callable[[str], None]
Page = Callable[[Facts], str]


def run(task: PublishTask, environ: Mapping[str, str], log: Log) -> PublishResult:
    """Publish `task`; the result of a finished publication is read from the store.

    Raises NotFoundError and DataError where a model or an evaluation is missing or not the one that was judged, and what
    the store raises.
    """
    store, locate = open_artifacts(task.artifacts_uri, environ)
    return publish(task, store, locate, datetime.now(UTC), log)


def publish(task: PublishTask, store: Store, locate: Locate, now: datetime, log: Log) -> PublishResult:
    """Like `run`, with an opened store and the time `now`."""
    place = report_folder(task.run.namespace, task.run.name, task.run.uid, task.number)
    marker = f"{place}published-{task.publish_key}.json"
    finished = _finished(store, marker)
    if finished is not None:
        log(f"Already published: {finished.markdown}")
        return finished
    facts = gather(task, store, locate, now, log)
    page = _page(facts, log)
    _write_report(store, place, facts, page)
    promotion = promote(store, [_candidate(store, facts, item, locate) for item in task.items if item.promote])
    _write_report(store, place, replace(facts, promotion=promotion), page)
    result = PublishResult(
        publish_key=task.publish_key,
        markdown=store.uri_of(f"{place}report.md"),
        html=None if page is None else store.uri_of(f"{place}report.html"),
        results=store.uri_of(f"{place}results.json"),
        promoted=promotion.promoted,
        not_promoted=promotion.not_promoted,
    )
    _log(result, log)
    return _finish(store, marker, result)


def gather(task: PublishTask, store: Store, locate: Locate, now: datetime, log: Log) -> Facts:
    """Everything that the report needs to know, except the promotion."""
    evaluations = {item.symbol: read_evaluation(item.evaluation, locate) for item in task.items if item.evaluation}
    before = {item.symbol: promoted_before(store, item) for item in task.items}
    return Facts(
        task=task,
        judgement=Judgement.model_validate(task.judgement),
        written_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        evaluations=evaluations,
        before=before,
        lives=read_lives(store, before, log),
        cards={item.symbol: read_card(item.model, locate) for item in task.items if item.model},
        trades=traded.read_traded(task.items, evaluations, locate, log),
    )


def read_evaluation(evaluation: FileRef, locate: Locate) -> dict[str, Any]:
    """An evaluation.json. Raises NotFoundError where it is gone, and DataError where it is not the one that was judged."""
    source = locate(evaluation.uri)
    stored = read_if_there(source.store, source.key)
    advice = "restore that file and use `retrain retry`, or train again with a new retrain.crpbot.dev/rerun token."
    if stored is None:
        raise NotFoundError(reasons.EVALUATION_NOT_FOUND, f"{evaluation.uri} no longer exists; {advice}")
    # A status has room only for the first digits.
    if not evaluation.sha256 or not sha256(stored.data).hexdigest().startswith(evaluation.sha256):
        raise DataError(reasons.EVALUATION_CHANGED, f"{evaluation.uri} is not the file that was judged; {advice}")
    return dict(json.loads(stored.data))


def read_card(model: FileRef, locate: Locate) -> dict[str, Any]:
    """The card beside a model; empty where there is none, and the report then says that it has no training curves."""
    source = locate(card_file(model.uri))
    stored = read_if_there(source.store, source.key)
    try:
        card = json.loads(stored.data) if stored else {}
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def promoted_before(store: Store, item: PublishItem) -> Previous | None:
    """The model in service before this one, even where an interrupted publication has already flipped the pointer."""
    try:
        today = read_pointer(store, item.symbol)
    except DataError:
        return None  # the promotion fails on it where there is one; a report alone does not have to
    if today is None:
        return None
    ours = item.model is not None and item.model.sha256 == today.pointer.model.sha256
    return today.pointer.previous if ours else today.pointer.as_previous()


def results_document(facts: Facts) -> dict[str, Any]:
    """results.json: everything that the verdict was judged from and the outcome, enough to judge again."""
    task, promotion = facts.task, facts.promotion
    return {
        "schemaVersion": 1,
        "run": to_wire(task.run),
        "number": task.number,
        "publishKey": task.publish_key,
        "started": task.started,
        "writtenAt": facts.written_at,
        "approvedBy": task.approved_by,
        "override": task.override,
        "spec": task.spec,
        "items": [to_wire(item) for item in task.items],
        "judgement": task.judgement,
        "luck": {item.symbol: facts.evaluation(item).get("luck") for item in facts.measured},
        "before": {symbol: to_wire(old) if old else None for symbol, old in facts.before.items()},
        "promotion": None
        if promotion is None
        else {
            "promoted": [to_wire(model) for model in promotion.promoted],
            "notPromoted": [to_wire(model) for model in promotion.not_promoted],
        },
    }


def _page(facts: Facts, log: Log) -> Page | None:
    """A function that makes report.html; its plots are drawn once, because they do not depend on the promotion.

    None where they can't be drawn, or where a custom image has no matplotlib: a plot that fails must not keep a model
    from being promoted.
    """
    try:
        from retrain_trainer.report.html import draw, page  # loads matplotlib, which takes a second

        drawn = draw(facts)
    except Exception as problem:
        log(f"No report.html: its plots could not be drawn ({place_of(problem)}); see report.md.")
        return None
    return lambda known: page(known, drawn)


def _write_report(store: Store, place: str, facts: Facts, page: Page | None) -> None:
    text = json.dumps(results_document(facts), indent=2, allow_nan=False) + "\n"
    store.write(f"{place}results.json", text.encode())
    if facts.trades:
        store.write(f"{place}{TRADES_FILE}", traded.trades_file(facts.trades).encode())
    store.write(f"{place}report.md", render(facts).encode())
    if page is not None:
        store.write(f"{place}report.html", page(facts).encode())


def _candidate(store: Store, facts: Facts, item: PublishItem, locate: Locate) -> tuple[Candidate, Located]:
    if item.model is None or item.evaluation is None or item.measurement is None:
        raise SoftwareError(
            reasons.NOTHING_TO_PROMOTE, f"{item.symbol} is to be promoted but has no model or no measurement."
        )
    document = facts.evaluations[item.symbol]
    file = item.model.uri.rsplit("/", 1)[-1]
    after, times, blocks = facts.task.expires_after, times_in(document), rule_in(document)
    pointer = Pointer(
        **dict(times),
        **dict(blocks),
        symbol=item.symbol,
        model=FileRef(uri=store.uri_of(f"promoted/{file}"), sha256=item.model.sha256),
        run=facts.task.run,
        train_key=item.train_key,
        evaluate_key=item.evaluate_key,
        metrics=item.measurement.metrics,
        test=TestPeriod.model_validate(document["test"]),
        calibration=document.get("calibration", {}).get("method", "None"),
        promoted_at=facts.written_at,
        approved_by=facts.task.approved_by,
        override=facts.task.override,
    )
    pointer = pointer.model_copy(update={"expires_at": expiry(pointer.tested_end, after)})
    evaluation = {
        "measurement": to_wire(item.measurement),
        "test": document["test"],
        "evaluateKey": item.evaluate_key,
        "calibration": pointer.calibration,
    }
    lasting = {"expiresAfter": after} if after else {}
    card = {"evaluation": evaluation, **to_wire(times), **to_wire(blocks), **lasting}
    return Candidate(item.model, pointer, card, item.champion), locate(item.model.uri)


def _finished(store: Store, marker: str) -> PublishResult | None:
    stored = read_if_there(store, marker)
    return None if stored is None else PublishResult.model_validate_json(stored.data)


def _finish(store: Store, marker: str, result: PublishResult) -> PublishResult:
    """Write the marker, or return the result of whoever wrote it first."""
    try:
        store.write(marker, encode(result).encode(), if_absent=True)
    except Conflict:
        return _finished(store, marker) or result
    return result


def _log(result: PublishResult, log: Log) -> None:
    log(f"Report: {result.markdown}")
    for model in result.promoted:
        log(f"{model.symbol} promoted: {model.uri}")
    for refused in result.not_promoted:
        log(f"{refused.symbol} not promoted: {refused.message}")
