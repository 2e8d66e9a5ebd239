"""Converts rclone's errors into ours; pure.

Its output is matched but never quoted: it may hold a URL with a token, or a line of the configuration. The messages of
each kind of remote were observed with rclone 1.60, which ends with 1 whatever the remote answered; anything that no pattern
matches is classified by its exit code. What lasts until somebody changes something is never a SoftwareError, which is retried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError

from .patience import Temporary

# https://rclone.org/docs/#list-of-exit-codes. 1 and 2 are a usage error and an error without a category, and have changed places.
_NOT_FOUND_CODES = (3, 4)
_TEMPORARY_CODE = 5
_LASTING_CODES = (6, 7)
_LIMIT_CODES = (8, 9, 10)


@dataclass(frozen=True)
class Target:
    """What a command is about: the remote's name, the location as a person knows it, and as rclone expects it."""

    remote: str
    uri: str
    place: str


_Lasting = tuple[str, type[RetrainError], str, str]
_CONFIGURATION: tuple[_Lasting, ...] = (
    (
        r"didn't find section in config file",
        ConfigurationError,
        reasons.UNKNOWN_REMOTE,
        "rclone's configuration has no remote {remote}, so {uri} can't be reached; `rclone listremotes` lists its remotes. "
        "On a cluster the configuration is in the Secret that rcloneConfigSecretName names.",
    ),
    (
        r"didn't find backend called",
        ConfigurationError,
        reasons.BAD_REMOTE,
        "This machine's rclone does not support the type of the remote {remote}; install a newer version.",
    ),
    (
        r"unable to decrypt configuration|couldn't decrypt configuration|Failed to load config",
        ConfigurationError,
        reasons.BAD_RCLONE_CONFIG,
        "rclone's configuration can't be read: it is damaged, or encrypted and RCLONE_CONFIG_PASS is not set.",
    ),
)

_USAGE: _Lasting = (
    r"unknown (shorthand )?flag|unknown command",
    ConfigurationError,
    reasons.NO_RCLONE,
    "This machine's rclone does not know what is asked of it; install version 1.60 or a newer one.",
)
_TLS: tuple[_Lasting, ...] = (
    (
        r"does not look like a TLS handshake|server gave HTTP response to HTTPS client",
        ConfigurationError,
        reasons.BAD_LOCATION,
        "The server of the remote {remote} does not speak TLS; is its address in rclone's configuration http:// and not https://?",
    ),
    (
        r"x509: (certificate is (not )?valid for|cannot validate certificate for|certificate relies on legacy)",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of the remote {remote} is for another name than its address in rclone's configuration; use a name "
        "that is in the certificate.",
    ),
    (
        r"x509: certificate has expired or is not yet valid",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of the remote {remote} has expired or is not valid yet; renew it, or set this machine's clock right.",
    ),
    (
        r"x509:",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of the remote {remote} is not trusted: put that of its authority into the key ca.crt of the Secret "
        "with rclone's configuration, or, without a cluster, name its file in RCLONE_CA_CERT.",
    ),
    (
        r"remote error: tls|tls: ",
        ConfigurationError,
        reasons.BAD_LOCATION,
        "The server of the remote {remote} and rclone find no version of TLS that both speak; check the address and the server.",
    ),
)

_TEMPORARY: tuple[tuple[str, str], ...] = (
    (r"no such host|server misbehaving", "unknown host name, or no name server"),
    (r"connection refused|no route to host|network is unreachable", "connection refused, or no route"),
    (r"i/o timeout|TLS handshake timeout|deadline exceeded|Client\.Timeout", "no answer in time"),
    (r"connection reset|broken pipe|unexpected EOF|\bEOF\b", "the connection broke"),
    (r"corrupted on transfer", "the bytes were damaged in transit"),
    (r"\b429\b|RateLimitExceeded|Rate Limit Exceeded|too_many_requests|SlowDown", "it asks for fewer requests"),
    (r"\b(408|500|502|503|504)\b|InternalError|backendError|internal_failure", "it failed for now"),
)

_LASTING: tuple[_Lasting, ...] = (
    (
        r"failed to authenticate decrypted block|bad password",
        SoftwareError,
        reasons.CHECKSUM_MISMATCH,
        "{uri} can't be decrypted: it is damaged, or was written with another password of the remote {remote}.",
    ),
    *_TLS,
    (
        r"(unsupported|missing) protocol scheme|first path segment in URL|invalid port|invalid URL",
        ConfigurationError,
        reasons.BAD_LOCATION,
        "The address of the remote {remote} in rclone's configuration is none; it begins with http:// or https://.",
    ),
    (
        r"AuthorizationHeaderMalformed|PermanentRedirect|BucketRegionError|\b301 Moved",
        ConfigurationError,
        reasons.WRONG_REGION,
        "The bucket of {uri} is in another region than rclone's configuration says; correct the region there.",
    ),
    (
        r"RequestTimeTooSkewed",
        CredentialsError,
        reasons.CLOCK_WRONG,
        "The remote {remote} rejects requests because this machine's clock is wrong; correct the clock.",
    ),
    (
        r"downloadQuotaExceeded|dailyLimitExceeded|Daily Limit Exceeded",
        ConfigurationError,
        reasons.STORE_REFUSED,
        "The remote {remote} takes no more requests today, because a quota is used up until tomorrow.",
    ),
    (
        r"storageQuotaExceeded|Insufficient Storage|InsufficientStorage|\b507\b|no space left|QuotaExceeded|quota",
        SoftwareError,
        reasons.DISK_FULL,
        "The remote {remote} has no space left for {uri}.",
    ),
    (
        r"ExpiredToken|invalid_grant|couldn't fetch token|cannot fetch token|empty token|token expired|config reconnect",
        CredentialsError,
        reasons.CREDENTIALS_EXPIRED,
        "The token of the remote {remote} has expired or was revoked: renew it with "
        "`rclone config reconnect {remote}:`, and on a cluster put the new configuration into the Secret.",
    ),
    (
        r"NoSuchBucket",
        NotFoundError,
        reasons.BUCKET_NOT_FOUND,
        "The bucket of {uri} does not exist.",
    ),
    (
        r"SignatureDoesNotMatch|InvalidAccessKeyId|\b401\b|unable to authenticate|NoCredentialProviders|Bad ?Credentials",
        CredentialsError,
        reasons.CREDENTIALS_REFUSED,
        "The remote {remote} does not accept the credentials in rclone's configuration.",
    ),
    (
        r"\b403\b|AccessDenied|Forbidden|permission denied|read-only file system|operation not permitted",
        CredentialsError,
        reasons.ACCESS_DENIED,
        "The credentials of the remote {remote} do not allow access to {uri}.",
    ),
    (
        r"status code: (4\d\d|501|505)|\b(400 Bad Request|405 Method Not Allowed|410 Gone|501 [A-Z]|505 [A-Z])",
        ConfigurationError,
        reasons.STORE_REFUSED,
        "The server of the remote {remote} does not take rclone's requests; check the remote's type and address.",
    ),
    _USAGE,
)


def explained(code: int, words: str, target: Target) -> Exception:
    """The error to raise after exit code `code`: Temporary, or a RetrainError."""
    text = _without_names(words, target)
    # Temporary failures are matched before refusals: a token that could not be fetched without a network has not expired.
    passing = next((seen for pattern, seen in _TEMPORARY if re.search(pattern, text, re.IGNORECASE)), None)
    for table in (_CONFIGURATION,) if passing else (_CONFIGURATION, _LASTING):
        for pattern, kind, reason, sentence in table:
            if re.search(pattern, text, re.IGNORECASE):
                return kind(reason, sentence.format(remote=target.remote, uri=target.uri))
    if passing:
        return Temporary(passing)
    if code in _NOT_FOUND_CODES:
        return NotFoundError(reasons.OBJECT_NOT_FOUND, f"{target.uri} does not exist.")
    if code == _TEMPORARY_CODE:
        return Temporary("it failed for now")
    return _by_code(code, target)


def _by_code(code: int, target: Target) -> RetrainError:
    """What the exit code alone says, where the words are new."""
    if code < 0:
        killed = f"rclone was killed (signal {-code}) at work on {target.uri}, most often because memory ran out."
        return SoftwareError(reasons.RCLONE_FAILED, killed)
    if code in _LIMIT_CODES:
        return ConfigurationError(
            reasons.RCLONE_FAILED,
            f"rclone ended by a limit of its own settings on {target.uri} (exit code {code}); take the RCLONE_... variable "
            "with that limit out of the environment.",
        )
    kind = ConfigurationError if code in _LASTING_CODES else SoftwareError
    return kind(
        reasons.RCLONE_FAILED,
        f"rclone failed on {target.uri} with exit code {code}; run `rclone lsf {target.place}` yourself to see its message.",
    )


def _without_names(words: str, target: Target) -> str:
    """The output without the names that a person chose: a folder called 403 is no refusal."""
    path = target.place.partition(":")[2]
    without = words.replace(target.place, "")
    # A short name may be part of a word, such as the x of x509.
    return re.sub(r"\w+://\S+", "", without.replace(path, "") if "/" in path else without)
