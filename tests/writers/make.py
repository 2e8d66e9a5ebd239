"""Writes the same 120 hourly bars with one library: python make.py WRITER FOLDER, in an environment that has the library.

WRITER is a function below. The files are named for the library, its version and what is special about them. Prices are
multiples of 0.25 and volumes of 0.5, which every type holds exactly, so all files must read to the same numbers.
"""

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

ROWS = 120
PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")


def bars(tz=UTC):
    """The bars as lists: a price that swings, and volumes with zeros."""
    close = [100 + ((i * 37) % 23) * 0.25 for i in range(ROWS)]
    opened = [100.0, *close[:-1]]
    return {
        "timestamp": [datetime(2024, 1, 1, tzinfo=tz) + timedelta(hours=i) for i in range(ROWS)],
        "open": opened,
        "high": [price + 0.25 for price in map(max, opened, close)],
        "low": [price - 0.25 for price in map(min, opened, close)],
        "close": close,
        "volume": [(i * 13 % 17) * 0.5 for i in range(ROWS)],
    }


def short(version):
    return version.split(".")[0] if int(version.split(".")[0]) >= 10 else ".".join(version.split(".")[:2])


def arrow(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = f"arrow-{short(pa.__version__)}"
    table = pa.table(bars())

    def changed(columns, kind):
        return pa.table({n: table[n].cast(kind) if n in columns else table[n] for n in table.column_names})

    def write(what, content, **options):
        pq.write_table(content, folder / f"{name}-{what}.parquet", **options)

    write("defaults", table)
    write("int96", table, use_deprecated_int96_timestamps=True)
    write("version-1", table, version="1.0", compression="gzip")
    write("pages-2", table, version="2.6", data_page_version="2.0", compression="zstd")
    write("nanoseconds", changed(["timestamp"], pa.timestamp("ns", "UTC")), version="2.6")
    write("milliseconds", changed(["timestamp"], pa.timestamp("ms", "UTC")))
    write("without-zone", pa.table(bars(None)))
    write("new-york", changed(["timestamp"], pa.timestamp("us", "America/New_York")))
    write("small-groups", table, row_group_size=7, use_dictionary=False, compression="none")
    write("split-streams", table, use_dictionary=False, use_byte_stream_split=list(COLUMNS))
    write("float32", changed(COLUMNS, pa.float32()))
    write("decimals", changed(COLUMNS, pa.decimal128(20, 8)))
    write("wide-decimals", changed(COLUMNS, pa.decimal256(50, 10)))
    write(
        "dictionaries",
        pa.table({n: table[n].dictionary_encode() if n in COLUMNS else table[n] for n in table.column_names}),
    )
    if int(pa.__version__.split(".")[0]) >= 14:
        write("without-arrow-schema", table, store_schema=False)


def pandas(folder):
    import pandas as pd

    name = f"pandas-{short(pd.__version__)}"
    table = pd.DataFrame(bars())

    def write(what, content, **options):
        content.to_parquet(folder / f"{name}-{what}.parquet", **options)

    write("column", table, index=False)
    write("column-and-row-numbers", table.iloc[::-1].sort_values("timestamp"))
    write("index", table.set_index("timestamp"))
    write("index-without-name", table.set_index("timestamp").rename_axis(None))
    write("index-date", table.set_index("timestamp").rename_axis("Date"))
    write("naive", table.assign(timestamp=table["timestamp"].dt.tz_localize(None)), index=False, compression="brotli")
    write("nullable", table.astype(dict.fromkeys(COLUMNS, "Float64")), index=False)
    write("objects", table.assign(volume=[Decimal(str(v)) for v in table["volume"]]), index=False)
    if hasattr(pd, "ArrowDtype") and not pd.__version__.startswith("1."):
        write("arrow-types", table.convert_dtypes(dtype_backend="pyarrow"), index=False)


def fastparquet(folder):
    import fastparquet as fp
    import pandas as pd

    table = pd.DataFrame(bars())
    table["timestamp"] = table["timestamp"].astype("datetime64[ns, UTC]")
    name = f"fastparquet-{short(fp.__version__)}"
    fp.write(str(folder / f"{name}-column.parquet"), table, write_index=False)
    fp.write(str(folder / f"{name}-int96.parquet"), table, times="int96", write_index=False)
    fp.write(str(folder / f"{name}-index.parquet"), table.set_index("timestamp").rename_axis(None), compression="GZIP")


def polars(folder):
    import polars as pl

    name = f"polars-{short(pl.__version__)}"
    table = pl.DataFrame(bars())
    table.write_parquet(folder / f"{name}-defaults.parquet")
    for unit in ("ms", "ns"):
        table.with_columns(pl.col("timestamp").dt.cast_time_unit(unit)).write_parquet(folder / f"{name}-{unit}.parquet")
    table.with_columns(pl.col("timestamp").dt.replace_time_zone(None)).write_parquet(
        folder / f"{name}-naive.parquet", compression="lz4"
    )
    table.with_columns(pl.col("volume").cast(pl.Decimal(20, 4))).write_parquet(
        folder / f"{name}-decimal.parquet", compression="uncompressed"
    )
    table.with_columns(pl.col("close").cast(pl.Float32)).lazy().sink_parquet(folder / f"{name}-sink.parquet")


def duckdb(folder):
    import duckdb as db
    import pyarrow as pa

    name = f"duckdb-{short(db.__version__)}"
    connection = db.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("bars", pa.table(bars()))
    cases = {
        "zoned": ("SELECT * FROM bars", "SNAPPY"),
        "naive": ("SELECT * REPLACE (timestamp AT TIME ZONE 'UTC' AS timestamp) FROM bars", "ZSTD"),
        "decimal": (
            "SELECT * REPLACE (close::DECIMAL(18, 6) AS close, volume::DECIMAL(9, 1) AS volume) FROM bars",
            "GZIP",
        ),
        "nanoseconds": (
            "SELECT * REPLACE ((timestamp AT TIME ZONE 'UTC')::TIMESTAMP_NS AS timestamp) FROM bars",
            "UNCOMPRESSED",
        ),
        "milliseconds": (
            "SELECT * REPLACE ((timestamp AT TIME ZONE 'UTC')::TIMESTAMP_MS AS timestamp) FROM bars",
            "SNAPPY",
        ),
    }
    for what, (query, codec) in cases.items():
        place = folder / f"{name}-{what}.parquet"
        connection.execute(f"COPY ({query}) TO '{place}' (FORMAT PARQUET, COMPRESSION {codec})")


def spark(folder):
    import pyspark
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = session.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    content = bars()
    rows = [tuple(column[row] for column in content.values()) for row in range(ROWS)]
    table = session.createDataFrame(rows, list(content))
    name = f"spark-{short(pyspark.__version__)}"

    def write(what, frame, codec="snappy"):
        parts = folder / f"{name}-{what}.parts"
        frame.coalesce(1).write.mode("overwrite").option("compression", codec).parquet(str(parts))
        next(parts.glob("part-*.parquet")).rename(folder / f"{name}-{what}.parquet")
        for left in parts.iterdir():
            left.unlink()
        parts.rmdir()

    for kind in ("INT96", "TIMESTAMP_MICROS", "TIMESTAMP_MILLIS"):
        session.conf.set("spark.sql.parquet.outputTimestampType", kind)
        write(kind.lower().replace("_", "-"), table, "gzip" if kind == "TIMESTAMP_MILLIS" else "snappy")
    write("ntz", table.withColumn("timestamp", f.col("timestamp").cast("timestamp_ntz")), "zstd")
    decimals = table.select("timestamp", *(f.col(n).cast("decimal(18,8)").alias(n) for n in COLUMNS))
    write("decimals", decimals)
    session.conf.set("spark.sql.parquet.writeLegacyFormat", "true")
    write("legacy", decimals)


if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    {"arrow": arrow, "pandas": pandas, "fastparquet": fastparquet, "polars": polars, "duckdb": duckdb, "spark": spark}[
        sys.argv[1]
    ](place)
