"""What each answer of an S3 server means, and that no message gives a secret away."""

from __future__ import annotations

import inspect
import ssl
from dataclasses import replace
from types import ModuleType
from typing import Any

import botocore.session
import pytest
import urllib3.exceptions
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from botocore.retries import standard
from hypothesis import assume, given
from hypothesis import strategies as st

from retrain_api.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    RetrainError,
    SoftwareError,
)
from retrain_trainer.store.base import Conflict
from retrain_trainer.store.patience import Temporary
from retrain_trainer.store.s3 import answers, libraries
from retrain_trainer.store.s3.errors import explained, redirect_place
from retrain_trainer.store.s3.foreign import Foreign, code_in, is_page, is_redirect
from retrain_trainer.store.s3.target import Passing, Target, shown_endpoint

TARGET = Target("http://s3.example:9000", "my-bucket", "s3://my-bucket/a/b.pt")
SECRET = "wJalrXUtnFEMI"


def answer(status: int, code: str, operation: str = "GetObject") -> ClientError:
    response = {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
        (500, "InternalError"),
        (502, "502"),
        (504, "504"),
        (429, "TooManyRequests"),
        (429, "429"),
        (400, "RequestTimeout"),
        (400, "BadDigest"),
        (400, "XAmzContentSHA256Mismatch"),
        (409, "ConditionalRequestConflict"),
        (409, "OperationAborted"),
        (200, "InternalError"),
    ],
)
def test_what_is_temporary(status: int, code: str) -> None:
    assert isinstance(explained(answer(status, code), TARGET), Temporary)


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason", "named"),
    [
        (403, "InvalidAccessKeyId", CredentialsError, "CredentialsRefused", "my-bucket"),
        (403, "SignatureDoesNotMatch", CredentialsError, "CredentialsRefused", "http://s3.example:9000"),
        (400, "InvalidToken", CredentialsError, "CredentialsRefused", "my-bucket"),
        (400, "ExpiredToken", CredentialsError, "CredentialsExpired", "expired"),
        (403, "RequestTimeTooSkewed", CredentialsError, "ClockWrong", "clock"),
        (403, "AccessDenied", CredentialsError, "AccessDenied", "s3://my-bucket/a/b.pt"),
        (403, "403", CredentialsError, "AccessDenied", "s3://my-bucket/a/b.pt"),
        (401, "401", CredentialsError, "AccessDenied", "s3://my-bucket/a/b.pt"),
        (404, "NoSuchBucket", NotFoundError, "BucketNotFound", "no bucket my-bucket at http://s3.example:9000"),
        (404, "NoSuchKey", NotFoundError, "ObjectNotFound", "s3://my-bucket/a/b.pt does not exist"),
        (404, "NoSuchVersion", NotFoundError, "VersionNotFound", "s3://my-bucket/a/b.pt"),
        (405, "MethodNotAllowed", NotFoundError, "VersionNotFound", "s3://my-bucket/a/b.pt"),
        (412, "PreconditionFailed", Conflict, "Conflict", "s3://my-bucket/a/b.pt"),
        (301, "PermanentRedirect", ConfigurationError, "WrongRegion", "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", ConfigurationError, "WrongRegion", "AWS_REGION"),
        (507, "XMinioStorageFull", SoftwareError, "DiskFull", "s3.example"),
        (404, "NoSuchUpload", SoftwareError, "UploadLost", "before it was complete"),
        (400, "InvalidRequest", ConfigurationError, "StoreRefused", "400 InvalidRequest"),
        (501, "NotImplemented", ConfigurationError, "StoreRefused", "501 NotImplemented"),
        (418, "418", ConfigurationError, "StoreRefused", "(418)"),
        (505, "505", ConfigurationError, "StoreRefused", "(505)"),
        (400, f"Bad {SECRET}", ConfigurationError, "StoreRefused", "(400)"),
        (403, "InvalidObjectState", ConfigurationError, "StoreRefused", "restore it first"),
        (407, "407", ConfigurationError, "BadEndpoint", "The proxy does not let requests through"),
    ],
)
def test_what_is_permanent_and_what_its_message_names(
    status: int, code: str, kind: type[SoftwareError], reason: str, named: str
) -> None:
    error = explained(answer(status, code), TARGET)
    assert type(error) is kind
    assert error.reason == reason
    assert named in error.message
    assert SECRET not in error.message


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url=f"http://user:{SECRET}@host/", error=OSError(111, "refused")),
        boto.ConnectTimeoutError(endpoint_url=f"http://user:{SECRET}@host/"),
        boto.ReadTimeoutError(endpoint_url=f"http://user:{SECRET}@host/"),
        boto.ConnectionClosedError(endpoint_url=f"http://user:{SECRET}@host/"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        boto.ResponseStreamingError(error="cut"),
        boto.CredentialRetrievalError(provider="container-role", error_msg=SECRET),
        ConnectionResetError(104, "reset"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_is_temporary_and_tells_no_secret(error: Exception) -> None:
    found = explained(error, TARGET)
    assert isinstance(found, Temporary)
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (boto.NoCredentialsError(), CredentialsError, "NoCredentials"),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), CredentialsError, "NoCredentials"),
        (boto.ProfileNotFound(profile="x"), CredentialsError, "NoCredentials"),
        (boto.ParamValidationError(report="x"), ConfigurationError, "BadLocation"),
        (ValueError("Invalid endpoint"), ConfigurationError, "BadLocation"),
        (
            boto.HTTPClientError(error=ValueError(f"Invalid header value {SECRET}")),
            CredentialsError,
            "CredentialsRefused",
        ),
        (boto.SSLError(endpoint_url="https://host/", error="handshake failed"), ConfigurationError, "BadEndpoint"),
        (
            boto.ProxyConnectionError(
                proxy_url="http://proxy/", error=OSError("Tunnel connection failed: 407 Proxy Authentication Required")
            ),
            ConfigurationError,
            "BadEndpoint",
        ),
        (KeyError("ETag"), ConfigurationError, "BadEndpoint"),
        (RecursionError(), ConfigurationError, "BadEndpoint"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_only_the_user_can_mend(error: Exception, kind: type[SoftwareError], reason: str) -> None:
    found = explained(error, TARGET)
    assert type(found) is kind
    assert found.reason == reason
    assert SECRET not in found.message


def test_an_endpoint_is_shown_without_its_password() -> None:
    assert shown_endpoint(f"https://user:{SECRET}@host:9000/path?x={SECRET}") == "https://host:9000"


def handshake(reason: str, verify_code: int | None = None) -> Exception:
    """A failed handshake as boto3 raises it: the error of OpenSSL within two others."""
    inner = ssl.SSLError(1, reason) if verify_code is None else ssl.SSLCertVerificationError(1, reason)
    inner.reason = reason
    if isinstance(inner, ssl.SSLCertVerificationError):
        inner.verify_code = verify_code or 0
    return boto.SSLError(endpoint_url="https://host/", error=urllib3.exceptions.SSLError(inner))


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (handshake("CERTIFICATE_VERIFY_FAILED", 10), "CertificateNotTrusted", "has expired"),
        (handshake("CERTIFICATE_VERIFY_FAILED", 9), "CertificateNotTrusted", "check the clock"),
        (handshake("CERTIFICATE_VERIFY_FAILED", 62), "CertificateNotTrusted", "for another name"),
        (handshake("CERTIFICATE_VERIFY_FAILED", 18), "CertificateNotTrusted", "is not trusted"),
        (handshake("WRONG_VERSION_NUMBER"), "BadEndpoint", "does not speak TLS"),
        (handshake("TLSV1_ALERT_PROTOCOL_VERSION"), "BadEndpoint", "refuses the TLS handshake"),
    ],
)
def test_a_handshake_that_fails_is_named_by_what_failed(error: Exception, reason: str, words: str) -> None:
    found = explained(error, TARGET)
    assert isinstance(found, ConfigurationError)
    assert (found.reason, words in found.message) == (reason, True)


@pytest.mark.parametrize("reason", ["UNEXPECTED_EOF_WHILE_READING", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"])
def test_bytes_damaged_or_lost_under_tls_are_asked_for_again(reason: str) -> None:
    assert isinstance(explained(handshake(reason), TARGET), Temporary)


def test_want_of_memory_is_not_the_store_s_fault() -> None:
    assert isinstance(explained(MemoryError(), TARGET), SoftwareError)


# What each library may raise


def raised_by(module: ModuleType) -> dict[str, type[Exception]]:
    """The errors of a module, by name, without what it imports and without warnings."""
    found = {name: kind for name, kind in vars(module).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    return {
        name: kind
        for name, kind in found.items()
        if kind.__module__ == module.__name__ and not issubclass(kind, Warning) and kind.__name__ == name
    }


@pytest.mark.parametrize("module", [boto, urllib3.exceptions, ssl], ids=lambda module: module.__name__)
def test_every_error_of_a_library_is_sorted_into_waited_for_or_not(module: ModuleType) -> None:
    library = module.__name__.partition(".")[0]
    named = {name for known, name in libraries.SORTED if known == library}
    assert sorted(set(raised_by(module)) - named) == [], "sort them in libraries"


def test_what_botocore_itself_would_retry_is_waited_for() -> None:
    throttled = standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES
    transient = standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES
    for code in {*throttled, *transient}:
        assert isinstance(explained(answer(400, code), TARGET), Temporary), code
    for status in standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES:
        assert isinstance(explained(answer(status, str(status)), TARGET), Temporary), status
    for kind in standard.TransientRetryableChecker._TRANSIENT_EXCEPTION_CLS:
        assert isinstance(libraries.by_class(kind), Passing), kind


def test_every_error_that_s3_describes_is_not_waited_for() -> None:
    model = botocore.session.get_session().get_service_model("s3")
    described = [
        (shape.metadata.get("error", {}).get("httpStatusCode", 400), shape.name) for shape in model.error_shapes
    ]
    assert len(described) > 5
    for status, code in described:
        found = explained(answer(status, code), TARGET)
        assert isinstance(found, RetrainError), code
        assert not found.retryable or code == "NoSuchUpload", code  # begun anew, it may succeed


@given(status=st.integers(400, 599), code=st.text(max_size=80))
def test_an_answer_of_any_code_is_ours_and_a_4xx_is_never_tried_again(status: int, code: str) -> None:
    assume(code not in answers.RETRIED)
    found = explained(answer(status, code), TARGET)
    assert isinstance(found, RetrainError | Temporary)
    if status < 500 and status not in (408, 425, 429):
        assert isinstance(found, Conflict) or (isinstance(found, RetrainError) and not found.retryable)
    assert "\n" not in str(found) and len(str(found)) < 400


# Writes that need more than the server has


@pytest.mark.parametrize(
    ("status", "code", "write", "reason", "words"),
    [
        (501, "NotImplemented", "conditional", "NoConditionalWrites", "no conditional writes (501 NotImplemented)"),
        (501, "501", "conditional", "NoConditionalWrites", "no conditional writes (501)"),
        (400, "NotImplemented", "conditional", "NoConditionalWrites", "If-Match and If-None-Match on PUT"),
        (400, "InvalidArgument", "conditional", "NoConditionalWrites", "with a checksum (400 InvalidArgument)"),
        (400, "InvalidArgument", "plain", "StoreRefused", "x-amz-checksum-sha256 on PUT"),
        (501, "NotImplemented", "plain", "StoreRefused", "x-amz-checksum-sha256 on PUT"),
        (501, "NotImplemented", "none", "StoreRefused", "refused a request"),
    ],
)
def test_a_write_that_the_server_does_not_know_is_named(
    status: int, code: str, write: Any, reason: str, words: str
) -> None:
    found = explained(answer(status, code, "PutObject"), replace(TARGET, write=write))
    assert isinstance(found, ConfigurationError)
    assert found.reason == reason
    assert words in found.message


def test_a_role_that_can_not_be_assumed_is_named() -> None:
    found = explained(answer(403, "AccessDenied", "AssumeRoleWithWebIdentity"), TARGET)
    assert isinstance(found, CredentialsError) and "AWS_ROLE_ARN" in found.message


# Answers of others


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://store.example/bucket/key?X-Amz-Credential=x", "https://store.example"),
        ("https://store.example:9443", "https://store.example:9443"),
        (f"https://user:{SECRET}@store.example/", "https://store.example"),
        ("https://[::1]:9000/x", "https://[::1]:9000"),
        ("/login", ""),
        ("", ""),
        ("javascript:alert(1)", ""),
        ("https://[bad", ""),
        ("https://a b/", ""),
        ("ftp://store.example/", ""),
    ],
)
def test_of_a_redirect_only_scheme_host_and_port_are_shown(location: str, shown: str) -> None:
    assert redirect_place(location) == shown


ERROR = b"<?xml version='1.0'?><Error><Code>%s</Code></Error>"
PAGE = b"<!DOCTYPE html><html><head><title>MinIO Console</title></head><body></body></html>"
HTML = {"content-type": "text/html; charset=utf-8"}
OF_S3 = {"etag": '"1"', "x-amz-request-id": "1"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (200, {}, b"<ListBucketResult></ListBucketResult>", "S3"),
        (200, HTML, PAGE, "page"),
        (200, {}, b'{"status": "ok"}', "page"),
        (204, {}, b"", "S3"),
        (200, HTML, None, "page"),
        (200, HTML | {"etag": '"1"'}, None, "page"),
        (200, HTML | OF_S3, None, "S3"),
        (200, {"content-type": "binary/octet-stream"}, None, "S3"),
        (404, {}, ERROR % b"NoSuchKey", "S3"),
        (404, {}, b"", "S3"),
        (404, HTML, PAGE, "page"),
        (404, {"content-type": "text/plain"}, b"404 page not found\n", "page"),
        (403, HTML, b"<html><body>Blocked<br></body>", "page"),
        (503, HTML, PAGE, "S3"),
        (429, HTML, PAGE, "S3"),
        (301, {"location": "https://x/"}, PAGE, "redirect"),
        (308, {"location": "https://x/"}, b"", "redirect"),
        (301, {"x-amz-bucket-region": "eu-west-1"}, b"", "S3"),
        (301, {}, b"<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>", "S3"),
        (301, {}, ERROR % b"PermanentRedirect", "redirect"),
    ],
)
def test_an_answer_that_is_not_of_s3_is_recognised(
    status: int, headers: dict[str, str], body: bytes | None, kind: str
) -> None:
    found = "redirect" if is_redirect(status, headers, body) else "page" if is_page(status, headers, body) else "S3"
    assert found == kind


def test_s3_s_own_redirect_without_a_region_is_about_the_region() -> None:
    found = explained(Foreign(301, "", code_in(ERROR % b"PermanentRedirect")), TARGET)
    assert isinstance(found, ConfigurationError) and found.reason == "WrongRegion"
