"""Which symbols are one market. The quorum counts markets: one file under three names is one answer, not three."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

SLOTS = 14
"""Letters of a market digest. Each is equal in two digests with the share of ups and downs that the two have in common."""
SAME = 5
"""Equal letters from which on two symbols are one market: in copies that lack 1 % of their rows ten are equal, and in BTC and ETH less
than one. Unrelated markets have five in one pair of 500,000 (docs/experiments.md)."""


def same_market(one: str, other: str) -> bool:
    """Whether two digests are of one market. A digest that is empty, or of another length, is nobody's copy."""
    if not len(one) == len(other) == SLOTS:
        return False
    return sum(left == right for left, right in zip(one, other, strict=True)) >= SAME


def copies(digests: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The symbols that are one market with another, grouped, each group and its members in the order of `digests` by symbol."""
    groups: list[list[str]] = []
    for symbol, digest in digests.items():
        near = [group for group in groups if any(same_market(digest, digests[member]) for member in group)]
        joined = [member for group in near for member in group]
        groups = [group for group in groups if group not in near] + [[*joined, symbol]]
    order = list(digests)
    found = [tuple(sorted(group, key=order.index)) for group in groups if len(group) > 1]
    return tuple(sorted(found, key=lambda group: order.index(group[0])))


def markets_among(symbols: Collection[str], one_market: Sequence[Sequence[str]] | None) -> int:
    """How many markets these symbols are, each group of `one_market` counted once."""
    repeats = (sum(member in symbols for member in group) - 1 for group in one_market or ())
    return len(symbols) - sum(max(0, repeat) for repeat in repeats)
