"""What is said of a run whose quorum is out of reach: how many symbols failed or were skipped, and why each of them."""

from __future__ import annotations

from collections.abc import Sequence

from retrain_api.status.symbol import SymbolStatus

_VERBS = {"Failed": "failed", "Skipped": "was skipped"}


def why_skipped(symbols: Sequence[SymbolStatus], required: int) -> str:
    """Of a run that has nothing new to learn."""
    skipped, total = _count(symbols, "Skipped"), len(symbols)
    head = (
        f"{skipped} of {total} symbols have nothing new to learn, which leaves {total - skipped}; {required} must pass"
    )
    if skipped == total:
        head = f"All {total} symbols have nothing new to learn"
    return _whole(head, symbols)


def why_broken(symbols: Sequence[SymbolStatus], required: int) -> str:
    """Of a run that failed."""
    failed, skipped, total = _count(symbols, "Failed"), _count(symbols, "Skipped"), len(symbols)
    some = f"{failed} of {total} symbols failed" + (f" and {skipped} had nothing new to learn" if skipped else "")
    head = f"{some}, which leaves {total - failed - skipped}; {required} must pass"
    if failed == total:
        head = f"All {total} symbols failed"
    return _whole(head, symbols)


def _count(symbols: Sequence[SymbolStatus], state: str) -> int:
    return sum(entry.state == state for entry in symbols)


def _whole(head: str, symbols: Sequence[SymbolStatus]) -> str:
    """A run of one symbol is that symbol, and needs no count."""
    why = "; ".join(
        f"{entry.symbol} {_VERBS[entry.state]} ({entry.reason}): {(entry.message or '').rstrip('.')}"
        for entry in symbols
        if entry.state in _VERBS
    )
    return f"{head}. {why}." if len(symbols) > 1 else f"{why}."
