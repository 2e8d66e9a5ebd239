"""The wall clock, in one place, so that whoever drives the operator through a year in a minute can give it another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the time, aware and in UTC."""


def now_utc() -> datetime:
    """The time now."""
    return datetime.now(UTC)
