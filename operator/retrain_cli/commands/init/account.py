"""What `retrain init` found, and what to do next, in a few lines. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from .candle_files import CandleFiles, Importable, Readable
from .checks import Checked
from .choice import MOST_SYMBOLS, USUAL, Choice, import_symbol
from .run_text import Start, quorum

_MOST = 8


def account(
    found: CandleFiles, choice: Choice, results: Sequence[Checked], start: Start, more: Sequence[str]
) -> Iterator[str]:
    """One line for each thing that was found; `more` are lines about the machine."""
    yield from _files(found, choice, results, start)
    yield from _few([f"Not used: {sentence}" for sentence in found.unusable])
    yield from _few(list(_unnamed(found, choice)))
    yield from _others([one for one in choice.others if one.market is not None and choice.files], start)
    yield from more
    if choice.files:
        many = ": gate.minPassed sets how many" if len(start.symbols) > 1 else ""
        yield f"For promotion {quorum(start)} pass the gate{many}."


def _files(found: CandleFiles, choice: Choice, results: Sequence[Checked], start: Start) -> Iterator[str]:
    folder = f"{found.folder}/"
    if not found:
        yield f"No candle files were found in {folder} or beside it; the run's symbols are to be put in by you."
        return
    yield from _few([f"{one.symbol}: {one.bars} ({folder}{one.file})" for one in results if one.error is None])
    yield from _features([one for one in results if one.error is None])
    for one in results:
        if one.error is not None:
            left = "is left out" if one.symbol not in start.symbols else "can't be trained yet"
            yield f"{one.symbol} {left}: {one.error}"
    names = dict.fromkeys(one.market.written for one in found.readable if one.market)
    has = f", which has {', '.join(names)}" if names else ""
    yield from _few([f"{symbol}: there is no file of it in {folder}{has}." for symbol in choice.missing])


def _features(results: Sequence[Checked]) -> Iterator[str]:
    """What is learnt from: once where it is the same for all symbols."""
    lines = {one.features for one in results}
    if len(lines) == 1:
        yield f"Learnt from: {lines.pop()}"
        return
    yield from _few([f"{one.symbol} learns from: {one.features}" for one in results])


def _unnamed(found: CandleFiles, choice: Choice) -> Iterator[str]:
    for one in found.readable:
        if one.market is None and one.file not in choice.files.values():
            yield f"{one.file} does not say which market it holds: --symbols BTC-USD, for example."


def _others(others: Sequence[Readable], start: Start) -> Iterator[str]:
    """Files that the run does not read, because it has one interval and one filename for all symbols."""
    lengths = dict.fromkeys(one.interval for one in others if one.interval != start.interval)
    for length in lengths:
        files = [one.file for one in others if one.interval == length]
        yield f"Bars of {length} are not used: {_listed(files)}. A run has one interval; for these: --interval {length}."
    same = [one for one in others if one.interval == start.interval]
    beyond = [one.file for one in same if one.filename == start.filename]
    if beyond:
        yield f"Not used: {_listed(beyond)}. {_why_beyond(start)}"
    rest = [one.file for one in same if one.filename != start.filename]
    if rest:
        yield (
            f"Not used: {_listed(rest)}. A run finds its files by one name, here {start.filename}; "
            "`retrain import FILE --symbol SYMBOL -o DIR` writes a file under the usual name."
        )


def _why_beyond(start: Start) -> str:
    """Why files that the run's own filename would find are not in it."""
    full = len(start.symbols) == MOST_SYMBOLS
    return f"A run has at most {MOST_SYMBOLS} symbols." if full else "Their symbols are not among those of --symbols."


def next_step(found: CandleFiles, choice: Choice, start: Start, file: str) -> Iterator[str]:
    """The next commands."""
    check = f"retrain doctor -f {shlex.quote(file)}"
    folder = "" if str(found.folder) == "." else f"{found.folder}/"
    if choice.imports:
        yield "Next, make the files that the run reads:"
        yield from (f"    {line}" for one in choice.imports[:_MOST] for line in _import(one, choice, start, folder))
        yield f"Then: {check}"
        return
    if choice.more:
        yield "Not used, because it is no parquet file that a run reads; to add it, make one and start again with --force:"
        yield from (f"    {line}" for one in choice.more[:_MOST] for line in _import(one, choice, start, folder))
    if not choice.files:
        yield f"Next: retrain import FILE... --symbol {start.symbols[0]} -o {_data_folder(start)}    # CSV or parquet candles"
        kind = " --schedule" if start.timing else ""
        yield f"Then: retrain init {start.name}{kind} -o {shlex.quote(file)} --force, which looks again."
    else:
        run = "schedule run" if start.timing else "run"
        yield f"Next: {check}, then: retrain {run} -f {shlex.quote(file)}"


def _import(one: Importable, choice: Choice, start: Start, folder: str) -> Iterator[str]:
    """The command that makes one file of these, and what it will ask for."""
    files = " ".join(shlex.quote(f"{folder}{file}") for file in one.files[:_MOST])
    more = f"    # and {len(one.files) - _MOST} more" if len(one.files) > _MOST else ""
    name = (
        ""
        if start.filename == USUAL or "{symbol}" not in start.filename
        else f" --filename {shlex.quote(start.filename)}"
    )
    yield f"retrain import {files} --symbol {import_symbol(one, choice)}{name} -o {_data_folder(start)}{more}"
    if one.note:
        yield f"    it will say: {one.note}"


def _data_folder(start: Start) -> str:
    """The folder of data.uri, as a person in the folder of the run's file writes it."""
    return shlex.quote(start.uri.removeprefix("file://").removeprefix("./") or "./")


def _listed(files: Sequence[str]) -> str:
    more = f" and {len(files) - _MOST} more" if len(files) > _MOST else ""
    return ", ".join(files[:_MOST]) + more


def _few(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"... and {len(lines) - _MOST} more"
