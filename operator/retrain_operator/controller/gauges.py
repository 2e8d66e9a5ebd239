"""Gauges that only the leader exports, and the times that they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import Gauge, Metric


class LeadersGauge(Gauge):
    """A gauge that only the leader exports: every replica knows the same objects, and a sum over both would count each twice."""

    leading: Callable[[], bool]

    def collect(self) -> Iterable[Metric]:
        """Its family, without a value on a replica that stands by."""
        for family in super().collect():
            family.samples = family.samples if self.leading() else []
            yield family


def oldest(times: Iterable[str], now: datetime) -> float:
    """Seconds since the earliest of these times; 0 where there is none."""
    return max([(now - datetime.fromisoformat(time)).total_seconds() for time in times if time] + [0.0])
