"""What lies where a feature file should be: a CSV file beside it, or a folder of parts, and the command that helps."""

from __future__ import annotations

from pathlib import Path

from retrain_api.errors import NotFoundError, RetrainError
from retrain_api.names import data_file_uri
from retrain_api.spec.data import Data
from retrain_trainer.store.base import Store

from .parquet import folder_of_parts

_CSV = (".csv", ".csv.gz", ".csv.zip", ".zip")
_MOST_FILES = 3


def explained(error: RetrainError, store: Store, key: str, symbol: str, interval: str) -> RetrainError:
    """`error` for the file `key` of `symbol`, or a better one where something of use lies in its place.

    Asks for one listing. Where none is allowed, the error stays as it is.
    """
    try:
        keys = _disk_keys(Path(store.uri.removeprefix("file://")), key) if _on_disk(store) else _keys(store, key)
    except (RetrainError, OSError):
        return error
    options = _options(key, symbol, interval)
    if any(found.startswith(f"{key}/") and found.endswith(".parquet") for found in keys):
        return folder_of_parts(store.uri_of(key), options)
    tables = _of_symbol([found for found in keys if found.lower().endswith(_CSV)], symbol, key)
    if not tables:
        return error
    return NotFoundError(error.reason, f"{_shown(store, key)} does not exist, {_beside(store, tables, options)}")


def _on_disk(store: Store) -> bool:
    return store.uri.startswith("file://")


def _shown(store: Store, key: str) -> str:
    return store.uri_of(key).removeprefix("file://")


def _keys(store: Store, key: str) -> list[str]:
    return store.list(key.removesuffix(".parquet"))


def _disk_keys(folder: Path, key: str) -> list[str]:
    """The files of the folder itself; a data folder may have a great many below it."""
    parts = [f"{key}/{part.name}" for part in (folder / key).iterdir()] if (folder / key).is_dir() else []
    return parts + sorted(path.name for path in folder.iterdir() if path.is_file())


def _options(key: str, symbol: str, interval: str) -> str:
    usual = data_file_uri("", Data.model_fields["filename"].default, symbol, interval).lstrip("/")
    return f"--symbol {symbol} --interval {interval}" + ("" if key == usual else f" --filename {key}")


def _of_symbol(names: list[str], symbol: str, key: str) -> list[str]:
    """The files that are named for the symbol; where there is just one file, that one."""
    stem = key.removesuffix(".parquet").lower()
    base = symbol.partition("-")[0].lower()
    same = [name for name in names if name.lower().startswith(stem) or _letters(symbol) in _letters(name)]
    return same or [name for name in names if name.lower().startswith(base)] or (names if len(names) == 1 else [])


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _beside(store: Store, names: list[str], options: str) -> str:
    more = f" and {len(names) - _MOST_FILES} more" if len(names) > _MOST_FILES else ""
    listed = ", ".join(names[:_MOST_FILES]) + more
    lie, it = ("lies", "it") if len(names) == 1 else ("lie", "them")
    folder = store.uri.removeprefix("file://")
    if not _on_disk(store):
        files = " ".join(names[:_MOST_FILES])
        return f"but {listed} {lie} beside it; download {it}, then: `retrain import {files} {options} -o FOLDER`."
    files = " ".join(folder + name for name in names[:_MOST_FILES]) + (" ..." if more else "")
    return f"but {listed} {lie} beside it; make the file from {it}: `retrain import {files} {options} -o {folder}`."
