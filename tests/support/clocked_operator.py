"""The operator by a clock that a test sets forward: `python -m support.clocked_operator`. RETRAIN_TEST_CLOCK names a file that holds
the seconds that the clock is ahead of this machine's.

clock = ForwardClock(folder / "ahead")
with OperatorProcess(plane, namespace, folder, module=MODULE, environ=clock.environ) as operator:
    clock.to_next(hours=1)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retrain_operator.controller.main import main

MODULE = "support.clocked_operator"
_VARIABLE = "RETRAIN_TEST_CLOCK"


@dataclass(frozen=True)
class ForwardClock:
    """A clock of a test and of the operators that it starts."""

    file: Path

    def __post_init__(self) -> None:
        if not self.file.exists():
            self.file.write_text("0")

    @property
    def environ(self) -> dict[str, str]:
        """For OperatorProcess."""
        return {_VARIABLE: str(self.file)}

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self.file.read_text() or 0))

    def to(self, time: datetime) -> None:
        """Never backwards."""
        ahead = (time - datetime.now(UTC)).total_seconds()
        other = self.file.with_suffix(".new")
        other.write_text(str(max(ahead, float(self.file.read_text() or 0))))
        other.replace(self.file)

    def to_next(self, **step: float) -> datetime:
        """To the next whole hour, say: `to_next(hours=1)`. That time."""
        size, now = timedelta(**step).total_seconds(), self().timestamp()
        time = datetime.fromtimestamp((now // size + 1) * size, UTC)
        self.to(time + timedelta(seconds=1))
        return time


if __name__ == "__main__":
    main(ForwardClock(Path(os.environ[_VARIABLE])))
