"""A store in an S3 bucket, on AWS or any server that speaks S3.

Every upload carries its sha256, which the server checks before it keeps the object and repeats in its response. Where a
server does not repeat it, the object is read back. botocore's own retries are off: `Patience` alone decides about them.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from retrain_api import reasons
from retrain_api.errors import ConfigurationError, NotFoundError, RetrainError, SoftwareError

from ..authority import S3_AUTHORITY, authority
from ..base import Head, Range, Stored, changed_meanwhile, checked_key, first_byte
from ..disk import disk_errors, file_chunks, write_file
from ..patience import Patience, Temporary
from .answers import is_code
from .errors import explained, is_doubtful, wrong_protocol
from .foreign import watch
from .protocol import speaks_the_other
from .settings import Settings, settings
from .target import Target, Write, shown_endpoint

log = logging.getLogger(__name__)

PART_BYTES = 16 << 20
MOST_PARTS = 10_000
CONNECT_SECONDS = 10
READ_SECONDS = 60

_CHUNK_BYTES = 1 << 20
_TOKEN = "retrain-write"

T = TypeVar("T")
Answer = dict[str, Any]
Parts = list[Answer]


@dataclass(frozen=True)
class S3Store:
    """The objects of one bucket under one prefix ("" or ending in "/"). The etag is the server's, with its quotes."""

    bucket: str
    prefix: str
    client: Any = field(repr=False)
    patience: Patience
    part_bytes: int = PART_BYTES

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def uri_of(self, key: str) -> str:
        return self.uri + key

    def head(self, key: str) -> Head | None:
        try:
            answer = self._request(key, lambda: self._headed(key))
        except NotFoundError as error:
            if error.reason == reasons.OBJECT_NOT_FOUND:
                return None
            raise
        return Head(answer["ContentLength"], self._etag(key, answer), _version(answer))

    def read(self, key: str, version_id: str | None = None) -> Stored:
        def attempt() -> Stored:
            answer = self.client.get_object(**self._at(key, version_id))
            return Stored(b"".join(self._body(key, answer)), self._etag(key, answer), _version(answer))

        return self._request(key, attempt)

    def read_range(self, key: str, start: int, length: int, of: Head | None = None) -> Range:
        def attempt() -> Range:
            try:
                answer = self.client.get_object(**self._at(key), **_condition(of), Range=_asked(start, length))
            except ClientError as error:
                if not is_code(error, "InvalidRange", "416"):
                    raise
                return self._nothing(key, of)  # there is no byte from `start` on; S3 has no empty ranges
            found = Head(_whole_size(answer), self._etag(key, answer), _version(answer))
            if of is not None and found.etag != of.etag:  # not every server looks at If-Match of a read
                answer["Body"].close()
                raise changed_meanwhile(self.uri_of(key))
            # A server that knows no ranges sends the whole object.
            skipped = 0 if "ContentRange" in answer else first_byte(start, found.size)
            return Range(b"".join(self._body(key, answer))[skipped:][:length], of or found)

        return self._request(key, attempt)

    def _nothing(self, key: str, of: Head | None) -> Range:
        headed = dict(self.client.head_object(**self._at(key), **_condition(of)))
        found = Head(headed["ContentLength"], self._etag(key, headed), _version(headed))
        if of is not None and found.etag != of.etag:
            raise changed_meanwhile(self.uri_of(key))
        return Range(b"", found)

    def write(self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        if if_absent and if_match is not None:
            raise ValueError("if_match and if_absent exclude each other")
        condition = {"IfMatch": if_match} if if_match is not None else {"IfNoneMatch": "*"} if if_absent else {}
        digest, token = hashlib.sha256(data), uuid.uuid4().hex
        request = self._at(key) | condition | {"Metadata": {_TOKEN: token, "sha256": digest.hexdigest()}}
        checksum = _base64(digest.digest())
        answer = self._request(
            key, lambda: self._put(request, data, checksum, token), "conditional" if condition else "plain"
        )
        if answer.get("ChecksumSHA256") != checksum:
            self._compare(key, digest.hexdigest(), answer)
        return self._etag(key, answer)

    def download(self, key: str, path: Path, version_id: str | None = None) -> str:
        def attempt() -> str:
            answer = self.client.get_object(**self._at(key, version_id))
            return write_file(path, self._body(key, answer))

        return self._request(key, attempt)

    def upload(self, key: str, path: Path) -> str:
        with disk_errors("read", path):
            size = path.stat().st_size
        if size > self.part_bytes:
            return self._upload_parts(key, path, max(self.part_bytes, -(-size // MOST_PARTS)))
        data = b"".join(file_chunks(path))
        self.write(key, data)
        return hashlib.sha256(data).hexdigest()

    def delete(self, key: str) -> None:
        self._request(key, lambda: self.client.delete_object(**self._at(key)))

    def list(self, prefix: str) -> list[str]:
        def attempt() -> list[str]:
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix
            )
            return [found["Key"] for page in pages for found in page.get("Contents", ())]

        keys = (key.removeprefix(self.prefix) for key in self._request(prefix, attempt))
        return sorted(key for key in keys if key and not key.endswith("/"))

    def _at(self, key: str, version_id: str | None = None) -> Answer:
        version = {} if version_id is None else {"VersionId": version_id}
        return {"Bucket": self.bucket, "Key": self.prefix + checked_key(key)} | version

    def _request(self, key: str, attempt: Callable[[], T], write: Write = "none") -> T:
        """Call `attempt` with boto3's errors converted into ours and temporary failures retried."""
        target = self._target(key, write)

        def explained_attempt() -> T:
            try:
                return attempt()
            except (RetrainError, Temporary):
                raise
            except Exception as error:  # boto3 lets through what its answers make Python raise, such as a KeyError
                raise self._explained(error, target) from error

        return self.patience.retry(explained_attempt, f"The S3 store at {target.endpoint} (bucket {self.bucket})")

    def _target(self, key: str, write: Write = "none") -> Target:
        return Target(shown_endpoint(self.client.meta.endpoint_url), self.bucket, self.uri_of(key), write)

    def _explained(self, error: Exception, target: Target) -> Exception:
        if is_doubtful(error) and speaks_the_other(self.client.meta.endpoint_url):
            return wrong_protocol(target)
        log.debug("%s: %s", target.uri, type(error).__name__)  # its text may hold a URL with a password
        return explained(error, target)

    def _etag(self, key: str, answer: Answer) -> str:
        """The etag of an answer. Raises ConfigurationError "UnsafeStore"."""
        if answer.get("ETag"):
            return str(answer["ETag"])
        target = self._target(key)
        raise ConfigurationError(
            reasons.UNSAFE_STORE,
            f"{target.endpoint} gives no ETag for {target.uri}, so nothing says which bytes were read or written; "
            "use another store, or a newer version of this one.",
        )

    def _headed(self, key: str) -> Answer:
        try:
            return dict(self.client.head_object(**self._at(key)))
        except ClientError as error:
            # A response to HEAD has no body, hence no reason: is the object missing, or the bucket?
            if not str(error.response["Error"]["Code"]).isdigit():
                raise
            answer: Answer = self.client.get_object(**self._at(key))
            answer["Body"].close()
            return answer

    def _body(self, key: str, answer: Answer) -> Iterator[bytes]:
        try:
            yield from answer["Body"].iter_chunks(_CHUNK_BYTES)
        except Exception as error:
            raise explained(error, self._target(key)) from error
        finally:
            answer["Body"].close()

    def _put(self, request: Answer, data: bytes, checksum: str, token: str) -> Answer:
        try:
            return dict(self.client.put_object(**request, Body=data, ChecksumSHA256=checksum))
        except ClientError as error:
            gone = "IfMatch" in request and is_code(error, "NoSuchKey", "404")
            if not gone and not is_code(error, "PreconditionFailed", "412"):
                raise
            # The object may be ours, from an earlier attempt whose response never arrived.
            written = self._headers(request["Bucket"], request["Key"])
            if written.get("Metadata", {}).get(_TOKEN) == token:
                return written
            error.response["Error"]["Code"] = "PreconditionFailed"
            raise

    def _headers(self, bucket: str, key: str) -> Answer:
        try:
            return dict(self.client.head_object(Bucket=bucket, Key=key))
        except ClientError as error:
            if is_code(error, "404", "NoSuchKey"):
                return {}
            raise

    def _upload_parts(self, key: str, path: Path, part_bytes: int) -> str:
        created = self._request(
            key, lambda: self.client.create_multipart_upload(**self._at(key), ChecksumAlgorithm="SHA256"), "plain"
        )
        upload = self._at(key) | {"UploadId": created["UploadId"]}
        try:
            whole, parts = self._send_parts(key, upload, file_chunks(path, part_bytes))
            answer = self._request(key, lambda: self._complete(upload, parts))
        except BaseException:
            self._abort(upload)
            raise
        if answer.get("ChecksumSHA256") != _composite(parts):
            self._compare(key, whole, answer)
        return whole

    def _send_parts(self, key: str, upload: Answer, chunks: Iterator[bytes]) -> tuple[str, Parts]:
        whole, parts = hashlib.sha256(), []
        for number, chunk in enumerate(chunks, start=1):
            whole.update(chunk)
            parts.append(self._request(key, lambda: self._send_part(upload, number, chunk), "plain"))  # noqa: B023
        return whole.hexdigest(), parts

    def _send_part(self, upload: Answer, number: int, chunk: bytes) -> Answer:
        checksum = _base64(hashlib.sha256(chunk).digest())
        answer = self.client.upload_part(**upload, PartNumber=number, Body=chunk, ChecksumSHA256=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _complete(self, upload: Answer, parts: Parts) -> Answer:
        try:
            return dict(self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}))
        except ClientError as error:
            if is_code(error, "NoSuchUpload"):
                return {}  # an earlier attempt may have completed it; reading the object will show
            raise

    def _abort(self, upload: Answer) -> None:
        try:
            self.client.abort_multipart_upload(**upload)
        except Exception:
            return  # the failure of the upload is the error to report, not this one

    def _compare(self, key: str, sha256: str, answer: Answer) -> None:
        """Read back what was written. Raises SoftwareError "ChecksumMismatch"."""

        def attempt() -> tuple[str, str]:
            found = self.client.get_object(**self._at(key, _version(answer)))
            digest = hashlib.sha256()
            for chunk in self._body(key, found):
                digest.update(chunk)
            return digest.hexdigest(), found["ETag"]

        found, etag = self._request(key, attempt)
        overwritten = etag != answer.get("ETag", etag)
        if found != sha256 and not overwritten:
            raise SoftwareError(
                reasons.CHECKSUM_MISMATCH,
                f"{self.uri_of(key)} does not read back as it was written; do not use that object.",
            )


def open_s3(bucket: str, prefix: str, environ: Mapping[str, str], patience: Patience) -> S3Store:
    """The store of a bucket. Credentials come from `environ` or, where it has no key, from boto3's default chain.

    Raises ConfigurationError for an invalid endpoint, region or certificate authority, CredentialsError for a missing profile
    and for a value that can't be sent.
    """
    given = settings(environ, bucket)
    prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
    try:
        client = _client(given, authority(given.environ, S3_AUTHORITY, "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"))
    except (BotoCoreError, ValueError) as error:
        shown = "AWS" if given.endpoint is None else shown_endpoint(given.endpoint)
        raise explained(error, Target(shown, bucket, f"s3://{bucket}/{prefix}")) from error
    watch(client)
    for library in ("botocore", "urllib3"):  # they log what is explained here, tracebacks of odd headers included
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return S3Store(bucket, prefix, client, patience)


def _client(given: Settings, trusted: str | None) -> Any:
    environ, endpoint = given.environ, given.endpoint
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    key = environ.get("AWS_ACCESS_KEY_ID") or None
    session = boto3.Session(
        aws_access_key_id=key,
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY") or None if key else None,
        aws_session_token=environ.get("AWS_SESSION_TOKEN") or None if key else None,
        profile_name=None if key else environ.get("AWS_PROFILE") or None,
        region_name=region,
    )
    return session.client("s3", endpoint_url=endpoint, verify=trusted, config=_config(path_style=endpoint is not None))


def _config(path_style: bool) -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": "path" if path_style else "auto"},
        # Every upload carries our own sha256; the checksums that boto3 would add break older servers.
        request_checksum_calculation="when_required",
        tcp_keepalive=True,
    )


def _version(answer: Answer) -> str | None:
    """The version id, or None. "null" stands for anything written without versions, so it identifies nothing."""
    version = answer.get("VersionId")
    return None if version in (None, "", "null") else str(version)


def _asked(start: int, length: int) -> str:
    """The header of a range; one from the end reaches to the end, since S3 has no other."""
    return f"bytes={start}" if start < 0 else f"bytes={start}-{start + length - 1}"


def _condition(of: Head | None) -> Answer:
    if of is None:
        return {}
    return {"VersionId": of.version_id} if of.version_id is not None else {"IfMatch": of.etag}


def _whole_size(answer: Answer) -> int:
    """The size of the object that a range is of: the last number of "bytes 0-3/64"."""
    whole = str(answer.get("ContentRange") or "").rpartition("/")[2]
    return int(whole) if whole.isdigit() else int(answer["ContentLength"])


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _composite(parts: Parts) -> str:
    """The checksum of a multipart object: the hash of its parts' checksums, and their number.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    digests = b"".join(base64.b64decode(part["ChecksumSHA256"]) for part in parts)
    return f"{_base64(hashlib.sha256(digests).digest())}-{len(parts)}"
