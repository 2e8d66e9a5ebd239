"""Did retraining pay? The models that were in service against the first one kept, on the bars where they differ. Pure.

Both answer the same bars, so their difference is resampled, not each figure: an easy week moves both alike. Symbols move together, so
they are not counted as independent: at each bar in time their answers are averaged, and blocks of time are drawn. What is compared
begins where a second model took over; before, both are one and the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrain_api.formatting import counted, listed
from retrain_trainer.measure.intervals.paired import Paired, paired

from .figures import Account, Right, SymbolFigures, answers_right, bar_numbers, block_of
from .scores import Floats, Integers, Scores


@dataclass(frozen=True)
class Retraining:
    """The difference of the accuracies, retrained less never retrained, on `bars` bars of `symbols`; `log_return` is that of the
    accounts after fees, a bar and symbol, so many `steps` of it. `accounts`: what each gained from there on, of one account in equal parts.
    """

    symbols: tuple[str, ...]
    bars: int
    accuracy: Paired
    log_return: Paired
    steps: int
    accounts: tuple[float, float]

    @property
    def money(self) -> tuple[float, float | None, float | None]:
        """How much more the retrained account ended with than the other, as a share of it, with its 95 % interval."""
        return tuple(  # type: ignore[return-value]
            None if value is None else math.expm1(min(value * self.steps, 700.0))
            for value in (self.log_return.difference, self.log_return.low, self.log_return.high)
        )


def retraining(all_scores: Sequence[Scores]) -> Retraining | None:
    """The comparison; None where no second model ever took over from a first, or no bar follows it."""
    parts = [part for scores in all_scores if (part := _differing(scores)) is not None]
    if not parts:
        return None
    answered = _averaged([(one.numbers, one.ours, one.theirs) for one in parts])
    money = _averaged([(one.steps, one.our_returns, one.their_returns) for one in parts])
    block = max(one.block for one in parts)
    return Retraining(
        symbols=tuple(one.symbol for one in parts),
        bars=sum(one.numbers.size for one in parts),
        accuracy=paired(answered[1], answered[2], answered[0], block),
        log_return=paired(money[1], money[2], money[0], block),
        steps=int(money[0].size),
        accounts=(math.expm1(min(money[1].sum(), 700.0)), math.expm1(min(money[2].sum(), 700.0))),
    )


@dataclass(frozen=True)
class _Part:
    symbol: str
    numbers: Integers
    ours: Floats
    theirs: Floats
    steps: Integers
    our_returns: Floats
    their_returns: Floats
    block: int


def _differing(scores: Scores) -> _Part | None:
    """One symbol from where a second model is in service; its answers at labelled bars, and its accounts at all."""
    first = scores.first
    later = next((i for i, one in enumerate(scores.slots) if one.promoted and first is not None and i > first), None)
    if later is None:
        return None
    account, after = Account(scores), scores.place >= later
    rows = np.flatnonzero(account.judged["served"] & account.judged["first"] & after)
    steps = np.flatnonzero(after)
    if not rows.size:
        return None
    return _Part(
        scores.symbol,
        bar_numbers(scores, rows),
        answers_right(scores, "served", rows),
        answers_right(scores, "first", rows),
        bar_numbers(scores, steps),
        account.traded["served"].log_returns[steps],
        account.traded["first"].log_returns[steps],
        max(block_of(scores, name, rows) for name in ("served", "first")),
    )


def _averaged(parts: Sequence[tuple[Integers, Floats, Floats]]) -> tuple[Integers, Floats, Floats]:
    """At each bar in time the mean of ours and theirs over the symbols that have it."""
    numbers, index = np.unique(np.concatenate([one[0] for one in parts]), return_inverse=True)
    count = np.bincount(index)
    ours, theirs = (np.bincount(index, np.concatenate([one[i] for one in parts])) / count for i in (1, 2))
    return numbers, ours, theirs


def verdict(found: Retraining | None, figures: Sequence[SymbolFigures]) -> str:
    """One word for programs: Paid, DidHarm, NotSure, OneModel (it was never replaced), or NothingPassed."""
    if found is None:
        return "OneModel" if any(one.served is not None for one in figures) else "NothingPassed"
    low, high = found.accuracy.low, found.accuracy.high
    if low is None or high is None or low <= 0 <= high:
        return "NotSure"
    return "Paid" if low > 0 else "DidHarm"


def sentence(found: Retraining | None, figures: Sequence[SymbolFigures]) -> str:
    """Whether retraining paid, in words that say how sure that is."""
    said = verdict(found, figures)
    if found is None:
        return _nothing_passed(figures) if said == "NothingPassed" else _one_model(figures)
    points = round(found.accuracy.difference * 100, 1)
    side = (
        f"{abs(points):.1f} points {'more' if points > 0 else 'less'} often right than"
        if points
        else "as often right as"
    )
    sure = "too few bars for an interval"
    if found.accuracy.low is not None and found.accuracy.high is not None:
        sure = f"95 % interval {found.accuracy.low * 100:+.1f} to {found.accuracy.high * 100:+.1f} points"
    where = f"on {found.bars:,} bars of {listed(found.symbols)} after the first was replaced"
    begin = {
        "Paid": "Retraining paid in accuracy: the models in service were",
        "DidHarm": "Retraining cost accuracy: the models in service were",
        "NotSure": "Whether retraining paid can't be told: the models in service were",
    }[said]
    return f"{begin} {side} the first one kept ({sure}), {where}. {_money(found)}"


def _money(found: Retraining) -> str:
    """The accounts; their ratio is told where one of them is worth having."""
    ours, theirs = found.accounts
    beside = f"the account {_moved(ours)} after fees, and {_moved(theirs)} never retrained"
    if max(ours, theirs) <= 0:
        return f"Neither made money: {beside}."
    share, low, high = found.money
    sure = "too few bars for an interval"
    if low is not None and high is not None:
        sure = f"95 % interval {low * 100:+.1f} to {high * 100:+.1f} %"
    where = f"{abs(share) * 100:.1f} % {'above' if share >= 0 else 'below'}"
    return f"From there on {beside}: it ended {where} ({sure})."


def _moved(change: float) -> str:
    return f"{'gained' if change >= 0 else 'lost'} {abs(change) * 100:.1f} %"


def _nothing_passed(figures: Sequence[SymbolFigures]) -> str:
    slots = max((len(one.rows) for one in figures), default=0)
    kept_out = [(one.symbol, one.refused) for one in figures if one.refused is not None]
    would = f" {_kept_out(kept_out)}" if kept_out else ""
    asked = f"at {counted(slots, 'slot')}" if slots == 1 else f"at any of {slots} slots"
    return f"No model passed {asked}: none would have been in service, so there is nothing that retraining could pay.{would}"


def _kept_out(found: Sequence[tuple[str, Right]]) -> str:
    """What the refused models came to: it says whether the gate was right."""
    parts = [f"{right.accuracy * 100:.1f} %{_between(right)} for {symbol}" for symbol, right in found]
    return f"On the bars until the next slot the refused models read {listed(parts)}."


def _between(right: Right) -> str:
    return "" if right.low is None or right.high is None else f" ({right.low * 100:.1f} to {right.high * 100:.1f} %)"


def _one_model(figures: Sequence[SymbolFigures]) -> str:
    names = [one.symbol for one in figures if one.served is not None]
    each = "one model" if len(names) == 1 else "one model each"
    return (
        f"Whether retraining pays can't be told: of {listed(names)} {each} passed and none after it on which later bars are known, so "
        "retrained and never retrained are the same."
    )
