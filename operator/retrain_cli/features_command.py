"""`retrain features`: a feature file, made once from candles, instead of computed in every training."""

from __future__ import annotations

import argparse
from pathlib import Path

from .output_file import require_new, whole_file

HELP = "make a feature file from candles"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain features` takes."""
    parser.add_argument("candles", type=Path, help="parquet file with timestamp (UTC), open, high, low, close, volume")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FEATURES", help="parquet file to write")
    parser.add_argument("--interval", default="1m", help="time between two bars: 1m, 5m, 1h ... (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite FEATURES")


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it.

    Raises what the trainer says of a file that cannot be right, and ConfigurationError for a file that is there.
    """
    require_new(args.output, args.force)  # before the work, not after it
    import pyarrow.parquet as pq
    from retrain_trainer.candles import CANDLE_COLUMNS
    from retrain_trainer.dataset import make_feature_table

    table = make_feature_table(args.candles, args.interval)
    cut = pq.read_metadata(args.candles).num_rows - table.num_rows  # before the output may take the candles' place
    with whole_file(args.output, args.force) as part:
        pq.write_table(table, part, compression="zstd")
    features = table.num_columns - 1 - len(CANDLE_COLUMNS)
    print(
        f"Wrote {args.output}: {table.num_rows:,} rows, {features} features beside the candles "
        f"({table.num_columns} columns), {cut:,} warm-up rows cut."
    )
    return 0
