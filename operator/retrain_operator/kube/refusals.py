"""What the API server refuses: who is to blame, and whether it will be refused again."""

from __future__ import annotations

from retrain_api import reasons

from .api import ApiError

MISSING_RIGHT = "cannot create resource"
_QUOTA = ("exceeded quota", "status unknown for quota")
"""The second is said of a quota that was only just made."""
_FOR_NOW = (*_QUOTA, "is being terminated", MISSING_RIGHT)
"""Part of the message where the API server refuses with 403 what it will accept at another time."""
VALUES = (400, 413, 422)
"""Codes of a value that the API server does not take."""
_DENIED = ("denied request", "denied the request")
"""What a policy and a webhook say, with any code that their owner likes."""


class Refused(ApiError):
    """A Job, or a run of a schedule, was refused for what a user wrote or set up: a value, a label, a quota, a policy, a name that is
    taken. The status says so; whoever looks after the operator can do nothing about it.
    """


def lasting(error: ApiError) -> bool:
    """Whether the same request will be refused again until somebody changes it."""
    if error.status == 403:
        return not any(words in error.message for words in _FOR_NOW)
    return error.status in VALUES or denied(error)


def denied(error: ApiError) -> bool:
    """Whether a policy or a webhook refused it."""
    return 400 <= error.status < 500 and any(words in error.message for words in _DENIED)


def reason_of(error: ApiError) -> str:
    """The reason that a status gives for it."""
    if any(words in error.message for words in _QUOTA):
        return reasons.QUOTA_EXCEEDED
    if error.reason == reasons.NAME_TAKEN:
        return reasons.NAME_TAKEN
    return reasons.INVALID if error.status in VALUES else reasons.FORBIDDEN
