"""What `retrain init` finds in a folder, what it writes for it, and what it says: the run runs as it stands."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support.init_case import ROWS, candles, put, run_init
from support.json_schema import violations

from retrain_api.errors import ConfigurationError, NotFoundError, SoftwareError
from retrain_api.keys import train_key
from retrain_api.names import data_file_uri
from retrain_api.run import RetrainRun, parse_run
from retrain_cli.commands.init import init as command
from retrain_cli.inputs.locations import resolve_locations
from retrain_cli.inputs.run_file import load_run
from retrain_trainer.data.dataset import load_dataset


def kline(table: pd.DataFrame, header: bool = False) -> bytes:
    opened = table["timestamp"].astype("datetime64[ms, UTC]").astype("int64")
    found = table.assign(timestamp=opened).rename(columns={"timestamp": "open_time"})
    found = found.assign(close_time=opened + 59_999, quote=1.0, count=1, buy=1.0, buy_quote=1.0, ignore=0)
    return found.to_csv(index=False, header=header).encode()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(path: str = "retrain.yaml") -> RetrainRun:
    """The run that was written, which its schema accepts, and whose files a training takes as they are."""
    run = load_run(path)
    schema = json.loads((Path(path).parent / "retrain.schema.json").read_text())
    assert violations(schema, yaml.safe_load(Path(path).read_text())) == []
    return run


def trained_from(run: RetrainRun, place: Path) -> dict[str, tuple[str, ...]]:
    """The features of each symbol, as a training finds them."""
    spec = resolve_locations(run, place).spec
    found = {}
    for symbol in spec.symbols:
        path = Path(
            data_file_uri(spec.data.uri, spec.data.filename, symbol, spec.data.interval).removeprefix("file://")
        )
        found[symbol] = load_dataset(
            path,
            symbol=symbol,
            question=spec.question,
            windows=spec.windows,
            features=None,
            built_in=spec.data.built_in,
        ).names
    return found


@pytest.mark.parametrize("full", [(), ("--full",)])
@pytest.mark.parametrize(
    ("names", "symbols", "filename"),
    [
        (("candles_BTC-USD_1m", "candles_ETH-USD_1m"), ("BTC-USD", "ETH-USD"), "candles_{symbol}_{interval}.parquet"),
        (("features_BTC-USD_1m_latest",), ("BTC-USD",), "features_{symbol}_{interval}_latest.parquet"),
        (("BTCUSDT-1m", "ETHUSDT-1m"), ("BTCUSDT", "ETHUSDT"), "{symbol}-{interval}.parquet"),
        (("NYSE_AAPL", "NYSE_BRK.B", "NYSE_ON"), ("AAPL", "BRK.B", "ON"), "NYSE_{symbol}.parquet"),
        (("btcusdt_1m",), ("BTC-USDT",), "btcusdt_1m.parquet"),
        (("BTC_USDT-1m-2025-01",), ("BTC-USDT",), "BTC_USDT-1m-2025-01.parquet"),
    ],
)
def test_files_are_found_whatever_their_names_are_and_the_run_trains_on_them(
    here: Path, names: tuple[str, ...], symbols: tuple[str, ...], filename: str, full: tuple[str, ...]
) -> None:
    put(here / "data", **{name: candles(seed=seed) for seed, name in enumerate(names)})
    assert run_init("nightly", *full) == 0
    run = written()
    assert (run.metadata.name, run.spec.symbols, run.spec.data.filename) == ("nightly", symbols, filename)
    assert (run.spec.data.interval, run.spec.train.device) == ("1m", "CPU")
    assert {len(names) for names in trained_from(run, here).values()} == {31}


@pytest.mark.parametrize("folder", [".", "data", "candles", "../elsewhere"])
def test_the_folder_is_found_or_named(here: Path, folder: str) -> None:
    put(here / folder, **{"candles_BTC-USD_1m": candles()})
    data = ("--data", folder) if folder.startswith("..") else ()
    assert run_init(*data) == 0
    assert set(trained_from(written(), here)) == {"BTC-USD"}


def test_relative_locations_are_relative_to_the_file_that_is_written(here: Path) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles()})
    (here / "runs").mkdir()
    assert run_init("-o", "runs/nightly.yaml", "--data", "data") == 0
    run = written("runs/nightly.yaml")
    assert run.spec.data.uri == "file://../data/"
    assert set(trained_from(run, here / "runs")) == {"BTC-USD"}
    assert run_init("-o", "runs/other.yaml", "--data", str(here / "data")) == 0
    assert written("runs/other.yaml").spec.data.uri == f"file://{here}/data/"


def test_the_lines_that_matter_are_few_and_begin_with_the_schema(here: Path) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles()})
    run_init()
    lines = Path("retrain.yaml").read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=retrain.schema.json"
    assert "retrain run -f retrain.yaml" in lines[1]
    values = [line for line in lines if ": " in line.partition(" #")[0] and not line.lstrip().startswith("#")]
    assert 10 <= len(values) <= 17
    assert max(map(len, lines)) <= 110


def test_the_full_file_is_the_same_run(here: Path) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles()})
    run_init("-o", "short.yaml")
    run_init("-o", "full.yaml", "--full")
    assert train_key(written("full.yaml").spec, "BTC-USD") == train_key(written("short.yaml").spec, "BTC-USD")
    assert len(Path("full.yaml").read_text().splitlines()) > 200


@pytest.mark.parametrize(
    ("count", "required"), [(1, "the model must"), (2, "both models must"), (3, "2 of the 3 models must")]
)
def test_how_many_models_must_pass_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], count: int, required: str
) -> None:
    put(
        here,
        **{f"candles_{name}-USD_1m": candles(seed=seed) for seed, name in enumerate(("BTC", "ETH", "SOL")[:count])},
    )
    run_init()
    how = "" if count == 1 else ": gate.minPassed sets how many"
    assert f"For promotion {required} pass the gate{how}.\n" in capsys.readouterr().out
    assert f"# {required} reach this: gate.minPassed" in Path("retrain.yaml").read_text()


def test_of_several_intervals_the_shortest_is_taken_and_the_others_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(
        here,
        **{
            "candles_BTC-USD_1m": candles(),
            "candles_BTC-USD_1h": candles("1h"),
            "candles_ETH-USD_1h": candles("1h", 2),
        },
    )
    run_init("-o", "most.yaml")
    assert (written("most.yaml").spec.symbols, written("most.yaml").spec.data.interval) == (
        ("BTC-USD", "ETH-USD"),
        "1h",
    )
    assert "Bars of 1m are not used: candles_BTC-USD_1m.parquet. A run has one interval; for these: --interval 1m." in (
        capsys.readouterr().out
    )
    run_init("-o", "short.yaml", "--interval", "1m")
    assert (written("short.yaml").spec.symbols, written("short.yaml").spec.data.interval) == (("BTC-USD",), "1m")
    run_init("-o", "same.yaml", "--symbols", "BTC-USD")
    assert written("same.yaml").spec.data.interval == "1m"


def test_the_files_say_how_long_a_bar_is_and_not_their_names(here: Path) -> None:
    put(here, **{"candles_BTC-USD_1m": candles("5min")})
    run_init()
    run = written()
    assert (run.spec.data.interval, run.spec.data.filename) == ("5m", "candles_{symbol}_1m.parquet")
    assert set(trained_from(run, here)) == {"BTC-USD"}


def test_own_columns_are_named_and_what_would_add_the_built_in_ones(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = candles().assign(funding=np.random.default_rng(3).normal(size=ROWS), trades=np.arange(ROWS) % 7, tick="x")
    put(here, **{"candles_BTC-USD_1m": own})
    run_init()
    assert (
        "Learnt from: 1 feature: 1 of the file's own (funding). data.builtIn: true would add" in capsys.readouterr().out
    )
    text = Path("retrain.yaml").read_text()
    assert trained_from(written(), here)["BTC-USD"] == ("funding",)
    Path("retrain.yaml").write_text(text.replace("#builtIn", "builtIn"))
    assert len(trained_from(written(), here)["BTC-USD"]) == 32


def test_what_can_not_be_read_is_said_and_passed_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, **{"candles_BTC-USD_1m": candles(), "candles_ADA-USD_1m": candles(rows=60)})
    (here / "candles_ETH-USD_1m.parquet").write_bytes(b"PAR1 cut")
    (here / "candles_SOL-USD_1m.parquet").write_bytes((here / "candles_BTC-USD_1m.parquet").read_bytes()[:-9])
    (here / "candles_XRP-USD_1m.parquet").write_text("")
    pd.DataFrame({"a": [1, 2]}).to_parquet(here / "weights.parquet")
    (here / "notes.csv").write_text("what,when\nbuy milk,today\n")
    run_init()
    assert written().spec.symbols == ("BTC-USD",)
    said = capsys.readouterr().out
    for file in (
        "candles_ETH-USD_1m.parquet is truncated",
        "candles_SOL-USD_1m.parquet",
        "candles_XRP-USD_1m.parquet is empty",
    ):
        assert f"Not used: {file}" in said
    assert "Not used: weights.parquet has no column" in said and "Not used: notes.csv has no column" in said
    assert "ADA-USD is left out: " in said and "Traceback" not in said


def test_symbols_that_are_asked_for_are_kept_and_those_without_a_file_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here / "data", **{"candles_BTC-USD_1m": candles(), "candles_ETH-USD_1m": candles(seed=2)})
    run_init("--symbols", "ETH-USD, SOL-USD")
    assert written().spec.symbols == ("ETH-USD", "SOL-USD")
    assert "SOL-USD: there is no file of it in data/, which has BTC-USD, ETH-USD." in capsys.readouterr().out


def test_a_file_of_another_spelling_is_that_of_the_one_symbol_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here, **{"BTCUSDT-1m": candles(), "ETHUSDT-1m": candles(seed=2)})
    run_init("--symbols", "BTC-USDT", "-o", "one.yaml")
    assert set(trained_from(written("one.yaml"), here)) == {"BTC-USDT"}
    run_init("--symbols", "BTC-USDT,ETH-USDT")
    assert "ETH-USDT: there is no file of it in ./, which has BTCUSDT, ETHUSDT." in capsys.readouterr().out


def test_a_run_takes_64_symbols_and_says_which_it_left(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, **{"S00-USD": candles()})
    for number in range(1, 66):
        (here / f"S{number:02}-USD.parquet").hardlink_to(here / "S00-USD.parquet")
    run_init("-o", "all.yaml")
    assert len(written("all.yaml").spec.symbols) == 64
    said = "Not used: S64-USD.parquet, S65-USD.parquet. A run has at most 64 symbols."
    assert said in capsys.readouterr().out
    run_init("--symbols", "S00-USD")
    assert "and 57 more. Their symbols are not among those of --symbols." in capsys.readouterr().out


def test_one_file_whose_name_says_nothing_is_that_of_the_symbol_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(here, klines=candles())
    run_init("-o", "guess.yaml")
    assert written("guess.yaml").spec.symbols == command.DEFAULT_SYMBOLS
    assert (
        "klines.parquet does not say which market it holds: --symbols BTC-USD, for example." in capsys.readouterr().out
    )
    run_init("--symbols", "BTC-USD")
    assert set(trained_from(written(), here)) == {"BTC-USD"}


def test_a_column_may_name_the_market(here: Path) -> None:
    put(here, klines=candles().assign(symbol="BTCUSDT"))
    run_init()
    assert set(trained_from(written(), here)) == {"BTC-USDT"}


MONTHS = {f"BTCUSDT-1m-2025-0{month}": candles(seed=month) for month in (1, 2, 3)}


def test_files_to_import_are_answered_with_the_command_and_the_run_for_what_it_makes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, table in MONTHS.items():
        with zipfile.ZipFile(here / f"{name}.zip", "w") as archive:
            archive.writestr(f"{name}.csv", kline(table))
    (here / "eth.csv.gz").write_bytes(gzip.compress(kline(candles(), header=True)))
    run_init("nightly")
    run = written()
    assert (run.spec.symbols, run.spec.data.uri, run.spec.data.interval) == (("BTC-USDT",), "file://./data/", "1m")
    said = capsys.readouterr().out
    files = " ".join(f"{name}.zip" for name in MONTHS)
    assert f"    retrain import {files} --symbol BTC-USDT -o data/\n" in said
    assert "    retrain import eth.csv.gz --symbol SYMBOL -o data/\n" in said
    assert "Then: retrain doctor -f retrain.yaml" in said


def test_monthly_parquet_files_are_parts_to_import(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here / "data", **MONTHS)
    run_init("--symbols", "BTC-USD")
    files = " ".join(f"data/{name}.parquet" for name in MONTHS)
    assert f"    retrain import {files} --symbol BTC-USD -o data/\n" in capsys.readouterr().out
    assert written().spec.symbols == ("BTC-USD",)


def test_the_commands_that_are_said_make_the_run_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "my klines").mkdir()
    (here / "my klines" / "btcusdt (1).csv").write_bytes(kline(candles()))
    run_init("--data", "my klines")
    commands = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("    retrain import")]
    assert len(commands) == 1
    done = subprocess.run(
        f"{sys.executable} -m retrain_cli.main {commands[0].removeprefix('retrain ')}", shell=True, check=False
    )
    assert done.returncode == 0
    assert set(trained_from(written(), here)) == {"BTC-USDT"}


def test_what_was_imported_already_is_not_said_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, **{"features_BTC-USD_1m_latest": candles()})
    (here / "BTCUSDT-1m-2025-01.csv").write_bytes(kline(candles()))
    run_init()
    assert "retrain import" not in capsys.readouterr().out


def test_what_could_be_added_is_said_with_its_command(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, **{"candles_BTC-USD_1m": candles(), "candles_ETH-USD_1m": candles(seed=2)})
    (here / "solusd.csv").write_bytes(kline(candles()))
    run_init("-o", "all.yaml")
    command_ = "retrain import solusd.csv --symbol SOL-USD --filename 'candles_{symbol}_{interval}.parquet' -o ./"
    assert f"    {command_}\nNext: retrain doctor -f all.yaml" in capsys.readouterr().out
    run_init("-o", "asked.yaml", "--symbols", "BTC-USD,SOL-USD")
    said = capsys.readouterr().out
    assert f"Next, make the files that the run reads:\n    {command_}\nThen: retrain doctor -f asked.yaml" in said


def test_with_no_data_it_writes_a_run_to_fill_in_and_says_what_is_missing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_init("nightly") == 0
    assert written().spec.symbols == command.DEFAULT_SYMBOLS
    assert "# put yours here" in Path("retrain.yaml").read_text()
    said = capsys.readouterr().out
    assert "No candle files were found in data/ or beside it" in said
    assert "Next: retrain import FILE... --symbol BTC-USD -o data/" in said
    assert "Then: retrain init nightly -o retrain.yaml --force" in said


def test_without_the_trainer_it_still_writes_a_run(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(here, **{"candles_BTC-USD_1m": candles()})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "retrain_trainer.data.files.parquet", raising=False)
    assert run_init() == 0
    assert "pyarrow is not installed here; install retrain-operator[trainer]" in capsys.readouterr().out
    assert parse_run(yaml.safe_load(Path("retrain.yaml").read_text())).spec.symbols == command.DEFAULT_SYMBOLS


def no_torch() -> list[str]:
    raise SoftwareError("NoTorch", "torch can't be loaded; install retrain-operator[trainer].")


@pytest.mark.parametrize(
    ("gpus", "device", "said", "layers"),
    [
        (list, "CPU", "There is no GPU here: train.device is CPU, with a smaller model than the default.", 1),
        (lambda: ["H100", "H100"], "GPU", "GPU found: H100, H100; train.device is GPU.", 3),
        (no_torch, "CPU", "train.device is CPU: torch can't be loaded", 1),
    ],
)
def test_the_gpu_that_is_here_decides_the_device(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    gpus: Any,
    device: str,
    said: str,
    layers: int,
) -> None:
    monkeypatch.setattr(command, "gpu_names", gpus)
    run_init(device=None)
    assert (written().spec.train.device, written().spec.model.layers) == (device, layers)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "symbols", "field"),
    [
        ("Nightly", "BTC-USD", "metadata.name"),
        ("a: b", "BTC-USD", "metadata.name"),
        ("", "BTC-USD", "metadata.name"),
        ("nightly", "btc-usd", r"spec.symbols\[0\]: write BTC-USD"),
        ("nightly", "BTC/USDT,AAPL,eth-usd", r"spec.symbols\[2\]: write ETH-USD"),
        ("nightly", ",", "spec.symbols"),
        ("nightly", "BTC-USD,BTC-USD", "spec.symbols"),
    ],
)
def test_what_no_run_can_have_is_refused_by_its_field(here: Path, name: str, symbols: str, field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        run_init(name, "--symbols", symbols)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("interval", ["60", "1w"])
def test_an_interval_that_no_run_can_have_is_refused(here: Path, interval: str) -> None:
    with pytest.raises(ConfigurationError, match="interval"):
        run_init("--interval", interval)
    assert list(here.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_sentence(here: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no folder candels"):
        run_init("--data", "candels")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["1e6", "null", "on", "123", "0x1f", "a.b-c", "true"])
@pytest.mark.parametrize("full", [(), ("--full",)])
def test_a_name_is_read_back_as_the_string_it_is(here: Path, name: str, full: tuple[str, ...]) -> None:
    run_init(name, *full)
    assert written().metadata.name == name
    if name[0].isdigit():
        assert f'name: "{name}"' in Path("retrain.yaml").read_text()  # kubectl reads more as numbers than PyYAML


@pytest.mark.parametrize("theirs", ["retrain.yaml", "retrain.schema.json"])
def test_a_file_that_is_there_is_overwritten_only_by_force(here: Path, theirs: str) -> None:
    (here / theirs).write_text("mine")
    with pytest.raises(ConfigurationError, match=f"{theirs} already exists.*--force") as refused:
        run_init()
    assert refused.value.reason == "FileExists"
    assert [path.name for path in here.iterdir()] == [theirs] and (here / theirs).read_text() == "mine"
    assert run_init("--force") == 0
    assert written().metadata.name == "improved-lstm"
    assert sorted(path.name for path in here.iterdir()) == ["retrain.schema.json", "retrain.yaml"]


def test_a_second_run_shares_the_schema(here: Path) -> None:
    run_init("first", "-o", "first.yaml")
    assert run_init("second", "-o", "second.yaml") == 0
    assert [written(f"{name}.yaml").metadata.name for name in ("first", "second")] == ["first", "second"]


@pytest.mark.parametrize("where", ["missing/retrain.yaml", "."])
def test_a_place_that_takes_no_file_is_one_sentence(here: Path, where: str) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be written|is a folder"):
        run_init("-o", where)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_a_dash_prints_the_run_alone_and_writes_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], full: tuple[str, ...]
) -> None:
    put(here, **{"candles_BTC-USD_1m": candles()})
    assert run_init("-o", "-", *full) == 0
    out, err = capsys.readouterr()
    assert parse_run(yaml.safe_load(out)).spec.symbols == ("BTC-USD",)
    assert "BTC-USD: " in err and "$schema" not in out
    assert [path.name for path in here.iterdir()] == ["candles_BTC-USD_1m.parquet"]
