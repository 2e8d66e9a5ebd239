"""What `kubectl get retrainruns` shows of a run.

`kubectl get -w` prints a row for each write. So the columns say whatever a write between two states is made for: a symbol
that began, an epoch, a reason. Otherwise a training of an hour is the same row, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api import reasons
from retrain_api.model_times import oldest
from retrain_api.status.run import PromotionStatus, RetrainRunStatus
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.decide.job_reasons import STARTING, held_up
from retrain_operator.decide.observation.words import column

_FEW = 4
"""Up to so many symbols in training have their epochs in the column, each with its own."""
_AT_WORK = (reasons.CHECKING, reasons.QUEUED, reasons.POD_PENDING, reasons.EVALUATING, reasons.PUBLISHING)
"""Reasons that say no more than the state."""


def columns(status: RetrainRunStatus, reason: str, delivers: bool, epochs: int) -> dict[str, str | None]:
    """The columns, where `reason` is the one behind the state, `delivers` says that copies are made, and a training takes
    `epochs` at most.
    """
    total = len(status.symbols)
    trained = sum(entry.result is not None and entry.result.model is not None for entry in status.symbols)
    gate, promotion = status.gate, status.promotion or PromotionStatus()
    return {
        "trained": f"{trained}/{total}",
        # None where there is nothing to say: a run that an earlier release finished is not written again.
        "progress": _progress(status, reasons.DELIVERING if delivers and reason in STARTING else reason, epochs)
        or None,
        "trained_until": oldest(entry.result.trained_until for entry in status.symbols if entry.result),
        "gate_summary": f"{gate.passed}/{gate.total} {gate.verdict}" if gate else "",
        "promoted": ",".join(model.symbol for model in promotion.models),
        "observed": column(status.observation),
    }


def _progress(status: RetrainRunStatus, reason: str, epochs: int) -> str:
    if status.state == "Training":
        return _epochs(status.symbols, epochs) or _held_up(status.symbols)
    if status.state == "Queued":
        return _held_up(status.symbols) or ("" if reason in _AT_WORK else reason)
    if status.state in ("Checking", "Evaluating", "Publishing"):
        return "" if reason in (*_AT_WORK, *STARTING) else reason
    return ""


def _held_up(symbols: Sequence[SymbolStatus]) -> str:
    """Unschedulable of one symbol, 3 Unschedulable of three: why the first one is held up, and how many are so."""
    found = [why for entry in symbols if (why := held_up(entry))]
    count = found.count(found[0]) if found else 0
    return f"{count} {found[0]}" if count > 1 else "".join(found[:1])


def _epochs(symbols: Sequence[SymbolStatus], epochs: int) -> str:
    """34/50 of one symbol, 34,31,28/50 of a few, 9 at 28-34/50 of many; empty where none is in training."""
    done = [entry.progress.epoch if entry.progress else 0 for entry in symbols if entry.state == "Training"]
    if len(done) <= _FEW:
        return f"{','.join(map(str, done))}/{epochs}" if done else ""
    first, last = min(done), max(done)
    return f"{len(done)} at {first if first == last else f'{first}-{last}'}/{epochs}"
