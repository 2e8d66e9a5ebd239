"""What each error of the libraries below an S3 client means: waited for, or not.

Every class of botocore.exceptions, urllib3.exceptions and ssl is in one of the tables, by name, because a release of botocore
may have one more or less; a test fails on a class that is in none. Some say too little by themselves: botocore reports a
handshake that fails, a certificate of another name and a missing file in one class. There the error inside decides.
"""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator

from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, CredentialsError, DataError

from .target import Lasting, Meaning, Passing

_BROKE = Passing("the connection broke")
_CUT = Passing("the response was cut off")
_SLOW = Passing("no answer in time")
_DAMAGED = Lasting(
    DataError,
    reasons.CHECKSUM_MISMATCH,
    "{uri} does not match the checksum that {endpoint} keeps of it, several times in a row; do not use that object, write it anew.",
)
NO_CREDENTIALS = Lasting(
    CredentialsError,
    reasons.NO_CREDENTIALS,
    "The credentials for {uri} are incomplete: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a service account that "
    "the cloud grants access to.",
)
_NO_SIGN_IN = Lasting(
    CredentialsError,
    reasons.NO_CREDENTIALS,
    "The sign-in that gave the credentials for {uri} is over or incomplete; sign in again, or set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY.",
)
_BAD_FILES = Lasting(
    CredentialsError,
    reasons.NO_CREDENTIALS,
    "The settings of AWS for {uri} can't be used; check AWS_PROFILE, the files in ~/.aws and the other AWS_ variables.",
)
_UNSENDABLE = Lasting(
    CredentialsError,
    reasons.CREDENTIALS_REFUSED,
    "The credentials for {uri} hold a character that can't be sent, such as a line end; write them anew.",
)
_BAD_PROXY = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "The proxy before {endpoint} is not one that can be used; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
)
PROXY_REFUSES = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "The proxy does not let requests through to {endpoint}; check HTTPS_PROXY and its password, or put the host into NO_PROXY.",
)
_NO_REGION = Lasting(
    ConfigurationError, reasons.WRONG_REGION, "AWS_REGION names no region; set it to that of bucket {bucket}."
)
_BAD_LOCATION = Lasting(
    ConfigurationError,
    reasons.BAD_LOCATION,
    "{uri} at {endpoint} is not a valid location; check bucket, region and endpoint.",
)
_NOT_WHOLE = Lasting(
    ConfigurationError,
    reasons.UNEXPECTED,
    "The S3 client here can't make the request for {uri}: it is not installed whole, or this is a bug. Install "
    "retrain-operator[trainer] anew, and report it where that does not help.",
)
UNREADABLE = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "The answer of {endpoint} for {uri} can't be read as that of an S3 server; check AWS_ENDPOINT_URL, and report it where that is right.",
)
NOT_TLS = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "{endpoint} does not speak TLS; is it http://? Correct AWS_ENDPOINT_URL.",
)
NOT_PLAIN = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "{endpoint} does not speak plain HTTP; is it https://? Correct AWS_ENDPOINT_URL.",
)
_NO_HANDSHAKE = Lasting(
    ConfigurationError,
    reasons.BAD_ENDPOINT,
    "{endpoint} refuses the TLS handshake: its version of TLS is too old, or it asks for a certificate of the client. Check "
    "AWS_ENDPOINT_URL and the server's TLS.",
)
_NOT_TRUSTED = Lasting(
    ConfigurationError,
    reasons.CERTIFICATE_NOT_TRUSTED,
    "The certificate of {endpoint} is not trusted: put that of its authority into the key ca.crt of the credentials' Secret, or, "
    "without a cluster, name its file in AWS_CA_BUNDLE.",
)
_OTHER_NAME = Lasting(
    ConfigurationError,
    reasons.CERTIFICATE_NOT_TRUSTED,
    "The certificate of {endpoint} is for another name; write a name that it holds into AWS_ENDPOINT_URL, or have one made for this name.",
)
_RUN_OUT = Lasting(
    ConfigurationError,
    reasons.CERTIFICATE_NOT_TRUSTED,
    "The certificate of {endpoint} has expired; have it renewed.",
)
_TOO_EARLY = Lasting(
    ConfigurationError,
    reasons.CERTIFICATE_NOT_TRUSTED,
    "The certificate of {endpoint} is not valid yet; check the clock of this machine, then the certificate.",
)
_ANSWERED = Passing("it answered with an error")  # sorted by its code, in answers

_BOTOCORE: tuple[tuple[Meaning, str], ...] = (
    (Passing("no connection in time"), "ConnectTimeoutError"),
    (_SLOW, "ReadTimeoutError"),
    (Passing("connection refused, no route, or unknown host name"), "EndpointConnectionError"),
    (Passing("the proxy can't be reached"), "ProxyConnectionError"),
    (_CUT, "IncompleteReadError"),
    (Passing("the response was damaged in transit", _DAMAGED), "FlexibleChecksumError ChecksumError"),
    (
        Passing("the credentials service gave no answer"),
        "MetadataRetrievalError CredentialRetrievalError",
    ),
    (Passing("too many requests at once"), "CapacityNotAvailableError"),
    (_BROKE, "ConnectionError ConnectionClosedError HTTPClientError ResponseStreamingError"),
    (_ANSWERED, "ClientError EventStreamError"),
    (NO_CREDENTIALS, "NoCredentialsError PartialCredentialsError NoAuthTokenError UnknownCredentialError"),
    (
        _NO_SIGN_IN,
        "TokenRetrievalError UnauthorizedSSOTokenError SSOError SSOTokenLoadError LoginError LoginAuthorizationCodeError "
        "LoginInsufficientPermissions LoginRefreshRequired LoginTokenLoadError RefreshWithMFAUnsupportedError "
        "UnknownTokenProviderError",
    ),
    (
        _BAD_FILES,
        "ProfileNotFound ConfigNotFound ConfigParseError InvalidConfigError InfiniteLoopConfigError InvalidDefaultsMode "
        "InvalidRetryConfigurationError InvalidRetryModeError InvalidMaxRetryAttemptsError InvalidChecksumConfigError "
        "InvalidS3AddressingStyleError InvalidS3UsEast1RegionalEndpointConfigError InvalidSTSRegionalEndpointsConfigError "
        "InvalidEndpointDiscoveryConfigurationError InvalidIMDSEndpointError InvalidIMDSEndpointModeError",
    ),
    (_NO_REGION, "NoRegionError UnknownRegionError InvalidRegionError ServiceNotInRegionError"),
    (_BAD_PROXY, "InvalidProxiesConfigError"),
    (_NO_HANDSHAKE, "SSLError"),
    (
        _BAD_LOCATION,
        "ParamValidationError ValidationError RangeError InvalidDNSNameError InvalidHostLabelError "
        "InvalidEndpointConfigurationError BaseEndpointResolverError EndpointProviderError EndpointResolutionError "
        "EndpointVariantError UnknownEndpointError UnknownEndpointResolutionBuiltInName UnknownFIPSEndpointError "
        "UnsupportedOutpostResourceError UnsupportedS3AccesspointConfigurationError UnsupportedS3ArnError "
        "UnsupportedS3ConfigurationError UnsupportedS3ControlArnError UnsupportedS3ControlConfigurationError",
    ),
    (
        _NOT_WHOLE,
        "BotoCoreError AliasConflictParameterError ApiVersionNotFoundError AwsChunkedWrapperError DataNotFoundError "
        "InvalidExpressionError MD5UnavailableError MissingDependencyException MissingParametersError MissingServiceIdError "
        "OperationNotPageableError PaginationError StubAssertionError StubResponseError UnStubbedResponseError "
        "UndefinedModelAttributeError UnknownClientMethodError UnknownKeyError UnknownParameterError UnknownServiceError "
        "UnknownServiceStyle UnknownSignatureVersionError UnseekableStreamError UnsupportedServiceProtocolsError "
        "UnsupportedSignatureVersionError WaiterConfigError WaiterError",
    ),
)
_URLLIB3: tuple[tuple[Meaning, str], ...] = (
    (Passing("no connection in time"), "ConnectTimeoutError"),
    (_SLOW, "ReadTimeoutError TimeoutError"),
    (Passing("connection refused, no route, or unknown host name"), "NewConnectionError NameResolutionError"),
    (Passing("the proxy can't be reached"), "ProxyError"),
    (_CUT, "IncompleteRead InvalidChunkLength"),
    (
        _BROKE,
        "HTTPError ProtocolError ConnectionError PoolError RequestError MaxRetryError ClosedPoolError EmptyPoolError FullPoolError",
    ),
    (_BAD_PROXY, "ProxySchemeUnknown ProxySchemeUnsupported"),
    (_BAD_LOCATION, "LocationValueError LocationParseError URLSchemeUnknown"),
    (_NO_HANDSHAKE, "SSLError"),
    (
        UNREADABLE,
        "DecodeError HeaderParsingError InvalidHeader ResponseError ResponseNotChunked BodyNotHttplibCompatible HostChangedError",
    ),
    (_NOT_WHOLE, "TimeoutStateError UnrewindableBodyError"),
)
_SSL: tuple[tuple[Meaning, str], ...] = (
    (_SLOW, "SSLWantReadError SSLWantWriteError"),
    (_CUT, "SSLEOFError SSLZeroReturnError SSLSyscallError"),
    (_NOT_TRUSTED, "SSLCertVerificationError"),
    (_NO_HANDSHAKE, "SSLError"),
)
_PYTHON: tuple[tuple[Meaning, str], ...] = (
    (_BROKE, "OSError HTTPException"),
    (_CUT, "IncompleteRead"),
    (_BAD_LOCATION, "ValueError"),
)
_TABLES = {"botocore": _BOTOCORE, "urllib3": _URLLIB3, "ssl": _SSL, "builtins": _PYTHON, "http": _PYTHON}
SORTED: dict[tuple[str, str], Meaning] = {
    (library, name): meaning for library, table in _TABLES.items() for meaning, names in table for name in names.split()
}
"""By library and class name."""

_CERTIFICATES = {10: _RUN_OUT, 9: _TOO_EARLY, 62: _OTHER_NAME, 64: _OTHER_NAME}
"""By X509_V_ERR_ of OpenSSL: has expired, not yet valid, another name, another address."""
_IN_TRANSIT = {"DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "SSLV3_ALERT_BAD_RECORD_MAC", "UNEXPECTED_EOF_WHILE_READING"}
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: 4\d\d")


def meaning(error: BaseException) -> Meaning:
    """What an error means, by the errors inside it and then by its class."""
    for inner in causes(error):
        if found := _by_evidence(inner):
            return found
    if _is("HTTPClientError", error):
        return _of_client(error)
    return by_class(type(error))


def by_class(kind: type[BaseException]) -> Meaning:
    """What errors of a class mean: as its closest base does that is in the tables."""
    named = ((base.__module__.partition(".")[0], base.__name__) for base in kind.__mro__)
    return next((SORTED[name] for name in named if name in SORTED), UNREADABLE)


def may_be_another_protocol(error: BaseException) -> bool:
    """Whether the server hung up before it answered, as many do on the wrong protocol."""
    return _is("ConnectionClosedError", error) or any(
        isinstance(inner, ssl.SSLEOFError | ConnectionResetError) for inner in causes(error)
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those inside it. botocore keeps one under `error`, urllib3 in one of three places."""
    yield error
    held = getattr(error, "kwargs", None)
    kept = held.get("error") if isinstance(held, dict) else None
    for inner in (kept, *error.args, getattr(error, "original_error", None), error.__cause__):
        if isinstance(inner, BaseException) and inner is not error:
            yield from causes(inner)


def _by_evidence(error: BaseException) -> Meaning | None:
    if isinstance(error, CertificateError):
        return _OTHER_NAME
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
        return NOT_PLAIN
    if isinstance(error, OSError) and _REFUSED_TUNNEL.search(str(error)):
        return PROXY_REFUSES
    return None


def _of_client(error: BaseException) -> Meaning:
    """A value that is no header is a ValueError before anything is sent; others come from an answer, such as a 303."""
    for inner in causes(error):
        if isinstance(inner, OSError | HTTPError | http.client.HTTPException):
            break
        if isinstance(inner, ValueError):
            return _UNSENDABLE
        if isinstance(inner, TypeError | LookupError | AttributeError | AssertionError | RecursionError):
            return UNREADABLE
    return by_class(type(error))


def _of_tls(error: ssl.SSLError) -> Meaning:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATES.get(error.verify_code, _NOT_TRUSTED)
    if error.reason in _NO_TLS:
        return NOT_TLS
    return _CUT if error.reason in _IN_TRANSIT else by_class(type(error))


def _is(name: str, error: BaseException) -> bool:
    return any(base.__name__ == name and base.__module__ == "botocore.exceptions" for base in type(error).__mro__)
