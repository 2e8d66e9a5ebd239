"""Which locations a run reads and writes, with which credentials, and whether those are accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrain_api import reasons
from retrain_api.errors import CredentialsError
from retrain_api.names import backup_purpose, credential_prefix, data_file_uri, folder
from retrain_api.run import RetrainRun
from retrain_api.spec.credentials import AUTHORITY_KEY, SECRET_KEYS, Credentials

PATIENCE_SECONDS = 15.0
"""How long a store may be unreachable before the doctor reports it; a run waits for minutes."""


_RCLONE_CONFIGS = ("RETRAIN_RCLONE_CONFIG", "RCLONE_CONFIG")


@dataclass(frozen=True)
class Place:
    """A location of the run. `purpose` is data, artifacts or a `backup_purpose`; `known_key` is the key to look up."""

    purpose: str
    uri: str
    credentials: Credentials | None
    known_key: str = ".doctor/none"
    required: bool = True


def places(run: RetrainRun) -> tuple[Place, Place, tuple[Place, ...]]:
    """Data, artifacts and backups, each with the credentials that apply to it."""
    spec = run.spec
    first = data_file_uri("", spec.data.filename, spec.symbols[0], spec.data.interval).lstrip("/")
    return (
        Place("data", spec.data.uri, spec.data.credentials or spec.credentials, first),
        Place("artifacts", spec.artifacts.uri, spec.artifacts.credentials or spec.credentials),
        tuple(
            Place(
                backup_purpose(backup.name),
                backup.uri,
                backup.credentials or spec.credentials,
                required=backup.required,
            )
            for backup in spec.backups
        ),
    )


def open_place(place: Place, environ: Mapping[str, str]) -> Any:
    """The store of a place, opened with its own credentials and a short timeout."""
    from retrain_trainer.store.credentials import environ_for
    from retrain_trainer.store.open import open_store

    return open_store(folder(place.uri), environ_for(place.purpose, environ), PATIENCE_SECONDS)


def probe_access(place: Place, environ: Mapping[str, str]) -> str:
    """Where the credentials come from, once the store has accepted them. Raises what the store raises."""
    sources = {"s3://": source, "rclone://": configuration}
    credentials = next((of(place, environ) for scheme, of in sources.items() if place.uri.startswith(scheme)), None)
    open_place(place, environ).head(place.known_key)
    return f"{place.uri} answers; {credentials or 'needs no credentials'}{_trust(place, environ)}"


def _trust(place: Place, environ: Mapping[str, str]) -> str:
    variables: dict[str, tuple[str, ...]] = {
        "s3": (credential_prefix(place.purpose) + "AWS_CA_BUNDLE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
        "rclone": ("RCLONE_CA_CERT",),
    }
    given = place.credentials
    secret = (given.secret_name or given.rclone_config_secret_name) if given else None
    return trusted_by(variables.get(place.uri.partition("://")[0], ()), secret, environ)


def trusted_by(variables: Sequence[str], secret: str | None, environ: Mapping[str, str]) -> str:
    """By which authority a certificate is checked here and on a cluster; empty where no variable names one."""
    named = next((name for name in variables if environ.get(name)), None)
    if named is None:
        return ""
    cluster = f"the key {AUTHORITY_KEY} of Secret {secret}" if secret else "the public authorities alone"
    return f"; its certificate is checked by the authority in {named} here, and on a cluster by {cluster}"


def configuration(place: Place, environ: Mapping[str, str]) -> str:
    """Which variable names rclone's configuration; rclone itself checks that the remote is in it."""
    prefix = credential_prefix(place.purpose)
    named = next((name for name in (f"{prefix}RCLONE_CONFIG", *_RCLONE_CONFIGS) if environ.get(name)), None)
    where = f"the file in {named}" if named else "rclone's usual place"
    given = place.credentials and place.credentials.rclone_config_secret_name
    cluster = on_cluster(place) if given else "and on a cluster there is none (rcloneConfigSecretName is not set)"
    return f"rclone's configuration from {where} here, {cluster}"


def source(place: Place, environ: Mapping[str, str]) -> str:
    """Which variables or which part of boto3's chain provide the credentials, never their values.

    Raises CredentialsError("NoCredentials"), which names what was looked for.
    """
    prefix = credential_prefix(place.purpose)
    for key, secret in ((prefix + SECRET_KEYS[0], prefix + SECRET_KEYS[1]), SECRET_KEYS):
        if not environ.get(key):
            continue
        if not environ.get(secret):
            raise CredentialsError(reasons.NO_CREDENTIALS, f"{key} is set and {secret} is not; set both.")
        return f"credentials from {key} and {secret} here, {on_cluster(place)}"
    method = _chain(environ)
    if method is None:
        raise CredentialsError(
            reasons.NO_CREDENTIALS,
            f"There are no credentials for {place.uri}: looked for {prefix}{SECRET_KEYS[0]}, {SECRET_KEYS[0]} and "
            "boto3's chain (AWS_PROFILE, ~/.aws, web identity, instance role); "
            f"set {SECRET_KEYS[0]} and {SECRET_KEYS[1]}.",
        )
    return f"credentials from boto3's chain ({method}) here, {on_cluster(place)}"


def on_cluster(place: Place) -> str:
    """Where the same credentials come from on a cluster."""
    given = place.credentials
    if given is None:
        return "and on a cluster those of the pod's service account (no credentials in the file)"
    if given.secret_name:
        return f"and on a cluster from Secret {given.secret_name}"
    if given.service_account_name:
        return f"and on a cluster from service account {given.service_account_name}"
    return f"and on a cluster from Secret {given.rclone_config_secret_name} (rclone.conf)"


def _chain(environ: Mapping[str, str]) -> str | None:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        found = boto3.Session(profile_name=environ.get("AWS_PROFILE", "").strip() or None).get_credentials()
    except BotoCoreError:
        raise CredentialsError(
            reasons.NO_CREDENTIALS, "boto3's chain gives no credentials; check AWS_PROFILE and ~/.aws."
        ) from None
    return None if found is None else str(found.method)
