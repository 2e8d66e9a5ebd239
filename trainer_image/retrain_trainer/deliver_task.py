"""The deliver command: copies of the report and the promoted models in other places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from retrain_api.documents import Delivered, DeliverResult, DeliverTarget, DeliverTask
from retrain_api.errors import DataError, RetrainError, SoftwareError
from retrain_api.names import backup_purpose, card_file, folder

from .credentials import environ_for
from .locate import Locate, open_artifacts
from .store import open_store

Log = Callable[[str], None]

_MESSAGE = 300
"""Longest message of a target: with 8 backups and git, all fit a termination message."""
_GIT = "report.git is not supported by this trainer version yet"


def run(task: DeliverTask, environ: Mapping[str, str], log: Log) -> DeliverResult:
    """Copy to every place of `task`; one that fails does not keep the others from theirs.

    Raises the error of the first required place that failed, after all were tried; and, before any is, what the
    artifacts store raises, or DataError("ModelChanged") for a promoted file that is not the one that was promoted.
    """
    _, locate = open_artifacts(task.artifacts_uri, environ)
    with TemporaryDirectory(prefix="deliver-") as place:
        copies = _fetch(task, locate, Path(place))
        tried = [(target, _deliver(target, copies, environ, log)) for target in task.backups]
    for target, error in tried:
        if target.required and error is not None:
            raise type(error)(error.reason, f"The required copy to {target.name} failed: {error.message}")
    targets = tuple(_outcome(target, error) for target, error in tried)
    if task.git is not None:
        log(f"git: {_GIT}")
        targets += (Delivered(name="git", ok=False, message=_GIT),)
    return DeliverResult(targets=targets)


def _fetch(task: DeliverTask, locate: Locate, place: Path) -> dict[str, tuple[Path, str]]:
    """Local copies of all that is delivered, with sha256, by their name under a backup's URI."""
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


def _deliver(
    target: DeliverTarget, copies: Mapping[str, tuple[Path, str]], environ: Mapping[str, str], log: Log
) -> RetrainError | None:
    """Copy everything to one place; the error that kept it from being complete, or None."""
    try:
        store = open_store(target.uri, environ_for(backup_purpose(target.name), environ))
        for name, (path, sha256) in copies.items():
            if store.upload(name, path) != sha256:
                raise SoftwareError("CopyDiffers", f"{store.uri_of(name)} differs from its original after the copy.")
    except RetrainError as error:
        log(f"{target.name}: {error.message}")
        return error
    log(f"{target.name}: {len(copies)} files copied to {target.uri}")
    return None


def _outcome(target: DeliverTarget, error: RetrainError | None) -> Delivered:
    if error is None:
        return Delivered(name=target.name, ok=True)
    return Delivered(name=target.name, ok=False, message=error.message[:_MESSAGE])
