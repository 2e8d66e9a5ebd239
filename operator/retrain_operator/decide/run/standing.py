"""How a symbol stands: its status for today's training, and whether the quorum can still be reached."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api.keys import train_key
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.decide.context import Context


def entries(context: Context) -> tuple[SymbolStatus, ...]:
    """What is known of every symbol; of one whose training has another key today, nothing."""
    return tuple(_entry(context, symbol) for symbol in context.run.spec.symbols)


def _entry(context: Context, symbol: str) -> SymbolStatus:
    key = train_key(context.run.spec, symbol, context.run.rerun)
    before = context.run.status.symbol(symbol)
    return before if before.train_key == key else SymbolStatus(symbol=symbol, train_key=key)


def has_model(entry: SymbolStatus) -> bool:
    """Whether it is trained."""
    return bool(entry.model_uri)


def unreachable(context: Context, known: Sequence[SymbolStatus]) -> bool:
    """Whether so many symbols failed, or were skipped, that the quorum can't be reached, in a run that stops then."""
    lost = sum(entry.state in ("Failed", "Skipped") and not has_model(entry) for entry in known)
    stop = context.run.spec.gate.when_unreachable == "Stop"
    return stop and len(known) - lost < context.run.spec.required
