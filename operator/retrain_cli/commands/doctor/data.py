"""Is each symbol's file there, and would the training accept it? Checked by the code that the training itself uses."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrain_api import reasons
from retrain_api.errors import NotFoundError, RetrainError
from retrain_api.gate.markets import copies
from retrain_api.gate.summary import one_market_sentences
from retrain_api.names import data_file_uri
from retrain_api.run import RetrainRun
from retrain_api.time import nanoseconds_of

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

    with TemporaryDirectory(prefix="retrain-doctor-") as folder:
        dataset = _load(run, _local(run, place, symbol, environ, Path(folder)), symbol)
    markets[symbol] = market_of(dataset)
    leaks = find_leaks(dataset, dataset.values)
    suspected = tuple(f"The model will be Suspect. {sentence}" for sentence in leaks.suspicions)
    notes = (*suspected, dataset.feature_line, *dataset.warnings, *leaks.warnings)
    notes += (dataset.left_open,) if dataset.left_open else ()
    return Finding(f"data {symbol}", True, _described(dataset, run.spec.data.interval), notes)


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
        path = Path(place.uri.removeprefix("file://")) / key
        if not path.is_file():
            raise _explained(
                run, place, symbol, environ, NotFoundError(reasons.FILE_NOT_FOUND, f"There is no file {path}.")
            )
        return path
    try:
        open_place(place, environ).download(key, folder / key)
    except NotFoundError as error:
        if error.reason != reasons.OBJECT_NOT_FOUND:
            raise
        raise _explained(run, place, symbol, environ, error) from None
    return folder / key


def _explained(
    run: RetrainRun, place: Place, symbol: str, environ: Mapping[str, str], error: RetrainError
) -> RetrainError:
    from retrain_trainer.data.files.elsewhere import explained

    return explained(error, open_place(place, environ), _key(run, symbol), symbol, run.spec.data.interval)


def _load(run: RetrainRun, path: Path, symbol: str) -> Any:
    from retrain_trainer.data.dataset import load_dataset

    spec = run.spec
    return load_dataset(
        path,
        symbol=symbol,
        question=spec.question,
        windows=spec.windows,
        features=spec.data.features,
        built_in=spec.data.built_in,
        until=nanoseconds_of(spec.data.as_of(datetime.now(UTC))),
    )


def _described(dataset: Any, interval: str) -> str:
    parts = ", ".join(f"{name} {rows.stop - rows.start:,}" for name, rows in vars(dataset.split).items())
    gaps = "no gap" if dataset.gaps == 0 else f"{dataset.gaps:,} gap{'s' if dataset.gaps > 1 else ''}"
    return (
        f"{dataset.rows:,} bars of {interval}, {dataset.first_bar} to {dataset.last_bar}, {gaps}, "
        f"{len(dataset.names)} feature{'s' * (len(dataset.names) != 1)}; {parts} bars"
    )
