"""What each answer of an S3 server means, and that no message gives a secret away."""

from __future__ import annotations

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, SoftwareError
from retrain_trainer.store.base import Conflict
from retrain_trainer.store.patience import Temporary
from retrain_trainer.store.s3_errors import Target, explained, shown_endpoint

TARGET = Target("http://s3.example:9000", "my-bucket", "s3://my-bucket/a/b.pt")
SECRET = "wJalrXUtnFEMI"


def answer(status: int, code: str) -> ClientError:
    response = {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")  # type: ignore[arg-type]


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
        (400, "InvalidRequest", SoftwareError, "StoreRefused", "400 InvalidRequest"),
        (501, "NotImplemented", SoftwareError, "StoreRefused", "501 NotImplemented"),
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
        boto.SSLError(endpoint_url=f"http://user:{SECRET}@host/", error="handshake failed"),
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
            boto.SSLError(endpoint_url="https://host/", error="[SSL: CERTIFICATE_VERIFY_FAILED]"),
            ConfigurationError,
            "CertificateNotTrusted",
        ),
    ],
)
def test_what_only_the_user_can_mend(error: Exception, kind: type[SoftwareError], reason: str) -> None:
    found = explained(error, TARGET)
    assert type(found) is kind
    assert found.reason == reason


def test_an_endpoint_is_shown_without_its_password() -> None:
    assert shown_endpoint(f"https://user:{SECRET}@host:9000/path?x={SECRET}") == "https://host:9000"


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = KeyError("x")
    assert explained(error, TARGET) is error
