"""The certificate authority of a server whose certificate comes from none of the public ones.

On a cluster it is the key ca.crt of the Secret with the server's credentials, mounted as a file; the key is optional, so the
file may be absent. Elsewhere it is the file that the variables of the program itself name, such as AWS_CA_BUNDLE. Where one is
given, it alone is trusted. It is read before any request is made: botocore, rclone and git each report a file that they can't
read in their own way, botocore as a broken connection.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.spec.credentials import AUTHORITY_KEY

S3_AUTHORITY = "AWS_CA_FILE"
RCLONE_AUTHORITY = "RETRAIN_RCLONE_CA_FILE"
GIT_AUTHORITY = "RETRAIN_GIT_CA_FILE"
"""Paths where the manifests mount the key."""

_MOUNTED = frozenset({S3_AUTHORITY, RCLONE_AUTHORITY, GIT_AUTHORITY})


def authority(environ: Mapping[str, str], *variables: str) -> str | None:
    """The file that the first of these variables names; None where none does. Raises ConfigurationError."""
    for variable in variables:
        path = environ.get(variable)
        if path and not (variable in _MOUNTED and is_absent(path)):
            _check(path, variable)
            return path
    return None


def is_absent(path: str | None) -> bool:
    """Whether the Secret has no such key, or there is no Secret."""
    return not path or not os.path.lexists(path)


def _check(path: str, variable: str) -> None:
    place = f"The key {AUTHORITY_KEY} of the Secret" if variable in _MOUNTED else f"{path}, which {variable} names,"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigurationError(
            reasons.BAD_CERTIFICATE_AUTHORITY,
            f"{place} holds no certificate; put the certificate of the server's authority there as PEM text, which begins "
            "with -----BEGIN CERTIFICATE-----.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            reasons.BAD_CERTIFICATE_AUTHORITY,
            f"{place} can't be read ({error.strerror}); it must be the file with the certificate of the server's authority.",
        ) from None
