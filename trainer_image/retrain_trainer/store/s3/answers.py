"""What each answer of an S3 server means, by its error code and its HTTP status; pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. A code that is in no table is waited for where it comes with a
5xx; a 4xx or 501 says that this request is refused, and never passes by itself.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, SoftwareError

from ..base import Conflict
from .libraries import NO_CREDENTIALS, PROXY_REFUSES
from .target import Lasting, Meaning, Passing, Target, shown_answer

_REWRITTEN = Lasting(
    ConfigurationError,
    reasons.STORE_REFUSED,
    "{endpoint} receives other bytes for {uri} than were sent ({answer}), several times in a row; look at the proxies in between.",
)
_PASSING_NAMES = (
    "BandwidthLimitExceeded ConditionalRequestConflict EC2ThrottledException IDPCommunicationError IncompleteBody InternalError "
    "InternalServerError LimitExceededException OperationAborted PriorRequestNotComplete ProvisionedThroughputExceededException "
    "RequestLimitExceeded RequestThrottled RequestThrottledException RequestTimeout RequestTimeoutException ServiceUnavailable "
    "SlowDown TemporaryRedirect Throttling ThrottledException ThrottlingException TooManyRequests TooManyRequestsException "
    "TransactionInProgressException"
)
RETRIED = frozenset(_PASSING_NAMES.split())
_REWRITTEN_CODES = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_PASSING_STATUS = frozenset({408, 425, 429})
_LASTING_5XX = frozenset({501, 505, 506, 508, 510, 511})

_FULL = Lasting(SoftwareError, reasons.DISK_FULL, "The S3 store at {endpoint} has no space left for {uri} ({answer}).")
_CONFLICT = Lasting(Conflict, reasons.CONFLICT, "{uri} was changed by another writer in the meantime; read it again.")
_OTHER_REGION = Lasting(
    ConfigurationError,
    reasons.WRONG_REGION,
    "Bucket {bucket} is in another region ({answer}); set AWS_REGION to the bucket's.",
)
_NO_BUCKET = Lasting(NotFoundError, reasons.BUCKET_NOT_FOUND, "There is no bucket {bucket} at {endpoint}.")
_NO_VERSION = Lasting(NotFoundError, reasons.VERSION_NOT_FOUND, "{uri} no longer has that version.")
_NO_UPLOAD = Lasting(SoftwareError, reasons.UPLOAD_LOST, "The store lost the upload of {uri} before it was complete.")
_NO_OBJECT = Lasting(NotFoundError, reasons.OBJECT_NOT_FOUND, "{uri} does not exist.")
_EXPIRED = Lasting(
    CredentialsError,
    reasons.CREDENTIALS_EXPIRED,
    "The credentials for {uri} have expired ({answer}); renew them.",
)
_CLOCK = Lasting(
    CredentialsError,
    reasons.CLOCK_WRONG,
    "{endpoint} rejects requests because this machine's clock is wrong ({answer}); correct the clock.",
)
_UNKNOWN = Lasting(
    CredentialsError,
    reasons.CREDENTIALS_REFUSED,
    "{endpoint} does not accept the credentials for bucket {bucket} ({answer}); check key and secret.",
)
_DENIED = Lasting(
    CredentialsError,
    reasons.ACCESS_DENIED,
    "The credentials do not allow access to {uri} ({answer}); or it does not exist, and they do not allow listing the bucket.",
)
_NO_ROLE = Lasting(
    CredentialsError,
    reasons.ACCESS_DENIED,
    "The role that should give access to {uri} can't be assumed ({answer}); check AWS_ROLE_ARN and whom the role trusts.",
)
_ARCHIVED = Lasting(
    ConfigurationError,
    reasons.STORE_REFUSED,
    "{uri} lies in an archive and can't be read ({answer}); restore it first.",
)
_NO_CONDITIONS = Lasting(
    ConfigurationError,
    reasons.NO_CONDITIONAL_WRITES,
    "{endpoint} has no conditional writes ({answer}), which a promotion needs; use a store with If-Match and If-None-Match on PUT, "
    "or a newer version of this one.",
)
_NO_CHECKSUMS = Lasting(
    ConfigurationError,
    reasons.STORE_REFUSED,
    "{endpoint} does not take an object with its checksum ({answer}); use a store with x-amz-checksum-sha256 on PUT, or a newer "
    "version of this one.",
)
_NEITHER = Lasting(
    ConfigurationError,
    reasons.NO_CONDITIONAL_WRITES,
    "{endpoint} does not take a conditional write with a checksum ({answer}), which a promotion needs; use a store with If-Match, "
    "If-None-Match and x-amz-checksum-sha256 on PUT, or a newer version of this one.",
)
_REFUSED = Lasting(
    ConfigurationError,
    reasons.STORE_REFUSED,
    "{endpoint} refused a request for {uri} ({answer}); look that code up in the store's documentation.",
)
_CODES: tuple[tuple[Lasting, str], ...] = (
    (_FULL, "InsufficientStorage QuotaExceeded XMinioStorageFull XMinioAdminBucketQuotaExceeded"),
    (_CONFLICT, "PreconditionFailed"),
    (
        _OTHER_REGION,
        "AuthorizationHeaderMalformed IllegalLocationConstraintException IncorrectEndpoint PermanentRedirect Redirect "
        "InvalidRegion",
    ),
    (_NO_BUCKET, "NoSuchBucket InvalidBucketName"),
    (_NO_VERSION, "NoSuchVersion"),
    (_NO_UPLOAD, "NoSuchUpload"),
    (_NO_OBJECT, "NoSuchKey"),
    (_EXPIRED, "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired"),
    (_CLOCK, "RequestTimeTooSkewed"),
    (
        _UNKNOWN,
        "InvalidAccessKeyId InvalidClientTokenId InvalidIdentityToken InvalidSecurity InvalidToken SignatureDoesNotMatch "
        "UnrecognizedClientException",
    ),
    (NO_CREDENTIALS, "CredentialsNotSupported MissingAuthenticationToken MissingSecurityHeader"),
    (
        _DENIED,
        "AccessDenied AccessDeniedException AccessForbidden AccountProblem AllAccessDisabled InvalidPayer NotSignedUp "
        "UnauthorizedAccess UnauthorizedAccessError",
    ),
    (_ARCHIVED, "InvalidObjectState ObjectNotInActiveTierError"),
    (
        _REFUSED,
        "AmbiguousGrantByEmailAddress BucketAlreadyExists BucketAlreadyOwnedByYou BucketNotEmpty EncryptionTypeMismatch "
        "EntityTooLarge EntityTooSmall IdempotencyParameterMismatch InvalidDigest InvalidBucketState InvalidEncryptionAlgorithmError "
        "InvalidLocationConstraint InvalidPart InvalidPartOrder InvalidRange InvalidStorageClass InvalidTag InvalidURI "
        "InvalidWriteOffset KeyTooLongError MalformedXML MaxMessageLengthExceeded MetadataTooLarge MissingContentLength "
        "MissingRequestBodyError NotModified RequestHeaderSectionTooLarge TooManyBuckets TooManyParts UnexpectedContent",
    ),
)
_BY_CODE = {code: lasting for lasting, codes in _CODES for code in codes.split()}
_BY_STATUS = {
    301: _OTHER_REGION,
    401: _DENIED,
    403: _DENIED,
    404: _NO_OBJECT,
    407: PROXY_REFUSES,
    412: _CONFLICT,
    507: _FULL,
}
_UNSUPPORTED = frozenset({"InvalidArgument", "InvalidRequest", "NotSupported", "UnsupportedOperation"})


def answered(error: ClientError) -> tuple[int, str]:
    """HTTP status and error code of an answer. The code of one without a body is its status, such as "404"."""
    held = error.response
    return int(held.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(held.get("Error", {}).get("Code", ""))


def is_code(error: ClientError, *codes: str) -> bool:
    """Whether the server answered with one of these codes. To a HEAD request it answers with a status instead, such as "404"."""
    return answered(error)[1] in codes


def explained_answer(error: ClientError, target: Target) -> Meaning:
    """What the answer to this request means."""
    status, code = answered(error)
    found = code_meaning(status, code, target)
    if isinstance(found, Lasting) and error.operation_name.startswith("AssumeRole"):
        return _NO_ROLE
    if status == 405 and error.operation_name in ("GetObject", "HeadObject"):
        return _NO_VERSION  # what was read is a mark that it was deleted
    return found


def code_meaning(status: int, code: str, target: Target) -> Meaning:
    """What an HTTP status and an error code mean, for a request like this one."""
    if code in _REWRITTEN_CODES:
        return Passing(f"it answered {shown_answer(status, code)}", _REWRITTEN)
    if code in RETRIED or status in _PASSING_STATUS:
        return Passing(f"it answered {shown_answer(status, code)}")
    if target.write != "none" and (found := _unsupported(status, code, target)):
        return found
    lasting = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if lasting is None and status >= 500 and status not in _LASTING_5XX:
        return Passing(f"it answered {shown_answer(status, code)}")
    return lasting or _REFUSED


def _unsupported(status: int, code: str, target: Target) -> Lasting | None:
    if status == 501 or code == "NotImplemented":
        return _NO_CONDITIONS if target.write == "conditional" else _NO_CHECKSUMS
    if code in _UNSUPPORTED:
        return _NEITHER if target.write == "conditional" else _NO_CHECKSUMS
    return None
