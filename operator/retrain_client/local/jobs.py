"""A Job controller for one machine, as far as our Jobs need one: indexes, back-off, failure policy. Pure functions.

The rules are those of Kubernetes (batch/v1 podFailurePolicy, backoffLimit, backoffLimitPerIndex), so a Job ends here as
it would end there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from retrain_api import reasons
from retrain_api.documents.encoding import TASK_VARIABLE, decode_task, result_text
from retrain_api.documents.tasks import EvaluateTask, ObserveTask
from retrain_api.names import ANNOTATION_KEY, ANNOTATION_QUEUE, ANNOTATION_TEMPLATE, LABEL_PHASE, LABEL_SYMBOL
from retrain_api.status.lateness import Late
from retrain_api.status.progress import Progress
from retrain_operator.state.view import JobView, PodView

IndexState = Literal["Waiting", "Running", "Succeeded", "Failed"]
Action = Literal["FailJob", "FailIndex", "Ignore", "Count"]

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 10.0
"""Seconds before a counted failure is retried, doubled each time. On one machine there is no need to wait for minutes."""


@dataclass(frozen=True)
class IndexRecord:
    """One index of a Job: what its processes have done so far. `not_before` is a Unix time."""

    state: IndexState = "Waiting"
    starts: int = 0
    failures: int = 0
    exit_code: int | None = None
    message: str | None = None
    not_before: float = 0.0


@dataclass(frozen=True)
class JobRecord:
    """One Job. `manifest` is what the plan asked for."""

    manifest: dict[str, Any]
    uid: str
    created: str
    indexes: tuple[IndexRecord, ...]
    deleting: bool = False
    finished: str | None = None
    failure_reason: str | None = None
    progress: dict[str, Any] | None = field(default=None, compare=False)
    late: dict[str, Any] | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def phase(self) -> str:
        """Of the run, such as train."""
        return str(self.manifest["metadata"]["labels"][LABEL_PHASE])

    @property
    def symbol(self) -> str | None:
        """Its symbol, for a train Job."""
        return self.manifest["metadata"]["labels"].get(LABEL_SYMBOL)  # type: ignore[no-any-return]

    def symbol_of(self, index: int) -> str | None:
        """The symbol that an index works for, where it is one."""
        if self.symbol or self.phase not in ("evaluate", "observe"):
            return self.symbol
        environ = self.spec["template"]["spec"]["containers"][0]["env"]
        task = decode_task(next(entry["value"] for entry in environ if entry["name"] == TASK_VARIABLE))
        if isinstance(task, ObserveTask):
            looked_at = task.items_of(index)
            return looked_at[0].symbol if len(looked_at) == 1 else None
        return task.items[index].symbol if isinstance(task, EvaluateTask) else None

    @property
    def spec(self) -> dict[str, Any]:
        """The Job's spec."""
        return self.manifest["spec"]  # type: ignore[no-any-return]


def new_record(manifest: dict[str, Any], uid: str, now: datetime) -> JobRecord:
    """A Job as it is just after it was created."""
    count = manifest["spec"].get("completions", 1)
    return JobRecord(manifest, uid, now.isoformat(), tuple(IndexRecord() for _ in range(count)))


def to_json(record: JobRecord) -> dict[str, Any]:
    """The record as JSON-like data."""
    return asdict(record)


def from_json(data: dict[str, Any]) -> JobRecord:
    """The record from JSON-like data."""
    return JobRecord(**{**data, "indexes": tuple(IndexRecord(**index) for index in data["indexes"])})


def resumed(record: JobRecord, now: datetime) -> JobRecord:
    """The record as a new executor continues it: a process that was running is gone, and its restart is not counted.

    Deadlines start anew, as after a suspension: the Job did not run in the meantime.
    """
    indexes = tuple(replace(one, state="Waiting") if one.state == "Running" else one for one in record.indexes)
    return record if record.finished else replace(record, indexes=indexes, created=now.isoformat())


def started(record: JobRecord, index: int) -> JobRecord:
    """The record once a process of the index runs."""
    entry = record.indexes[index]
    return _with(record, index, replace(entry, state="Running", starts=entry.starts + 1))


def ended(record: JobRecord, index: int, exit_code: int, message: str | None, now: datetime) -> JobRecord:
    """The record once a process of the index has ended: what follows for the index and for the Job."""
    entry = replace(record.indexes[index], exit_code=exit_code, message=message or record.indexes[index].message)
    if record.finished:
        # Its message counts, but the Job is over already: that is why the process was asked to stop.
        return _with(record, index, replace(entry, state="Failed" if exit_code else "Succeeded"))
    if exit_code == 0:
        return _closed(_with(record, index, replace(entry, state="Succeeded")), now)
    action = action_on(record.spec, exit_code)
    if action == "Ignore":
        return _with(record, index, _again(entry, _FIRST_DELAY, now))
    entry = replace(entry, failures=entry.failures + 1)
    failed = _with(record, index, replace(entry, state="Failed"))
    if action == "FailJob":
        return _over(failed, reasons.POD_FAILURE_POLICY, now)
    if _retries_spent(failed):
        return _over(failed, reasons.BACKOFF_LIMIT_EXCEEDED, now)
    if action == "FailIndex" or entry.failures > record.spec.get("backoffLimitPerIndex", entry.failures):
        return _closed(failed, now)
    return _with(record, index, _again(entry, min(_FIRST_DELAY * 2 ** (entry.failures - 1), _LONGEST_DELAY), now))


def _again(entry: IndexRecord, delay: float, now: datetime) -> IndexRecord:
    return replace(entry, state="Waiting", not_before=now.timestamp() + delay)


def _retries_spent(record: JobRecord) -> bool:
    """backoffLimit counts over all indexes; it is 6 by default, and none where each index has a limit."""
    default = None if "backoffLimitPerIndex" in record.spec else 6
    limit = record.spec.get("backoffLimit", default)
    return limit is not None and sum(entry.failures for entry in record.indexes) > limit


def _over(record: JobRecord, reason: str | None, now: datetime) -> JobRecord:
    return replace(record, finished=now.isoformat(), failure_reason=reason)


def action_on(spec: dict[str, Any], exit_code: int) -> Action:
    """What the pod failure policy does with an exit code: the first rule that matches, else Count."""
    for rule in spec.get("podFailurePolicy", {}).get("rules", ()):
        codes = rule.get("onExitCodes")
        if codes is None:
            continue
        listed = exit_code in codes["values"]
        if listed == (codes["operator"] == "In"):
            return rule["action"]  # type: ignore[no-any-return]
    return "Count"


def _with(record: JobRecord, index: int, entry: IndexRecord) -> JobRecord:
    return replace(record, indexes=(*record.indexes[:index], entry, *record.indexes[index + 1 :]))


def _closed(record: JobRecord, now: datetime) -> JobRecord:
    """The Job is over once every index is, or once too many have failed."""
    states = [entry.state for entry in record.indexes]
    failed = states.count("Failed")
    if failed > record.spec.get("maxFailedIndexes", failed):
        return _over(record, reasons.MAX_FAILED_INDEXES_EXCEEDED, now)
    if "Waiting" in states or "Running" in states:
        return record
    return _over(record, reasons.FAILED_INDEXES if failed else None, now)


def runnable(record: JobRecord, now: datetime) -> list[int]:
    """Indexes that may start now, within the Job's own parallelism."""
    if record.deleting or record.finished:
        return []
    at = now.timestamp()
    running = sum(entry.state == "Running" for entry in record.indexes)
    free = max(record.spec.get("parallelism", 1) - running, 0)
    return [i for i, entry in enumerate(record.indexes) if entry.state == "Waiting" and entry.not_before <= at][:free]


def overdue(record: JobRecord, now: datetime) -> bool:
    """Whether the Job has run longer than activeDeadlineSeconds."""
    limit = record.spec.get("activeDeadlineSeconds")
    age = (now - datetime.fromisoformat(record.created)).total_seconds()
    return limit is not None and not record.finished and age > limit


def timed_out(record: JobRecord, now: datetime) -> JobRecord:
    """The record of a Job that has reached its deadline."""
    return _over(record, reasons.DEADLINE_EXCEEDED, now)


def job_view(record: JobRecord) -> JobView:
    """The record as the plan sees Jobs."""
    meta = record.manifest["metadata"]
    over = record.deleting or record.finished is not None
    return JobView(
        name=record.name,
        uid=record.uid,
        phase=meta["labels"][LABEL_PHASE],
        key=meta["annotations"][ANNOTATION_KEY],
        template=meta["annotations"][ANNOTATION_TEMPLATE],
        state=_state(record),
        symbol=record.symbol,
        attempts=sum(entry.starts for entry in record.indexes),
        started=any(entry.starts for entry in record.indexes),
        queue=meta["annotations"].get(ANNOTATION_QUEUE, ""),
        created=datetime.fromisoformat(record.created),
        finished=datetime.fromisoformat(record.finished) if record.finished else None,
        failure_reason=record.failure_reason,
        pods=tuple(_pod(index, entry, over) for index, entry in enumerate(record.indexes)),
        progress=Progress(**record.progress) if record.progress else None,
        late=Late(**record.late) if record.late else None,
    )


def _state(record: JobRecord) -> Literal["Waiting", "Running", "Complete", "Failed", "Deleting"]:
    if record.deleting:
        return "Deleting"
    if record.finished:
        return "Failed" if record.failure_reason else "Complete"
    return "Running" if any(entry.state == "Running" for entry in record.indexes) else "Waiting"


def _pod(index: int, entry: IndexRecord, over: bool) -> PodView:
    """One index as a pod. Where its Job is over, it waits for nothing any more."""
    phases: dict[IndexState, Literal["Pending", "Running", "Succeeded", "Failed"]] = {
        "Waiting": "Pending",
        "Running": "Running",
        "Succeeded": "Succeeded",
        "Failed": "Failed",
    }
    is_waiting = entry.state == "Waiting" and not over
    return PodView(
        index=index,
        phase=phases[entry.state],
        exit_code=entry.exit_code,
        message=result_text(entry.message),
        waiting_reason=(reasons.BACK_OFF if entry.failures else reasons.NO_FREE_CORE) if is_waiting else None,
        waiting_message=_waiting_message(entry) if is_waiting else None,
    )


def _waiting_message(entry: IndexRecord) -> str:
    if entry.failures:
        times = "once" if entry.failures == 1 else f"{entry.failures} times"
        return f"Failed {times}, last with exit code {entry.exit_code}; will be retried in a moment."
    return "Waiting for a free core."
