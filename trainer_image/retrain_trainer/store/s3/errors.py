"""Converts the errors of S3 servers, and of the network in between, into ours; pure.

Messages name the endpoint, bucket, object and the server's error code. They never quote what the server says about
credentials, nor the text of an exception, which may hold a URL with a password in it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, RetrainError, SoftwareError

from ..patience import Temporary
from .answers import answered, code_meaning, explained_answer
from .foreign import Foreign
from .libraries import NOT_PLAIN, NOT_TLS, may_be_another_protocol, meaning
from .target import Lasting, Meaning, Target, shown_answer, shown_endpoint

_PLACE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")


def explained(error: Exception, target: Target) -> Exception:
    """The error to raise instead: Temporary or a RetrainError."""
    if isinstance(error, MemoryError):
        return SoftwareError(reasons.OUT_OF_MEMORY, f"There is not enough memory for {target.uri}; give the task more.")
    if isinstance(error, Foreign):
        return _foreign(error, target)
    if isinstance(error, ClientError):
        return _raised(explained_answer(error, target), target, shown_answer(*answered(error)))
    return _raised(meaning(error), target)


def is_doubtful(error: Exception) -> bool:
    """Whether the endpoint may speak another protocol: it hung up, or a 400 came that is not S3's."""
    return may_be_another_protocol(error) or (isinstance(error, Foreign) and error.status == 400)


def wrong_protocol(target: Target) -> RetrainError:
    """The error of an endpoint that was found to speak the other protocol."""
    return (NOT_TLS if target.endpoint.startswith("https:") else NOT_PLAIN).error(target)


def _raised(found: Meaning, target: Target, answer: str = "") -> Exception:
    if isinstance(found, Lasting):
        return found.error(target, answer)
    return Temporary(found.observed, None if found.lasting is None else found.lasting.error(target, answer))


def _foreign(error: Foreign, target: Target) -> Exception:
    if error.code:
        answer = shown_answer(error.status, error.code)
        return _raised(code_meaning(error.status, error.code, target), target, answer)
    if error.location is None:
        return ConfigurationError(
            reasons.BAD_ENDPOINT,
            f"{target.endpoint} answers with a page, not as an S3 server does ({error.status}); write the address of the S3 API into "
            "AWS_ENDPOINT_URL (of MinIO that is port 9000, not its console).",
        )
    return ConfigurationError(reasons.BAD_ENDPOINT, _redirected(error.status, redirect_place(error.location), target))


def _redirected(status: int, place: str, target: Target) -> str:
    begun = f"{target.endpoint} answers with a redirect ({status})"
    if place in ("", target.endpoint):
        return f"{begun}, as no S3 server does; write the address of the S3 API into AWS_ENDPOINT_URL."
    return f"{begun} to {place}; write that address into AWS_ENDPOINT_URL."


def redirect_place(location: str) -> str:
    """Scheme, host and port that a redirect leads to; empty where it names none, or one that can't be shown."""
    try:
        place = shown_endpoint(location) if urlsplit(location).netloc else ""
    except ValueError:
        return ""
    return place if _PLACE.fullmatch(place) else ""
