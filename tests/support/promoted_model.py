"""The model of tests/support/turning_market.py, trained and promoted by the real tasks, and looks at it.

life = promoted(tmp_path)
life.look(LEARNT + GOOD)          # the file has so many bars, and a look is made after the last; what it found
life.moved(store)                 # the same in another store
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from support import turning_market
from support.measured_run import SYMBOL, MeasuredRun, quiet

from retrain_api.documents.results import Looked
from retrain_api.documents.tasks import ObserveItem, ObserveTask
from retrain_api.names import observed_folder
from retrain_operator.manifests.tasks import run_ref
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Store
from retrain_trainer.tasks import observe

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class PromotedModel:
    """A model in a store, and the file that its bars are appended to."""

    run: MeasuredRun
    store: Store
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def pointer(self) -> Pointer:
        """What is promoted."""
        pointed = read_pointer(self.store, SYMBOL)
        assert pointed is not None
        return pointed.pointer

    def bars(self, rows: int) -> None:
        """The file has so many."""
        turning_market.market(BEGIN)[:rows].to_parquet(self.run.file, index=False)

    def task(self, rows: int) -> ObserveTask:
        """A look a minute after the bar of that number has closed."""
        spec = self.run.run.spec
        return ObserveTask(
            run=run_ref(self.run.run),
            artifacts_uri=self.store.uri,
            observe_key=f"look-{rows}",
            items=(ObserveItem(symbol=SYMBOL, data_uri=f"file://{self.run.file}"),),
            interval="1m",
            label=spec.label,
            evaluation=spec.evaluation,
            bar=0.55,
            as_of=f"{BEGIN + (rows + 1) * MINUTE:%Y-%m-%dT%H:%M:%SZ}",
        )

    def look(self, rows: int) -> Looked:
        """What a look finds."""
        self.bars(rows)
        return self.looked(rows)

    def looked(self, rows: int) -> Looked:
        """The same, of the file as it is: of bars after the look's time nothing is judged."""
        (found,) = observe.run(self.task(rows), self.environ, quiet).symbols
        return found

    def record(self) -> dict[str, bytes]:
        """The files of judged blocks."""
        folder = observed_folder(SYMBOL, self.pointer.model.sha256)
        return {key.removeprefix(folder): self.store.read(key).data for key in self.store.list(folder)}

    def moved(self, store: Store, environ: Mapping[str, str]) -> Self:
        """All its files in another store."""
        here, there = self.store.uri.encode(), store.uri.encode()
        for key in self.store.list(""):
            data = self.store.read(key).data
            store.write(key, data.replace(here, there) if key.endswith(".json") else data)
        return replace(self, store=store, environ=environ)


def promoted(root: Path) -> PromotedModel:
    """A model that has not been looked at yet."""
    run = MeasuredRun(
        root, spec=turning_market.SPEC, table=lambda: turning_market.market(BEGIN)[: turning_market.LEARNT]
    )
    assert [one.symbol for one in run.published().promoted] == [SYMBOL]
    return PromotedModel(run, run.store)
