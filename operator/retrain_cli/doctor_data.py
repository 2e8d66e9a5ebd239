"""Is each symbol's file there, and would the training take it? Asked of the code that training itself uses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api.names import data_file_uri
from retrain_api.run import RetrainRun

from .doctor_access import Place, open_place
from .doctor_finding import Finding


def probe_symbol(run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str]) -> Finding:
    """Rows, period and parts of a symbol's file. Raises NotFoundError, DataError and what the store raises."""
    with TemporaryDirectory(prefix="retrain-doctor-") as folder:
        dataset = _load(run, _local(run, place, symbol, environ, Path(folder)), symbol)
    return Finding(f"data {symbol}", True, _described(dataset, run.spec.data.interval), dataset.warnings)


def data_bytes(run: RetrainRun, place: Place, environ: Mapping[str, str]) -> int:
    """Size of all symbols' files together; those that are missing count nothing. Raises what the store raises."""
    store = open_place(place, environ)
    heads = [store.head(_key(run, symbol)) for symbol in run.spec.symbols]
    return sum(head.size for head in heads if head is not None)


def _key(run: RetrainRun, symbol: str) -> str:
    return data_file_uri("", run.spec.data.filename, symbol, run.spec.data.interval).lstrip("/")


def _local(run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str], folder: Path) -> Path:
    """The file itself where it is on this machine, else a copy under its own name, which messages show."""
    key = _key(run, symbol)
    if place.uri.startswith("file://"):
        return Path(place.uri.removeprefix("file://")) / key
    open_place(place, environ).download(key, folder / key)
    return folder / key


def _load(run: RetrainRun, path: Path, symbol: str) -> Any:
    from retrain_trainer.dataset import load_dataset

    spec = run.spec
    return load_dataset(
        path,
        symbol=symbol,
        interval=spec.data.interval,
        features=spec.data.features,
        horizon_bars=spec.label.horizon_bars,
        ties=spec.label.ties,
        validation_percent=spec.split.validation_percent,
        test_percent=spec.split.test_percent,
        lookback=spec.model.lookback_bars,
    )


def _described(dataset: Any, interval: str) -> str:
    parts = ", ".join(f"{name} {rows.stop - rows.start:,}" for name, rows in vars(dataset.split).items())
    gaps = "no gap" if dataset.gaps == 0 else f"{dataset.gaps:,} gap{'s' if dataset.gaps > 1 else ''}"
    return (
        f"{dataset.rows:,} bars of {interval}, {dataset.first_bar} to {dataset.last_bar}, {gaps}, "
        f"{len(dataset.names)} features; {parts} bars"
    )
