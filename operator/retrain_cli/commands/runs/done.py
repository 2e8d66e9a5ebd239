"""A run that has ended before: when, and whether its data has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from retrain_api.errors import RetrainError
from retrain_api.formatting import age, listed
from retrain_api.names import data_file_uri
from retrain_api.run import RetrainRun
from retrain_api.status.symbol import SymbolStatus

Digest = Callable[[str], str | None]
"""sha256 of the file at a location, in hex; None where there is none, or where it can't be read."""

PATIENCE = 15.0
"""Seconds that a store may be away before the question whether the data has changed stays open."""


def nothing_to_do(run: RetrainRun, now: datetime, digest: Digest) -> str:
    """The first line of a command that has nothing to do, and what would give it something to do."""
    ended = run.status.completion_time
    when = f" {age((now - datetime.fromisoformat(ended)).total_seconds())} ago" if ended else ""
    return f"Nothing to do: {run.metadata.name} ended{when}, {run.status.state}. {data_since(run, digest)}"


def data_since(run: RetrainRun, digest: Digest) -> str:
    """Whether the files are still those that were learnt from."""
    kept = {entry.symbol: pin for entry in run.status.symbols if (pin := pinned(entry))}
    found = {symbol: digest(location(run, symbol)) for symbol in kept}
    changed = [symbol for symbol, now in found.items() if now is not None and not now.startswith(kept[symbol])]
    unread = [symbol for symbol, now in found.items() if now is None]
    if changed:
        return f"The data of {listed(changed)} has changed since; --rerun trains on it."
    if unread:
        return f"Whether the data of {listed(unread)} has changed since is unknown: it can't be read now."
    if not kept:
        return "--rerun trains anew."
    return "The data is the same as then; --rerun trains on it once more."


def pinned(entry: SymbolStatus) -> str:
    """The first half of the digits of the file's sha256; empty where nothing was learnt from."""
    return entry.result.data.sha256 if entry.result and entry.result.data else ""


def location(run: RetrainRun, symbol: str) -> str:
    """Of a symbol's file."""
    data = run.spec.data
    return data_file_uri(data.uri, data.filename, symbol, data.interval)


def digest_of(environ: Mapping[str, str]) -> Digest:
    """Reads the whole file: from this machine, or through a copy of what is elsewhere."""

    def found(uri: str) -> str | None:
        try:
            return _here(Path(uri.removeprefix("file://"))) if uri.startswith("file://") else _elsewhere(uri, environ)
        except (OSError, ImportError, RetrainError):
            return None

    return found


def _here(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _elsewhere(uri: str, environ: Mapping[str, str]) -> str:
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.open import open_store, split_uri

    root, name = split_uri(uri)
    with TemporaryDirectory(prefix="retrain-") as scratch:
        return str(open_store(root, environ_for("data", environ), PATIENCE).download(name, Path(scratch) / name))
