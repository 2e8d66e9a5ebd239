"""The settings of an S3 store, as people have them in a Secret or in their shell.

`echo KEY | base64` and --from-file put a line end behind a value. It can't be put into a header, so nothing is ever sent, and the
client reports that as a broken connection; hence white space around a value is dropped, and what stands inside one is
refused by the variable's name. The endpoint is checked before any request, because most mistakes in it look like another one:
a bucket in its path makes every object look missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

_SENT = ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION")
"""Variables whose values go into a header, where only ASCII may stand."""
_HOST = re.compile(r"([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}\.?|[0-9A-Fa-f:.]+(%[A-Za-z0-9.-]+)?")
_EXAMPLE = "as in http://minio:9000"


@dataclass(frozen=True)
class Settings:
    """The AWS_ variables without the white space around them, and the endpoint; None for AWS's own."""

    environ: Mapping[str, str]
    endpoint: str | None


def settings(environ: Mapping[str, str], bucket: str) -> Settings:
    """The settings of a store. Raises CredentialsError, ConfigurationError."""
    clean = {name: value.strip() if name.startswith("AWS_") else value for name, value in environ.items()}
    for name in (*_SENT, "AWS_SECRET_ACCESS_KEY"):
        _check_value(name, clean.get(name, ""))
    if environ.get("AWS_ACCESS_KEY_ID") and not clean["AWS_ACCESS_KEY_ID"]:
        raise CredentialsError(reasons.NO_CREDENTIALS, "AWS_ACCESS_KEY_ID is set and holds nothing but white space.")
    named = next((name for name in ENDPOINTS if environ.get(name)), None)
    return Settings(clean, None if named is None else _checked_endpoint(named, clean[named], bucket))


def _check_value(name: str, value: str) -> None:
    if value.isprintable() and (value.isascii() or name not in _SENT):
        return
    what = "a line end" if "\n" in value or "\r" in value else "a character that can't be sent"
    raise CredentialsError(
        reasons.CREDENTIALS_REFUSED,
        f"{name} has {what} inside; put the value alone into the Secret, with --from-literal or `echo -n`.",
    )


def _checked_endpoint(name: str, value: str, bucket: str) -> str:
    if not value.lower().startswith(("http://", "https://")):
        raise _bad_endpoint(f"{name} must begin with http:// or https://, {_EXAMPLE}.")
    parts = _split(value)
    if parts is None or parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise _bad_endpoint(f"{name} is not the address of a server; write scheme, host and port, {_EXAMPLE}.")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise _bad_endpoint(f"{name} has no valid host name: it may hold letters, digits, - and . alone, {_EXAMPLE}.")
    if parts.path.rstrip("/").rpartition("/")[2] == bucket or host.startswith((f"{bucket}.s3.", f"{bucket}.s3-")):
        raise _bad_endpoint(
            f"{name} names the bucket {bucket}, as the location s3://{bucket}/ does already; "
            f"write the address without it: {_without_bucket(parts, bucket)}."
        )
    return value


def _split(value: str) -> SplitResult | None:
    """The parts of an address; None where it is none, such as one with a port beyond 65535."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _without_bucket(parts: SplitResult, bucket: str) -> str:
    place = parts.netloc.rpartition("@")[2].removeprefix(f"{bucket}.")
    path = parts.path.rstrip("/").removesuffix(f"/{bucket}")
    return f"{parts.scheme}://{place}{path}"


def _bad_endpoint(sentence: str) -> ConfigurationError:
    return ConfigurationError(reasons.BAD_ENDPOINT, sentence)
