"""The cluster of a kubeconfig, for commands that ask it one thing and end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from retrain_api.errors import ConfigurationError, CredentialsError, NotFoundError, RetrainError, SoftwareError

T = TypeVar("T")
Body = dict[str, Any]

CONFLICT = "Conflict"
"""Reason of the error where an object has changed since it was read."""
_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_CONFIG_FILE = "~/.kube/config"


@dataclass(frozen=True)
class Cluster:
    """Where the API server is: a kubeconfig file and a context, kubectl's own where they are None.

    Every request raises NotFoundError (404), CredentialsError (401, 403), SoftwareError("Conflict") (409), another
    SoftwareError, or ConfigurationError("NoCluster") where the kubeconfig names none.
    """

    kubeconfig: Path | None = None
    context: str | None = None

    def get(self, path: str) -> Body:
        """One object."""
        return self._ask(lambda api: api.get(path))

    def merge(self, path: str, patch: Body) -> Body:
        """The object after a merge patch."""
        return self._ask(lambda api: api.merge(path, patch))

    def user(self) -> str:
        """The name by which the API server knows the caller."""
        review = self._ask(lambda api: api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", _REVIEW))
        return str(review["status"]["userInfo"]["username"])

    def namespace(self) -> str:
        """The context's namespace, as kubectl takes it. Raises ConfigurationError("NoCluster")."""
        from kubernetes.aio import config

        try:
            contexts, active = config.list_kube_config_contexts(self._file())
        except (config.ConfigException, OSError) as error:
            raise _no_cluster(error) from None
        found = next((each for each in contexts if each["name"] == self.context), active)
        return str(found["context"].get("namespace") or "default")

    def _file(self) -> str | None:
        return str(self.kubeconfig) if self.kubeconfig else None

    def _ask(self, work: Callable[[Any], Awaitable[T]]) -> T:
        return asyncio.run(self._asked(work))

    async def _asked(self, work: Callable[[Any], Awaitable[T]]) -> T:
        from kubernetes.aio import client, config
        from retrain_operator.api import Api, ApiError, Unreachable

        found = client.Configuration()
        try:
            await config.load_kube_config(self._file(), self.context, found)
        except (config.ConfigException, OSError) as error:
            raise _no_cluster(error) from None
        api = Api(found)
        try:
            return await work(api)
        except ApiError as error:
            raise _refusal(error.status, error.reason, error.message) from None
        except Unreachable as error:
            raise SoftwareError("ClusterUnreachable", f"{error}.") from None
        finally:
            await api.close()


def is_configured() -> bool:
    """Whether there is a kubeconfig where kubectl looks for one."""
    return bool(os.environ.get("KUBECONFIG")) or Path(_CONFIG_FILE).expanduser().exists()


def _no_cluster(error: Exception) -> ConfigurationError:
    return ConfigurationError("NoCluster", f"The kubeconfig names no cluster: {str(error).rstrip('.')}.")


def _refusal(status: int, reason: str, message: str) -> RetrainError:
    said = f"The API server refuses: {message.rstrip('.')}."
    if status == 404:
        return NotFoundError("NotFound", said)
    if status in (401, 403):
        return CredentialsError(reason, said)
    return SoftwareError(CONFLICT if status == 409 else reason, said)
