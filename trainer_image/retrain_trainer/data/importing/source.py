"""One file as a person has it: CSV (plain, gzip or zip) or parquet, told apart by its first bytes, not by its name."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, DataError, NotFoundError
from retrain_trainer.data.files.parquet import open_parquet

from .csv_text import read_csv

_HEAD_BYTES = 1 << 16
_KINDS = (".parquet", ".csv", ".csv.gz", ".gz", ".zip", ".txt", ".tsv")


@dataclass(frozen=True)
class Source:
    """A file's columns under the names it gives them. `first_line` is the line of row 0, where the file has lines.

    `unread` are columns that were not wanted.
    """

    name: str
    table: pa.Table
    first_line: int | None = None
    unread: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where a row is, for messages."""
        return (
            f"row {row} of {self.name}" if self.first_line is None else f"line {self.first_line + row} of {self.name}"
        )


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files at `paths`; a folder stands for the parts in it, in the order of their names.

    Raises NotFoundError("FileNotFound"), and DataError("Unreadable") for a folder without such files.
    """
    return [file for path in paths for file in _files(path)]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if not path.exists():
            raise NotFoundError(reasons.FILE_NOT_FOUND, f"There is no file {path}.")
        yield path
        return
    parts = [part for part in sorted(path.iterdir()) if part.name.endswith(_KINDS) and part.name[0] not in "._"]
    if not parts:
        raise DataError(
            reasons.UNREADABLE, f"{path} is a folder with neither CSV nor parquet files in it; name the files."
        )
    yield from parts


def open_source(
    path: Path, names: Sequence[str] | None, decimal: str, unwanted: Callable[[str], bool] = lambda name: False
) -> Source:
    """Read a file. `names` are the columns of a CSV file without a header, `decimal` its decimal point.

    Columns of a CSV file that are `unwanted` are not read.

    Raises DataError for what can't be read, ConfigurationError where a flag must say how.
    """
    data = _bytes(path)
    if data[:4] == b"PAR1":
        return Source(path.name, open_parquet(path).read_all())
    try:
        text = _unpacked(path, data)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        raise DataError(reasons.DAMAGED, f"{path.name} is cut off or damaged; download it again.") from None
    read = read_csv(path.name, text, names, decimal, unwanted)
    return Source(path.name, read.table, read.first_line, read.unread)


def open_head(path: Path) -> Source:
    """The first rows of a CSV file, enough to see what it holds; raises as `open_source` does."""
    try:
        data = _head(path)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(reasons.UNREADABLE, f"{path} cannot be read: {error.strerror}.") from None
        raise DataError(reasons.DAMAGED, f"{path.name} is cut off or damaged; download it again.") from None
    read = read_csv(path.name, data[: data.rfind(b"\n") + 1] or data, None, ".", lambda name: False)
    return Source(path.name, read.table, read.first_line)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        start = stream.read(_HEAD_BYTES)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(path) as text:
            return text.read(_HEAD_BYTES)
    if start[:4] != b"PK\x03\x04":
        return start
    with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as text:
        return text.read(_HEAD_BYTES)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(reasons.UNREADABLE, f"{path} cannot be read: {error.strerror}.") from None


def _unpacked(path: Path, data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] != b"PK\x03\x04":
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(_member(path, archive))


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if name.lower().endswith((".csv", ".txt", ".tsv"))]
    if len(members) != 1:
        raise ConfigurationError(
            reasons.BAD_OPTIONS,
            f"{path.name} holds {len(members)} CSV files, and one is read from a zip file; unzip it and name the files.",
        )
    return members[0]
