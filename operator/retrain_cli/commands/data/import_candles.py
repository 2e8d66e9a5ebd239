"""`retrain import`: make the feature file that a run looks for from candles as an exchange or a program wrote them."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import data_file_uri
from retrain_api.spec.data import Data
from retrain_api.time import Interval
from retrain_cli.inputs.output_file import require_ending, require_folder, require_new, whole_file
from retrain_cli.inputs.symbols import well_formed

HELP = "make the file that a run reads from CSV or parquet candles"
_FILENAME: str = Data.model_fields["filename"].default


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain import` takes."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="CSV (plain, .gz or .zip), parquet, or a folder of parts"
    )
    parser.add_argument("--symbol", required=True, help="what the candles are of, as in spec.symbols: BTC-USDT")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to (data.uri of the run)"
    )
    parser.add_argument("--interval", help="time between two bars: 1m, 5m, 1h ... (default: as the bars show)")
    parser.add_argument("--timezone", metavar="ZONE", help="zone of times that name none: UTC, America/New_York ...")
    parser.add_argument("--time-format", metavar="FORMAT", help="how times are written: '%%d/%%m/%%Y %%H:%%M'")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="ROLE=NAME",
        help="which column is timestamp, open, high, low, close or volume, such as timestamp=Date; may be repeated",
    )
    parser.add_argument("--columns", metavar="A,B", help="all columns, in order, of CSV files without a header")
    parser.add_argument("--keep", metavar="A,B", help="columns of numbers to keep that would be left out")
    parser.add_argument("--decimal", choices=[".", ","], default=".", help="decimal point of CSV files (default: .)")
    parser.add_argument(
        "--filename", default=_FILENAME, metavar="NAME", help="data.filename of the run (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def run(args: argparse.Namespace) -> int:
    """Write the file and say what was done.

    Raises DataError and NotFoundError for what is wrong with the files, ConfigurationError where a flag must say what they
    mean or where the file exists.
    """
    symbol = well_formed(args.symbol)
    require_folder(args.output)
    require_ending(Path(args.filename), "candles are", ".parquet")
    interval = Interval.parse(args.interval) if args.interval else None
    if interval is not None:
        require_new(_output(args, symbol, interval), args.force)  # before the work, not after it
    from retrain_trainer.data.importing.account import account
    from retrain_trainer.data.importing.candle_import import import_candles

    imported = import_candles(
        args.files, _choices(args, symbol), interval, time.time_ns(), _listed(args.columns), args.decimal
    )
    output = _output(args, symbol, imported.interval)
    _write(imported, output, args.force)
    for line in account(imported, symbol, str(output)):
        print(line)
    print(f"In the run: symbols: [{symbol}], data: {{{_data(args, imported.interval)}}}")
    return 0


def _output(args: argparse.Namespace, symbol: str, interval: Interval) -> Path:
    name = data_file_uri("", args.filename, symbol, str(interval)).lstrip("/")
    return Path(args.output) / name


def _data(args: argparse.Namespace, interval: Interval) -> str:
    """The fields of spec.data that read the file; a relative location is one beside the run's YAML file."""
    folder = "" if args.output == Path() else f"{args.output}/"
    uri = f"file://{folder}" if args.output.is_absolute() else f"file://./{folder}"
    name = "" if args.filename == _FILENAME else f'filename: "{args.filename}", '
    return f"uri: {uri}, {name}interval: {interval}"


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))


def _choices(args: argparse.Namespace, symbol: str) -> Any:
    from retrain_trainer.data.importing.columns import ROLES, Choices

    roles = {}
    for given in args.column:
        role, equals, name = given.partition("=")
        if role not in ROLES or not equals:
            raise ConfigurationError(
                reasons.BAD_OPTIONS, f"--column {given} must be ROLE=NAME, where ROLE is one of {', '.join(ROLES)}."
            )
        roles[role] = name
    return Choices(symbol, args.timezone, args.time_format, roles, _listed(args.keep) or ())


def _write(imported: Any, output: Path, force: bool) -> None:
    """Write the table, once it passed the checks of a training, which call it by the name of the files it came from."""
    import pyarrow.parquet as pq

    from retrain_trainer.data.files.candles import read_feature_file

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            reasons.CANNOT_WRITE, f"{output.parent} cannot be made: {error.strerror or error}."
        ) from None
    with whole_file(output, force) as part, TemporaryDirectory(dir=output.parent, prefix=".import-") as folder:
        checked = Path(folder) / imported.name
        pq.write_table(imported.table, checked, compression="zstd", use_dictionary=False)
        read_feature_file(checked, imported.interval, ())
        os.replace(checked, part)
