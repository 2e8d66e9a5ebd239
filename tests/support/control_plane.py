"""A real Kubernetes control plane on this machine: etcd, API server and controller manager, no nodes.

    plane = ControlPlane(binaries, folder)     # binaries: the folder that scripts/kube_binaries.sh prints
    plane.start(crds=[Path("crds/retrainruns.yaml")])
    plane.kubeconfig("operator")               # path; users: admin (may do all), operator, kubelet, someone,
    plane.kubeconfig("system:serviceaccount:NS:NAME")   # or a ServiceAccount, with a token that the API server gave
    plane.kubectl("get", "pods", "-A", user="admin", input=None, check=True).stdout
    plane.request("GET", "/api/v1/pods", body=None, user="admin")   # JSON; raises ApiRefusal(status, reason, message)
    plane.audit(user="operator")               # audit events of finished requests, at Metadata level
    plane.stop_apiserver(); plane.start_apiserver()     # the same port and data
    plane.stop()

RBAC is on. `operator`, `kubelet` and `someone` may do what a test grants them: nothing at first, but `kubelet` is in
system:masters. The controllers: job, garbage collector, namespace, service account, pod garbage collector, disruption,
TTL after finished, resource quota, cluster role aggregation. All processes end with the process that started them.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds until a start is given up; nothing is concluded from how long one took."""

GROUPS = {
    "admin": "system:masters",
    "kubelet": "system:masters",
    "manager": "system:masters",
    "scheduler": "system:masters",
    "kwok": "system:masters",
    "operator": "",
    "someone": "",
}

CONTROLLERS = (
    "job-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "pod-garbage-collector-controller",
    "disruption-controller",
    "ttl-after-finished-controller",
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
)

AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:apiserver"]
- level: Metadata
"""


class ApiRefusal(Exception):
    """The API server refused a request: its HTTP status, and reason and message of its Status object."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message


def free_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent() -> Callable[[], None]:
    """For preexec_fn: the child gets SIGKILL when the thread that starts it ends. Start it in a thread that lasts."""
    parent, libc = os.getpid(), ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(75)

    return ask


@dataclass
class ControlPlane:
    """etcd, kube-apiserver and kube-controller-manager, with their data in a folder."""

    binaries: Path
    folder: Path
    port: int = field(default_factory=free_port)
    etcd_ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    tokens: dict[str, str] = field(default_factory=lambda: {user: secrets.token_hex(16) for user in GROUPS})
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """What the API server shows, signed by itself: also the authority to trust."""
        return self.folder / "tls.crt"

    @property
    def key(self) -> Path:
        """The private key of `certificate`; service account tokens are signed with it too."""
        return self.folder / "tls.key"

    def start(self, crds: Sequence[Path] = ()) -> None:
        """Start all three, and return when they answer and the definitions are established."""
        self._make_files()
        self._start_etcd()
        self.start_apiserver()
        for crd in crds:
            self.kubectl("apply", "--server-side", "-f", str(crd))
            self.establish("-f", str(crd))
        # After the definitions: its garbage collector looks for new kinds every 30 seconds only.
        self.start_controller_manager()

    def establish(self, *which: str) -> None:
        """Wait until definitions are established. kubectl gives up on one that has no conditions yet ("accessor error:
        <nil>"): it is asked again."""
        wait = ("wait", "--for=condition=Established", "--timeout=60s", *which)
        self._until("kube-apiserver", lambda: self.kubectl(*wait, check=False).returncode == 0)

    def stop(self) -> None:
        """End all of them."""
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            self._kill(name)

    def start_apiserver(self) -> None:
        """Start the API server, and return when it is ready."""
        folder = self.folder
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_ports[0]}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={folder / 'certificates'}",
            f"--tls-cert-file={self.certificate}",
            f"--tls-private-key-file={self.key}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            f"--service-account-key-file={self.key}",
            f"--service-account-signing-key-file={self.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            f"--audit-policy-file={folder / 'audit-policy.yaml'}",
            f"--audit-log-path={folder / 'audit.log'}",
            "--allow-privileged",
        )
        self._until("kube-apiserver", lambda: self.request("GET", "/readyz") == "ok")

    def stop_apiserver(self) -> None:
        """End the API server at once; what it stored stays."""
        self._kill("kube-apiserver")

    def start_controller_manager(self) -> None:
        """Start the controllers, and return when they work: the default namespace has its service account."""
        self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig('manager')}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=1000",
            "--kube-api-burst=1000",
            "--resource-quota-sync-period=2s",
        )
        self._until("kube-controller-manager", lambda: self.has_account("default"))

    def stop_controller_manager(self) -> None:
        """End the controllers: Jobs stand still."""
        self._kill("kube-controller-manager")

    def has_account(self, namespace: str) -> bool:
        """Whether pods can be made in the namespace: its default service account is there."""
        try:
            self.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise
            return False
        return True

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig file for one of the users, or for `system:serviceaccount:NAMESPACE:NAME`, which must exist."""
        path = self.folder / f"{user.replace(':', '.')}.kubeconfig"
        self._keep_token(user)
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.certificate)}}
            ],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": "default"}}],
        }
        path.write_text(json.dumps(document))
        return path

    def kubectl(
        self, *args: str, user: str = "admin", input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as a user. Its words are in the error where it fails and `check` holds."""
        done = subprocess.run(
            [
                str(self.binaries / "kubectl"),
                f"--kubeconfig={self.kubeconfig(user)}",
                f"--cache-dir={self.folder / 'kubectl'}",
                *args,
            ],
            input=input,
            text=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0 or not check, f"kubectl {' '.join(args)}: {done.stderr}"
        return done

    def request(self, method: str, path: str, body: object = None, user: str = "admin", kind: str = "json") -> Any:
        """One request; the answer's JSON (text where it is none). `kind` for PATCH: merge-patch+json and others.

        Raises ApiRefusal for a status of 400 and above, OSError where nobody answers.
        """
        self._keep_token(user)
        link = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trust)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"Authorization": f"Bearer {self.tokens[user]}", "Content-Type": f"application/{kind}"}
            link.request(method, path, payload, headers)
            answer = link.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        finally:
            link.close()
        return _checked(answer.status, text)

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """Trusts the API server's certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def audit(self, user: str | None = None) -> list[dict[str, Any]]:
        """Audit events of the finished requests so far, oldest first; of one user where one is named."""
        path = self.folder / "audit.log"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        events = [event for event in map(json.loads, lines) if event["stage"] != "ResponseStarted"]
        return [event for event in events if user in (None, event["user"]["username"])]

    def _keep_token(self, user: str) -> None:
        if user in self.tokens:
            return
        _, _, namespace, name = user.split(":")
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        self.tokens[user] = self.request("POST", path, {"spec": {"expirationSeconds": 7200}})["status"]["token"]

    def _make_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "audit-policy.yaml").write_text(AUDIT_POLICY)
        rows = (f'{self.tokens[user]},{user},{user},"{group}"\n' for user, group in GROUPS.items())
        tokens = self.folder / "tokens.csv"
        tokens.touch(0o600)
        tokens.write_text("".join(rows))
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        files = ["-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run([*command, *names, *files], check=True, capture_output=True)

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in self.etcd_ports)
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )

    def _spawn(self, name: str, *args: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(self.binaries / name), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(),
            )

    def _kill(self, name: str) -> None:
        # SIGKILL: asked nicely, an API server waits for its watchers, who stay.
        if process := self.processes.pop(name, None):
            process.kill()
            process.wait()

    def _until(self, name: str, holds: Callable[[], bool]) -> None:
        """Wait until it holds; refusals and refused connections are what a starting server answers."""
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError, ApiRefusal):
                if holds():
                    return
            ended = self.processes[name].poll() is not None
            if ended or time.monotonic() > end:
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} {'ended' if ended else 'is not ready'}. The end of its log:\n{log[-3000:]}")
            time.sleep(0.05)


def _checked(status: int, text: str) -> Any:
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    if status < 400:
        return body
    said = body if isinstance(body, dict) else {}
    raise ApiRefusal(status, said.get("reason", ""), said.get("message", text))
