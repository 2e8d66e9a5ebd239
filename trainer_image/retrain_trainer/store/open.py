"""Opens the store that a URI names: `s3://`, `file://` or `rclone://`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from retrain_api import reasons
from retrain_api.errors import ConfigurationError

from .base import Store
from .patience import Patience

_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REMOTE = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.+@ -]*[A-Za-z0-9_.+@-])?")


def open_store(uri: str, environ: Mapping[str, str] = os.environ, patience_seconds: float = 300.0) -> Store:
    """The store at `uri`, a folder. No request is made yet. `environ` holds S3's credentials (AWS_*) and says where
    rclone's configuration is (see `rclone_program`).

    `patience_seconds` is how long temporary failures are retried. Raises ConfigurationError.
    """
    # Imported on use: boto3 takes most of a second to load.
    scheme, place = _parsed(uri)
    if scheme == "file":
        from .file import FileStore

        return FileStore(Path(place))
    if scheme == "rclone":
        from .rclone import open_remote

        remote, _, path = place.partition("/")
        return open_remote(remote, path, environ, Patience(patience_seconds))
    from .s3.store import open_s3

    bucket, _, prefix = place.partition("/")
    return open_s3(bucket, prefix, environ, Patience(patience_seconds))


def split_uri(uri: str) -> tuple[str, str]:
    """Split a file's URI into store and key: "s3://bucket/a/name" gives ("s3://bucket/a/", "name").

    Raises ConfigurationError where the URI names a folder, or no location at all.
    """
    _parsed(uri)
    folder, _, name = uri.rpartition("/")
    if not name or folder.endswith(":/"):
        raise ConfigurationError(reasons.BAD_LOCATION, f"{uri} names a folder where a file is needed.")
    return folder + "/", name


def _parsed(uri: str) -> tuple[str, str]:
    """Scheme and place of a store's URI: ("file", "/x/y/"), ("s3", "bucket/a/") or ("rclone", "remote/a/").

    Raises ConfigurationError.
    """
    found = _URI.fullmatch(uri)
    scheme, rest = (found["scheme"], found["rest"]) if found else ("", uri)
    if scheme == "file" and not rest.startswith("/"):
        raise ConfigurationError(
            reasons.RELATIVE_LOCATION,
            f"{uri} is relative, and only the command line resolves relative file:// locations; "
            "write an absolute one, such as file:///data/features/.",
        )
    if scheme not in ("file", "s3", "rclone"):
        raise ConfigurationError(
            reasons.UNKNOWN_STORE,
            f"The trainer supports only s3://, file:// and rclone:// locations, and {uri} is none of them.",
        )
    if scheme == "s3" and not _BUCKET.fullmatch(rest.partition("/")[0]):
        raise ConfigurationError(reasons.BAD_LOCATION, f"{uri} names no bucket; write s3://bucket/path/.")
    if scheme == "rclone" and not _REMOTE.fullmatch(rest.partition("/")[0]):
        # The URI is not shown: rclone's ":kind,option=value:" names may hold a password.
        raise ConfigurationError(
            reasons.BAD_LOCATION, "A location names no rclone remote; write rclone://remote/path/."
        )
    return scheme, rest
