"""A receiver, from the URL in its Secret. Nothing here says more of the URL than its scheme."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode
from apprise.manager_plugins import NotificationManager
from apprise.plugins.base import NotifyBase
from apprise.plugins.custom_json import NotifyJSON

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import NOTIFY_URL

from .answers import NOT_TAKEN, TOO_SLOW, Answer, listening

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """What is told. `fields` go to a webhook of our own form alone, beside title and message."""

    title: str
    body: str
    warning: bool = False
    fields: Mapping[str, Any] | None = None


class Receiver:
    """One service of Apprise with its account."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError("BadReceiver") where it is no URL of a service that can be reached from here."""
        url = url.strip()  # a Secret that was made from a file ends with the end of its line
        self.scheme = scheme_of(url)
        self._service = _service(url, self.scheme)

    @property
    def name(self) -> str:
        """To begin a sentence with."""
        return f"The receiver ({self.scheme}://)"

    def tell(self, message: Message, seconds: float) -> Answer | None:
        """Send it once; None where it was taken, within this time."""
        if isinstance(self._service, NotifyJSON):
            # What the URL itself adds or renames comes last.
            self._service.payload_extras = {**(message.fields or {}), **self._service.payload_extras}
        taken: list[bool] = []
        with listening() as heard:
            # Apprise's own limits are for one read of a socket: a receiver that sends a byte a second would never be given up.
            sending = Thread(target=lambda: taken.append(_sent(self._service, message)), daemon=True)
            sending.start()
            sending.join(seconds)
        if taken == [True]:
            return None
        return TOO_SLOW if not taken else next(reversed(heard), NOT_TAKEN)


def scheme_of(url: str) -> str:
    """The scheme of a URL, such as slack; empty where it has none. Nothing else of it may be shown."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def _service(url: str, scheme: str) -> NotifyBase:
    if not url:
        raise _bad(f"{NOTIFY_URL} is empty; it must hold one Apprise URL, from the key url of the receiver's Secret.")
    if not scheme:
        raise _bad(
            "The receiver's url has no scheme; an Apprise URL begins with its service, such as slack:// or mailtos://."
        )
    asset = AppriseAsset(
        app_id="Retrain",
        app_desc="Retrain",
        http_redirects=False,
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
    )
    service = Apprise.instantiate(url, asset)
    if service is not None:
        return service
    services = NotificationManager()  # type: ignore[no-untyped-call]
    if scheme in ("http", "https"):
        raise _bad(
            f"Apprise knows no service by that {scheme}:// address; a webhook of your own is written jsons://, or json:// without encryption, in the "
            "key url of the receiver's Secret."
        )
    if scheme not in services:
        raise _bad(f"Apprise knows no service {scheme}://; correct the key url of the receiver's Secret.")
    if not services[scheme].enabled:
        raise _bad(f"{scheme}:// needs a library that the trainer image does not have; choose another way to be told.")
    raise _bad(
        f"The receiver's url is not how Apprise writes {scheme}://; see the service's page in Apprise's documentation, and correct the key url "
        "of its Secret."
    )


def _sent(service: NotifyBase, message: Message) -> bool:
    """Whether the service says that it was taken. What it raises instead may hold the URL."""
    told = Apprise()
    told.add(service)
    kind = NotifyType.WARNING if message.warning else NotifyType.INFO
    try:
        return bool(told.notify(message.body, message.title, kind, body_format=NotifyFormat.TEXT))
    except Exception:
        return False


def _bad(sentence: str) -> ConfigurationError:
    return ConfigurationError(reasons.BAD_RECEIVER, sentence)
