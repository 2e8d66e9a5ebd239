"""Is each symbol's file there, and would the training accept it? Checked by the code that preflight and training themselves use.

First what the preflight looks at, which reads little more than the file's footer; then the file whole, as the training reads it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api.errors import DataError
from retrain_api.gate.markets import copies
from retrain_api.gate.summary import one_market_sentences
from retrain_api.keys import recipe
from retrain_api.names import data_file_uri, file_name
from retrain_api.run import RetrainRun
from retrain_api.time import duration, nanoseconds_of

from .access import Place, open_place
from .finding import Finding


def probe_symbol(
    run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str], markets: MutableMapping[str, str]
) -> Finding:
    """Rows, period and parts of a symbol's file; its market digest is added to `markets`.

    Raises NotFoundError, DataError and what the store raises.
    """
    from retrain_trainer.measure.figures.market import market_of
    from retrain_trainer.measure.leaks.find import find_leaks

    until = nanoseconds_of(run.spec.data.as_of(datetime.now(UTC)))
    preflight(run, place, symbol, environ, until)
    with TemporaryDirectory(prefix="retrain-doctor-") as folder:
        dataset = _load(run, _local(run, place, symbol, environ, Path(folder)), symbol, until)
    markets[symbol] = market_of(dataset)
    leaks = find_leaks(dataset, dataset.values)
    suspected = tuple(f"The model will be Suspect. {sentence}" for sentence in leaks.suspicions)
    notes = (*suspected, dataset.feature_line, *dataset.warnings, *leaks.warnings)
    notes += (dataset.left_open,) if dataset.left_open else ()
    return Finding(f"data {symbol}", True, _described(dataset, run.spec.data.interval), notes)


def preflight(run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str], until: int) -> Any:
    """The times of the bars that can be used; None of a file that changes all the time. Raises what a preflight refuses."""
    from retrain_trainer.data.freshness import require_fresh
    from retrain_trainer.data.preflight import Demand, closed_bars

    spec = run.spec
    demand = Demand(spec.question, spec.windows, spec.data.features, spec.data.built_in)
    bars = closed_bars(open_place(place, environ), _key(run, symbol), symbol, demand, until, time.time_ns())
    if bars is not None:
        require_fresh(bars, spec.question.interval, until, duration(spec.data.max_age), file_name(_key(run, symbol)))
    return bars


def probe_news(run: RetrainRun, data: Place, artifacts: Place, symbol: str, environ: Mapping[str, str]) -> Finding:
    """Whether the symbol would be skipped, because its file has nothing new. Raises what the stores raise."""
    from retrain_trainer.data.freshness import require_new
    from retrain_trainer.measure.tries.last_used import last_used

    bars = preflight(run, data, symbol, environ, nanoseconds_of(run.spec.data.as_of(datetime.now(UTC))))
    used = last_used(open_place(artifacts, environ), symbol, recipe(run.spec, symbol))
    try:
        if bars is not None:
            require_new(bars, run.spec.data.min_new_bars, used, file_name(_key(run, symbol)))
    except DataError as error:
        return Finding(f"data {symbol}", None, f"It would be skipped. {error.message}")
    return Finding(
        f"data {symbol}", True, f"has the {run.spec.data.min_new_bars:,} new bars that data.minNewBars asks for"
    )


def one_market_findings(markets: Mapping[str, str]) -> list[Finding]:
    """A note for each group of symbols whose files are one market."""
    return [
        Finding(
            "data",
            None,
            f"{sentence} and count once towards the quorum. Is {{symbol}} in the right place in data.filename?",
        )
        for sentence in one_market_sentences(copies(markets))
    ]


def data_bytes(run: RetrainRun, place: Place, environ: Mapping[str, str]) -> int:
    """Total size of the symbols' files in bytes; missing ones count as 0. Raises what the store raises."""
    store = open_place(place, environ)
    heads = [store.head(_key(run, symbol)) for symbol in run.spec.symbols]
    return sum(head.size for head in heads if head is not None)


def _key(run: RetrainRun, symbol: str) -> str:
    return data_file_uri("", run.spec.data.filename, symbol, run.spec.data.interval).lstrip("/")


def _local(run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str], folder: Path) -> Path:
    """The file itself where it is on this machine, else a copy of the same name, since messages show it."""
    key = _key(run, symbol)
    if place.uri.startswith("file://"):
        return Path(place.uri.removeprefix("file://")) / key
    open_place(place, environ).download(key, folder / key)
    return folder / key


def _load(run: RetrainRun, path: Path, symbol: str, until: int) -> Any:
    from retrain_trainer.data.dataset import load_dataset

    spec = run.spec
    return load_dataset(
        path,
        symbol=symbol,
        question=spec.question,
        windows=spec.windows,
        features=spec.data.features,
        built_in=spec.data.built_in,
        until=until,
    )


def _described(dataset: Any, interval: str) -> str:
    parts = ", ".join(f"{name} {rows.stop - rows.start:,}" for name, rows in vars(dataset.split).items())
    gaps = "no gap" if dataset.gaps == 0 else f"{dataset.gaps:,} gap{'s' if dataset.gaps > 1 else ''}"
    return (
        f"{dataset.rows:,} bars of {interval}, {dataset.first_bar} to {dataset.last_bar}, {gaps}, "
        f"{len(dataset.names)} feature{'s' * (len(dataset.names) != 1)}; {parts} bars"
    )
