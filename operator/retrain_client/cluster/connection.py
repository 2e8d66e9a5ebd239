"""The API server of a kubeconfig, for commands that make a request or two and end.

It wraps the operator's asynchronous client: a command needs no event loop of its own, and gets the project's errors in
place of HTTP codes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from retrain_api import reasons
from retrain_api.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    NotFoundError,
    RetrainError,
    SoftwareError,
)

T = TypeVar("T")
Status = TypeVar("Status", bound=BaseModel)
Body = dict[str, Any]

_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
_CONFIG_FILE = "~/.kube/config"
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""In every pod that has a token of its service account."""


@dataclass(frozen=True)
class Cluster:
    """Where the API server is: a kubeconfig file and a context, kubectl's defaults where they are None. In a pod without a
    kubeconfig it is the pod's own cluster.

    Every request raises NotFoundError (404), CredentialsError (401, 403), SoftwareError("Conflict") (409), another
    SoftwareError, or ConfigurationError("NoCluster") where the kubeconfig names no cluster.
    """

    kubeconfig: Path | None = None
    context: str | None = None

    def get(self, path: str) -> Body:
        """One object."""
        return self._request(lambda api: api.get(path))

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """A log."""
        return str(self._request(lambda api: api.text(path, query)))

    def merge(self, path: str, patch: Body) -> Body:
        """The object after a merge patch."""
        return self._request(lambda api: api.merge(path, patch))

    def user(self) -> str:
        """The name by which the API server knows the caller."""
        review = self._request(lambda api: api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", _REVIEW))
        return str(review["status"]["userInfo"]["username"])

    def namespace(self) -> str:
        """The context's namespace, chosen as kubectl chooses it; the pod's. Raises ConfigurationError("NoCluster")."""
        from kubernetes.aio import config

        if self._is_own():
            return _POD_NAMESPACE.read_text().strip()
        try:
            contexts, active = config.list_kube_config_contexts(self._file())
        except (config.ConfigException, OSError) as error:
            raise _no_cluster(error) from None
        found = next((each for each in contexts if each["name"] == self.context), active)
        return str(found["context"].get("namespace") or "default")

    def _is_own(self) -> bool:
        """Whether the cluster is the one that this process runs in."""
        named = self.kubeconfig or self.context or _has_kubeconfig()
        return not named and _POD_NAMESPACE.exists()

    def _file(self) -> str | None:
        return str(self.kubeconfig) if self.kubeconfig else None

    def _request(self, send: Callable[[Any], Awaitable[T]]) -> T:
        return asyncio.run(self._sent(send))

    async def _sent(self, send: Callable[[Any], Awaitable[T]]) -> T:
        from kubernetes.aio import client, config

        from retrain_operator.kube.api import Api, ApiError, Unreachable

        found = client.Configuration()
        try:
            if self._is_own():
                config.load_incluster_config(client_configuration=found)
            else:
                await config.load_kube_config(self._file(), self.context, found)
        except (config.ConfigException, OSError) as error:
            raise _no_cluster(error) from None
        api = Api(found)
        try:
            return await send(api)
        except ApiError as error:
            raise _refusal(error.status, error.reason, error.message) from None
        except Unreachable as error:
            raise SoftwareError(reasons.CLUSTER_UNREACHABLE, f"{error}.") from None
        finally:
            await api.close()


def status_in(body: Body, kind: type[Status]) -> Status:
    """The status of an object as the API server has it. Raises DataError("BadStatus")."""
    try:
        return kind.model_validate(body.get("status") or {})
    except ValidationError:
        name = body["metadata"]["name"]
        raise DataError(
            reasons.BAD_STATUS,
            f"The status of {name} is not one that this release can read; use the operator's release.",
        ) from None


def is_configured() -> bool:
    """Whether there is a kubeconfig where kubectl looks for one, or a cluster around this process."""
    return _has_kubeconfig() or _POD_NAMESPACE.exists()


def _has_kubeconfig() -> bool:
    return bool(os.environ.get("KUBECONFIG")) or Path(_CONFIG_FILE).expanduser().exists()


def _no_cluster(error: Exception) -> ConfigurationError:
    return ConfigurationError(reasons.NO_CLUSTER, f"The kubeconfig names no cluster: {str(error).rstrip('.')}.")


def _refusal(status: int, reason: str, message: str) -> RetrainError:
    sentence = f"The API server refuses: {message.rstrip('.')}."
    if status == 404:
        return NotFoundError(reasons.NOT_FOUND, sentence)
    if status in (401, 403):
        return CredentialsError(reason, sentence)
    return SoftwareError(reasons.CONFLICT if status == 409 else reason, sentence)
