"""What an S3 server or the way to it said, as one of our errors; pure.

Messages name endpoint, bucket and object, and the server's error code; never the server's own words on credentials,
nor an exception's text, which may hold a URL with a password in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError
from urllib3.exceptions import HTTPError

from .store import Conflict, Temporary

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_TEMPORARY = {
    "BadDigest",  # the bytes were damaged on the way
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",  # two conditional writes at once: ask again to learn who won
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
    (boto.IncompleteReadError, "the answer was cut off"),
    (boto.FlexibleChecksumError, "the answer was damaged on the way"),
    (boto.MetadataRetrievalError, "the credentials service gave no answer"),
    (boto.CredentialRetrievalError, "the credentials service gave no answer"),
    (ResponseParserError, "the answer is not S3's"),
)


@dataclass(frozen=True)
class Asked:
    """Where a request went and what it was about."""

    endpoint: str
    bucket: str
    uri: str


def shown_endpoint(url: str) -> str:
    """Scheme, host and port of an endpoint: what may be shown of it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_code(error: boto.ClientError, *codes: str) -> bool:
    """Whether the server's answer has one of these codes; an answer to HEAD has a status instead, as in "404"."""
    return error.response.get("Error", {}).get("Code", "") in codes


def explained(error: Exception, asked: Asked) -> Exception:
    """The error to raise instead: Temporary, a RetrainError, or the same where it is none of S3's."""
    if isinstance(error, boto.ClientError):
        return _answered(error, asked)
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsError(
            "NoCredentials",
            f"There are no complete credentials for {asked.uri}: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or a service account that the cloud gives access to.",
        )
    if isinstance(error, boto.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigurationError(
            "CertificateNotTrusted",
            f"The certificate of {asked.endpoint} is not trusted; name its authority's file in AWS_CA_BUNDLE.",
        )
    if isinstance(error, _UNUSABLE):
        return ConfigurationError(
            "BadLocation", f"{asked.uri} at {asked.endpoint} can't be asked for; check bucket, region and endpoint."
        )
    if isinstance(error, boto.BotoCoreError | ResponseParserError | HTTPError | OSError):
        return Temporary(next((words for kind, words in _SEEN if isinstance(error, kind)), "the connection broke off"))
    return error


def _answered(error: boto.ClientError, asked: Asked) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _FULL or status == 507:
        return SoftwareError(
            "DiskFull", f"The S3 store at {asked.endpoint} has no space left for {asked.uri} ({code})."
        )
    if code in _TEMPORARY or status in _TEMPORARY_STATUS:
        return Temporary(f"it answered {status} {code}".rstrip())
    if code == "PreconditionFailed" or status == 412:
        return Conflict("Conflict", f"{asked.uri} was written by somebody else meanwhile; look at it again.")
    if code in _OTHER_REGION:
        return ConfigurationError(
            "WrongRegion", f"Bucket {asked.bucket} is in another region ({code}); set AWS_REGION to the bucket's."
        )
    return _not_found(code, status, asked) or _refused(code, status, asked)


def _not_found(code: str, status: int, asked: Asked) -> RetrainError | None:
    if code == "NoSuchBucket":
        return NotFoundError("BucketNotFound", f"There is no bucket {asked.bucket} at {asked.endpoint}.")
    if code == "NoSuchVersion" or status == 405:
        return NotFoundError("VersionNotFound", f"{asked.uri} does not have that version any more.")
    if code == "NoSuchUpload":
        return SoftwareError("UploadLost", f"The store forgot the upload of {asked.uri} half-way; start it again.")
    if status == 404:
        return NotFoundError("ObjectNotFound", f"{asked.uri} does not exist.")
    return None


def _refused(code: str, status: int, asked: Asked) -> RetrainError:
    if code in _EXPIRED:
        return CredentialsError(
            "CredentialsExpired", f"The credentials for {asked.uri} have expired ({code}); renew them."
        )
    if code == "RequestTimeTooSkewed":
        return CredentialsError(
            "ClockWrong", f"{asked.endpoint} refuses this machine's clock ({code}); set the clock right."
        )
    if code in _UNKNOWN:
        return CredentialsError(
            "CredentialsRefused",
            f"{asked.endpoint} does not accept the credentials for bucket {asked.bucket} ({code}); check key and secret.",
        )
    if status in (401, 403):
        return CredentialsError(
            "AccessDenied",
            f"The credentials do not allow this for {asked.uri} ({code}); or it does not exist, and they do not "
            "allow listing the bucket.",
        )
    return SoftwareError("StoreRefused", f"{asked.endpoint} refused a request for {asked.uri}: {status} {code}.")
