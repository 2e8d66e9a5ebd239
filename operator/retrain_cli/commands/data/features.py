"""`retrain features`: make a feature file from candles once, instead of computing features in every training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from retrain_api.time import Interval
from retrain_cli.inputs.output_file import require_ending, require_new, whole_file

HELP = "make a feature file from candles"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain features` takes."""
    parser.add_argument("candles", type=Path, help="parquet file with timestamp (UTC), open, high, low, close, volume")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FEATURES", help="parquet file to write")
    parser.add_argument("--interval", default="1m", help="time between two bars: 1m, 5m, 1h ... (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite FEATURES")


def run(args: argparse.Namespace) -> int:
    """Write the file and print what is in it.

    Raises what the trainer raises for unusable candles, and ConfigurationError where the output file exists.
    """
    require_ending(args.output, "features are", ".parquet")
    require_new(args.output, args.force)  # before the work, not after it
    import pyarrow.parquet as pq

    from retrain_trainer.data.features.feature_table import make_feature_table
    from retrain_trainer.data.features.selection import BUILT_IN_NAMES
    from retrain_trainer.data.files.own_columns import other_columns
    from retrain_trainer.data.files.parquet import open_parquet

    table = make_feature_table(args.candles, Interval.parse(args.interval))
    kept = other_columns(open_parquet(args.candles))
    cut = pq.read_metadata(args.candles).num_rows - table.num_rows  # before the output may take the candles' place
    with whole_file(args.output, args.force) as part:
        pq.write_table(table, part, compression="zstd")
    print(
        f"Wrote {args.output}: {table.num_rows:,} rows, {len(BUILT_IN_NAMES)} features beside the candles "
        f"({table.num_columns} columns), {cut:,} warm-up rows cut.{_kept(kept, BUILT_IN_NAMES)}"
    )
    return 0


def _kept(names: Sequence[str], built_in: Sequence[str]) -> str:
    """What of the file was kept beside the candles, and which built-in features were not computed for it."""
    if not names:
        return ""
    text = f" Kept {len(names)} other column{'s' * (len(names) > 1)} of the file: {', '.join(names)}."
    instead = [name for name in names if name in built_in]
    return text + (f" Not computed, because the file has them: {', '.join(instead)}." if instead else "")
