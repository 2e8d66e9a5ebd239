"""The answer to a judgement: an annotation `<digest> by NAME: REASON`, read and written in one place.

The digest binds the answer to exactly the models that were judged. NAME ends at the first colon followed by a space, so
that a service account (system:serviceaccount:NAMESPACE:NAME) can sign like a person. manifests/approval reads the same
form.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api import reasons

from .errors import ConfigurationError


@dataclass(frozen=True)
class Answer:
    """Who answered which judgement, and why. `name` and `reason` are empty where the annotation does not give them."""

    digest: str
    name: str
    reason: str

    @property
    def signature(self) -> str:
        """NAME: REASON, as far as they are given."""
        return ": ".join(filter(None, [self.name, self.reason])) or "annotation"


def read_answer(annotation: str | None) -> Answer:
    """The answer in an annotation's value; without a digest it answers no judgement."""
    digest, rest = [*(annotation or "").split(maxsplit=1), "", ""][:2]
    name, _, reason = rest.removeprefix("by ").strip().partition(": ")
    return Answer(digest, name.strip().removesuffix(":"), reason.strip())


def write_answer(digest: str, name: str, reason: str) -> str:
    """The value of an annotation. Raises ConfigurationError("NoReason") and ConfigurationError("BadName")."""
    why = " ".join(reason.split())
    if not why:
        raise ConfigurationError(reasons.NO_REASON, "--reason is empty; say why, in a few words.")
    if not name or ": " in name or name != name.strip():
        raise ConfigurationError(reasons.BAD_NAME, f"{name!r} can't sign an annotation: a name ends at its first ': '.")
    return f"{digest} by {name}: {why}"
