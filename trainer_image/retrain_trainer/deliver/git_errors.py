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
        r"repository .* not found|HTTP 404|error: 404|not valid: is this a git repository",
        NotFoundError,
        reasons.REPOSITORY_NOT_FOUND,
        "There is no repository at {url}, or the token is not allowed to see it.",
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
)
_TEMPORARY: tuple[tuple[str, str], ...] = (
    (r"Could not resolve", "unknown host name, or no name server"),
    (r"Failed to connect|Couldn't connect|Connection refused", "connection refused, or no route"),
    (r"timed out|too slow|Timeout", "no answer in time"),
    (r"(HTTP|error:) (429|5\d\d)", "the server is overloaded or failing"),
    (r"hung up|early EOF|RPC failed|Empty reply|Recv failure|Send failure|reset by peer|SSL_", "the connection broke off"),
)  # fmt: skip
_NO_TOKEN = (
    "{url} asks for a token and there is none. Set report.git.secretName to a Secret with the key token; without a "
    "cluster, set RETRAIN_GIT_TOKEN."
)


def error_from(code: int, errors: str, remote: Remote, token: str) -> Exception:
    """The error to raise after exit code `code`: Temporary, or a RetrainError."""
    message = errors.replace(remote.url, "")  # a URL may contain "404" or "timeout"
    for pattern, kind, reason, sentence in _REFUSED:
        if re.search(pattern, message):
            known = remote.with_token or kind is not CredentialsError
            return kind(reason, (sentence if known else _NO_TOKEN).format(url=remote.url))
    for pattern, cause in _TEMPORARY:
        if re.search(pattern, message):
            return Temporary(cause)
    return SoftwareError(
        reasons.GIT_FAILED, f"git failed on {remote.url} with exit code {code}{_last_complaint(errors, token)}."
    )


def _last_complaint(errors: str, token: str) -> str:
    """git's own last error; lines from the server (`remote:`) are left out, and so is a line that holds the token."""
    ours = [line for line in errors.splitlines() if line.startswith(("fatal: ", "error: "))]
    if not ours or (token and token in ours[-1]):
        return ""
    return ": " + ours[-1].partition(": ")[2][:_MOST_SHOWN].rstrip(".")


def push_refused(reason: str, branch: str, remote: Remote, token: str) -> ConfigurationError:
    """The error for a push that the server rejected for good; `reason` is what git shows in parentheses."""
    shown = f" ({reason[:_MOST_SHOWN]})" if reason and not (token and token in reason) else ""
    return ConfigurationError(
        reasons.PUSH_REFUSED,
        f"{remote.url} rejected the push to branch {branch}{shown}: the branch may be protected, or a hook refuses it.",
    )
