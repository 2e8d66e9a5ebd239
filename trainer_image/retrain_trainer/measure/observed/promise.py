"""What a promoted model has promised, read from what its promotion left in the store: card, evaluation.json, results.json.

Any of them may be gone, or be of a release that wrote less. What can't be known is None, and who reads it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import ValidationError

from retrain_api.documents.references import RunRef
from retrain_api.measurement import Measurement
from retrain_api.model_times import times_in
from retrain_api.names import EVALUATION_FILE, report_folder, run_folder
from retrain_api.observation.blocks import Blocks, rule_in
from retrain_api.observation.record import Nulls
from retrain_api.observation.state import MIN_BARS, nulls_at
from retrain_api.spec.gate import Gate
from retrain_trainer.store.base import Store

from .card import Document, card_of, measurement_in, read_document

BarOf: TypeAlias = Literal["gate", "given", "majority"]
"""Whose bar it is: of the gate of the model's run, of somebody who named it, or of the majority on its test, for want of both."""


@dataclass(frozen=True)
class Promise:
    """What a model has to keep to since `tested_until`; None where nobody knows any more.

    `accuracy` on the `bars` of its test, with `low` and `high` of the 95 % interval. `symbols` is how many its run has promoted,
    and `run` the run. `spec` is the run's.
    """

    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    bars: int | None = None
    bar: float | None = None
    bar_of: BarOf = "majority"
    symbols: int | None = None
    min_bars: int = MIN_BARS
    blocks: Blocks | None = None
    tested_until: str | None = None
    run: RunRef | None = None
    spec: Document | None = None

    @property
    def nulls(self) -> Nulls | None:
        """The two bets' nulls; None without a bar."""
        return None if self.bar is None else Nulls(self.bar, self.low)


@dataclass
class Reports:
    """The results.json of runs in a store, each read once however many symbols a run has."""

    store: Store
    read: dict[RunRef, Sequence[Document]] = field(default_factory=dict)

    def of(self, run: RunRef) -> Sequence[Document]:
        """Those of a run, the newest report's first. Raises what the store raises."""
        if run not in self.read:
            self.read[run] = list(_results(self.store, run))
        return self.read[run]


def promise_of(
    reports: Reports, uri: str, sha256: str, pointer: Document | None = None, bar: float | None = None
) -> Promise:
    """The promise of a model in `promoted/`. `pointer` is known beside its card; `bar` takes the place of the gate's.

    Raises what the store raises.
    """
    known = {**(pointer or {}), **card_of(reports.store, uri)}
    run, measurement = _run(known), measurement_in(known) or Measurement()
    results = reports.of(run) if run else ()
    spec = next((one.get("spec") for one in results if sha256 in _promoted(one).values()), None)
    asked = _bar(spec or {})
    nulls = nulls_at(asked if bar is None else bar, measurement)
    low, high = _interval(_evaluation(reports.store, run, known), measurement)
    accuracy = measurement.metrics.accuracy
    return Promise(
        accuracy=_accuracy(known) if accuracy is None else accuracy,
        low=low,
        high=high,
        bars=measurement.bars or None,
        bar=nulls.bar if nulls else None,
        bar_of="given" if bar is not None else "majority" if asked is None else "gate",
        symbols=len({symbol for one in results for symbol in _promoted(one)}) or None,
        min_bars=_min_bars(spec or {}),
        blocks=rule_in(known).blocks,
        tested_until=times_in(known).tested_until,
        run=run,
        spec=spec,
    )


def _part(document: Document, name: str) -> Document:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _run(known: Document) -> RunRef | None:
    try:
        return RunRef.model_validate(known.get("run"))
    except ValidationError:
        return None


def _accuracy(known: Document) -> float | None:
    """As a pointer says it."""
    found = _part(known, "metrics").get("accuracy")
    return found if isinstance(found, float) else None


def _evaluation(store: Store, run: RunRef | None, known: Document) -> Document:
    key = _part(known, "evaluation").get("evaluateKey") or known.get("evaluateKey")
    if run is None or not key:
        return {}
    return read_document(store, run_folder(run.namespace, run.name, run.uid, str(key)) + EVALUATION_FILE)


def _interval(evaluation: Document, measurement: Measurement) -> tuple[float | None, float | None]:
    """The 95 % interval; its lower end as the gate judged by it."""
    low = measurement.near_bound("accuracy", 95)
    try:
        _, high = evaluation["intervals"]["accuracy"]["95"]
        return low, float(high)
    except (KeyError, TypeError, ValueError):
        return low, None


def _results(store: Store, run: RunRef) -> Iterator[Document]:
    """The results.json of each report of a run, the newest first."""
    place = report_folder(run.namespace, run.name, run.uid, 0).removesuffix("0/")
    numbers = {key.removeprefix(place).split("/")[0] for key in store.list(place) if key.endswith("/results.json")}
    for number in sorted((int(one) for one in numbers if one.isdecimal()), reverse=True):
        yield read_document(store, f"{place}{number}/results.json")


def _promoted(results: Document) -> dict[str, str]:
    """The models that a report promoted: sha256 by symbol."""
    try:
        return {one["symbol"]: one["sha256"] for one in _part(results, "promotion").get("promoted", ())}
    except (KeyError, TypeError):
        return {}


def _bar(spec: Document) -> float | None:
    """The bar of accuracy of a run's gate; None where it has none, or nobody knows."""
    try:
        return Gate.model_validate(spec["gate"]).accuracy_bar
    except (ValidationError, KeyError):
        return None


def _min_bars(spec: Document) -> int:
    found = _part(spec, "observation").get("minBars")
    return found if isinstance(found, int) else MIN_BARS
