"""The publish command: the report of a judgement, then the promotion, then the report again with what came of it.

A publication is finished when its marker is there. The marker is written last and by one writer only, so a
repeated Job repeats the result, and an interrupted one does all of it again, which changes nothing that was done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from retrain_api.documents import FileRef, PublishItem, PublishResult, PublishTask, encode
from retrain_api.errors import DataError, NotFoundError, SoftwareError
from retrain_api.gate import Judgement
from retrain_api.names import card_file, report_folder
from retrain_api.schema import to_wire

from .locate import Locate, Located, open_artifacts, read_if_there
from .pointer import Pointer, Previous, TestPeriod, read_pointer
from .promote import Candidate, promote
from .report import Facts, render
from .store import Conflict, Store

Log = Callable[[str], None]
Page = Callable[[Facts], str]


def run(task: PublishTask, environ: Mapping[str, str], log: Log) -> PublishResult:
    """Publish what `task` says; a publication that is finished is repeated from the store.

    Raises DataError where a model or an evaluation is not the one that was judged, and what the store raises.
    """
    store, locate = open_artifacts(task.artifacts_uri, environ)
    return publish(task, store, locate, datetime.now(UTC), log)


def publish(task: PublishTask, store: Store, locate: Locate, now: datetime, log: Log) -> PublishResult:
    """All of `run`, with the store opened and the time given."""
    place = report_folder(task.run.namespace, task.run.name, task.run.uid, task.number)
    marker = f"{place}published-{task.publish_key}.json"
    finished = _finished(store, marker)
    if finished is not None:
        log(f"Already published: {finished.markdown}")
        return finished
    facts = gather(task, store, locate, now)
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
    return _settle(store, marker, result)


def gather(task: PublishTask, store: Store, locate: Locate, now: datetime) -> Facts:
    """Everything the report needs to know besides the promotion."""
    return Facts(
        task=task,
        judgement=Judgement.model_validate(task.judgement),
        written_at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        evaluations={item.symbol: read_evaluation(item.evaluation, locate) for item in task.items if item.evaluation},
        before={item.symbol: promoted_before(store, item) for item in task.items},
        cards={item.symbol: read_card(item.model, locate) for item in task.items if item.model},
    )


def read_evaluation(evaluation: FileRef, locate: Locate) -> dict[str, Any]:
    """The details of a measurement; NotFoundError or DataError where they are not those that were judged."""
    source = locate(evaluation.uri)
    stored = read_if_there(source.store, source.key)
    advice = "evaluate again with a new retrain.crpbot.dev/rerun token."
    if stored is None:
        raise NotFoundError("EvaluationNotFound", f"{evaluation.uri} is not there any more; {advice}")
    # A status has room for the first digits alone.
    if not evaluation.sha256 or not sha256(stored.data).hexdigest().startswith(evaluation.sha256):
        raise DataError("EvaluationChanged", f"{evaluation.uri} is not the file that was judged; {advice}")
    return dict(json.loads(stored.data))


def read_card(model: FileRef, locate: Locate) -> dict[str, Any]:
    """The card beside a model, empty where there is none: the report then has no training curves, and says so."""
    source = locate(card_file(model.uri))
    stored = read_if_there(source.store, source.key)
    try:
        card = json.loads(stored.data) if stored else {}
    except ValueError:
        return {}
    return card if isinstance(card, dict) else {}


def promoted_before(store: Store, item: PublishItem) -> Previous | None:
    """The model in service before this one, also where an interrupted publication has flipped the pointer already."""
    try:
        today = read_pointer(store, item.symbol)
    except DataError:
        return None  # the promotion says so where there is one; a report alone does not fail for it
    if today is None:
        return None
    ours = item.model is not None and item.model.sha256 == today.pointer.model.sha256
    return today.pointer.previous if ours else today.pointer.as_previous()


def results_document(facts: Facts) -> dict[str, Any]:
    """All that the verdict was judged from, and what came of it: enough to judge again."""
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
        "before": {symbol: to_wire(old) if old else None for symbol, old in facts.before.items()},
        "promotion": None
        if promotion is None
        else {
            "promoted": [to_wire(model) for model in promotion.promoted],
            "notPromoted": [to_wire(model) for model in promotion.not_promoted],
        },
    }


def _page(facts: Facts, log: Log) -> Page | None:
    """What makes report.html; its plots are drawn once, for they do not depend on the promotion.

    None where they can't be drawn, or where an image of one's own has no matplotlib: a picture that fails must not
    keep a model from being promoted.
    """
    try:
        from .report_html import draw, page  # loads matplotlib, which takes a second

        drawn = draw(facts)
    except Exception as problem:
        log(f"No report.html: its plots could not be drawn ({type(problem).__name__}: {problem}); see report.md.")
        return None
    return lambda known: page(known, drawn)


def _write_report(store: Store, place: str, facts: Facts, page: Page | None) -> None:
    text = json.dumps(results_document(facts), indent=2, allow_nan=False) + "\n"
    store.write(f"{place}results.json", text.encode())
    store.write(f"{place}report.md", render(facts).encode())
    if page is not None:
        store.write(f"{place}report.html", page(facts).encode())


def _candidate(store: Store, facts: Facts, item: PublishItem, locate: Locate) -> tuple[Candidate, Located]:
    if item.model is None or item.evaluation is None or item.measurement is None:
        raise SoftwareError("NothingToPromote", f"{item.symbol} shall be promoted and has no model or no measurement.")
    details = facts.evaluations[item.symbol]
    file = item.model.uri.rsplit("/", 1)[-1]
    pointer = Pointer(
        symbol=item.symbol,
        model=FileRef(uri=store.uri_of(f"promoted/{file}"), sha256=item.model.sha256),
        run=facts.task.run,
        train_key=item.train_key,
        evaluate_key=item.evaluate_key,
        metrics=item.measurement.metrics,
        test=TestPeriod.model_validate(details["test"]),
        calibration=details.get("calibration", {}).get("method", "None"),
        promoted_at=facts.written_at,
        approved_by=facts.task.approved_by,
        override=facts.task.override,
    )
    tested = {
        "measurement": to_wire(item.measurement),
        "test": details["test"],
        "evaluateKey": item.evaluate_key,
        "calibration": pointer.calibration,
    }
    return Candidate(item.model, pointer, {"evaluation": tested}), locate(item.model.uri)


def _finished(store: Store, marker: str) -> PublishResult | None:
    stored = read_if_there(store, marker)
    return None if stored is None else PublishResult.model_validate_json(stored.data)


def _settle(store: Store, marker: str, result: PublishResult) -> PublishResult:
    """Leave the marker, or take the result of whoever left it first."""
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
