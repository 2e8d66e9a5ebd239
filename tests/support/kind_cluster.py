"""A real cluster of kind, used as a person uses it: with kubectl, and with an S3 client from outside.

cluster.kubectl("get", "pods", "-n", "default")
with Store(cluster) as store:
    store.put("team/features/x.parquet", data)
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from support import operator_process
from support.control_plane import free_port

ROOT = Path(__file__).resolve().parents[2]
TESTBED = ROOT / "tests" / "testbed"
IMAGES = ("retrain-operator:0.1.0", "retrain-sample-store:0.1.0", "retrain-trainer:0.1.0")
PATIENCE = 240.0
"""Seconds until a test gives up; a pod that imports torch may take twenty where two others do the same."""

STORE_NAMESPACE, SYSTEM, BUCKET = "retrain-demo", "retrain-system", "retrain"
Body = dict[str, Any]


class KubectlFailed(AssertionError):
    """kubectl ended with an error."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that answers to `kubectl --kubeconfig`."""

    program: Path
    kubeconfig: Path
    name: str

    def command(self, *arguments: str) -> list[str]:
        """The whole command."""
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]

    def run(self, *arguments: str, stdin: str = "") -> tuple[str, str]:
        """What kubectl printed, and what it said besides. Raises KubectlFailed."""
        done = subprocess.run(self.command(*arguments), input=stdin, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout, done.stderr

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl printed."""
        return self.run(*arguments, stdin=stdin)[0]

    def items(self, kind: str, namespace: str, *arguments: str) -> list[Body]:
        """All objects of a kind in a namespace."""
        found = json.loads(self.kubectl("get", kind, "-n", namespace, "-o", "json", *arguments))
        return list(found["items"])

    def fake_gpus(self, count: int, resource: str) -> None:
        """The node advertises so many devices of that name that do not exist."""
        script = ROOT / "tests" / "testbed" / "fake-gpu.sh"
        subprocess.run([script, str(count), resource], check=True, env={**os.environ, "RETRAIN_CLUSTER": self.name})

    def leader(self) -> str:
        """Name of the operator's pod that holds the Lease."""
        lease = json.loads(self.kubectl("get", "lease", "retrain-operator", "-n", SYSTEM, "-o", "json"))
        holder = lease["spec"].get("holderIdentity") or ""
        pods = [pod["metadata"]["name"] for pod in self.items("pods", SYSTEM)]
        return next((pod for pod in pods if holder.startswith(pod)), "")


def stand_up(name: str) -> Cluster:
    """The cluster of that name, with the operator, the S3 server and the images in it; the first time takes a quarter of
    an hour.
    """
    environ = {**os.environ, "RETRAIN_CLUSTER": name}
    for command in (
        [TESTBED / "up.sh"],
        [ROOT / "scripts" / "images.sh"],
        [TESTBED / "load.sh", *IMAGES],
        [TESTBED / "deploy.sh"],
    ):
        done = subprocess.run(command, env=environ, stdout=subprocess.DEVNULL)
        assert done.returncode == 0, f"{Path(command[0]).name} failed; it says why above"
    binaries = subprocess.run(
        [ROOT / "scripts" / "kube_binaries.sh", "kubectl"], env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retrain-operator" / "testbed"
    return Cluster(Path(binaries.stdout.split()[-1]) / "kubectl", cache / f"kubeconfig-{name}", name)


def take_down(name: str, docker_too: bool) -> None:
    """Remove it, and end the Docker daemon where it was started for it."""
    stop = ["--docker"] if docker_too else []
    subprocess.run([TESTBED / "down.sh", *stop], env={**os.environ, "RETRAIN_CLUSTER": name}, check=True)


def until(holds: Callable[[], Any], explain: Callable[[], object] = str) -> Any:
    """Wait until it is true of the cluster; what it returned then. Each look starts a kubectl, so there are fewer."""
    return operator_process.until(holds, explain, PATIENCE, pause=0.3)


@dataclass
class Store:
    """The S3 server of the kind overlay, from outside."""

    cluster: Cluster
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    _forward: subprocess.Popen[bytes] | None = None
    _port: int = 0

    def __enter__(self) -> Self:
        found = json.loads(
            self.cluster.kubectl("get", "secret", "sample-store-keys", "-n", STORE_NAMESPACE, "-o", "json")
        )
        self.keys = {name: base64.b64decode(value).decode() for name, value in found["data"].items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._client().put_object(Bucket=BUCKET, Key=key, Body=data)

    def read(self, uri: str) -> bytes:
        """An object's bytes; by s3://bucket/key, or by key."""
        return bytes(self._client().get_object(Bucket=BUCKET, Key=key_of(uri))["Body"].read())

    def delete(self, uri: str) -> None:
        """Take an object away."""
        self._client().delete_object(Bucket=BUCKET, Key=key_of(uri))

    def list(self, prefix: str) -> list[str]:
        """Keys below a prefix."""
        return [*self.moments(prefix)]

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody answers at its address meanwhile, and connections that were open are cut. Its files stay."""
        self._select("nobody")
        self._restart()
        try:
            yield
        finally:
            self._select("sample-store")

    def _restart(self) -> None:
        """End the server; the kubelet starts it again in the same pod, with the same files."""
        before = self._restarts()
        self.cluster.kubectl("exec", "-n", STORE_NAMESPACE, "deployment/sample-store", "--", "sh", "-c", "kill -TERM 1")
        until(lambda: self._restarts() > before)
        self._close()

    def _restarts(self) -> int:
        pods = self.cluster.items("pods", STORE_NAMESPACE, "-l", "app.kubernetes.io/name=sample-store")
        return sum(one["restartCount"] for pod in pods for one in pod["status"].get("containerStatuses", ()))

    def _select(self, name: str) -> None:
        selector = json.dumps({"spec": {"selector": {"app.kubernetes.io/name": name}}})
        self.cluster.kubectl("patch", "service", "sample-store", "-n", STORE_NAMESPACE, "-p", selector)

    def moments(self, prefix: str) -> dict[str, str]:
        """When each object below a prefix was last written, by key."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {each["Key"]: str(each["LastModified"]) for page in pages for each in page.get("Contents", ())}

    def _client(self) -> Any:
        if self._forward is None or self._forward.poll() is not None:
            self._open()
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}),
        )

    def _open(self) -> None:
        self._port = free_port()
        self._forward = subprocess.Popen(
            self.cluster.command(
                "port-forward", "-n", STORE_NAMESPACE, "deployment/sample-store", f"{self._port}:8333"
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _close(self) -> None:
        if self._forward is not None:
            self._forward.terminate()
            self._forward.wait()
            self._forward = None


def key_of(uri: str) -> str:
    """The key in s3://bucket/key; a key as it is."""
    return uri.split("/", 3)[3] if uri.startswith("s3://") else uri
