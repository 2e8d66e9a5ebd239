"""What git said, as one of our errors; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError

from .store import Temporary

_MOST_SHOWN = 160


@dataclass(frozen=True)
class Asked:
    """Which repository, and whether there is a token for it."""

    url: str
    with_token: bool


# As git 2.39 says it in LC_ALL=C. A refusal comes before a broken connection, for git then tells of both.
_REFUSED: tuple[tuple[str, type[RetrainError], str, str], ...] = (
    (
        r"Authentication failed|could not read (Username|Password)|HTTP 401|error: 401",
        CredentialsError,
        "GitRefused",
        "{url} does not accept the token; check it and, where the server asks for one, the username.",
    ),
    (
        r"HTTP 403|error: 403",
        CredentialsError,
        "GitRefused",
        "The token may not do this in {url}; it needs the right to push.",
    ),
    (
        r"repository .* not found|HTTP 404|error: 404|not valid: is this a git repository",
        NotFoundError,
        "RepositoryNotFound",
        "There is no repository at {url}, or the token may not see it.",
    ),
    (
        r"certificate",
        ConfigurationError,
        "CertificateNotTrusted",
        "The certificate of {url} is not trusted; name its authority's file in GIT_SSL_CAINFO.",
    ),
    (
        r"HTTP 413|error: 413",
        SoftwareError,
        "ReportTooLarge",
        "{url} does not take a push of this size.",
    ),
)
_PASSING: tuple[tuple[str, str], ...] = (
    (r"Could not resolve", "unknown host name, or no name server"),
    (r"Failed to connect|Couldn't connect|Connection refused", "connection refused, or no route"),
    (r"timed out|too slow|Timeout", "no answer in time"),
    (r"(HTTP|error:) (429|5\d\d)", "it failed for now"),
    (r"hung up|early EOF|RPC failed|Empty reply|Recv failure|Send failure|reset by peer|SSL_", "the connection broke off"),
)  # fmt: skip
_NO_TOKEN = (
    "{url} asks for a token and there is none: report.git.secretName names a Secret with the key token; without a "
    "cluster it is RETRAIN_GIT_TOKEN."
)


def explained(code: int, words: str, asked: Asked, token: str) -> Exception:
    """The error to raise after exit code `code`: Temporary, or a RetrainError."""
    said = words.replace(asked.url, "")
    for pattern, kind, reason, sentence in _REFUSED:
        if re.search(pattern, said):
            known = asked.with_token or kind is not CredentialsError
            return kind(reason, (sentence if known else _NO_TOKEN).format(url=asked.url))
    for pattern, seen in _PASSING:
        if re.search(pattern, said):
            return Temporary(seen)
    return SoftwareError("GitFailed", f"git failed on {asked.url} with exit code {code}{_own_words(words, token)}.")


def _own_words(words: str, token: str) -> str:
    """git's own last complaint; what a server says (`remote:`) is left out, and so is whatever holds the token."""
    ours = [line for line in words.splitlines() if line.startswith(("fatal: ", "error: "))]
    if not ours or (token and token in ours[-1]):
        return ""
    return ": " + ours[-1].partition(": ")[2][:_MOST_SHOWN].rstrip(".")


def push_refused(reason: str, branch: str, asked: Asked, token: str) -> ConfigurationError:
    """The error of a push that the server turned away for good; `reason` is what git shows in parentheses."""
    shown = f" ({reason[:_MOST_SHOWN]})" if reason and not (token and token in reason) else ""
    return ConfigurationError(
        "PushRefused",
        f"{asked.url} turned away the push to branch {branch}{shown}: it may be protected, or a hook refuses it.",
    )
