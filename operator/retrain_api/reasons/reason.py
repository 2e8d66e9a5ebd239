"""What a reason is: a CamelCase word for machines, with what it means and what a person does about it."""

from __future__ import annotations

from typing import Literal, TypeAlias

Polarity: TypeAlias = Literal["good", "bad", "neutral"]
"""As conditions have one: reached, broken or refused, or simply where the work stands."""


class Reason(str):
    """A reason as it stands on the wire, in conditions, events, results and logs.

    It is the plain word wherever a str is expected; `meaning` and `mend` are what docs/troubleshooting.md says of it.
    """

    __slots__ = ("meaning", "mend", "polarity")

    polarity: Polarity
    meaning: str
    mend: str

    def __new__(cls, word: str, polarity: Polarity, meaning: str, mend: str) -> Reason:
        """The reason `word`."""
        reason = super().__new__(cls, word)
        reason.polarity, reason.meaning, reason.mend = polarity, meaning, mend
        return reason

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Copies, and what another process gets, are the plain word."""
        return str, (str(self),)


def good(word: str, meaning: str, mend: str = "Nothing.") -> Reason:
    """A milestone that was reached."""
    return Reason(word, "good", meaning, mend)


def bad(word: str, meaning: str, mend: str) -> Reason:
    """Something broke, or was refused."""
    return Reason(word, "bad", meaning, mend)


def neutral(word: str, meaning: str, mend: str = "Nothing.") -> Reason:
    """Where the work stands; nothing is wrong."""
    return Reason(word, "neutral", meaning, mend)
