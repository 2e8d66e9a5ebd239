"""An S3 server that ignores the conditions of a write, as some gateways do: a program for a pod, of the standard library alone.

`python -c` runs PROGRAM; objects are kept in memory, and signatures are not looked at. `manifests` are its pod and Service.
"""

from __future__ import annotations

from support.injector import IMAGE, SECURE
from support.kind_cluster import Body

PORT = 9000
PROGRAM = """
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OBJECTS = {}


class Careless(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", tag=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("x-amz-decoded-content-length"):
            size = int(body.partition(b"\\r\\n")[0].partition(b";")[0], 16)
            body = body.partition(b"\\r\\n")[2][:size]
        OBJECTS[self.path] = body
        self.answer(200, tag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_GET(self):
        body = OBJECTS.get(self.path.partition("?")[0])
        if body is None:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        self.answer(200, body, f'"{hashlib.md5(body).hexdigest()}"')

    do_HEAD = do_GET

    def do_DELETE(self):
        OBJECTS.pop(self.path.partition("?")[0], None)
        self.answer(204)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 9000), Careless).serve_forever()
"""


def manifests(name: str) -> list[Body]:
    """Its pod, and the Service of the same name."""
    labels = {"app": name}
    container = {"name": "store", "image": IMAGE, "command": ["python", "-c", PROGRAM], "securityContext": SECURE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}
    service = {"selector": labels, "ports": [{"port": PORT}]}
    return [
        pod | {"spec": {"containers": [container]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
    ]
