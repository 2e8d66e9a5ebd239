"""The deliver command: copies of the report and the promoted models in other places, the report in a Git repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from retrain_api.documents import Delivered, DeliverResult, DeliverTarget, DeliverTask
from retrain_api.errors import DataError, RetrainError, SoftwareError
from retrain_api.names import backup_purpose, card_file, file_name, folder

from .credentials import environ_for
from .git_report import Branch, push_files
from .locate import Locate, open_artifacts
from .store import Patience, open_store

Log = Callable[[str], None]
Copies: TypeAlias = Mapping[str, tuple[Path, str]]
"""Local path and sha256 of each file, by its name under a backup's URI."""

_MESSAGE = 300
"""Longest message of a target: with 8 backups and git, all fit a termination message."""
_GIT = "report.git"
"""Its name among the places; a backup's has no dot."""
_GIT_PATIENCE = Patience(120)


def run(task: DeliverTask, environ: Mapping[str, str], log: Log) -> DeliverResult:
    """Deliver to every place of `task`; one that fails does not keep the others from theirs.

    Raises the error of the first required place that failed, after all were tried; and, before any is, what the
    artifacts store raises, or DataError("ModelChanged") for a promoted file that is not the one that was promoted.
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
    """Local copies of all that is delivered."""
    expected = {model.uri: model.sha256 for model in task.promoted}
    cards = [card_file(uri) for uri in expected if locate(card_file(uri)).store.head(locate(card_file(uri)).key)]
    copies = {}
    for number, uri in enumerate((*task.files, *expected, *cards)):
        source, path = locate(uri), place / str(number)
        sha256 = source.store.download(source.key, path)
        if expected.get(uri, sha256) != sha256:
            raise DataError("ModelChanged", f"{uri} is not the file that was promoted; promote the model again.")
        copies[_name(uri, task.artifacts_uri)] = (path, sha256)
    return copies


def _name(uri: str, artifacts_uri: str) -> str:
    """The same path as under the artifacts; the bare file name for a file from elsewhere."""
    within = folder(artifacts_uri)
    return uri.removeprefix(within) if uri.startswith(within) else uri.rsplit("/", 1)[-1]


def _tried(name: str, deliver: Callable[[], str], log: Log) -> RetrainError | None:
    """The error that kept a delivery from being complete, or None; either is told in the log."""
    try:
        done = deliver()
    except RetrainError as error:
        log(f"{name}: {error.message}")
        return error
    log(f"{name}: {done}")
    return None


def _copy(target: DeliverTarget, copies: Copies, environ: Mapping[str, str]) -> str:
    """Copy everything to one place."""
    store = open_store(target.uri, environ_for(backup_purpose(target.name), environ))
    for name, (path, sha256) in copies.items():
        if store.upload(name, path) != sha256:
            raise SoftwareError("CopyDiffers", f"{store.uri_of(name)} differs from its original after the copy.")
    return f"{len(copies)} files copied to {target.uri}"


def _push(task: DeliverTask, copies: Copies, environ: Mapping[str, str]) -> str:
    """Commit the report and push it."""
    branch = Branch(**(task.git or {}))
    where = f"branch {branch.branch} of {branch.url}"
    reports = {uri: copies[_name(uri, task.artifacts_uri)][0] for uri in task.files}
    files = {
        branch.file(task.run.namespace, task.run.name, uri.rsplit("/", 2)[-2], file_name(uri)): path
        for uri, path in reports.items()
    }
    results = next((path for uri, path in reports.items() if file_name(uri) == "results.json"), None)
    if results is None:
        raise DataError(
            "NoReport", "There is no results.json among what is delivered, so there is no report to commit."
        )
    commit = push_files(branch, files, subject(json.loads(results.read_bytes())), environ, _GIT_PATIENCE)
    return f"the report is on {where} already" if commit is None else f"commit {commit[:12]} on {where}"


def subject(results: Mapping[str, Any]) -> str:
    """A commit's line: run, number, verdict; `results` is a report's results.json."""
    run, judgement = results["run"], results["judgement"]
    counts = f"{judgement['passed']} of {judgement['total']} pass, {judgement['required']} needed"
    return f"{run['namespace']}/{run['name']} report {results['number']}: {judgement['verdict']} ({counts})"


def _outcome(name: str, error: RetrainError | None) -> Delivered:
    if error is None:
        return Delivered(name=name, ok=True)
    return Delivered(name=name, ok=False, message=error.message[:_MESSAGE])
