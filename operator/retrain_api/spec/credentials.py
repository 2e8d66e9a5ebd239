"""Where a task's credentials come from; the spec never holds the credentials themselves."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from retrain_api.wire import Strict, rule, validations

from .forms import ObjectName

SECRET_KEYS: tuple[str, ...] = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
OPTIONAL_SECRET_KEYS: tuple[str, ...] = ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
AUTHORITY_KEY = "ca.crt"
"""The key of a Secret with the certificate authority (PEM) of the servers that its credentials are for."""

_ONE_SOURCE = rule(
    "[has(self.secretName), has(self.serviceAccountName), has(self.rcloneConfigSecretName)]"
    ".filter(given, given).size() == 1",
    "exactly one of secretName, serviceAccountName and rcloneConfigSecretName must be given",
)


class Credentials(Strict):
    """Exactly one source of credentials."""

    model_config = {"json_schema_extra": validations(_ONE_SOURCE)}

    secret_name: ObjectName | None = Field(
        None,
        description="Secret with the keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where needed, "
        "AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL; ca.crt for a private certificate authority.",
    )
    service_account_name: ObjectName | None = Field(
        None, description="Service account whose pods the cloud gives access to (IRSA, workload identity)."
    )
    rclone_config_secret_name: ObjectName | None = Field(
        None,
        description="Secret with the key rclone.conf, for rclone:// locations; ca.crt for a private certificate authority.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = (self.secret_name, self.service_account_name, self.rclone_config_secret_name)
        if sum(name is not None for name in given) != 1:
            raise ValueError(_ONE_SOURCE["message"])
        return self
