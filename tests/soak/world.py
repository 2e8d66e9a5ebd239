"""The cluster of a soak: does what a step says, and looks at what there is. Effects only."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from support.kind_cluster import BUCKET, SYSTEM, Body, KubectlFailed, until
from support.team import Team

from retrain_api.names import ANNOTATION_APPROVE, LABEL_PHASE, promoted_pointer
from retrain_api.status.run import FINAL_STATES

from .disturbances import KINDS, Step, kind_of
from .losses import Seen

OPERATOR = "app.kubernetes.io/name=retrain-operator"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "full"},
    "spec": {"hard": {"pods": "0"}},
}


@dataclass
class World:
    """A team's namespace, and whatever a soak may do to it and to what it stands on."""

    team: Team
    arrived: int = 0
    written: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    memory: list[float] = field(default_factory=list)
    _away: ExitStack = field(default_factory=ExitStack)

    def do(self, step: Step) -> str:
        """What was done, in a few words; "" where there was nothing to do it to."""
        verb = {
            "arrive": self._arrive,
            "kill task": self._kill_task,
            "kill operator": self._kill_operator,
            "edit": self._edit,
            "approve": self._approve,
            "suspend": self._suspend,
            "API server": self._restart_api_server,
            "store away": self._store_away,
            "quota": self._quota,
            "cordon": self._cordon,
        }[step.what]
        return patient(lambda: verb(step))

    def _arrive(self, step: Step) -> str:
        kind = kind_of(step.pick)
        self.arrived += 1
        name = f"soak-{self.arrived}"
        # Another seed is another training.
        training = {"epochs": 4 + int(step.pick * 20), "batchSize": 64, "seed": self.arrived}
        self.team.apply(name, training=training, **KINDS[kind])
        return f"{name}, which {kind}"

    def _kill_task(self, step: Step) -> str:
        pods = [
            pod["metadata"]["name"]
            for pod in self.team.cluster.items("pods", self.team.namespace, "-l", LABEL_PHASE)
            if pod["status"]["phase"] == "Running"
        ]
        return self._kill(pods, self.team.namespace, step)

    def _kill_operator(self, step: Step) -> str:
        pods = [pod["metadata"]["name"] for pod in self.team.cluster.items("pods", SYSTEM, "-l", OPERATOR)]
        return self._kill(pods, SYSTEM, step)

    def _kill(self, pods: list[str], namespace: str, step: Step) -> str:
        """One of them; every other time without its grace period."""
        if not pods:
            return ""
        pod = chosen(pods, step)
        how = ["--grace-period=0", "--force"] if int(step.pick * 1000) % 2 else []
        with suppress(KubectlFailed):  # it ended meanwhile
            self.team.cluster.run("delete", "pod", pod, "-n", namespace, "--wait=false", *how)
        return pod

    def _edit(self, step: Step) -> str:
        """Fewer epochs: another training, and what was begun is given up."""
        runs = [run for run in self.runs() if state(run) in ("Queued", "Training", "Evaluating")]
        if not runs:
            return ""
        run = chosen(runs, step)
        self.team.patch(name_of(run), training={**run["spec"]["training"], "epochs": 3})
        return name_of(run)

    def _approve(self, step: Step) -> str:
        waiting = [run for run in self.runs() if state(run) == "AwaitingApproval"]
        for run in waiting:
            answer = f"{run['status']['gate']['digest']} by soak: looks right"
            self.team.kubectl("annotate", "retrainrun", name_of(run), "--overwrite", f"{ANNOTATION_APPROVE}={answer}")
        return ", ".join(map(name_of, waiting))

    def _suspend(self, step: Step) -> str:
        if step.over:
            return self._resume()
        runs = [run for run in self.runs() if state(run) not in FINAL_STATES]
        if not runs:
            return ""
        self.team.patch(name_of(chosen(runs, step)), suspend=True)
        return name_of(chosen(runs, step))

    def _resume(self) -> str:
        suspended = [run for run in self.runs() if run["spec"].get("suspend")]
        for run in suspended:
            self.team.patch(name_of(run), suspend=False)
        return ", ".join(map(name_of, suspended))

    def _restart_api_server(self, step: Step) -> str:
        # The kubelet starts it again, about a minute later.
        node = f"{self.team.cluster.name}-control-plane"
        subprocess.run(["docker", "exec", node, "sh", "-c", "kill $(pidof kube-apiserver)"], check=True)
        return node

    def _store_away(self, step: Step) -> str:
        self._away.close()
        if not step.over:
            self._away.enter_context(self.team.store.down())
        return "back" if step.over else "gone"

    def _quota(self, step: Step) -> str:
        if step.over:
            self.team.kubectl("delete", "resourcequota", "full", "--ignore-not-found")
            return "lifted"
        self.team.apply_any({**QUOTA, "metadata": {"name": "full", "namespace": self.team.namespace}})
        return "no pod more"

    def _cordon(self, step: Step) -> str:
        verb = "uncordon" if step.over else "cordon"
        self.team.cluster.kubectl(verb, f"{self.team.cluster.name}-control-plane")
        return verb

    def calm(self) -> None:
        """Take back whatever lasts."""
        for what in ("store away", "quota", "cordon", "suspend"):
            self.do(Step(0, what, over=True))

    def settle(self, seconds: float) -> bool:
        """Answer what waits until every run has ended; False where one has not after so many seconds."""
        until_when = time.monotonic() + seconds
        while time.monotonic() < until_when:
            self.do(Step(0, "approve"))
            self.look()
            # A run ends with its trainer; the kubelet tells of the pod's end a moment later.
            if all(ended(run) for run in patient(self.runs)) and not patient(self._at_work):
                return True
            time.sleep(2)
        return False

    def _at_work(self) -> list[str]:
        """Names of the tasks' pods that have not ended."""
        pods = self.team.cluster.items("pods", self.team.namespace, "-l", LABEL_PHASE)
        return [name_of(pod) for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]

    def look(self) -> None:
        """Write down what the store and the operator's memory are like now, where they answer."""
        with suppress(BotoCoreError, ClientError, KubectlFailed, AssertionError):
            for key, moment in self.team.store.moments(f"{self.team.namespace}/runs/").items():
                if key.endswith("/result.json"):
                    self.written[key].add(moment)
        with suppress(KubectlFailed):
            self.memory.append(self._operator_mb())

    def _operator_mb(self) -> float:
        """Of the replica that takes most: the leader."""
        path = f"/api/v1/nodes/{self.team.cluster.name}-control-plane/proxy/stats/summary"
        pods = json.loads(self.team.cluster.kubectl("get", "--raw", path))["pods"]
        sizes = [
            container["memory"].get("rssBytes", 0)
            for pod in pods
            if pod["podRef"]["namespace"] == SYSTEM
            for container in pod.get("containers", ())
            if "memory" in container
        ]
        return max(sizes, default=0) / 2**20

    def seen(self) -> Seen:
        """Everything, at the end."""
        runs, space = self.runs(), self.team.namespace
        there = self.team.store.moments(f"{space}/promoted/")
        places = {symbol: f"{space}/{promoted_pointer(symbol)}" for run in runs for symbol in run["spec"]["symbols"]}
        pointers = {symbol: json.loads(self.team.store.read(key)) for symbol, key in places.items() if key in there}
        named = {pointer["model"]["uri"] for pointer in pointers.values()}
        named |= {model["uri"] for run in runs for model in run["status"].get("promotion", {}).get("models", ())}
        return Seen(
            runs,
            self.team.jobs(),
            self.team.cluster.items("pods", space),
            pointers,
            {uri: self._sha256(uri) for uri in named},
            {key: frozenset(moments) for key, moments in self.written.items()},
            self.memory,
        )

    def _sha256(self, uri: str) -> str:
        assert uri.startswith(f"s3://{BUCKET}/"), uri
        try:
            return hashlib.sha256(self.team.store.read(uri)).hexdigest()
        except ClientError:
            return ""

    def runs(self) -> list[Body]:
        """As they stand, the oldest first."""
        found = self.team.cluster.items("retrainruns", self.team.namespace)
        return sorted(found, key=lambda run: int(name_of(run).rsplit("-", 1)[-1]))


def patient(act: Any) -> Any:
    """Again while the API server is away, as a person would; a refusal that stays is raised."""
    result: list[Any] = []

    def done() -> bool:
        try:
            result.append(act())
        except KubectlFailed as error:
            refused.append(str(error))
            return False
        return True

    refused: list[str] = []
    until(done, lambda: refused[-1:])
    return result[0]


def chosen(things: list[Any], step: Step) -> Any:
    """One of them, as the step has drawn it."""
    return things[int(step.pick * len(things))]


def name_of(run: Body) -> str:
    return str(run["metadata"]["name"])


def state(run: Body) -> str:
    return str(run.get("status", {}).get("state", "Pending"))


def ended(run: Body) -> bool:
    """Of the spec as it stands."""
    seen = run.get("status", {}).get("observedGeneration")
    return state(run) in FINAL_STATES and seen == run["metadata"]["generation"]
