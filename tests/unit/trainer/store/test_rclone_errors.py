"""rclone's words become one of our errors, and none of them is passed on."""

from __future__ import annotations

import pytest

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError
from retrain_trainer.store.patience import Temporary
from retrain_trainer.store.rclone_errors import Target, explained

TARGET = Target("drive", "rclone://drive/403/timeout.bin", "drive:403/timeout.bin")
REFRESH = (
    "couldn't find root directory ID: Get \"https://www.googleapis.com/drive/v3/files/root?key=hidden\": couldn't fetch "
    'token - maybe it has expired? - refresh with "rclone config reconnect drive:": '
)

# As rclone 1.60 wrote them, on standard error.
PASSING = [
    (1, REFRESH + 'Post "https://oauth2.googleapis.com/token": dial tcp: lookup x on 10.0.0.1:53: no such host'),
    (1, 'caused by: Head "http://127.0.0.1:1/b/x": dial tcp 127.0.0.1:1: connect: connection refused'),
    (1, 'Failed to lsjson: Get "https://hidden@x/": net/http: TLS handshake timeout'),
    (1, "googleapi: Error 403: User Rate Limit Exceeded. Rate of requests exceeds the limit, userRateLimitExceeded"),
    (1, 'Failed to create file system for "d:x": read metadata failed: 503 Service Unavailable'),
    (1, "Failed to copy: unexpected EOF"),
    (1, 'Failed to copyto: corrupted on transfer: md5 hash differ "1" vs "2"'),
    (5, "Failed to copyto: something new"),
    (1, "Failed to cat: TooManyRequests: Too Many Requests\n\tstatus code: 429, request id: , host id:"),
    (1, "Failed to cat: InternalServerError: Internal Server Error\n\tstatus code: 500, request id: , host id:"),
    (1, "Failed to cat: ServiceUnavailable: Service Unavailable\n\tstatus code: 503, request id: , host id:"),
    (1, 'caused by: Get "http://h/": read tcp 127.0.0.1:4->127.0.0.1:5: read: connection reset by peer'),
]
LASTING = [
    (1, 'Failed to create file system for "drive:x": didn\'t find section in config file', ConfigurationError, "UnknownRemote"),
    (1, 'Failed to create file system for "drive:x": didn\'t find backend called "new"', ConfigurationError, "BadRemote"),
    (1, "Failed to load config file: unable to decrypt configuration and not allowed to ask", ConfigurationError, "BadRcloneConfig"),
    (1, "Failed to load config file \"/x\": failed to load base64 encoded data: unexpected EOF", ConfigurationError, "BadRcloneConfig"),
    (1, 'Get "https://x/": x509: certificate signed by unknown authority', ConfigurationError, "CertificateNotTrusted"),
    (1, 'Get "https://x/": x509: cannot validate certificate for 127.0.0.1 because it doesn\'t contain any IP SANs', ConfigurationError, "CertificateNotTrusted"),
    (1, 'Get "https://x/": x509: certificate is valid for minio, not hidden', ConfigurationError, "CertificateNotTrusted"),
    (1, 'Get "https://x/": x509: certificate has expired or is not yet valid: current time 2026', ConfigurationError, "CertificateNotTrusted"),
    (1, 'Get "https://x/": tls: first record does not look like a TLS handshake', ConfigurationError, "BadLocation"),
    (1, 'Get "https://x/": http: server gave HTTP response to HTTPS client', ConfigurationError, "BadLocation"),
    (1, 'Get "https://x/": remote error: tls: handshake failure', ConfigurationError, "BadLocation"),
    (1, 'Propfind "minio:9000/x": unsupported protocol scheme "minio"', ConfigurationError, "BadLocation"),
    (1, "AuthorizationHeaderMalformed: the region 'us-east-1' is wrong\n\tstatus code: 400", ConfigurationError, "WrongRegion"),
    (1, "RequestTimeTooSkewed: hidden\n\tstatus code: 403", CredentialsError, "ClockWrong"),
    (1, "ExpiredToken: hidden\n\tstatus code: 400", CredentialsError, "CredentialsExpired"),
    (1, "googleapi: Error 403: The download quota for this file has been exceeded., downloadQuotaExceeded", ConfigurationError, "StoreRefused"),
    (1, "Failed to cat: BadRequest: Bad Request\n\tstatus code: 400, request id: , host id:", ConfigurationError, "StoreRefused"),
    (1, "Failed to cat: MethodNotAllowed: hidden\n\tstatus code: 405, request id: , host id:", ConfigurationError, "StoreRefused"),
    (1, "read metadata failed: <html>hidden</html>: 501 Unsupported method ('PROPFIND')", ConfigurationError, "StoreRefused"),
    (1, "Error: unknown flag: --hidden", ConfigurationError, "NoRclone"),
    (1, REFRESH + 'oauth2: cannot fetch token: 400 Bad Request Response: {"error": "invalid_grant"}', CredentialsError, "CredentialsExpired"),
    (1, "empty token found - please run \"rclone config reconnect drive:\"", CredentialsError, "CredentialsExpired"),
    (1, "Failed to lsjson: SignatureDoesNotMatch: hidden\n\tstatus code: 403, request id: 18EB", CredentialsError, "CredentialsRefused"),
    (1, "read metadata failed: 401 Unauthorized", CredentialsError, "CredentialsRefused"),
    (1, "x: Failed to copy: AccessDenied: Access Denied.\n\tstatus code: 403", CredentialsError, "AccessDenied"),
    (1, "error listing: open /srv/x: permission denied", CredentialsError, "AccessDenied"),
    (1, "googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded", SoftwareError, "DiskFull"),
    (1, "Failed to cat: failed to authenticate decrypted block - bad password?", SoftwareError, "ChecksumMismatch"),
    (1, "read metadata failed: 507 Insufficient Storage", SoftwareError, "DiskFull"),
    (1, "x: Failed to copy: NoSuchBucket: The specified bucket does not exist", NotFoundError, "BucketNotFound"),
    (3, "Failed to lsjson: directory not found", NotFoundError, "ObjectNotFound"),
    (4, "Failed to cat: object not found", NotFoundError, "ObjectNotFound"),
    (1, "something new, with hidden words", SoftwareError, "RcloneFailed"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "words"), PASSING)
def test_what_may_pass_is_tried_again(code: int, words: str) -> None:
    problem = explained(code, words, TARGET)
    assert isinstance(problem, Temporary)
    assert "hidden" not in str(problem)


@pytest.mark.parametrize(("code", "words", "kind", "reason"), LASTING)
def test_what_lasts_is_one_sentence(code: int, words: str, kind: type[RetrainError], reason: str) -> None:
    problem = explained(code, words, TARGET)
    assert type(problem) is kind
    assert isinstance(problem, RetrainError) and problem.reason == reason
    assert "drive" in problem.message or reason in ("BadRcloneConfig", "NoRclone")
    assert "hidden" not in problem.message and "\n" not in problem.message


# Every code of https://rclone.org/docs/#list-of-exit-codes, and a signal, where the words are new.
CODES: dict[int, tuple[type[Exception], str]] = {
    1: (
        SoftwareError,
        "failed on rclone://drive/403/timeout.bin with exit code 1; run `rclone lsf drive:403/timeout.bin`",
    ),
    2: (SoftwareError, "with exit code 2; run `rclone lsf drive:403/timeout.bin` yourself"),
    3: (NotFoundError, "rclone://drive/403/timeout.bin does not exist."),
    4: (NotFoundError, "rclone://drive/403/timeout.bin does not exist."),
    5: (Temporary, "it failed for now"),
    6: (ConfigurationError, "with exit code 6; run `rclone lsf"),
    7: (ConfigurationError, "with exit code 7; run `rclone lsf"),
    8: (ConfigurationError, "a limit of its own settings"),
    9: (ConfigurationError, "a limit of its own settings"),
    10: (ConfigurationError, "a limit of its own settings"),
    -9: (SoftwareError, "rclone was killed (signal 9)"),
}


@pytest.mark.parametrize("code", CODES)
def test_where_the_words_are_new_the_code_decides_what_lasts(code: int) -> None:
    kind, sentence = CODES[code]
    problem = explained(code, "words of a later rclone, hidden", TARGET)
    assert type(problem) is kind and sentence in str(problem) and "hidden" not in str(problem)


def test_a_file_called_x_hides_no_word() -> None:
    problem = explained(
        1, 'drive:x: Get "https://h/x": x509: unknown authority', Target("drive", "rclone://drive/x", "drive:x")
    )
    assert isinstance(problem, ConfigurationError) and problem.reason == "CertificateNotTrusted"


def test_a_folder_called_403_refuses_nothing() -> None:
    problem = explained(3, "drive:403/timeout.bin: error listing 403/timeout.bin: directory not found", TARGET)
    assert isinstance(problem, NotFoundError)
