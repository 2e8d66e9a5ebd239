"""Whom the operator has told what: one entry for each receiver of the spec."""

from __future__ import annotations

from pydantic import Field

from retrain_api.wire import Terse


class Notified(Terse):
    """A receiver, the last thing it was told, and what it is still to be told.

    A key is the number of the transition and its word: 3-Promoted.
    """

    name: str = Field(description="The receiver.")
    key: str | None = Field(
        None, description="The last transition that it was told, or that was known when it was added."
    )
    at: str | None = Field(None, description="When it was told.")
    pending: str | None = Field(None, description="The transition that it is to be told next.")
    text: str = Field("", description="What it will be told of that.")
    failed_key: str | None = Field(None, description="What could not be told, with which pod fields and retry token.")
    message: str = Field("", description="Why it could not be told, or what that waits for.")

    @property
    def word(self) -> str:
        """What it is to be told next, without its number: Promoted."""
        return (self.pending or "").partition("-")[2]

    @property
    def waits(self) -> str:
        """What that waits for, in brackets; empty where it merely takes its time."""
        return f" ({self.message.rstrip('.')})" if self.message else ""

    @property
    def failure(self) -> str:
        """That it could not be told, and why, in a sentence."""
        return f"{self.name} was not told of {self.word}: {self.message.rstrip('.')}."
