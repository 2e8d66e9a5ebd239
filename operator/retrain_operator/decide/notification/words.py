"""What a person reads of a run on a phone, at night: how it ended, why, what to type, and where the report is. Plain text, short."""

from __future__ import annotations

import shlex
from typing import Any

from retrain_api.formatting import counted
from retrain_api.run import RetrainRun
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.decide.observation import words as observed_words

LENGTH = 700
"""Characters of a text: a phone shows it without scrolling far."""
_NAMES = 8
_WARNINGS = ("Rejected", "Failed", "Decaying", "BelowPromise")
_OBSERVED = ("Decaying", "BelowPromise", "Held")
_WITHOUT_REPORT = ("Failed", "Skipped")
"""What ends before a report is written; one that there is tells of earlier work."""


def title(run: RetrainRun, word: str) -> str:
    """Such as "improved-lstm: Promoted"."""
    return f"{run.metadata.name}: {word}"


def warns(word: str) -> bool:
    """Whether something is wrong."""
    return word in _WARNINGS


def text(run: RetrainRun, status: RetrainRunStatus, word: str) -> str:
    """The verdict, why, and what to do. A long reason is cut; what to type and where to read on never is."""
    rest = [*_to_do(run, status, word), *_report(status, word)]
    room = LENGTH - sum(len(line) + 1 for line in rest)
    why = _why(run, status, word)
    return "\n".join([why if len(why) <= room else why[: room - 3].rstrip() + "...", *rest])


def fields(run: RetrainRun, status: RetrainRunStatus, key: str, word: str) -> dict[str, Any]:
    """The same for programs; none is named as what a webhook of Apprise has already."""
    gate, report = status.gate, status.report
    return {
        "kind": run.kind,
        "namespace": run.metadata.namespace,
        "name": run.metadata.name,
        "uid": run.metadata.uid,
        "key": key,
        "event": word,
        "verdict": gate.verdict if gate else None,
        "judgement": gate.digest if gate else None,
        "promoted": [model.symbol for model in status.promotion.models] if status.promotion else [],
        "observed": status.observation.state if status.observation else None,
        "report": report.html or report.markdown if report else None,
    }


def _why(run: RetrainRun, status: RetrainRunStatus, word: str) -> str:
    if word in _OBSERVED and status.observation:
        return observed_words.facts(run, status.observation)
    if word == "AwaitingApproval" and status.gate:
        # The run's own message says how to answer with kubectl, which is long.
        return f"Waits for a person. {status.gate.summary}."
    return status.message


def _to_do(run: RetrainRun, status: RetrainRunStatus, word: str) -> list[str]:
    """What to type; nothing where there is nothing to do, or where the reason says it already."""
    if word in _OBSERVED and status.observation:
        return [line for line in (observed_words.advice(run, status.observation),) if line]
    if word == "AwaitingApproval":
        return [
            f"To promote: {_command(run, 'approve')} --reason TEXT",
            f"If not: {_command(run, 'reject')} --reason TEXT",
        ]
    if word == "Promoted" and status.promotion:
        return [f"In service: {_few([model.symbol for model in status.promotion.models])}."]
    if word == "Failed":
        return [f"Mend that, then: {_command(run, 'retry')}"]
    return []


def _report(status: RetrainRunStatus, word: str) -> list[str]:
    place = status.report and (status.report.html or status.report.markdown)
    return [f"Report: {place}"] if place and word not in _WITHOUT_REPORT else []


def _command(run: RetrainRun, verb: str) -> str:
    namespace = run.metadata.namespace
    where = f" -n {namespace}" if namespace and namespace != "default" else ""
    return f"retrain {verb} {shlex.quote(run.metadata.name)}{where}"


def _few(symbols: list[str]) -> str:
    more = len(symbols) - _NAMES
    return ", ".join(symbols[:_NAMES]) + (f" and {counted(more, 'other')}" if more > 0 else "")
