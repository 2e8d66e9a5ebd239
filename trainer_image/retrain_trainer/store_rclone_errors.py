"""What rclone said, as one of our errors; pure.

Its words are read and never passed on: they may hold a URL with a token, or a line of the configuration. What each
kind of remote says was seen with rclone 1.60; what is in no line of the table is told by its exit code alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError

from .store import Temporary

# https://rclone.org/docs/#list-of-exit-codes
_NOT_FOUND_CODES = (3, 4)
_TEMPORARY_CODE = 5


@dataclass(frozen=True)
class Asked:
    """What a command was about: the remote's name, the location as a person knows it, and as rclone is told it."""

    remote: str
    uri: str
    place: str


_Lasting = tuple[str, type[RetrainError], str, str]
_CONFIGURATION: tuple[_Lasting, ...] = (
    (
        r"didn't find section in config file",
        ConfigurationError,
        "UnknownRemote",
        "There is no remote {remote} in rclone's configuration, so {uri} can't be reached; `rclone listremotes` shows "
        "those that there are, and on a cluster rcloneConfigSecretName names the Secret with the configuration.",
    ),
    (
        r"didn't find backend called",
        ConfigurationError,
        "BadRemote",
        "The rclone of this machine does not know the type of the remote {remote}; use a newer one.",
    ),
    (
        r"unable to decrypt configuration|couldn't decrypt configuration|Failed to load config",
        ConfigurationError,
        "BadRcloneConfig",
        "rclone's configuration can't be read: it is damaged, or encrypted and RCLONE_CONFIG_PASS is not set.",
    ),
)

_TEMPORARY: tuple[tuple[str, str], ...] = (
    (r"no such host|server misbehaving", "unknown host name, or no name server"),
    (r"connection refused|no route to host|network is unreachable", "connection refused, or no route"),
    (r"i/o timeout|TLS handshake timeout|deadline exceeded|Client\.Timeout", "no answer in time"),
    (r"connection reset|broken pipe|unexpected EOF|\bEOF\b", "the connection broke off"),
    (r"corrupted on transfer", "the bytes were damaged on the way"),
    (r"\b429\b|RateLimitExceeded|Rate Limit Exceeded|too_many_requests|SlowDown", "it asks for fewer requests"),
    (r"\b(408|500|502|503|504)\b|InternalError|backendError|internal_failure", "it failed for now"),
)

_LASTING: tuple[_Lasting, ...] = (
    (
        r"failed to authenticate decrypted block|bad password",
        SoftwareError,
        "ChecksumMismatch",
        "{uri} can't be decrypted: it is damaged, or was written with another password of the remote {remote}.",
    ),
    (
        r"x509:",
        ConfigurationError,
        "CertificateNotTrusted",
        "The certificate of the remote {remote} is not trusted; name its authority's file in RCLONE_CA_CERT.",
    ),
    (
        r"storageQuotaExceeded|Insufficient Storage|InsufficientStorage|\b507\b|no space left|QuotaExceeded|quota",
        SoftwareError,
        "DiskFull",
        "The remote {remote} has no space left for {uri}.",
    ),
    (
        r"invalid_grant|couldn't fetch token|cannot fetch token|empty token|token expired|config reconnect",
        CredentialsError,
        "CredentialsExpired",
        "The token of the remote {remote} has expired or was taken back: renew it with "
        "`rclone config reconnect {remote}:`, and on a cluster put the new configuration into the Secret.",
    ),
    (
        r"NoSuchBucket",
        NotFoundError,
        "BucketNotFound",
        "The bucket of {uri} does not exist.",
    ),
    (
        r"SignatureDoesNotMatch|InvalidAccessKeyId|\b401\b|unable to authenticate|NoCredentialProviders|Bad ?Credentials",
        CredentialsError,
        "CredentialsRefused",
        "The remote {remote} does not accept the credentials in rclone's configuration.",
    ),
    (
        r"\b403\b|AccessDenied|Forbidden|permission denied|read-only file system|operation not permitted",
        CredentialsError,
        "AccessDenied",
        "The credentials of the remote {remote} do not allow this for {uri}.",
    ),
)


def explained(code: int, words: str, asked: Asked) -> Exception:
    """The error to raise after exit code `code`: Temporary, or a RetrainError."""
    said = _without_names(words, asked)
    # What may pass comes before a refusal: a token that could not be fetched without a network has not expired.
    passing = next((seen for pattern, seen in _TEMPORARY if re.search(pattern, said, re.IGNORECASE)), None)
    for table in (_CONFIGURATION,) if passing else (_CONFIGURATION, _LASTING):
        for pattern, kind, reason, sentence in table:
            if re.search(pattern, said, re.IGNORECASE):
                return kind(reason, sentence.format(remote=asked.remote, uri=asked.uri))
    if passing:
        return Temporary(passing)
    if code in _NOT_FOUND_CODES:
        return NotFoundError("ObjectNotFound", f"{asked.uri} does not exist.")
    if code == _TEMPORARY_CODE:
        return Temporary("it failed for now")
    return SoftwareError(
        "RcloneFailed",
        f"rclone failed on {asked.uri} with exit code {code}; `rclone lsf {asked.place}` by hand shows its own words.",
    )


def _without_names(words: str, asked: Asked) -> str:
    """The words without what a person named: a folder called 403 refuses nothing."""
    path = asked.place.partition(":")[2]
    without = words.replace(asked.place, "")
    # A short name may be part of a word, such as the x of x509.
    return re.sub(r"\w+://\S+", "", without.replace(path, "") if "/" in path else without)
