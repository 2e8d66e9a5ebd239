"""A queue and watches at rest, for metrics that are only rendered."""

from __future__ import annotations

from dataclasses import dataclass

from retrain_operator.state.snapshot import Kind


@dataclass
class Still:
    """`depth`: how many runs wait in the queue."""

    depth: int = 0

    def age(self, kind: Kind) -> float:
        """Something was heard just now."""
        return 0.0
