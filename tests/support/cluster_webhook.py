"""A web server that writes down what it is sent, in a pod of the operator's image: `python -c` runs PROGRAM.

for manifest in manifests("phone"): ...            # its pod, and the Service of the same name
told(log)                                          # the bodies, the oldest first, from the pod's log
"""

from __future__ import annotations

import json
from typing import Any

from support.injector import IMAGE, SECURE
from support.kind_cluster import Body

PORT = 8080
PROGRAM = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Phone(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("TOLD " + body.decode().replace("\\n", " "), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8080), Phone).serve_forever()
"""


def manifests(name: str) -> list[Body]:
    """Its pod, which is ready once it listens, and the Service of the same name."""
    labels = {"app": name}
    container = {
        "name": "phone",
        "image": IMAGE,
        "command": ["python", "-c", PROGRAM],
        "securityContext": SECURE,
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}
    service = {"selector": labels, "ports": [{"port": PORT}]}
    return [
        pod | {"spec": {"containers": [container]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
    ]


def told(log: str) -> list[dict[str, Any]]:
    """What it was sent, as its log has it."""
    return [json.loads(line.removeprefix("TOLD ")) for line in log.splitlines() if line.startswith("TOLD ")]
