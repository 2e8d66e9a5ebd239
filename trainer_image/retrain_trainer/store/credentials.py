"""Chooses the credentials for each store."""

from __future__ import annotations

from collections.abc import Mapping

from retrain_api.names import credential_prefix

from .authority import RCLONE_AUTHORITY, S3_AUTHORITY, is_absent

_IDENTITY = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
"""Variables that together make one identity."""

_ENDPOINTS = frozenset({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})

RCLONE_CONFIG = "RETRAIN_RCLONE_CONFIG"
"""Path of a mounted rclone configuration."""


def environ_for(purpose: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment to open a store with. The purpose is "data", "artifacts" or a backup's name.

    RETRAIN_DATA_AWS_ACCESS_KEY_ID, for example, replaces AWS_ACCESS_KEY_ID. Once a purpose has an access key of its
    own, none of the run's credentials are used: a session token of another account would make every request fail.
    Region and endpoint fall back to the run's, and so does rclone's configuration, which RETRAIN_DATA_RCLONE_CONFIG
    replaces. A certificate authority goes with the endpoint or the configuration that it was given with: it speaks for
    no other server.
    """
    prefix = credential_prefix(purpose)
    own = {
        name.removeprefix(prefix): value
        for name, value in environ.items()
        if name.startswith(prefix + "AWS_") and value
    }
    if config := environ.get(prefix + "RCLONE_CONFIG"):
        own |= {RCLONE_CONFIG: config, RCLONE_AUTHORITY: environ.get(prefix + "RCLONE_CA_FILE", "")}
    if is_absent(own.get(S3_AUTHORITY)):
        own.pop(S3_AUTHORITY, None)
        if _ENDPOINTS & own.keys():
            own[S3_AUTHORITY] = ""
    replaced = _IDENTITY if "AWS_ACCESS_KEY_ID" in own else frozenset[str]()
    return {name: value for name, value in environ.items() if name not in replaced} | own
