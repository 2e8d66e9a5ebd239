"""A control plane with a scheduler and a simulated node, whose pods only pretend to run for some seconds."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from support.control_plane import ControlPlane, free_port

HERE = Path(__file__).resolve().parent
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "kwok", "kube-scheduler")
_MUCH = {"cpu": "100k", "memory": "100Ti", "pods": "100k", "nvidia.com/gpu": "100k"}
_ADMIN = "rbac.authorization.k8s.io"


@dataclass
class ScalePlane(ControlPlane):
    """`run_milliseconds` is the time that each pod runs."""

    run_milliseconds: int = 2000

    def start_all(self) -> None:
        """Starts control plane, scheduler and node; returns when pods can be bound."""
        self.start()
        self._grant_all("operator")
        self._start_scheduler()
        self._start_kwok()
        node = {"metadata": {"name": "sim", "labels": {"kubernetes.io/os": "linux"}}}
        self.request("POST", "/api/v1/nodes", node | {"status": {"capacity": _MUCH, "allocatable": _MUCH}})
        self._until("kwok", lambda: "True" in self._readiness())
        # Admission taints a new node, and there is no node controller to remove the taint.
        self.request("PATCH", "/api/v1/nodes/sim", {"spec": {"taints": None}}, kind="merge-patch+json")

    def stop(self) -> None:
        """Stop all of them."""
        for name in ("kwok", "kube-scheduler"):
            self._kill(name)
        super().stop()

    def cpu(self) -> dict[str, float]:
        """Processor seconds that each process has used so far."""
        return {name: cpu_seconds(process.pid) for name, process in self.processes.items()}

    def _readiness(self) -> list[str]:
        conditions = self.request("GET", "/api/v1/nodes/sim").get("status", {}).get("conditions", [])
        return [one["status"] for one in conditions if one["type"] == "Ready"]

    def _start_scheduler(self) -> None:
        config = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(self.kubeconfig("scheduler")), "qps": 1000, "burst": 2000},
            "leaderElection": {"leaderElect": False},
        }
        path = self.folder / "scheduler.json"
        path.write_text(json.dumps(config))
        self._spawn("kube-scheduler", f"--config={path}", "--secure-port=0")

    def _start_kwok(self) -> None:
        stages = (HERE / "stages.yaml").read_text().replace("RUN_MILLISECONDS", str(self.run_milliseconds))
        path = self.folder / "stages.yaml"
        path.write_text(stages)
        self._spawn(
            "kwok",
            f"--kubeconfig={self.kubeconfig('kwok')}",
            f"--config={path}",
            "--manage-all-nodes=true",
            f"--server-address=127.0.0.1:{free_port()}",
        )

    def _grant_all(self, user: str) -> None:
        """The measured program may do everything: other tests check its rights."""
        binding = {
            "metadata": {"name": user},
            "roleRef": {"apiGroup": _ADMIN, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "apiGroup": _ADMIN, "name": user}],
        }
        self.request("POST", f"/apis/{_ADMIN}/v1/clusterrolebindings", binding)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """Largest resident set of a process so far."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def resident_mib(pid: int) -> float:
    """Resident set of a process now."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def machine_ticks() -> tuple[int, int]:
    """Busy ticks and all ticks of the machine's cores."""
    values = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(values[:3]) + sum(values[5:8]), sum(values[:8])
