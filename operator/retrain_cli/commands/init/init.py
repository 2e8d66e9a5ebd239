"""`retrain init`: look at the candles, their columns and the GPU that are here, and write a RetrainRun that runs as it stands."""

from __future__ import annotations

import argparse
import json
import os.path
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from retrain_api.errors import SoftwareError
from retrain_api.extras import lacking
from retrain_api.schedule import parse_schedule
from retrain_api.schema.editor import editor_schema
from retrain_api.time import Interval
from retrain_cli.commands.doctor.machine import gpu_names
from retrain_cli.inputs.output_file import require_ending, require_new, write_text

from .account import account, next_step
from .candle_files import CandleFiles, first_with_candles, require_folder
from .checks import Checked, checked
from .choice import Choice, choose
from .run_text import SCHEMA_FILE, Start, full_text, short_text
from .schedule_text import schedule_text
from .timing import timing

HELP = "look at candles and GPU here, and write a run to start from"
DEFAULT_FILE = "retrain.yaml"
SCHEDULE_FILE = "schedule.yaml"
DEFAULT_SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
_MOST_FOLDERS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain init` takes."""
    parser.description = (
        "Looks for candle files beside FILE, in data/ first, and for a GPU, and writes a RetrainRun, or a RetrainSchedule, for them, with a JSON Schema "
        f"for editors ({SCHEMA_FILE}). It reads nothing else and needs no network."
    )
    parser.add_argument("name", nargs="?", default="improved-lstm", help="name of the run (default: %(default)s)")
    parser.add_argument("--symbols", metavar="A,B", help="what to train, separated by commas (default: what is found)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the candle files (default: data/, then others)"
    )
    parser.add_argument("--interval", help="time between two bars, where files of several are found: 1m, 1h ...")
    parser.add_argument("--device", choices=["GPU", "CPU"], help="where models are trained (default: as found here)")
    parser.add_argument(
        "--schedule",
        action="store_true",
        help=f"write a RetrainSchedule of such runs, proven on the past, to {SCHEDULE_FILE} where no -o is given",
    )
    parser.add_argument("--full", action="store_true", help="write every field, with what it is and its default")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"file to write; - for standard output (default: {DEFAULT_FILE})",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the files")


def run(args: argparse.Namespace) -> int:
    """Write run and schema, and say what was found.

    Raises ConfigurationError for a name, symbol or interval that no run can have, and where a file exists already.
    """
    output = args.output or (SCHEDULE_FILE if args.schedule else DEFAULT_FILE)
    printed = output == "-"
    if not printed:
        require_ending(Path(output), f"a {'schedule' if args.schedule else 'run'} is", ".yaml", ".yml")
    place = Path() if printed else Path(output).parent
    schema, schema_path = _schema_text(), place / SCHEMA_FILE
    wanted = _wanted(args.symbols)
    file = (SCHEDULE_FILE if args.schedule else DEFAULT_FILE) if printed else output
    _require_start(args, file, wanted)
    if not printed:
        _require_room(Path(output), schema_path, schema, args.force)
    found, trouble = _found(args.data, place)
    choice = choose(found, wanted, str(Interval.parse(args.interval)) if args.interval else None)
    device, gpu_line = _device(args.device)
    results = checked(found.folder, choice, _start(args, file, choice, found, place, device))
    start = _start(args, file, _without_failed(choice, results), found, place, device, results)
    text, start = _text(args, start, results, not printed)
    for line in account(found, choice, results, start, (*trouble, gpu_line)):
        print(line, file=sys.stderr if printed else sys.stdout)
    if printed:
        sys.stdout.write(text)
        return 0
    write_text(Path(output), text, args.force)
    if not _is_there(schema_path, schema):
        write_text(schema_path, schema, args.force)
    print(f"Wrote {output}, and beside it {SCHEMA_FILE}, with which editors check it as you type.")
    print("\n".join(next_step(found, choice, start, output)))
    return 0


def _require_start(args: argparse.Namespace, file: str, wanted: tuple[str, ...] | None) -> None:
    """Before any work. Raises ConfigurationError for a name, symbol or interval that no run, or no schedule, can have."""
    start = Start(args.name, file, DEFAULT_SYMBOLS if wanted is None else wanted, interval=args.interval or "1m")
    start.run  # noqa: B018
    if args.schedule:
        times = timing(start.interval, None)
        parse_schedule(yaml.safe_load(schedule_text(replace(start, timing=times), times, False, False)))


def _text(args: argparse.Namespace, start: Start, results: Sequence[Checked], schema: bool) -> tuple[str, Start]:
    """What is written, and what it begins with."""
    if not args.schedule:
        return (full_text if args.full else short_text)(start, schema), start
    rows = [one.rows for one in results if one.error is None]
    times = timing(start.interval, min(rows, default=None))
    start = replace(start, timing=times)
    return schedule_text(start, times, args.full, schema), start


def _wanted(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


@cache
def _schema_text() -> str:
    return json.dumps(editor_schema(), indent=1) + "\n"


def _require_room(output: Path, schema_path: Path, schema: str, force: bool) -> None:
    """Before anything is looked at or written. Raises ConfigurationError("FileExists")."""
    require_new(output, force)
    if not _is_there(schema_path, schema):
        require_new(schema_path, force)


def _is_there(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _found(data: Path | None, place: Path) -> tuple[CandleFiles, tuple[str, ...]]:
    """The candle files, and why they were not looked for, where the trainer is not installed here."""
    usual = data or place / "data"
    try:
        folders = [require_folder(data)] if data is not None else list(_folders(place))
        return first_with_candles(folders) or CandleFiles(usual), ()
    except ModuleNotFoundError as error:
        missing = lacking(error)
        if missing is None:
            raise
        return CandleFiles(usual), (f"Files were not looked at: {missing.message}",)


def _folders(place: Path) -> Iterator[Path]:
    """data/, the folder itself, then the others in it."""
    yield from (place / "data", place)
    try:
        below = sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] not in "._")
    except OSError:
        return
    yield from [path for path in below if path.name not in ("data", "artifacts")][:_MOST_FOLDERS]


def _device(given: str | None) -> tuple[str, str]:
    """The device, and what was found of it."""
    if given is not None:
        return given, f"train.device is {given}, as you say."
    try:
        names = gpu_names()
    except SoftwareError as error:
        return "CPU", f"train.device is CPU: {error.message}"
    if not names:
        return "CPU", "There is no GPU here: train.device is CPU, with a smaller model than the default."
    return "GPU", f"GPU found: {', '.join(names)}; train.device is GPU."


def _start(
    args: argparse.Namespace,
    file: str,
    choice: Choice,
    found: CandleFiles,
    place: Path,
    device: str,
    results: Sequence[Checked] = (),
) -> Start:
    own = dict.fromkeys(name for one in results for name in one.own)
    return Start(
        name=args.name,
        file=file,
        symbols=choice.symbols or DEFAULT_SYMBOLS,
        uri=_uri(place / "data" if found.folder == place and not choice.files else found.folder, place),
        filename=choice.filename,
        interval=choice.interval or "1m",
        device=device,
        own=tuple(own),
        guessed=not choice.symbols,
    )


def _without_failed(choice: Choice, results: Sequence[Checked]) -> Choice:
    """The choice without symbols whose file no training would take, unless they were asked for or none is left."""
    failed = {one.symbol for one in results if one.error is not None}
    left = tuple(symbol for symbol in choice.symbols if symbol not in failed)
    return replace(choice, symbols=left) if left and not choice.asked else choice


def _uri(folder: Path, place: Path) -> str:
    """The location of the data as the run's file writes it: relative where it lies beside or below that file."""
    if folder.is_absolute():
        return f"file://{folder}/"
    path = os.path.relpath(folder, place)
    return "file://./" if path == "." else f"file://{path}/" if path.startswith("..") else f"file://./{path}/"
