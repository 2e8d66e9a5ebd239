"""`retrain init`: a RetrainRun to start from, with every field explained and every default in sight."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

import yaml
from retrain_api.names import GROUP, KIND, VERSION
from retrain_api.run import RetrainRun, parse_run

from .output_file import write_text

HELP = "write a commented RetrainRun to start from"
DEFAULT_FILE = "retrain.yaml"
DEFAULT_SYMBOLS = "BTC-USD,ETH-USD,SOL-USD"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain init` takes."""
    parser.add_argument("name", nargs="?", default="improved-lstm", help="name of the run (default: %(default)s)")
    parser.add_argument(
        "--symbols", default=DEFAULT_SYMBOLS, metavar="A,B", help="what to train, with commas (default: %(default)s)"
    )
    parser.add_argument(
        "-o",
        "--output",
        default=DEFAULT_FILE,
        metavar="FILE",
        help="file to write, - for the terminal (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def run(args: argparse.Namespace) -> int:
    """Write the file. Raises ConfigurationError for a bad name or symbol, and for a file that is there already."""
    symbols = [symbol.strip() for symbol in args.symbols.split(",") if symbol.strip()]
    if args.output == "-":
        sys.stdout.write(starter(args.name, symbols, DEFAULT_FILE))
        return 0
    write_text(Path(args.output), starter(args.name, symbols, args.output), args.force)
    print(f"Wrote {args.output}; set data.uri and artifacts.uri in it, then: retrain doctor -f {args.output}")
    return 0


def starter(name: str, symbols: list[str], file: str) -> str:
    """Text of a RetrainRun with every default commented out; `file` is what its first lines call it.

    Raises ConfigurationError("InvalidRun") for a name or symbol that no RetrainRun can have.
    """
    spec = _validated(name, symbols).spec
    text = files(__package__).joinpath("starter.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(
        name=_scalar(name), symbols=", ".join(symbols), file=file, required=spec.required, count=len(symbols)
    )


def _validated(name: str, symbols: list[str]) -> RetrainRun:
    places = {"data": {"uri": "file://./data/"}, "artifacts": {"uri": "file://./artifacts/"}}
    return parse_run(
        {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": {"symbols": symbols, **places},
        }
    )


def _scalar(text: str) -> str:
    """`text` as YAML that every reader takes for a string: 1e6, null and on need quotes."""
    return text if text[0].isalpha() and yaml.safe_load(text) == text else f'"{text}"'
