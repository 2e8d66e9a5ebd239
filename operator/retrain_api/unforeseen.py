"""What is said of a failure that nobody foresaw: what was being done, where in this project's code, and a request to report it.

A traceback, or another library's words, help nobody who runs a model, and may hold an address with a password in it. They
are written at the level debug alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import walk_tb

LEVEL_VARIABLE = "LOG_LEVEL"
"""Not RETRAIN_..., so that spec.pods.env may set it."""


def unforeseen(doing: str, problem: BaseException) -> str:
    """The sentence; `doing` begins it, such as "The training of BTC-USD"."""
    return f"{doing} failed in a way that has no name yet, at {place_of(problem)}: please report it, with that place."


def place_of(problem: BaseException) -> str:
    """The last line of ours on the way to the failure, as module:line."""
    return _place(problem) or "no line of ours"


def _place(problem: BaseException) -> str | None:
    # An asyncio.TaskGroup raises its tasks' failures together.
    within = _place(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else None
    frames = [(str(frame.f_globals.get("__name__")), line) for frame, line in walk_tb(problem.__traceback__)]
    ours = [f"{name}:{line}" for name, line in frames if name.startswith("retrain_")]
    return within or (ours[-1] if ours else None)


def wants_tracebacks(environ: Mapping[str, str]) -> bool:
    """Whether the level is debug."""
    return environ.get(LEVEL_VARIABLE, "").lower() == "debug"
