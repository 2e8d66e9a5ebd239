"""The observe command: judges the bars that have closed since the test of whatever model each symbol's pointer names.

What is judged is kept at once (`measure/observed/record_files.py`), so a look that was stopped goes on where it was, and two at
the same time share the work. A symbol that can't be judged says why in its line, and the others go on. Only what concerns all of
them ends the task: a store that is away or refuses, and whatever may pass by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from retrain_api import reasons
from retrain_api.documents.results import Looked, ObserveResult
from retrain_api.documents.tasks import ObserveItem, ObserveTask
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError
from retrain_api.formatting import counted, measured
from retrain_api.observation.betting import days_to_see
from retrain_api.observation.record import restated, total
from retrain_api.time import UNITS, nanoseconds_of
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.measure.asking import exact_model
from retrain_trainer.measure.observed.judging import Rules, digests, whole_blocks
from retrain_trainer.measure.observed.later_bars import Asked, ClosedBars, bars_of, closed_bars, parts
from retrain_trainer.measure.observed.record_files import Record, append, damaged, read_record
from retrain_trainer.measure.observed.subject import Subject, not_measurable, subject_of
from retrain_trainer.model.device import choose_device
from retrain_trainer.model.file import ModelFile
from retrain_trainer.model.pointer import Pointer, read_pointer
from retrain_trainer.store.base import Conflict, Store
from retrain_trainer.store.credentials import environ_for
from retrain_trainer.store.locate import Locate, open_artifacts
from retrain_trainer.store.open import open_store, split_uri

Log = Callable[[str], None]


@dataclass(frozen=True)
class Look:
    """What the looks at the symbols of one index share."""

    task: ObserveTask
    store: Store
    locate: Locate
    environ: Mapping[str, str]
    device: torch.device
    log: Log

    @property
    def until(self) -> int:
        """The time of the look, in nanoseconds UTC."""
        return nanoseconds_of(self.task.as_of)


def run(task: ObserveTask, environ: Mapping[str, str], log: Log) -> ObserveResult:
    """Look at the symbols of JOB_COMPLETION_INDEX. Raises ConfigurationError, and what concerns all symbols."""
    items = _items(task, environ.get("JOB_COMPLETION_INDEX", "0"))
    store, locate = open_artifacts(task.artifacts_uri, environ)
    look = Look(task, store, locate, environ, choose_device(task.device, "observe"), log)
    return ObserveResult(observe_key=task.observe_key, symbols=tuple(looked(look, item) for item in items))


def _items(task: ObserveTask, index: str) -> tuple[ObserveItem, ...]:
    items = task.items_of(int(index)) if index.isdecimal() else ()
    if not items:
        raise ConfigurationError(
            reasons.NO_SUCH_ITEM,
            f"JOB_COMPLETION_INDEX is {index!r}, but the task has indexes 0 to {task.indexes - 1}.",
        )
    return items


def looked(look: Look, item: ObserveItem) -> Looked:
    """One symbol, with what keeps it from being judged. Raises what concerns all symbols, and what may pass by itself."""
    found = Looked(symbol=item.symbol)
    try:
        pointed = read_pointer(look.store, item.symbol)
        if pointed is None:
            look.log(f"{item.symbol}: nothing is promoted any more")
            return found
        found = _of_pointer(found, item, pointed.pointer)
        subject = subject_of(look.store, pointed.pointer, look.task.bar)
        record = _record(look, subject)
        found = found.model_copy(update={"days_to_see": _sees(look, subject), **_numbers(subject, record)})
        return _judged(look, item, subject, record, found)
    except RetrainError as error:
        if concerns_all(error):
            raise
        look.log(f"{item.symbol}: {error.reason}: {error.message}")
        return found.model_copy(update={"reason": error.reason, "problem": error.message})


def concerns_all(error: RetrainError) -> bool:
    """Whether an error says nothing of one symbol alone, or may pass by itself."""
    of_the_place = isinstance(error, CredentialsError | ConfigurationError) and error.reason != reasons.UNKNOWN_FEATURE
    no_bucket = isinstance(error, NotFoundError) and error.reason == reasons.BUCKET_NOT_FOUND
    return error.retryable or of_the_place or no_bucket


def _of_pointer(found: Looked, item: ObserveItem, pointer: Pointer) -> Looked:
    """Whom the look is at. A rollback concerns the run that it took the model of, and none whose model a newer one had replaced."""
    concerned = ("", pointer.model.sha256, *pointer.withdrawn)
    known: dict[str, Any] = {
        "model": pointer.model.sha256,
        "run": pointer.run.uid,
        "promoted_at": pointer.promoted_at,
        "rolled_back": pointer.rolled_back is not None and item.model in concerned,
        "promised": pointer.metrics.accuracy,
    }
    return found.model_copy(update=known)


def _record(look: Look, subject: Subject) -> Record:
    """What is known of the model's life; nothing yet where it was never judged. Raises DataError("RecordDamaged")."""
    pointer, question = subject.pointer, look.task.question
    nothing = Record(pointer.symbol, pointer.model.sha256, question, subject.blocks.length, subject.tested_until)
    known = read_record(look.store, pointer.symbol, pointer.model.sha256) or nothing
    if (known.length, known.anchor) != (nothing.length, nothing.anchor):
        raise damaged(
            f"The judged blocks of the model {pointer.model.sha256[:8]} are of {known.length} bars from {iso_time(known.anchor)} on, and "
            f"its pointer says {nothing.length} from {iso_time(nothing.anchor)} on"
        )
    _require_question(known.question == question, pointer, str(known.question), look)
    return known


def _require_question(same: bool, pointer: Pointer, asked: str, look: Look) -> None:
    if not same:
        raise not_measurable(
            f"The model {pointer.model.sha256[:8]} predicts {asked}, and this run {look.task.question}: its bar is of another question"
        )


def _judged(look: Look, item: ObserveItem, subject: Subject, record: Record, found: Looked) -> Looked:
    """The symbol once all of its whole blocks are judged."""
    model = exact_model(look.locate, subject.pointer.model, "promoted")
    _require_question(model.question == look.task.question, subject.pointer, str(model.question), look)
    with TemporaryDirectory(prefix="observe-") as folder:
        closed = _downloaded(look, item, Path(folder))
        if closed.newest is None:
            return found
        found = found.model_copy(update={"newest": iso_time(closed.newest)})
        bars = bars_of(closed, record, model.lookback)
        late = restated(record.blocks, digests(bars, model.lookback, int(closed.times[0])))
        longer = judge(look, subject, model, closed, record)
    found = found.model_copy(update={"late": late, **_numbers(subject, longer)})
    look.log(_line(found, len(longer.blocks) - len(record.blocks)))
    return found


def _downloaded(look: Look, item: ObserveItem, folder: Path) -> ClosedBars:
    place, key = split_uri(item.data_uri)
    path = folder / key.rpartition("/")[2]
    open_store(place, environ_for("data", look.environ)).download(key, path)
    return closed_bars(path, look.task.question.interval, max(time.time_ns(), look.until), look.until)


def judge(look: Look, subject: Subject, model: ModelFile, closed: ClosedBars, record: Record) -> Record:
    """The record with all blocks that are whole now; each part is kept before the next is judged.

    Where another observer was faster, its blocks are read, and this one goes on behind them. Raises Conflict where there are none.
    """
    asked = Asked(model, subject.pointer.calibration, look.device)
    stop = whole_blocks(record, closed.newest or 0)
    while len(record.blocks) < stop:
        bars = bars_of(closed, record, model.lookback)
        try:
            for new in parts(closed, bars, asked, Rules.going_on(record, look.task.evaluation), stop):
                record = append(look.store, record, new)
        except Conflict:
            theirs = read_record(look.store, record.symbol, record.model)
            if theirs is None or len(theirs.blocks) <= len(record.blocks):
                raise
            look.log(f"{record.symbol}: another look was faster; going on behind {theirs.blocks[-1].first}")
            record = theirs
    return record


def _sees(look: Look, subject: Subject) -> float | None:
    """Days until a fall would show."""
    interval = look.task.question.interval
    share, day = subject.judged_share(interval), UNITS["d"] / interval.nanoseconds
    return days_to_see(subject.blocks, subject.nulls.bar, len(look.task.items), day, share)


def _numbers(subject: Subject, record: Record) -> dict[str, Any]:
    """The numbers over the whole record."""
    totals = total(record.blocks, subject.nulls, subject.blocks)
    return {
        "blocks": totals.blocks,
        "bars": totals.bars,
        "right": totals.right,
        "accuracy": totals.accuracy,
        "calibration_error": totals.calibration_error,
        "pnl": totals.pnl if totals.bars else None,
        "wealth": round(totals.bar.log, 6),
        "peak": round(totals.bar.log_peak, 6),
        "promise": None if totals.promise is None else round(totals.promise.log, 6),
    }


def _line(found: Looked, new: int) -> str:
    """A line for the log."""
    since = "no bar is judged yet"
    if found.bars:
        right, promised = measured("accuracy", found.accuracy), measured("accuracy", found.promised)
        since = f"right in {right} of {found.bars:,} bars since its test, which promised {promised}"
    late = f"; {counted(found.late, 'block')} would be of other bars now" if found.late else ""
    return f"{found.symbol}: {counted(new, 'block')} judged, up to {found.newest}; {since}{late}"
