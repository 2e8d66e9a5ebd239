"""A model that was promoted by the real tasks, and looks at it on the bars that came later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from support.measured_run import ROWS, SYMBOL, MeasuredRun, returning_table

from retrain_api.documents.results import Looked
from retrain_api.documents.tasks import ObserveItem, ObserveTask
from retrain_api.model_times import parsed
from retrain_api.wire import timestamp
from retrain_trainer.measure.observed.record_files import Record, read_record
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Store
from retrain_trainer.tasks import observe

BAR = 0.55


@dataclass
class ObservedModel:
    """One promoted symbol. `root` has data and store as a run's; `table` gives so many rows of the file as it grows."""

    root: Path
    table: Callable[[int], pd.DataFrame] = returning_table
    spec: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = MeasuredRun(self.root, spec=self.spec, table=lambda: self.table(ROWS))

    @property
    def store(self) -> Store:
        return self.run.store

    @property
    def pointer(self) -> Pointer:
        pointed = read_pointer(self.store, SYMBOL)
        assert pointed is not None
        return pointed.pointer

    @property
    def record(self) -> Record | None:
        return read_record(self.store, SYMBOL, self.pointer.model.sha256)

    def write(self, table: pd.DataFrame) -> None:
        """The file as it is from now on."""
        table.to_parquet(self.run.file, index=False)

    def task(self, as_of: str, **changes: Any) -> ObserveTask:
        """A look at that time."""
        run = self.run.run
        item = ObserveItem(symbol=SYMBOL, data_uri=f"file://{self.run.file}")
        task = ObserveTask(
            run={"namespace": "team", "name": run.metadata.name, "uid": run.metadata.uid},  # type: ignore[arg-type]
            artifacts_uri=self.store.uri,
            observe_key="d" * 16,
            items=(item,),
            interval="1m",
            label=run.spec.label,
            evaluation=run.spec.evaluation,
            bar=BAR,
            as_of=as_of,
        )
        return task.model_copy(update=changes)

    def look(self, as_of: str = "2026-01-01T00:00:00Z", **changes: Any) -> Looked:
        """What a look finds."""
        self.log.clear()
        (found,) = observe.run(self.task(as_of, **changes), {}, self.log.append).symbols
        return found

    def minutes_after_test(self, minutes: int) -> str:
        """A time so many minutes after the end of the model's test."""
        end = parsed(self.pointer.tested_until or "")
        assert end is not None
        return timestamp(end + pd.Timedelta(minutes=minutes))

    def change(self, key: str, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Write a JSON document of the store otherwise."""
        self.store.write(key, json.dumps(change(json.loads(self.store.read(key).data))).encode())

    def forget(self) -> None:
        """As if nobody had ever looked."""
        for key in self.store.list("observed/"):
            self.store.delete(key)
