"""What a sitting measures, in which order, and how long each step may take. Nothing here loads torch."""

from __future__ import annotations

from dataclasses import dataclass

TOTAL = 480
"""Seconds of a whole sitting: a machine with a GPU is at hand for minutes."""


@dataclass(frozen=True)
class Step:
    """A step, in a process of its own; `limit` in seconds, or less where less of the sitting is left."""

    name: str
    title: str
    limit: int


STEPS = (
    Step("machine", "What it is measured on", 15),
    Step("equality", "The tests that want a GPU", 45),
    Step("speed", "Windows/s at each batch and precision, beside the reference", 130),
    Step("variants", "How a step is taken", 70),
    Step("together", "Three symbols on one card", 60),
    Step("candles", "Six epochs, and the time to the reference's best loss", 70),
    Step("memory", "Peak memory at 1,030,512 rows", 30),
    Step("stopping", "SIGTERM in mid-epoch", 35),
    Step("kernels", "Longest kernels, launches, idle share", 25),
    # The last, for it takes whatever time the others have left.
    Step("quality", "Does a bigger batch learn as well?", 300),
)


def steps_named(names: str | None) -> list[Step]:
    """All steps, or those in a list with commas. Raises ValueError for a name that there is none of."""
    if names is None:
        return list(STEPS)
    known = {step.name: step for step in STEPS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise ValueError(f"There is no step {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in names.split(",")]
