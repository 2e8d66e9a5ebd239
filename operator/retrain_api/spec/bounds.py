"""What a bar of the gate may be: most metrics are shares, and a share of 68 is one that nothing can reach.

One table gives the CEL rules of the API server, the check of `retrain run` and that of `retrain gate replay --set`, with the same
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from retrain_api.wire import rule


@dataclass(frozen=True)
class Range:
    """The values that make sense for a metric. Of a `share` the values up to a hundred times the highest are percentages."""

    low: float
    high: float
    kind: str
    share: bool = True


_SHARE = Range(0, 1, "is a share, from 0 to 1")
_OTHERS = {
    "pnl": Range(-1, 10, "is a share of the account, from -1 to 10"),
    "leadOverLogistic": Range(-1, 1, "is a difference of two shares, from -1 to 1"),
    "sharpe": Range(-100, 100, "is a number from -100 to 100", share=False),
}
_PERCENTAGE = re.compile(r"\s*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*%\s*")


def range_of(metric: str) -> Range:
    """The range of a metric's bar."""
    return _OTHERS.get(metric, _SHARE)


def bar_answer(metric: str, bar: float) -> str:
    """What is wrong with a bar; empty where it makes sense."""
    allowed = range_of(metric)
    if allowed.low <= bar <= allowed.high:
        return ""
    if allowed.share and allowed.high < bar <= 100 * allowed.high:
        return _as_share(metric, bar)
    return f"{metric} {allowed.kind}"


def percent_sign_answer(metric: str, text: object) -> str:
    """What is wrong with a bar that has a percent sign, such as 60%; empty for anything else."""
    percent = percentage(text)
    if percent is None:
        return ""
    if not range_of(metric).share:
        return f"{metric} {range_of(metric).kind}, without a percent sign"
    return _as_share(metric, percent)


def _as_share(metric: str, percent: float) -> str:
    # As the CEL expression has it: to a hundredth of a percent, because 36.7 / 100 is 0.36700000000000005.
    return f"{metric} is a share: write {plain(int(percent * 100 + 0.5) / 10_000)} for {plain(percent)} %"


def percentage(text: object) -> float | None:
    """The number before a percent sign; None for anything else."""
    found = _PERCENTAGE.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) if found else None


def bar_rule(field: str) -> dict[str, str]:
    """The CEL rule of a criterion's atLeast or atMost."""
    bar = f"self.{field}"
    within = _by_metric(lambda allowed: f"{float(allowed.low)} <= {bar} && {bar} <= {float(allowed.high)}")
    entry = rule(f"!has({bar}) || ({within})", f"{field} is not in the range of its metric", f".{field}")
    return entry | {"messageExpression": _by_metric(lambda allowed: _cel_answer(allowed, bar))}


def _by_metric(expression: Callable[[Range], str]) -> str:
    others = "".join(f"self.metric == '{metric}' ? ({expression(allowed)}) : " for metric, allowed in _OTHERS.items())
    return f"{others}({expression(_SHARE)})"


def _cel_answer(allowed: Range, bar: str) -> str:
    plainly = f"self.metric + ' {allowed.kind}'"
    if not allowed.share:
        return plainly
    share = f"double(int({bar} * 100.0 + 0.5)) / 10000.0"
    # format, because CEL's cost estimate takes a number's text for endless wherever texts are added up.
    return (
        f"{float(allowed.high)} < {bar} && {bar} <= {100.0 * allowed.high} ? "
        f"'%s is a share: write %s for %s %%'.format([self.metric, string({share}), string({bar})]) : {plainly}"
    )


def plain(number: float) -> str:
    """A number as CEL writes it, which is how a person does: 0.68, 5."""
    return repr(float(number)).removesuffix(".0")
