"""A team's namespace on a real cluster, and its runs of small models on real candles."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq
import yaml
from support.kind_cluster import BUCKET, ROOT, Body, Cluster, KubectlFailed, Store, until
from support.life import entry_of

from retrain_api.names import LABEL_PHASE, LABEL_SYMBOL

# A pair that returns to its mean: what a small model learns from it passes a gate, and of other prices it does not.
SYMBOLS = ("USD1A-USDT", "USD1B-USDT", "USD1C-USDT")
ROWS = 8_000
USD1 = ROOT.parent / "shared" / "data" / "candles_USD1-USDT_5m.parquet"
FEATURES = "features-short"
SECRET = "store"
POD = {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1500Mi"}}}
FILES = {"filename": "candles_{symbol}_{interval}.parquet", "interval": "5m"}
# Loose, for so few candles and epochs; the models read 0.72 to 0.91, and 0.04 to 0.11.
GATE = {"criteria": [{"metric": "accuracy", "atLeast": 0.6}, {"metric": "calibrationError", "atMost": 0.25}]}
LONG = {"epochs": 400, "batchSize": 32, "earlyStopping": {"patience": 0}}
"""Minutes of training, half a second an epoch."""


@dataclass
class Team:
    """A namespace in which pods run under the restricted profile, with the keys of the store in a Secret."""

    cluster: Cluster
    store: Store
    namespace: str
    warnings: list[str] = field(default_factory=list)
    """What the API server warned of."""

    def spec(self, **spec: Any) -> Body:
        """The spec of a small run."""
        small = {
            "symbols": list(SYMBOLS),
            "data": {"uri": f"s3://{BUCKET}/{FEATURES}/", **FILES},
            "label": {"horizonBars": 1},
            "artifacts": {"uri": f"s3://{BUCKET}/{self.namespace}/"},
            "credentials": {"secretName": SECRET},
            "model": {"hiddenSize": 8, "layers": 1, "dropout": 0.1, "lookbackBars": 16},
            "training": {"epochs": 4, "batchSize": 64},
            "train": {"device": "CPU", **POD},
            "evaluate": POD,
            "publish": POD,
            "gate": GATE,
            "preflight": "Never",
        }
        return small | spec

    def apply(self, name: str = "run", **spec: Any) -> None:
        """kubectl apply of a small run, with some fields of its spec set."""
        meta = {"name": name, "namespace": self.namespace}
        self.apply_any(
            {
                "apiVersion": "retrain.crpbot.dev/v1alpha1",
                "kind": "RetrainRun",
                "metadata": meta,
                "spec": self.spec(**spec),
            }
        )

    def apply_any(self, document: Body) -> None:
        """kubectl apply of anything."""
        self.warnings.append(self.cluster.run("apply", "-f", "-", stdin=yaml.safe_dump(document))[1])

    def patch(self, name: str = "run", **spec: Any) -> None:
        """kubectl patch of some fields of a run's spec."""
        change = json.dumps({"spec": spec})
        self.kubectl("patch", "retrainrun", name, "--type=merge", "-p", change)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """kubectl in the namespace."""
        return self.cluster.kubectl(arguments[0], "-n", self.namespace, *arguments[1:], stdin=stdin)

    def run(self, name: str = "run") -> Body:
        """The RetrainRun as it stands."""
        return dict(json.loads(self.kubectl("get", "retrainrun", name, "-o", "json")))

    def status(self, name: str = "run") -> Body:
        """Its status."""
        return dict(self.run(name).get("status") or {})

    def until(self, holds: Callable[[Body], Any], name: str = "run") -> Body:
        """Wait until it holds of the status, as of the spec's generation; the status."""
        seen: Body = {}

        def check() -> bool:
            run = self.run(name)
            seen.clear()
            seen.update(run.get("status") or {})
            return seen.get("observedGeneration") == run["metadata"]["generation"] and bool(holds(seen))

        until(check, lambda: f"{json.dumps(seen, indent=1)}\n{self.pods_said()}")
        return seen

    def ends(self, *states: str, name: str = "run") -> Body:
        """Wait for one of the states."""
        return self.until(lambda status: status.get("state") in states, name)

    def until_symbol(self, symbol: str, holds: Callable[[Body], Any], name: str = "run") -> Body:
        """Wait until it holds of the entry of a symbol; the entry."""
        return entry_of(self.until(lambda status: holds(entry_of(status, symbol)), name), symbol)

    def until_epoch(self, symbol: str, epoch: int) -> None:
        """Wait until a symbol has finished so many epochs, as its log says."""
        until(lambda: f"Epoch {epoch}/" in self.log(symbol), lambda: self.log(symbol) + self.pods_said())

    def pods(self, phase: str, symbol: str = "") -> list[Body]:
        """The pods of a phase, of one symbol or of all, the oldest first."""
        chosen = f"{LABEL_PHASE}={phase}" + (f",{LABEL_SYMBOL}={symbol}" if symbol else "")
        found = self.cluster.items("pods", self.namespace, "-l", chosen)
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def running(self, phase: str, symbol: str = "") -> list[str]:
        """Names of those that run and are not being deleted."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(phase, symbol)
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]

    def jobs(self, phase: str = "") -> list[Body]:
        """The Jobs there are, of one phase or of all."""
        found = self.cluster.items("jobs", self.namespace)
        return [job for job in found if phase in ("", job["metadata"]["labels"].get(LABEL_PHASE))]

    def log(self, symbol: str) -> str:
        """What the newest training pod of a symbol said."""
        pods = self.pods("train", symbol)
        try:
            return self.kubectl("logs", pods[-1]["metadata"]["name"]) if pods else ""
        except KubectlFailed:  # its container is being made
            return ""

    def pods_said(self, lines: int = 15) -> str:
        """What there is in the namespace, and the last lines of the pods' logs, -1 for all."""
        told = [self.kubectl("get", "retrainruns,jobs,pods"), self.kubectl("get", "events")[-3000:]]
        for pod in self.cluster.items("pods", self.namespace):
            name = pod["metadata"]["name"]
            try:
                told.append(f"--- {name}\n{self.kubectl('logs', name, f'--tail={lines}')}")
            except KubectlFailed as error:
                told.append(str(error))
        return "\n".join(told)


def put_candles(store: Store) -> None:
    """Feature files of three stretches of a stablecoin's real candles, one after another, into the store."""
    table = pq.read_table(USD1)
    first = table.num_rows - ROWS * len(SYMBOLS)
    for k, symbol in enumerate(SYMBOLS):
        buffer = io.BytesIO()
        pq.write_table(table.slice(first + ROWS * k, ROWS), buffer)
        store.put(f"{FEATURES}/candles_{symbol}_5m.parquet", buffer.getvalue())


def new_team(cluster: Cluster, store: Store, namespace: str) -> Team:
    """The namespace, with the restricted profile enforced, and the Secret in it."""
    profile = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    team = Team(cluster, store, namespace)
    team.apply_any(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": profile}},
    )
    team.apply_any(secret(namespace, SECRET, store.keys))
    return team


def secret(namespace: str, name: str, values: Mapping[str, str]) -> Body:
    """A Secret's manifest."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": dict(values)}
