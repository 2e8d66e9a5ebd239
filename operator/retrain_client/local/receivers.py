"""Where a notification finds the URL of its receiver on this machine: there are no Secrets here, so in a variable of that receiver.

The variable goes to the process that tells this receiver, and to no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrain_api import reasons
from retrain_api.documents.results import TaskFailure
from retrain_api.names import ANNOTATION_KEY, LABEL_PHASE, NOTIFY_URL
from retrain_operator.manifests.receivers import receiver_of

_PREFIX = "RETRAIN_NOTIFY_"


def url_variable(receiver: str) -> str:
    """The variable of a receiver: RETRAIN_NOTIFY_MY_PHONE_URL for my-phone."""
    return f"{_PREFIX}{receiver.upper().replace('-', '_')}_URL"


def is_receivers(name: str) -> bool:
    """Whether a variable belongs to a receiver."""
    return name.startswith(_PREFIX)


def url_of(manifest: Mapping[str, Any], base: Mapping[str, str]) -> dict[str, str]:
    """What a Job's process is given beside its environment: the URL, where it tells somebody."""
    receiver = _receiver(manifest)
    url = base.get(url_variable(receiver)) if receiver is not None else None
    return {NOTIFY_URL: url} if url else {}


def no_url(manifest: Mapping[str, Any], base: Mapping[str, str]) -> TaskFailure | None:
    """Why a Job's process can't tell anybody: nobody said here where its receiver is; None where somebody did."""
    receiver = _receiver(manifest)
    if receiver is None or url_of(manifest, base):
        return None
    variable = url_variable(receiver)
    message = (
        f"On this machine {receiver} is told where {variable} has its Apprise URL, such as slack://...; it is not set."
    )
    return TaskFailure(reason=reasons.BAD_RECEIVER, message=message)


def _receiver(manifest: Mapping[str, Any]) -> str | None:
    """Whom a Job tells; None where it is no notification."""
    metadata = manifest["metadata"]
    if metadata.get("labels", {}).get(LABEL_PHASE) != "notify":
        return None
    return receiver_of(metadata["annotations"][ANNOTATION_KEY])
