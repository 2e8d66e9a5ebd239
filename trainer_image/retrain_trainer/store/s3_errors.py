"""Converts the errors of S3 servers, and of the network in between, into ours; pure.

Messages name the endpoint, bucket, object and the server's error code. They never quote what the server says about
credentials, nor the text of an exception, which may hold a URL with a password in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError

from .base import Conflict
from .patience import Temporary

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_TEMPORARY = {
    "BadDigest",  # the bytes were damaged in transit
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",  # two conditional writes at the same time: ask again to find out which one succeeded
    "IDPCommunicationError",
    "IncompleteBody",
    "InternalError",
    "InternalServerError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "XAmzContentSHA256Mismatch",
}
_TEMPORARY_STATUS = {307, 408, 425, 429, 500, 502, 503, 504}
_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidSecurity",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_OTHER_REGION = {
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "IncorrectEndpoint",
    "PermanentRedirect",
}
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.UnauthorizedSSOTokenError,
)
_UNUSABLE = (boto.ParamValidationError, boto.InvalidRegionError, boto.UnsupportedS3ConfigurationError, ValueError)
_SEEN = (
    (boto.ConnectTimeoutError, "no connection in time"),
    (boto.ReadTimeoutError, "no answer in time"),
    (boto.EndpointConnectionError, "connection refused, no route, or unknown host name"),
    (boto.ProxyConnectionError, "the proxy can't be reached"),
    (boto.IncompleteReadError, "the response was cut off"),
    (boto.FlexibleChecksumError, "the response was damaged in transit"),
    (boto.MetadataRetrievalError, "the credentials service gave no answer"),
    (boto.CredentialRetrievalError, "the credentials service gave no answer"),
    (ResponseParserError, "the answer is not S3's"),
)


@dataclass(frozen=True)
class Target:
    """What a request is about: the endpoint, the bucket, and the URI of the object."""

    endpoint: str
    bucket: str
    uri: str


def shown_endpoint(url: str) -> str:
    """Scheme, host and port of an endpoint: the parts that are safe to show."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_code(error: boto.ClientError, *codes: str) -> bool:
    """Whether the server answered with one of these codes. To a HEAD request it answers with a status instead, such as "404"."""
    return error.response.get("Error", {}).get("Code", "") in codes


def explained(error: Exception, target: Target) -> Exception:
    """The error to raise instead: Temporary, a RetrainError, or the error itself where S3 has nothing to do with it."""
    if isinstance(error, boto.ClientError):
        return _answered(error, target)
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(
            reasons.NO_CREDENTIALS,
            f"The credentials for {target.uri} are incomplete: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or use a service account that the cloud grants access to.",
        )
    if isinstance(error, boto.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigurationError(
            reasons.CERTIFICATE_NOT_TRUSTED,
            f"The certificate of {target.endpoint} is not trusted: put that of its authority into the key ca.crt of the "
            "credentials' Secret, or, without a cluster, name its file in AWS_CA_BUNDLE.",
        )
    if isinstance(error, _UNUSABLE):
        return ConfigurationError(
            reasons.BAD_LOCATION,
            f"{target.uri} at {target.endpoint} is not a valid location; check bucket, region and endpoint.",
        )
    if isinstance(error, boto.BotoCoreError | ResponseParserError | HTTPError | OSError):
        return Temporary(next((words for kind, words in _SEEN if isinstance(error, kind)), "the connection broke"))
    return error


def _answered(error: boto.ClientError, target: Target) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _FULL or status == 507:
        return SoftwareError(
            reasons.DISK_FULL, f"The S3 store at {target.endpoint} has no space left for {target.uri} ({code})."
        )
    if code in _TEMPORARY or status in _TEMPORARY_STATUS:
        return Temporary(f"it answered {status} {code}".rstrip())
    if code == "PreconditionFailed" or status == 412:
        return Conflict(reasons.CONFLICT, f"{target.uri} was changed by another writer in the meantime; read it again.")
    if code in _OTHER_REGION:
        return ConfigurationError(
            reasons.WRONG_REGION,
            f"Bucket {target.bucket} is in another region ({code}); set AWS_REGION to the bucket's.",
        )
    return _not_found(code, status, target) or _refused(code, status, target)


def _not_found(code: str, status: int, target: Target) -> RetrainError | None:
    if code == "NoSuchBucket":
        return NotFoundError(reasons.BUCKET_NOT_FOUND, f"There is no bucket {target.bucket} at {target.endpoint}.")
    if code == "NoSuchVersion" or status == 405:
        return NotFoundError(reasons.VERSION_NOT_FOUND, f"{target.uri} no longer has that version.")
    if code == "NoSuchUpload":
        return SoftwareError(reasons.UPLOAD_LOST, f"The store lost the upload of {target.uri} before it was complete.")
    if status == 404:
        return NotFoundError(reasons.OBJECT_NOT_FOUND, f"{target.uri} does not exist.")
    return None


def _refused(code: str, status: int, target: Target) -> RetrainError:
    if code in _EXPIRED:
        return CredentialsError(
            reasons.CREDENTIALS_EXPIRED, f"The credentials for {target.uri} have expired ({code}); renew them."
        )
    if code == "RequestTimeTooSkewed":
        return CredentialsError(
            reasons.CLOCK_WRONG,
            f"{target.endpoint} rejects requests because this machine's clock is wrong ({code}); correct the clock.",
        )
    if code in _UNKNOWN:
        return CredentialsError(
            reasons.CREDENTIALS_REFUSED,
            f"{target.endpoint} does not accept the credentials for bucket {target.bucket} ({code}); check key and secret.",
        )
    if status in (401, 403):
        return CredentialsError(
            reasons.ACCESS_DENIED,
            f"The credentials do not allow access to {target.uri} ({code}); or it does not exist, and they do not "
            "allow listing the bucket.",
        )
    return SoftwareError(
        reasons.STORE_REFUSED, f"{target.endpoint} refused a request for {target.uri}: {status} {code}."
    )
