"""Amounts as Kubernetes writes them, as numbers, so that a request can be compared with its limit."""

from __future__ import annotations

from decimal import Decimal

_POWERS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    unit: Decimal(base) ** power
    for units, base in ((("k", "M", "G", "T", "P"), 1000), (("Ki", "Mi", "Gi", "Ti", "Pi"), 1024))
    for power, unit in enumerate(units, start=1)
}


def amount(quantity: int | str) -> Decimal:
    """A quantity as a number: 500m is 0.5."""
    text = str(quantity)
    number = text.rstrip("mkKMGTPi")
    return Decimal(number) * _POWERS[text[len(number) :]]
