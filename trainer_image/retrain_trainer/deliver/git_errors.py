"""Turns git's messages into our errors, so that a wrong token is not retried and a broken connection is.

git has one exit code for nearly everything, so its messages are all there is to tell these apart. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError
from retrain_trainer.store.patience import Temporary

_MOST_SHOWN = 160


@dataclass(frozen=True)
class Remote:
    """The repository that a command talks to, and whether there is a token for it."""

    url: str
    with_token: bool


# The messages of git 2.39 with LC_ALL=C. Refusals are looked for first, because git then reports a broken connection too.
_REFUSED: tuple[tuple[str, type[RetrainError], str, str], ...] = (
    (
        r"Authentication failed|could not read (Username|Password)|HTTP 401|error: 401",
        CredentialsError,
        reasons.GIT_REFUSED,
        "{url} does not accept the token; check it and, where the server asks for one, the username.",
    ),
    (
        r"HTTP 403|error: 403",
        CredentialsError,
        reasons.GIT_REFUSED,
        "The token is not allowed to do this in {url}; it needs the right to push.",
    ),
    (
        r"repository .* not found|(HTTP|error:) (404|410)|not valid: is this a git repository|url base from redirection",
        NotFoundError,
        reasons.REPOSITORY_NOT_FOUND,
        "There is no repository at {url}, or the token is not allowed to see it.",
    ),
    (
        r"does not match target host name|no alternative certificate subject name",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of {url} is for another name; use a name that is in the certificate.",
    ),
    (
        r"certificate (has expired|is not yet valid)|certificate chain uses expired|not yet activated",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of {url} has expired or is not valid yet; renew it, or set this machine's clock right.",
    ),
    (
        r"certificate",
        ConfigurationError,
        reasons.CERTIFICATE_NOT_TRUSTED,
        "The certificate of {url} is not trusted: put that of its authority into the key ca.crt of the Secret that "
        "report.git.secretName names, or, without a cluster, name its file in GIT_SSL_CAINFO.",
    ),
    (
        r"HTTP 413|error: 413",
        SoftwareError,
        reasons.REPORT_TOO_LARGE,
        "{url} does not accept a push of this size.",
    ),
    (
        r"wrong version number|unexpected TLS packet|packet length too long|unknown protocol",
        ConfigurationError,
        reasons.BAD_LOCATION,
        "The server of {url} does not speak TLS; is its address http:// and not https://?",
    ),
    (
        r"(HTTP|error:) (?!408|425|429)(?P<status>4\d\d|501|505|511)",
        ConfigurationError,
        reasons.GIT_FAILED,
        "{url} does not take git's requests (HTTP {status}); check that it is the address of a repository.",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        SoftwareError,
        reasons.DISK_FULL,
        "No space is left here for git to work on {url}; free some, or give the task a larger scratch volume.",
    ),
)
_TEMPORARY: tuple[tuple[str, str], ...] = (
    (r"Could not resolve", "unknown host name, or no name server"),
    (r"Failed to connect|Couldn't connect|Connection refused", "connection refused, or no route"),
    (r"timed out|too slow|Timeout", "no answer in time"),
    (r"(HTTP|error:) (408|425|429|5\d\d)", "the server is overloaded or failing"),
    (r"hung up|early EOF|RPC failed|Empty reply|Recv failure|Send failure|reset by peer|SSL_", "the connection broke off"),
)  # fmt: skip
_OTHERS_FIRST = (
    r"fetch first|non-fast-forward|stale info|cannot lock ref|failed to (update|lock) ref|reference already exists"
    r"|incorrect old value|but expected"
)
_SERVER_FAILED = (
    r"unpacker error|internal (server )?error|failed to write|timed? ?out|service unavailable|shutting down"
)
_NO_TOKEN = (
    "{url} asks for a token and there is none. Set report.git.secretName to a Secret with the key token; without a "
    "cluster, set RETRAIN_GIT_TOKEN."
)


def error_from(code: int, errors: str, remote: Remote) -> Exception:
    """The error to raise after exit code `code`: Temporary, or a RetrainError."""
    message = _own_words(errors, remote)
    for pattern, kind, reason, sentence in _REFUSED:
        if found := re.search(pattern, message):
            known = remote.with_token or kind is not CredentialsError
            return kind(reason, (sentence if known else _NO_TOKEN).format(url=remote.url, **found.groupdict()))
    for pattern, cause in _TEMPORARY:
        if re.search(pattern, message):
            return Temporary(cause)
    if code < 0:
        killed = f"git was killed (signal {-code}) at work on {remote.url}, most often because memory ran out."
        return SoftwareError(reasons.GIT_FAILED, killed)
    return SoftwareError(
        reasons.GIT_FAILED,
        f"git failed on {remote.url} with exit code {code}; run `git ls-remote {remote.url}` yourself to see its message.",
    )


def _own_words(errors: str, remote: Remote) -> str:
    """What git says itself. A URL may contain "404" or "timeout", and what the server prints (`remote:`) any word at all."""
    lines = (line for line in errors.splitlines() if not line.startswith("remote:"))
    return "\n".join(lines).replace(remote.url, "")


def push_rejected(reason: str, branch: str, remote: Remote, token: str) -> Exception | None:
    """The error for a push that the server rejected, or None where somebody else pushed first; `reason` is what git shows
    in parentheses.
    """
    if re.search(_OTHERS_FIRST, reason):
        return None
    if re.search(_SERVER_FAILED, reason, re.IGNORECASE):
        return Temporary("the server failed to store the push")
    shown = f" ({reason[:_MOST_SHOWN]})" if reason and not (token and token in reason) else ""
    return ConfigurationError(
        reasons.PUSH_REFUSED,
        f"{remote.url} rejected the push to branch {branch}{shown}: the branch may be protected, or a hook refuses it.",
    )
