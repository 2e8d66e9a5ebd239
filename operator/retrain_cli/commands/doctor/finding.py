"""What a check found, as one line for the person who asked, and how the outcome of a probe becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retrain_api.errors import RetrainError
from retrain_api.extras import lacking


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `ok` is None for something worth knowing that does not stop a run."""

    subject: str
    ok: bool | None
    sentence: str
    notes: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """What a document says of it."""
        outcome = {True: "Ok", False: "Failed", None: "Note"}[self.ok]
        return {"subject": self.subject, "outcome": outcome, "message": self.sentence, "notes": list(self.notes)}

    def __str__(self) -> str:
        mark = {True: "ok    ", False: "FAILED", None: "note  "}[self.ok]
        return "\n".join(
            [f"{mark}  {self.subject}: {self.sentence}", *(f"        note: {note}" for note in self.notes)]
        )


def check(subject: str, probe: Callable[[], str | Finding], required: bool = True) -> Finding:
    """The result of `probe`, or the message of the error it raises; only a note where the check is not `required`."""
    failed = False if required else None
    try:
        found = probe()
    except RetrainError as error:
        return Finding(subject, failed, error.message)
    except ModuleNotFoundError as error:
        missing = lacking(error)
        if missing is None:
            raise
        return Finding(subject, failed, missing.message)
    return found if isinstance(found, Finding) else Finding(subject, True, found)
