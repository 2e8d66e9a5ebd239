"""What a service mesh or a secrets injector is to a cluster: a webhook that puts a container into each new pod.

A namespace is chosen by its label `inject`, whose value names one of INJECTED.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from support.authority import Authority, new_authority
from support.kind_cluster import Body, Cluster, until

NAMESPACE, NAME = "injector", "injector"
IMAGE = "retrain-operator:0.1.0"
SECURE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
UNTIL_TERM = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); signal.sigwait([signal.SIGTERM])"
)


def container(**fields: Any) -> Body:
    """One that waits until it is asked to end, as a proxy does."""
    waits = {"name": "proxy", "image": IMAGE, "command": ["python", "-c", UNTIL_TERM], "securityContext": SECURE}
    return waits | fields


INJECTED: dict[str, tuple[str, Body]] = {
    "proxy": ("containers", container()),
    "native": ("initContainers", container(restartPolicy="Always")),
    "broken": ("initContainers", container(name="secrets", image="secrets-that-nobody-has:1", imagePullPolicy="Never")),
}
"""Where it goes and what it is: an old sidecar, a native one, and an init container whose image is not to be had."""

# The cluster's own Python answers: no image is built for it.
ANSWERS = """
import base64, json, ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATCHES = json.load(open("/etc/injector/patches.json"))


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = asked["request"]
        where, container = PATCHES[self.path.strip("/").partition("?")[0]]
        there = where in request["object"]["spec"]
        change = [{"op": "add", "path": f"/spec/{where}/-", "value": container}] if there else [
            {"op": "add", "path": f"/spec/{where}", "value": [container]}]
        answer = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch",
                  "patch": base64.b64encode(json.dumps(change).encode()).decode()}
        body = json.dumps(asked | {"request": None, "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("", 8443), Answers)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/injector/tls.crt", "/etc/injector/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@contextmanager
def injector(cluster: Cluster, folder: Path) -> Iterator[None]:
    """The webhook, for as long as it is wanted; its keys lie in the folder."""
    authority = new_authority(folder)
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([*server(authority)]))
    cluster.kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=120s")
    until(lambda: cluster.items("endpointslices", NAMESPACE)[0]["endpoints"])
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(webhooks(authority)))
    try:
        yield
    finally:
        cluster.kubectl("delete", "mutatingwebhookconfiguration", NAME)
        cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def server(authority: Authority) -> Iterator[Body]:
    """What answers the API server, in a namespace of its own."""
    authority.server_context(f"DNS:{NAME}.{NAMESPACE}.svc")
    files = {
        "answers.py": ANSWERS,
        "patches.json": json.dumps(INJECTED),
        "tls.crt": (authority.folder / "server.crt").read_text(),
        "tls.key": (authority.folder / "server.key").read_text(),
    }
    labels = {"app": NAME}
    meta = {"name": NAME, "namespace": NAMESPACE}
    pod = {
        "containers": [
            {
                "name": "answers",
                "image": IMAGE,
                "command": ["python", "-u", "/etc/injector/answers.py"],
                "securityContext": SECURE,
                "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
                "volumeMounts": [{"name": "files", "mountPath": "/etc/injector"}],
            }
        ],
        "volumes": [{"name": "files", "secret": {"secretName": NAME}}],
    }
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": files}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]},
    }


def webhooks(authority: Authority) -> Body:
    """One for each kind of container; a pod is not let in without it, so that no test passes by chance."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [
            {
                "name": f"{what}.injector.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "namespaceSelector": {"matchLabels": {"inject": what}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "clientConfig": {
                    "caBundle": base64.b64encode(authority.certificate.read_bytes()).decode(),
                    "service": {"name": NAME, "namespace": NAMESPACE, "path": f"/{what}"},
                },
            }
            for what in INJECTED
        ],
    }
