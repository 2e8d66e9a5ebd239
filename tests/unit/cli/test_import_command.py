"""`retrain import`: candle files as exchanges and programs write them become the file that a run looks for."""

from __future__ import annotations

import argparse
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrain_api.errors import RetrainError
from retrain_api.time import Interval
from retrain_cli.commands.data import import_candles as command
from retrain_cli.main import main
from retrain_trainer.data.files.candles import CANDLE_COLUMNS, read_feature_file

ROWS = 48
OUTPUT = "features_BTC-USDT_1h_latest.parquet"
BINANCE = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_asset_volume",
    "number_of_trades",
    "taker_buy_base_asset_volume",
    "taker_buy_quote_asset_volume",
    "ignore",
]


def bars(rows: int = ROWS, start: str = "2024-10-20") -> pd.DataFrame:
    close = 100 + (np.arange(rows) * 37 % 23) * 0.25
    opened = np.concatenate([[100.0], close[:-1]])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=rows, freq="1h", tz="UTC"),
            "open": opened,
            "high": np.maximum(opened, close) + 0.25,
            "low": np.minimum(opened, close) - 0.25,
            "close": close,
            "volume": np.arange(rows) * 13 % 17 * 0.5,
        }
    )


def epoch(table: pd.DataFrame, parts: int) -> pd.Series:
    return table["timestamp"].astype("datetime64[ns, UTC]").astype("int64") // (10**9 // parts)


def kline(table: pd.DataFrame, parts: int = 1000) -> pd.DataFrame:
    found = table.assign(timestamp=epoch(table, parts)).rename(columns={"timestamp": "open_time"})
    last = dict.fromkeys(BINANCE[7:], 1)
    return found.assign(close_time=found["open_time"] + 3600 * parts - 1, **last)


def run_import(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given_ = [str(argument) for argument in arguments]
    return command.run(parser.parse_args([*given_, *(() if "--symbol" in given_ else ("--symbol", "BTC-USDT"))]))


def imported(folder: Path, *arguments: object) -> pd.DataFrame:
    run_import(*arguments, "-o", folder / "data", "--force")
    return pd.read_parquet(folder / "data" / OUTPUT)


def require_same(found: pd.DataFrame, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, table.reset_index(drop=True), check_dtype=False)


def text(table: pd.DataFrame, **options: object) -> bytes:
    return table.to_csv(index=False, **options).encode()  # type: ignore[call-overload, no-any-return]


def local(table: pd.DataFrame, zone: str) -> pd.Series:
    return table["timestamp"].dt.tz_convert(zone).dt.tz_localize(None)


def in_zip(data: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.stem + ".csv", data)


FORMATS: dict[str, tuple[Callable[[pd.DataFrame], bytes], tuple[str, ...]]] = {
    "kline without a header": (lambda t: text(kline(t), header=False), ()),
    "kline with a header": (lambda t: text(kline(t)), ()),
    "kline in microseconds": (lambda t: text(kline(t, 10**6), header=False), ()),
    "epoch seconds": (lambda t: text(t.assign(timestamp=epoch(t, 1)).rename(columns={"timestamp": "time"})), ()),
    "epoch seconds as floats": (lambda t: text(t.assign(timestamp=epoch(t, 1) * 1.0)), ()),
    "epoch nanoseconds": (lambda t: text(t.assign(timestamp=epoch(t, 10**9))), ()),
    "text with Z": (lambda t: text(t, date_format="%Y-%m-%dT%H:%M:%SZ"), ()),
    "text with an offset": (
        lambda t: text(t.assign(timestamp=t["timestamp"].dt.tz_convert("Asia/Kolkata").map(lambda at: at.isoformat()))),
        (),
    ),
    "text with the word UTC": (lambda t: text(t, date_format="%Y-%m-%d %H:%M:%S UTC"), ()),
    "a column that says UTC": (
        lambda t: text(t.assign(timestamp=local(t, "UTC")).rename(columns={"timestamp": "timestamp_utc"})),
        (),
    ),
    "local time with its zone": (
        lambda t: text(t.assign(timestamp=local(t, "America/New_York"))),
        ("--timezone", "America/New_York"),
    ),
    "day before month": (
        lambda t: text(t.assign(timestamp=local(t, "UTC")), date_format="%d/%m/%Y %H:%M"),
        ("--time-format", "%d/%m/%Y %H:%M", "--timezone", "UTC"),
    ),
    "capital names": (lambda t: text(t.rename(columns=str.capitalize), date_format="%Y-%m-%dT%H:%M:%SZ"), ()),
    "an index of times": (lambda t: t.set_index("timestamp").rename_axis(None).to_csv().encode(), ()),
    "row numbers beside the times": (lambda t: t.to_csv().encode(), ()),
    "semicolons and decimal commas": (lambda t: text(t, sep=";", decimal=","), ("--decimal", ",")),
    "tabs": (lambda t: text(t, sep="\t"), ()),
    "a byte order mark": (lambda t: b"\xef\xbb\xbf" + text(t), ()),
    "lines of Windows": (lambda t: text(t).replace(b"\n", b"\r\n"), ()),
    "newest first": (lambda t: text(t.iloc[::-1]), ()),
    "MetaTrader": (
        lambda t: text(
            pd.DataFrame(
                {"<DATE>": t["timestamp"].dt.strftime("%Y.%m.%d"), "<TIME>": t["timestamp"].dt.strftime("%H:%M:%S")}
            ).join(t.drop(columns="timestamp").rename(columns=lambda name: f"<{name.upper()}>")),
            sep="\t",
        ),
        ("--timezone", "UTC"),
    ),
    "CryptoDataDownload": (
        lambda t: (
            b"https://www.CryptoDataDownload.com\n"
            + text(
                t.assign(timestamp=epoch(t, 1000), date=local(t, "UTC"), symbol="BTCUSDT", tradecount=5, quote=1.5)
                .rename(columns={"timestamp": "unix", "volume": "Volume BTC", "quote": "Volume USDT"})
                .iloc[::-1]
            )
        ),
        (),
    ),
    "named by flags": (
        lambda t: text(t.rename(columns={"timestamp": "when", "close": "settle"})),
        ("--column", "timestamp=when", "--column", "close=settle"),
    ),
    "six columns without a header": (
        lambda t: text(t.assign(timestamp=epoch(t, 1)), header=False),
        ("--columns", "timestamp,open,high,low,close,volume"),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_bars(tmp_path: Path, name: str) -> None:
    write, flags = FORMATS[name]
    (tmp_path / "candles.csv").write_bytes(write(bars()))
    require_same(imported(tmp_path, tmp_path / "candles.csv", *flags), bars())


@pytest.mark.parametrize("name", ["candles.csv.gz", "candles.zip", "parts", "table.parquet", "index.parquet"])
def test_every_kind_of_file_gives_the_same_bars(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / name, text(kline(bars()), header=False)
    if name == "parts":
        path.mkdir()
        for number in range(3):
            bars().iloc[number * 16 : number * 16 + 16].to_parquet(path / f"part-{number}.parquet", index=False)
        (path / "_SUCCESS").touch()
    elif name.endswith(".parquet"):
        (bars().set_index("timestamp").rename_axis("Date") if name == "index.parquet" else bars()).to_parquet(path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(data))
    else:
        in_zip(data, path)
    require_same(imported(tmp_path, path), bars())


def test_months_in_two_units_are_joined_and_what_was_done_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Binance's files have microseconds since 2025, and the months of a download overlap and come in any order."""
    table = bars()
    first, second = table.iloc[:30], table.iloc[25:].drop(index=[33, 34, 40])
    (tmp_path / "b.csv").write_bytes(text(kline(second, 10**6), header=False))
    (tmp_path / "a.csv").write_bytes(text(kline(first).assign(rsi=50.5)))
    output = tmp_path / "data" / OUTPUT
    require_same(imported(tmp_path, tmp_path / "b.csv", tmp_path / "a.csv"), table.drop(index=[33, 34, 40]))
    assert capsys.readouterr().out.splitlines() == [
        f"Wrote {output}: 45 bars of 1h, 2024-10-20T00:00:00Z to 2024-10-21T23:00:00Z, from 2 files with 50 rows.",
        "Times were read from open_time: epoch microseconds; and from open_time: epoch milliseconds.",
        "The bars were sorted by time.",
        "5 repeated candles dropped; each equals the one that was kept.",
        "Columns left out: close_time, quote_asset_volume, number_of_trades, taker_buy_base_asset_volume, "
        "taker_buy_quote_asset_volume, ignore, rsi (--keep NAME keeps one of numbers).",
        "2 gaps in time, 3 bars missing:",
        "    2 bars after 2024-10-21T08:00:00Z",
        "    1 bar after 2024-10-21T15:00:00Z",
        f"In the run: symbols: [BTC-USDT], data: {{uri: file://{tmp_path}/data/, interval: 1h}}",
    ]


def test_own_columns_are_kept_and_a_download_s_are_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_bytes(text(kline(bars()).assign(rsi=50.5, note="x", symbol="ETHUSDT")))
    found = imported(tmp_path, tmp_path / "c.csv", "--keep", "number_of_trades")
    assert list(found) == ["timestamp", *CANDLE_COLUMNS, "number_of_trades", "rsi"]
    said = capsys.readouterr().out
    assert "Columns kept beside the candles: number_of_trades, rsi." in said
    assert "note" in next(line for line in said.splitlines() if line.startswith("Columns left out"))
    assert "the file says that these are candles of ETHUSDT, and --symbol says BTC-USDT" in said


def test_days_of_a_market_are_days_whatever_its_clocks_do(tmp_path: Path) -> None:
    days = pd.date_range("2024-03-01", periods=40, freq="1D", tz="America/New_York")
    table = bars(40).assign(timestamp=days)
    table.to_parquet(tmp_path / "days.parquet", index=False)
    run_import(tmp_path / "days.parquet", "-o", tmp_path / "data")
    found = pd.read_parquet(tmp_path / "data" / OUTPUT.replace("1h", "1d"))
    assert (found["timestamp"] == pd.date_range("2024-03-01", periods=40, freq="1D", tz="UTC")).all()


def test_a_bar_that_has_not_closed_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = pd.Timestamp.now("UTC").floor("1h")
    table = bars().assign(timestamp=pd.date_range(end=now, periods=ROWS, freq="1h"))
    table.to_parquet(tmp_path / "live.parquet", index=False)
    assert len(imported(tmp_path, tmp_path / "live.parquet")) == ROWS - 1
    assert "was left out: it has not closed yet" in capsys.readouterr().out


def summer() -> pd.DataFrame:
    return bars(336)


def twice(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.iloc[[7]].assign(close=table["close"][7] + 0.25)])


REFUSALS: dict[str, tuple[Callable[[], bytes], tuple[str, ...], str]] = {
    "local time": (
        lambda: text(bars().assign(timestamp=local(bars(), "UTC"))),
        (),
        "Column 'timestamp' of c.csv does not say which time zone its times are in; say it: --timezone UTC, or "
        "--timezone America/New_York, for example.",
    ),
    "the hour that comes twice": (
        lambda: text(summer().assign(timestamp=local(summer(), "Europe/Berlin"))),
        ("--timezone", "Europe/Berlin"),
        "2024-10-27 02:00:00 in line 170 of c.csv comes twice or never in Europe/Berlin, where the clocks change; "
        "export the times in UTC.",
    ),
    "no such zone": (
        lambda: text(bars().assign(timestamp=local(bars(), "UTC"))),
        ("--timezone", "Berlin"),
        "There is no time zone 'Berlin'; write UTC, or a name such as Europe/London.",
    ),
    "day or month": (
        lambda: text(bars(), date_format="%d/%m/%Y %H:%M"),
        (),
        "Column 'timestamp' of c.csv holds times such as '20/10/2024 00:00', which could be read in more than one way; "
        "say how: --time-format '%d/%m/%Y %H:%M', for example.",
    ),
    "another format than said": (
        lambda: text(bars(), date_format="%d/%m/%Y %H:%M"),
        ("--time-format", "%Y-%m-%d"),
        "'20/10/2024 00:00' in line 2 of c.csv is not written as --time-format '%Y-%m-%d' says.",
    ),
    "two candles at one time": (
        lambda: text(twice(bars())),
        (),
        "Two candles of 2024-10-20T07:00:00Z differ: close is 101.5 in line 9 of c.csv and 101.75 in line 50 of c.csv; "
        "remove the wrong one (a candle downloaded before it closed is one).",
    ),
    "columns without names": (
        lambda: text(bars().assign(timestamp=epoch(bars(), 1)), header=False),
        (),
        "c.csv has no header, and 6 columns are no layout that is known; name them in order, such as "
        "--columns timestamp,open,high,low,close,volume.",
    ),
    "no close": (
        lambda: text(bars().drop(columns="close")),
        (),
        "c.csv has no column 'close'; it has timestamp, open, high, low, volume. Say which it is: --column close=NAME.",
    ),
    "no time": (
        lambda: text(bars().rename(columns={"timestamp": "moment"})),
        (),
        "c.csv has no column for the time at which a bar opens; it has moment, open, high, low, close, volume. "
        "Say which it is: --column timestamp=NAME.",
    ),
    "two columns of times": (
        lambda: text(bars().assign(date=epoch(bars(), 1) + 5)),
        (),
        "Columns 'timestamp' and 'date' of c.csv hold different times; say which is the time at which a bar opens: "
        "--column timestamp=timestamp.",
    ),
    "two volumes": (
        lambda: text(bars().rename(columns={"volume": "vol"}).assign(tickvol=1)),
        (),
        "c.csv has 'vol' and 'tickvol', and either may be volume; say which: --column volume=vol.",
    ),
    "text among prices": (
        lambda: text(bars().astype({"close": object}).replace({"close": {101.5: "n.a."}})),
        (),
        "Column 'close' is 'n.a.' in line 9 of c.csv, which is no number; correct it, or say with --decimal , that the "
        "file writes decimal commas.",
    ),
    "cut off": (
        lambda: text(kline(bars()))[:-17],
        (),
        "c.csv has a line with 7 fields where 12 are expected: '",
    ),
    "no epoch": (
        lambda: text(bars().assign(timestamp=range(ROWS))),
        (),
        "Column 'timestamp' is 0 in line 2 of c.csv, which is no epoch time from 1990 to 2100 in seconds, milliseconds, "
        "microseconds or nanoseconds; name the column of times: --column timestamp=NAME.",
    ),
    "an empty time": (
        lambda: text(bars().assign(timestamp=epoch(bars(), 1).where(bars().index != 3))),
        (),
        "Column 'timestamp' is empty in line 5 of c.csv.",
    ),
    "several markets": (
        lambda: text(bars().assign(symbol=["BTCUSDT", "ETHUSDT"] * (ROWS // 2))),
        (),
        "c.csv holds candles of 2 markets (BTCUSDT, ETHUSDT); give files of one symbol at a time.",
    ),
    "another interval": (
        lambda: text(bars()),
        ("--interval", "5m"),
        "c.csv has bars 1h apart, and --interval says 5m; leave it out.",
    ),
    "ticks": (
        lambda: text(bars().assign(timestamp=epoch(bars(), 1) + np.arange(ROWS) ** 2)),
        (),
        "The times of c.csv do not show how long a bar is; if they are candles of one length, say it: --interval 1m.",
    ),
    "a price of zero": (
        lambda: text(bars().assign(close=0, low=0)),
        (),
        "Column 'low' of c.csv is 0 in row 0 (2024-10-20T00:00:00Z); it must be above zero.",
    ),
    "no rows": (lambda: b"timestamp,open,high,low,close,volume\n", (), "c.csv has no rows."),
    "nothing": (lambda: b"", (), "c.csv is empty; give a CSV or parquet file."),
    "a picture": (lambda: b"\x89PNG\x00\x00\xff\xfe", (), "c.csv is not text in UTF-8; give a CSV or parquet file."),
    "half a zip": (lambda: b"PK\x03\x04half", (), "c.csv is cut off or damaged; download it again."),
    "half a gzip": (lambda: gzip.compress(b"x" * 99)[:15], (), "c.csv is cut off or damaged; download it again."),
    "no such role": (
        lambda: text(bars()),
        ("--column", "price=close"),
        "--column price=close must be ROLE=NAME, where ROLE is one of timestamp, open, high, low, close, volume.",
    ),
    "no such column": (
        lambda: text(bars()),
        ("--column", "close=settle"),
        "--column close=settle names no column of c.csv; it has timestamp, open, high, low, close, volume.",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_wrong_or_unsure_is_one_sentence_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    write, flags, sentence = REFUSALS[name]
    (tmp_path / "c.csv").write_bytes(write())
    with pytest.raises(RetrainError) as caught:
        run_import(tmp_path / "c.csv", *flags, "-o", tmp_path / "data")
    assert caught.value.message.startswith(sentence)
    assert list(tmp_path.rglob("*.parquet")) == [] and list(tmp_path.rglob(".*")) == []


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(text(bars()))
    (tmp_path / OUTPUT).write_bytes(b"mine")
    for flags in ((), ("--interval", "1h")):
        with pytest.raises(RetrainError, match="--force"):
            run_import(tmp_path / "c.csv", "-o", tmp_path, *flags)
    assert (tmp_path / OUTPUT).read_bytes() == b"mine"
    run_import(tmp_path / "c.csv", "-o", tmp_path, "--force")
    assert pq.read_metadata(tmp_path / OUTPUT).num_rows == ROWS


def test_the_command_line_says_what_was_done_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.csv").write_bytes(text(kline(bars()), header=False))
    given_ = ["import", f"{tmp_path}/c.csv", "--symbol", "BTC-USDT", "-o", f"{tmp_path}/data"]
    assert main(given_) == 0
    assert capsys.readouterr().out.startswith(
        f"Wrote {tmp_path}/data/{OUTPUT}: 48 bars of 1h, 2024-10-20T00:00:00Z to "
    )
    assert main(given_) == 2
    assert capsys.readouterr().err == (
        f"retrain: {tmp_path}/data/{OUTPUT} already exists; give another name, or --force to overwrite it.\n"
    )
    assert main([*given_[:1], f"{tmp_path}/none.csv", *given_[2:]]) == 1
    assert capsys.readouterr().err == f"retrain: There is no file {tmp_path}/none.csv.\n"


@pytest.mark.parametrize(
    ("output", "flags", "fields"),
    [
        ("data", (), "uri: file://./data/, interval: 1h"),
        (".", (), "uri: file://./, interval: 1h"),
        ("a/b", ("--filename", "{symbol}.parquet"), 'uri: file://./a/b/, filename: "{symbol}.parquet", interval: 1h'),
    ],
)
def test_the_fields_of_the_run_are_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: str,
    flags: tuple[str, ...],
    fields: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.csv").write_bytes(text(bars()))
    run_import("c.csv", "-o", output, *flags)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"In the run: symbols: [BTC-USDT], data: {{{fields}}}"
    data = yaml.safe_load(f"{{{fields}}}")
    name = data.get("filename", "features_{symbol}_{interval}_latest.parquet").format(symbol="BTC-USDT", interval="1h")
    assert Path(data["uri"].removeprefix("file://"), name).is_file()


def test_a_symbol_that_no_run_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(text(bars()))
    with pytest.raises(RetrainError, match=r"BTC/USDT: write BTC-USDT; "):
        run_import(tmp_path / "c.csv", "-o", tmp_path, "--symbol", "BTC/USDT")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(6)), parts=st.lists(st.sampled_from([1, 10**3, 10**6, 10**9]), min_size=6, max_size=6)
)
def test_any_order_and_any_units_of_overlapping_files_give_the_same(
    tmp_path: Path, order: list[int], parts: list[int]
) -> None:
    table = bars()
    paths = [tmp_path / f"{number}.csv" for number in order]
    for number, unit in enumerate(parts):
        piece = table.iloc[number * 8 : number * 8 + 11]
        (tmp_path / f"{number}.csv").write_bytes(text(piece.assign(timestamp=epoch(piece, unit))))
    require_same(imported(tmp_path, *paths), table)


def test_whole_numbers_that_get_fractions_late_in_a_large_file(tmp_path: Path) -> None:
    """Types of a CSV file are taken from its first block: 4 MB of whole numbers, then a fraction."""
    table = bars(80_000, "2015-01-01").assign(volume=1.0)
    data = text(kline(table).assign(own=1).astype({"volume": int}))
    table = table.assign(own=1.0)
    table.loc[79_999, ["volume", "own"]] = 0.5
    lines = data.decode().splitlines()
    lines[-1] = ",".join([*lines[-1].split(",")[:5], "0.5", *lines[-1].split(",")[6:-1], "0.5"])
    (tmp_path / "c.csv").write_text("\n".join(lines))
    assert len(data) > 5_000_000
    require_same(imported(tmp_path, tmp_path / "c.csv"), table)


def test_the_file_is_the_one_that_a_training_reads(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(text(kline(bars()), header=False))
    run_import(tmp_path / "c.csv", "-o", tmp_path / "data", "--filename", "{symbol}.parquet")
    file = read_feature_file(tmp_path / "data" / "BTC-USDT.parquet", Interval.parse("1h"), None)
    assert (file.names, len(file.candles.close)) == ((), ROWS)
