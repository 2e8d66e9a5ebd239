"""What is measured: our operator and, where their binaries are there, two good controllers doing work of the same shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from support.control_plane import end_with_parent, free_port

from .plane import HERE, ScalePlane

ROOT = HERE.parents[1]
Body = dict[str, Any]
OURS = "retrain-operator"
_ENDS = "retrain_runs_finished_total{"


class Subject(Protocol):
    """A controller, its resource, and how to tell that an object is done."""

    name: str
    kind: str
    resource: str
    child: str
    path: str

    def install(self, plane: ScalePlane) -> None:
        """Install its CRDs."""

    def command(self, plane: ScalePlane) -> tuple[list[str], dict[str, str]]:
        """The command to start it, and more environment variables."""

    def document(self, name: str) -> Body:
        """One object: three in parallel, then one, then one."""

    def done(self, plane: ScalePlane) -> int:
        """How many objects are complete."""


@dataclass(frozen=True)
class Ours:
    """A RetrainRun of three symbols: three train Jobs, an Indexed evaluate Job of three pods, a publish Job; before them all a
    preflight Job, where there is to be one (RETRAIN_SCALE_PREFLIGHT=Always).
    """

    preflight: str = field(default_factory=lambda: os.environ.get("RETRAIN_SCALE_PREFLIGHT", "Never"))
    port: int = field(default_factory=free_port)
    name: str = OURS
    kind: str = "RetrainRun"
    resource: str = "retrainruns"
    child: str = "jobs"
    path: str = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default/retrainruns"

    def install(self, plane: ScalePlane) -> None:
        for name in ("retrainruns", "retrainschedules"):
            plane.kubectl("create", "-f", str(ROOT / "crds" / f"{name}.yaml"))
            plane.establish("-f", str(ROOT / "crds" / f"{name}.yaml"))

    def command(self, plane: ScalePlane) -> tuple[list[str], dict[str, str]]:
        address = f"--http-address=127.0.0.1:{self.port}"
        # Simulated pods have no logs; what reading logs costs is another question.
        flags = ["--lease-namespace=default", "--progress-reads-per-second=0", address]
        return [sys.executable, "-m", "retrain_operator", *flags], {"KUBECONFIG": str(plane.kubeconfig("operator"))}

    def document(self, name: str) -> Body:
        return {
            "apiVersion": "retrain.crpbot.dev/v1alpha1",
            "kind": "RetrainRun",
            "metadata": {"name": name},
            "spec": {
                "symbols": ["BTC-USD", "ETH-USD", "SOL-USD"],
                "data": {"uri": "s3://bucket/features/"},
                "artifacts": {"uri": "s3://bucket/models/"},
                "credentials": {"secretName": "aws-credentials"},
                "preflight": self.preflight,
            },
        }

    def done(self, plane: ScalePlane) -> int:
        # Listing a thousand runs every few seconds would dominate the measurement.
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        ends = {line.split('"')[1]: float(line.split()[-1]) for line in lines if line.startswith(_ENDS)}
        assert not any(count for result, count in ends.items() if result != "Promoted"), f"runs ended as {ends}"
        return round(ends.get("Promoted", 0))


@dataclass(frozen=True)
class JobSet:
    """kubernetes-sigs/jobset 0.10.1 without its webhooks, whose defaults are written out in jobset.json."""

    binaries: Path
    sources: Path
    name: str = "jobset"
    kind: str = "JobSet"
    resource: str = "jobsets"
    child: str = "jobs"
    path: str = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets"

    def install(self, plane: ScalePlane) -> None:
        definition = self.sources / "jobset" / "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"
        plane.kubectl("create", "-f", str(definition))
        plane.kubectl("create", "namespace", "jobset-system")

    def command(self, plane: ScalePlane) -> tuple[list[str], dict[str, str]]:
        certificates = plane.folder / "jobset"
        certificates.mkdir()
        for source, name in ((plane.certificate, "tls.crt"), (plane.key, "tls.key")):
            (certificates / name).write_bytes(source.read_bytes())
        config = {
            "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
            "kind": "Configuration",
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"host": "127.0.0.1", "port": free_port(), "certDir": str(certificates)},
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{free_port()}"},
        }
        path = plane.folder / "jobset.json"
        path.write_text(json.dumps(config))
        kubeconfig = str(plane.kubeconfig("operator"))
        return [str(self.binaries / "jobset-manager"), "--kubeconfig", kubeconfig, "--config", str(path)], {}

    def document(self, name: str) -> Body:
        found: Body = json.loads((HERE / "jobset.json").read_text().replace("NAME", name))
        return found

    def done(self, plane: ScalePlane) -> int:
        items = plane.request("GET", self.path)["items"]
        return sum(
            any(
                one["type"] == "Completed" and one["status"] == "True"
                for one in item.get("status", {}).get("conditions", [])
            )
            for item in items
        )


@dataclass(frozen=True)
class Argo:
    """Argo Workflows 3.7.3 with raised client limits and a requeue time of one second."""

    binaries: Path
    sources: Path
    name: str = "argo"
    kind: str = "Workflow"
    resource: str = "workflows"
    child: str = "pods"
    path: str = "/apis/argoproj.io/v1alpha1/namespaces/default/workflows"

    def install(self, plane: ScalePlane) -> None:
        for path in sorted((self.sources / "argo/manifests/base/crds/minimal").glob("argoproj*.yaml")):
            plane.kubectl("create", "-f", str(path))
        plane.kubectl("create", "namespace", "argo")
        plane.kubectl("create", "configmap", "workflow-controller-configmap", "-n", "argo")

    def command(self, plane: ScalePlane) -> tuple[list[str], dict[str, str]]:
        limits = ["--qps=1000", "--burst=2000", "--workflow-workers=64", "--pod-cleanup-workers=32"]
        kubeconfig = ["--kubeconfig", str(plane.kubeconfig("operator")), "--namespace", "argo"]
        environ = {"LEADER_ELECTION_IDENTITY": "bench", "ARGO_PPROF": "false", "DEFAULT_REQUEUE_TIME": "1s"}
        return [str(self.binaries / "workflow-controller"), *kubeconfig, *limits], environ

    def document(self, name: str) -> Body:
        found: Body = json.loads((HERE / "workflow.json").read_text().replace("NAME", name))
        return found

    def done(self, plane: ScalePlane) -> int:
        label = "workflows.argoproj.io/completed=true"
        said = plane.kubectl("get", "workflows", "-l", label, "-o", "name").stdout.split()
        return len(said)


def started(subject: Subject, plane: ScalePlane) -> subprocess.Popen[bytes]:
    """Starts the controller; the log of all its starts is in the plane's folder."""
    command, environ = subject.command(plane)
    with (plane.folder / f"{subject.name}.log").open("ab") as log:
        return subprocess.Popen(command, env=os.environ | environ, stdout=log, stderr=log, preexec_fn=end_with_parent())
