"""A person's word on a judgement: annotations `<digest> by NAME: REASON`, in and out. Pure.

NAME ends at the first colon that a blank follows, so that a service account (system:serviceaccount:NAMESPACE:NAME)
signs like a person. manifests/approval reads the same form.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError


@dataclass(frozen=True)
class Word:
    """What an annotation says. `name` and `reason` are empty where it says neither."""

    digest: str
    name: str
    reason: str

    @property
    def signed(self) -> str:
        """NAME: REASON, as far as they were given."""
        return ": ".join(filter(None, [self.name, self.reason])) or "annotation"


def read_word(annotation: str | None) -> Word:
    """The word in an annotation's value; one without a digest names no judgement."""
    digest, rest = [*(annotation or "").split(maxsplit=1), "", ""][:2]
    name, _, reason = rest.removeprefix("by ").strip().partition(": ")
    return Word(digest, name.strip().removesuffix(":"), reason.strip())


def write_word(digest: str, name: str, reason: str) -> str:
    """The value of an annotation. Raises ConfigurationError("NoReason") and ConfigurationError("BadName")."""
    said = " ".join(reason.split())
    if not said:
        raise ConfigurationError("NoReason", "--reason is empty; say in a few words why.")
    if not name or ": " in name or name != name.strip():
        raise ConfigurationError("BadName", f"{name!r} can't sign an annotation: a name ends at its first ': '.")
    return f"{digest} by {name}: {said}"
