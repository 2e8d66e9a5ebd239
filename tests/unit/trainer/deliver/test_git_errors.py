"""git's messages become one of our errors: what passes is tried again, what lasts is one sentence, and none is passed on."""

from __future__ import annotations

import pytest

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError
from retrain_trainer.deliver.git_errors import Remote, error_from, push_rejected
from retrain_trainer.store.patience import Temporary

URL = "https://git.example/503/certificate.git"
REMOTE = Remote(URL, with_token=True)
ACCESS = f"fatal: unable to access '{URL}/': "

# As git 2.39 wrote them, with the TLS of GnuTLS (Debian's) and of OpenSSL.
PASSING = {
    "an unknown host": "Could not resolve host: git.example",
    "nobody listens": "Failed to connect to git.example port 443 after 0 ms: Couldn't connect to server",
    "too many requests": "The requested URL returned error: 429",
    "a request that took too long": "The requested URL returned error: 408",
    "a server that fails": "The requested URL returned error: 500",
    "a gateway": "The requested URL returned error: 502",
    "a server that is busy": "The requested URL returned error: 503",
    "a proxy that waited": "The requested URL returned error: 504",
    "a proxy of a cloud": "The requested URL returned error: 520",
    "cut off": "Recv failure: Connection reset by peer",
    "cut off in TLS": "OpenSSL SSL_read: Connection reset by peer, errno 104",
    "silence": "Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds",
    "cut off in a push": "error: RPC failed; curl 56 Recv failure\nfatal: the remote end hung up unexpectedly",
}
LASTING: dict[str, tuple[str, type[RetrainError], str, str]] = {
    "a wrong token": (f"fatal: Authentication failed for '{URL}/'", CredentialsError, "GitRefused", "does not accept the token"),
    "no token": ("fatal: could not read Username for 'https://git.example': terminal prompts disabled", CredentialsError, "GitRefused", "does not accept the token"),
    "no right to push": (ACCESS + "The requested URL returned error: 403", CredentialsError, "GitRefused", "needs the right to push"),
    "no repository": (f"remote: Repository not found.\nfatal: repository '{URL}/' not found", NotFoundError, "RepositoryNotFound", "There is no repository at"),
    "gone": (ACCESS + "The requested URL returned error: 410", NotFoundError, "RepositoryNotFound", "There is no repository at"),
    "a page to log in": (f"fatal: unable to update url base from redirection:\n  asked for: {URL}\n   redirect: https://hidden/login", NotFoundError, "RepositoryNotFound", "There is no repository at"),
    "a page": (f"fatal: {URL}/info/refs not valid: is this a git repository?", NotFoundError, "RepositoryNotFound", "There is no repository at"),
    "an unknown authority": (ACCESS + "server certificate verification failed. CAfile: none CRLfile: none", ConfigurationError, "CertificateNotTrusted", "the key ca.crt"),
    "an unknown authority of OpenSSL": (ACCESS + "SSL certificate problem: unable to get local issuer certificate", ConfigurationError, "CertificateNotTrusted", "the key ca.crt"),
    "signed by itself": (ACCESS + "SSL certificate problem: self-signed certificate in certificate chain", ConfigurationError, "CertificateNotTrusted", "the key ca.crt"),
    "expired": (ACCESS + "SSL certificate problem: certificate has expired", ConfigurationError, "CertificateNotTrusted", "has expired or is not valid yet"),
    "another name": (ACCESS + "SSL: certificate subject name (server) does not match target host name '127.0.0.1'", ConfigurationError, "CertificateNotTrusted", "is for another name"),
    "another name of OpenSSL": (ACCESS + "SSL: no alternative certificate subject name matches target host name 'x'", ConfigurationError, "CertificateNotTrusted", "is for another name"),
    "no TLS": (ACCESS + "gnutls_handshake() failed: An unexpected TLS packet was received.", ConfigurationError, "BadLocation", "does not speak TLS"),
    "no TLS of OpenSSL": (ACCESS + "error:0A00010B:SSL routines::wrong version number", ConfigurationError, "BadLocation", "does not speak TLS"),
    "too large": ("error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413", SoftwareError, "ReportTooLarge", "a push of this size"),
    "a request it does not know": (ACCESS + "The requested URL returned error: 400", ConfigurationError, "GitFailed", "does not take git's requests (HTTP 400)"),
    "a method it does not have": (ACCESS + "The requested URL returned error: 501", ConfigurationError, "GitFailed", "does not take git's requests (HTTP 501)"),
    "a captive portal": (ACCESS + "The requested URL returned error: 511", ConfigurationError, "GitFailed", "does not take git's requests (HTTP 511)"),
    "a full disk": ("fatal: sha1 file '<stdout>' write error: No space left on device", SoftwareError, "DiskFull", "No space is left here for git"),
    "new words": ("fatal: hidden words of a later git", SoftwareError, "GitFailed", f"exit code 128; run `git ls-remote {URL}` yourself"),
    "words of the server": ("remote: error: 503 certificate, Authentication failed\nfatal: hidden", SoftwareError, "GitFailed", "exit code 128; run"),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSING)
def test_what_may_pass_is_tried_again(case: str) -> None:
    assert isinstance(error_from(128, ACCESS + PASSING[case], REMOTE), Temporary)


@pytest.mark.parametrize("case", LASTING)
def test_what_lasts_is_one_sentence(case: str) -> None:
    words, kind, reason, sentence = LASTING[case]
    error = error_from(128, words, REMOTE)
    assert type(error) is kind and isinstance(error, RetrainError) and error.reason == reason
    assert sentence in error.message and URL in error.message and "hidden" not in error.message
    assert "\n" not in error.message and error.message.endswith((".", "?"))


def test_without_a_token_a_refusal_says_where_one_is_set() -> None:
    error = error_from(128, "fatal: could not read Username for 'https://x': hidden", Remote(URL, with_token=False))
    assert "asks for a token and there is none" in str(error)


def test_a_killed_git_is_named() -> None:
    error = error_from(-9, "", REMOTE)
    assert isinstance(error, SoftwareError) and "git was killed (signal 9)" in error.message


@pytest.mark.parametrize(
    "reason",
    ["fetch first", "non-fast-forward", "stale info", "cannot lock ref 'refs/heads/main'", "failed to update ref",
     "remote ref is at 1 but expected 2", "incorrect old value provided"],
)  # fmt: skip
def test_a_push_that_came_second_is_made_again(reason: str) -> None:
    assert push_rejected(reason, "main", REMOTE, "token") is None


@pytest.mark.parametrize("reason", ["unpacker error", "internal server error", "failed to write", "hook timed out"])
def test_a_server_that_failed_to_store_a_push_is_asked_again(reason: str) -> None:
    assert isinstance(push_rejected(reason, "main", REMOTE, "token"), Temporary)


@pytest.mark.parametrize(
    "reason",
    ["protected branch hook declined", "pre-receive hook declined", "push declined due to repository rule violations",
     "branch is currently checked out", "deny updating a hidden ref", "shallow update not allowed", ""],
)  # fmt: skip
def test_a_push_that_is_refused_for_good_is_not_repeated(reason: str) -> None:
    error = push_rejected(reason, "main", REMOTE, "token")
    assert isinstance(error, ConfigurationError) and error.reason == "PushRefused"
    assert "rejected the push to branch main" in error.message and reason in error.message


def test_a_reason_that_holds_the_token_is_left_out() -> None:
    assert "s3cret" not in str(push_rejected("user s3cret may not push", "main", REMOTE, "s3cret"))
