"""What a receiver answers, in our words: Apprise says only whether it took the message, and logs the rest beside the URL.

It also follows redirects in one service in ten whatever it is told, and a redirect would carry the message to a place that nobody chose.
So while a message is sent, the few calls that every service goes through are listened to, and redirects are off in them.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import requests

_PASSES = {408, 425, 429}
"""Answers below 500 after which the same message may be taken later."""


@dataclass(frozen=True)
class Answer:
    """How a receiver answered, to follow its name in a sentence; `lasting` where it will answer the same again."""

    words: str
    lasting: bool = False


NOT_TAKEN = Answer("did not take the message")
TOO_SLOW = Answer("did not answer in time")


@contextmanager
def listening() -> Iterator[list[Answer]]:
    """What is answered while this lasts, the newest last. No redirect is followed meanwhile."""
    heard: list[Answer] = []
    with ExitStack() as undo:
        undo.callback(_replace(requests.Session, "request", heard, of_http))
        for name in ("connect", "starttls", "login", "sendmail"):
            undo.callback(_replace(smtplib.SMTP, name, heard))
        yield heard


def of_http(code: int) -> Answer | None:
    """What a status code says; None where the message was taken."""
    if code < 300:
        return None
    if code < 400:
        return Answer(
            f"answers with a redirect ({code}), which is not followed: the message would go elsewhere. Put the address that it leads to "
            "into the Secret's url",
            lasting=True,
        )
    if code in (401, 403):
        return Answer(f"refuses the token or password of the Secret's url ({code})", lasting=True)
    if code in (404, 410):
        return Answer(f"does not know the address in the Secret's url ({code})", lasting=True)
    return Answer(f"did not take the message ({code})", lasting=code < 500 and code not in _PASSES)


def of_failure(problem: Exception) -> Answer:
    """What an exception of the libraries says."""
    # smtplib wraps a time-out into a lost connection.
    if isinstance(problem, requests.Timeout | TimeoutError) or isinstance(problem.__context__, TimeoutError):
        return TOO_SLOW
    if isinstance(problem, requests.exceptions.SSLError | ssl.SSLError):
        return Answer("has a certificate that is not trusted here")
    if isinstance(problem, smtplib.SMTPAuthenticationError):
        return Answer("refuses the user or password of the Secret's url", lasting=True)
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return Answer("refuses the address that the mail is to go to")
    if isinstance(problem, smtplib.SMTPException):
        return NOT_TAKEN
    return Answer("can't be reached") if isinstance(problem, OSError) else NOT_TAKEN


def _replace(
    owner: Any, name: str, heard: list[Answer], judge: Callable[[int], Answer | None] | None = None
) -> Callable[[], None]:
    """Listen to a method of a library's class; what puts it back."""
    original = getattr(owner, name)

    @wraps(original)
    def method(*args: Any, **named: Any) -> Any:
        if judge is not None:
            named["allow_redirects"] = False
        try:
            answer = original(*args, **named)
        except Exception as problem:
            heard.append(of_failure(problem))
            raise
        if judge is not None and (said := judge(answer.status_code)) is not None:
            heard.append(said)
        return answer

    setattr(owner, name, method)
    return lambda: setattr(owner, name, original)
