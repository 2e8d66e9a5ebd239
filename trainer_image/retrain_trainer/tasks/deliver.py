"""The deliver command: copies the report and the promoted models to other places, and commits the report to Git.

These copies are what is left if the artifacts store is lost. One place that fails must not keep the others from theirs, so
every place is tried, and what was delivered is compared with its original.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from retrain_api import reasons
from retrain_api.documents.results import Delivered, DeliverResult
from retrain_api.documents.tasks import DeliverTarget, DeliverTask
from retrain_api.errors import DataError, RetrainError, SoftwareError
from retrain_api.names import TRADES_FILE, backup_purpose, card_file, file_name, folder
from retrain_trainer.deliver.git_report import Branch, push_files
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import Locate, open_artifacts
from retrain_trainer.store.open import open_store
from retrain_trainer.store.patience import Patience

Log = Callable[[str], None]
Copies: TypeAlias = Mapping[str, tuple[Path, str]]
"""Local path and sha256 of each file, by its name under a backup's URI."""

_MESSAGE = 300
"""Longest message of a target, so that those of 8 backups and git fit into one termination message."""
_GIT = "report.git"
"""The name of the Git repository among the targets; a backup's name can't contain a dot."""
_GIT_PATIENCE = Patience(120)


def run(task: DeliverTask, environ: Mapping[str, str], log: Log) -> DeliverResult:
    """Deliver to every target of `task`; one that fails does not keep the others from theirs.

    Raises the error of the first required target that failed, after all targets were tried. Before any is tried, raises
    what the artifacts store raises, and DataError("ModelChanged") for a promoted file with other bytes than were promoted.
    """
    _, locate = open_artifacts(task.artifacts_uri, environ)
    with TemporaryDirectory(prefix="deliver-") as place:
        copies = _fetch(task, locate, Path(place))
        tried = [(target, _tried(target.name, partial(_copy, target, copies, environ), log)) for target in task.backups]
        pushed = () if task.git is None else (_outcome(_GIT, _tried(_GIT, partial(_push, task, copies, environ), log)),)
    for target, error in tried:
        if target.required and error is not None:
            raise type(error)(error.reason, f"The required copy to {target.name} failed: {error.message}")
    return DeliverResult(targets=tuple(_outcome(target.name, error) for target, error in tried) + pushed)


def _fetch(task: DeliverTask, locate: Locate, place: Path) -> Copies:
    """Download everything that is delivered."""
    expected = {model.uri: model.sha256 for model in task.promoted}
    cards = [card_file(uri) for uri in expected if locate(card_file(uri)).store.head(locate(card_file(uri)).key)]
    trades = [uri for uri in _trades(task) if locate(uri).store.head(locate(uri).key)]
    copies = {}
    for number, uri in enumerate((*task.files, *trades, *expected, *cards)):
        source, path = locate(uri), place / str(number)
        sha256 = source.store.download(source.key, path)
        if expected.get(uri, sha256) != sha256:
            raise DataError(reasons.MODEL_CHANGED, f"{uri} is not the file that was promoted; promote the model again.")
        copies[_name(uri, task.artifacts_uri)] = (path, sha256)
    return copies


def _trades(task: DeliverTask) -> list[str]:
    """Where the report's list of trades is, if it has one; those of older releases have none."""
    return [f"{place}/{TRADES_FILE}" for place in dict.fromkeys(uri.rsplit("/", 1)[0] for uri in task.files)]


def _name(uri: str, artifacts_uri: str) -> str:
    """The path of a file under the artifacts; only the file name for a file from elsewhere."""
    within = folder(artifacts_uri)
    return uri.removeprefix(within) if uri.startswith(within) else uri.rsplit("/", 1)[-1]


def _tried(name: str, deliver: Callable[[], str], log: Log) -> RetrainError | None:
    """The error that made a delivery fail, or None; writes either outcome to the log."""
    try:
        done = deliver()
    except RetrainError as error:
        log(f"{name}: {error.message}")
        return error
    log(f"{name}: {done}")
    return None


def _copy(target: DeliverTarget, copies: Copies, environ: Mapping[str, str]) -> str:
    """Copy everything to one backup, and return the line for the log."""
    store = open_store(target.uri, environ_for(backup_purpose(target.name), environ))
    for name, (path, sha256) in copies.items():
        if store.upload(name, path) != sha256:
            raise SoftwareError(reasons.COPY_DIFFERS, f"{store.uri_of(name)} differs from its original after the copy.")
    return f"{len(copies)} files copied to {target.uri}"


def _push(task: DeliverTask, copies: Copies, environ: Mapping[str, str]) -> str:
    """Commit and push the report, and return the line for the log."""
    branch = Branch(**(task.git or {}))
    where = f"branch {branch.branch} of {branch.url}"
    names = {uri: _name(uri, task.artifacts_uri) for uri in (*task.files, *_trades(task))}
    reports = {uri: copies[name][0] for uri, name in names.items() if name in copies}
    files = {
        branch.file(task.run.namespace, task.run.name, uri.rsplit("/", 2)[-2], file_name(uri)): path
        for uri, path in reports.items()
    }
    results = next((path for uri, path in reports.items() if file_name(uri) == "results.json"), None)
    if results is None:
        raise DataError(
            reasons.NO_REPORT, "There is no results.json among the files to deliver, so there is no report to commit."
        )
    commit = push_files(branch, files, subject(json.loads(results.read_bytes())), environ, _GIT_PATIENCE)
    return f"the report is on {where} already" if commit is None else f"commit {commit[:12]} on {where}"


def subject(results: Mapping[str, Any]) -> str:
    """The subject of a commit: run, number and verdict; `results` is a report's results.json."""
    run, judgement = results["run"], results["judgement"]
    counts = f"{judgement['passed']} of {judgement['total']} pass, {judgement['required']} needed"
    return f"{run['namespace']}/{run['name']} report {results['number']}: {judgement['verdict']} ({counts})"


def _outcome(name: str, error: RetrainError | None) -> Delivered:
    if error is None:
        return Delivered(name=name, ok=True)
    return Delivered(name=name, ok=False, message=error.message[:_MESSAGE])
