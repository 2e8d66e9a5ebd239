"""Gives each Job's pods the credentials of their phase, and no others.

A trainer can read the data and write models but holds no key to the places that reports are delivered to. If every pod
carried every Secret, one image that a user brings along could read them all. A manifest only ever refers to Secrets:
the operator has no right to read them.
"""

from __future__ import annotations

from typing import Any

from retrain_api.names import backup_purpose, credential_prefix, label_value
from retrain_api.spec.credentials import AUTHORITY_KEY, OPTIONAL_SECRET_KEYS, SECRET_KEYS, Credentials
from retrain_api.spec.run import RetrainRunSpec
from retrain_operator.state.view import PhaseName

_RCLONE_FOLDER = "/etc/retrain/rclone"
_AUTHORITY_FOLDER = "/etc/retrain/authority"


def purposes(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, Credentials]:
    """The credentials that a phase's pods carry, by purpose; "" stands for those of the whole run.

    A notify pod speaks to a service outside and to no store: it carries none.
    """
    if phase == "notify":
        return {}
    own = {"": spec.credentials, "artifacts": spec.artifacts.credentials}
    if phase in ("preflight", "train", "evaluate", "observe"):
        own["data"] = spec.data.credentials
    if phase == "deliver":
        own |= {backup_purpose(backup.name): backup.credentials for backup in spec.backups}
    return {purpose: credentials for purpose, credentials in own.items() if credentials is not None}


def credential_variables(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    """Environment variables that refer to Secrets, key by key: a manifest never contains a value."""
    entries = []
    for purpose, credentials in purposes(spec, phase).items():
        prefix = credential_prefix(purpose) if purpose else ""
        if credentials.secret_name:
            entries += [
                _secret_variable(prefix + key, credentials.secret_name, key, key in OPTIONAL_SECRET_KEYS)
                for key in SECRET_KEYS + OPTIONAL_SECRET_KEYS
            ]
            entries.append({"name": prefix + "AWS_CA_FILE", "value": _authority_file(purpose or "run")})
        if credentials.rclone_config_secret_name:
            place, ours = f"{_RCLONE_FOLDER}/{purpose or 'run'}", (prefix or "RETRAIN_") + "RCLONE_"
            entries.append({"name": ours + "CONFIG", "value": f"{place}/rclone.conf"})
            entries.append({"name": ours + "CA_FILE", "value": f"{place}/{AUTHORITY_KEY}"})
    git = spec.report.git
    if phase == "deliver" and git is not None and git.secret_name:
        entries.append(_secret_variable("RETRAIN_GIT_TOKEN", git.secret_name, "token", False))
        entries.append(_secret_variable("RETRAIN_GIT_USERNAME", git.secret_name, "username", True))
        entries.append({"name": "RETRAIN_GIT_CA_FILE", "value": _authority_file("git")})
    return entries


def _secret_variable(name: str, secret: str, key: str, optional: bool) -> dict[str, Any]:
    reference: dict[str, Any] = {"name": secret, "key": key}
    return {"name": name, "valueFrom": {"secretKeyRef": reference | ({"optional": True} if optional else {})}}


def _rclone_secrets(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, str]:
    return {
        purpose or "run": credentials.rclone_config_secret_name
        for purpose, credentials in purposes(spec, phase).items()
        if credentials.rclone_config_secret_name
    }


def _authority_secrets(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, str]:
    """The Secrets that may have a certificate authority among keys that are read one by one."""
    given = {
        purpose or "run": credentials.secret_name
        for purpose, credentials in purposes(spec, phase).items()
        if credentials.secret_name
    }
    git = spec.report.git
    return given | ({"git": git.secret_name} if phase == "deliver" and git and git.secret_name else {})


def _authority_file(purpose: str) -> str:
    return f"{_AUTHORITY_FOLDER}/{purpose}/{AUTHORITY_KEY}"


def credential_volumes(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    """Volumes with the rclone configurations of a phase, and with the certificate authorities of its Secrets.

    An authority is a file because it may be a whole bundle, and an environment variable ends at 128 KiB. Of its Secret
    nothing else is mounted. A Secret without one is mounted empty (`optional`).
    """
    authority = {"optional": True, "items": [{"key": AUTHORITY_KEY, "path": AUTHORITY_KEY}]}
    return [
        {"name": label_value(f"rclone-{purpose}"), "secret": {"secretName": secret}}
        for purpose, secret in _rclone_secrets(spec, phase).items()
    ] + [
        {"name": label_value(f"retrain-authority-{purpose}"), "secret": {"secretName": secret} | authority}
        for purpose, secret in _authority_secrets(spec, phase).items()
    ]


def credential_mounts(spec: RetrainRunSpec, phase: PhaseName) -> list[dict[str, Any]]:
    """Where the container finds them."""
    places = [(f"rclone-{purpose}", f"{_RCLONE_FOLDER}/{purpose}") for purpose in _rclone_secrets(spec, phase)]
    places += [
        (f"retrain-authority-{purpose}", f"{_AUTHORITY_FOLDER}/{purpose}")
        for purpose in _authority_secrets(spec, phase)
    ]
    return [{"name": label_value(name), "mountPath": path, "readOnly": True} for name, path in places]


def service_account(spec: RetrainRunSpec, phase: PhaseName) -> dict[str, str]:
    """A pod has only one service account: that of the artifacts, else the run's, else that of another purpose."""
    given = {
        purpose: credentials.service_account_name
        for purpose, credentials in purposes(spec, phase).items()
        if credentials.service_account_name
    }
    account = given.get("artifacts") or given.get("") or next(iter(given.values()), None)
    return {"serviceAccountName": account} if account else {}
