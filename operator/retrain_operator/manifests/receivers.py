"""Whom a notify Job tells: the receiver of its key, and the one variable of a Secret that its pod carries.

A receiver's URL is a secret: it has a token or a password in it. It goes from the Secret to the container and nowhere else, so
that a manifest names only the Secret and its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from retrain_api.names import NOTIFY_URL

_URL_KEY = "url"


class Receiver(Protocol):
    """An entry of `notify`, of a run or a schedule."""

    @property
    def name(self) -> str: ...

    @property
    def secret_name(self) -> str: ...


def notify_key(receiver: str, transition: str) -> str:
    """Key of the Job that tells a receiver of a transition: ops/3-Promoted. A receiver's name has no slash."""
    return f"{receiver}/{transition}"


def receiver_of(key: str) -> str:
    """The receiver of such a key."""
    return key.partition("/")[0]


def secret_of(receivers: Sequence[Receiver], name: str) -> str:
    """The Secret of a receiver; empty for one that is not in the spec any more."""
    return next((one.secret_name for one in receivers if one.name == name), "")


def url_variables(receivers: Sequence[Receiver], name: str) -> list[dict[str, Any]]:
    """The variable with a receiver's URL, as a reference to its Secret."""
    reference = {"name": secret_of(receivers, name), "key": _URL_KEY}
    return [{"name": NOTIFY_URL, "valueFrom": {"secretKeyRef": reference}}]
