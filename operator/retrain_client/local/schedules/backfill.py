"""A backfill on this machine: the past slots of a schedule, each as a run of its own, and the task that scores their models.

A slot's run is the template as of the slot's time, as in a walk-forward: it measures, promotes nothing and is copied nowhere. Its name holds
the recipe, so the same file finds what it made before, and a file with another recipe makes other runs. The runs bear no label
of the schedule: they are none of its history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrain_api import reasons
from retrain_api.cron import Cron
from retrain_api.documents.references import FileRef, RunRef
from retrain_api.documents.tasks import ScoreItem, ScoreSlot, ScoreTask
from retrain_api.errors import ConfigurationError
from retrain_api.keys import proof_key
from retrain_api.names import (
    EVALUATION_FILE,
    GROUP,
    KIND,
    VERSION,
    backfill_run,
    data_file_uri,
    folder,
    run_folder,
)
from retrain_api.schedule import RetrainSchedule
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.status.run import RetrainRunStatus
from retrain_api.wire import timestamp, to_wire
from retrain_client.local.state import RunFolder
from retrain_operator.manifests.runs import replay_spec

MOST_SLOTS = 1000


@dataclass(frozen=True)
class SlotRun:
    """The run of a past slot, as it stands; `until` is the next slot, or now where that is still to come."""

    slot: datetime
    until: datetime
    name: str
    uid: str = ""
    status: RetrainRunStatus = field(default_factory=RetrainRunStatus)

    @property
    def passed(self) -> bool:
        """Whether a run of this slot would promote what passes."""
        return self.status.state == "Passed"

    def promotes(self, symbol: str) -> bool:
        """Whether it would take this symbol's model into service."""
        return self.passed and self.status.symbol(symbol).verdict == "Pass"


@dataclass(frozen=True)
class Backfill:
    """The past slots of a schedule, the oldest first, in a state folder."""

    schedule: RetrainSchedule
    slots: tuple[datetime, ...]
    state_dir: Path
    now: datetime

    @property
    def spec(self) -> RetrainRunSpec:
        """The template of all runs."""
        return self.schedule.spec.run_template.spec

    @property
    def key(self) -> str:
        """What is tried: another recipe is another backfill."""
        return proof_key(self.spec)

    @property
    def place(self) -> Path:
        """Where the backfill itself keeps logs and its lock."""
        meta = self.schedule.metadata
        return self.state_dir / meta.namespace / f"{meta.name}-bf-{self.key[:6]}"

    def name(self, slot: datetime) -> str:
        """Of a slot's run."""
        return backfill_run(self.schedule.metadata.name, self.key, slot)

    def manifest(self, slot: datetime) -> dict[str, Any]:
        """A slot's run, with the template's labels and annotations."""
        given, meta = self.schedule.spec.run_template.metadata, self.schedule.metadata
        metadata: dict[str, Any] = {
            "name": self.name(slot),
            "namespace": meta.namespace,
            "labels": dict(given.labels),
            "annotations": dict(given.annotations),
        }
        spec = replay_spec(self.spec, timestamp(slot))
        return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": to_wire(spec)}

    def folder(self, slot: datetime) -> RunFolder:
        """Where a slot's run is kept."""
        return RunFolder(self.state_dir / self.schedule.metadata.namespace / self.name(slot))

    def runs(self) -> tuple[SlotRun, ...]:
        """Every slot's run as it stands. Raises SoftwareError("BadState")."""
        cron = Cron.parse(self.schedule.spec.schedule, self.schedule.spec.time_zone)
        ends = [*self.slots[1:], cron.after(self.slots[-1]) or self.now]
        return tuple(self._run(slot, min(end, self.now)) for slot, end in zip(self.slots, ends, strict=True))

    def _run(self, slot: datetime, until: datetime) -> SlotRun:
        kept = self.folder(slot)
        return SlotRun(slot, until, self.name(slot), kept.uid() or "", kept.read_status())

    def score_task(self, runs: Sequence[SlotRun]) -> ScoreTask:
        """What is asked of the models of these runs."""
        meta, spec = self.schedule.metadata, self.spec
        return ScoreTask(
            run=RunRef(namespace=meta.namespace, name=meta.name, uid=self.key),
            artifacts_uri=folder(spec.artifacts.uri),
            items=tuple(self._item(symbol, runs) for symbol in spec.symbols),
            interval=spec.data.interval,
            label=spec.label,
            evaluation=spec.evaluation,
            device=spec.evaluate.device,
        )

    def _item(self, symbol: str, runs: Sequence[SlotRun]) -> ScoreItem:
        data = self.spec.data
        uri = data_file_uri(data.uri, data.filename, symbol, data.interval)
        return ScoreItem(symbol=symbol, data_uri=uri, slots=tuple(self._slot(symbol, run) for run in runs))

    def _slot(self, symbol: str, run: SlotRun) -> ScoreSlot:
        result = run.status.symbol(symbol).result
        times = {"slot": timestamp(run.slot), "until": timestamp(run.until)}
        if result is None or result.model is None or not run.uid:
            return ScoreSlot(**times)
        evaluation = None
        if result.evaluate_key and result.details_sha256:
            place = run_folder(self.schedule.metadata.namespace, run.name, run.uid, result.evaluate_key)
            uri = folder(self.spec.artifacts.uri) + place + EVALUATION_FILE
            evaluation = FileRef(uri=uri, sha256=result.details_sha256)
        model = FileRef(uri=result.model.uri, sha256=result.model.sha256)
        return ScoreSlot(**times, model=model, evaluation=evaluation, promoted=run.promotes(symbol))


def backfill_of(schedule: RetrainSchedule, begin: datetime, end: datetime, state_dir: Path, now: datetime) -> Backfill:
    """The backfill of all slots from `begin` to `end`, both counted, that are over.

    Raises ConfigurationError("BadOptions") where there is none, or too many.
    """
    cron = Cron.parse(schedule.spec.schedule, schedule.spec.time_zone)
    slots = tuple(_between(cron, begin, min(end, now)))
    period = f"between {timestamp(begin.astimezone(UTC))} and {timestamp(min(end, now).astimezone(UTC))}"
    if not slots:
        raise ConfigurationError(
            reasons.BAD_OPTIONS, f"{schedule.spec.schedule} ({schedule.spec.time_zone}) has no slot {period}."
        )
    if len(slots) > MOST_SLOTS:
        raise ConfigurationError(
            reasons.BAD_OPTIONS, f"There are more than {MOST_SLOTS:,} slots {period}; give a shorter time."
        )
    return Backfill(schedule, slots, state_dir, now)


def _between(cron: Cron, begin: datetime, end: datetime) -> Iterator[datetime]:
    slot = cron.at_or_before(begin)
    slot = slot if slot == begin else cron.after(begin)
    for _ in range(MOST_SLOTS + 1):
        if slot is None or slot > end:
            return
        yield slot
        slot = cron.after(slot)
