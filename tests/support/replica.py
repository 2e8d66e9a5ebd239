"""One replica of the operator without its process: real cache, writer and reconciler on an API server in memory.

    api = FakeCluster()
    replica, node = Replica(api), Node(api)
    api.put(run_document())
    replica.live(node)                   # watch, reconcile, run the pods, and again, until nothing changes
    replica.watch(upto=5); replica.reconcile()      # step by step: it knows the first five changes alone

The node's pods succeed at once, with the results that their tasks ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from support.fake_api import FakeApi, Request
from support.fake_cluster import FakeCluster, tell
from support.job_controller import index_of, is_active
from support.pod_status import Ended
from support.results import parts_of, result_of, task_of

from retrain_api.documents.encoding import encode_message
from retrain_api.status.run import RetrainRunStatus
from retrain_operator.controller.reconcile import Reconciler
from retrain_operator.decide.context import Settings
from retrain_operator.kube.api import ApiError, Unreachable
from retrain_operator.kube.apply import Superseded, Writer
from retrain_operator.state.cache import Cache, Key

KEY: Key = ("team", "improved-lstm")


@dataclass
class Written:
    """In place of the metrics: the states that were written."""

    states: list[str] = field(default_factory=list)

    def wrote(self, before: RetrainRunStatus, after: RetrainRunStatus) -> None:
        self.states.append(after.state)


class Replica:
    """`posted`: the events, as (reason, message). `reconciles`: what each reconcile asked of the API server. `asked_again`: the seconds
    after which the reconciler asked to be called again.
    """

    def __init__(self, api: FakeApi) -> None:
        self.api, self.cache, self.metrics = api, Cache(), Written()
        self.posted: list[tuple[str, str]] = []
        self.reconciles: list[list[Request]] = []
        self.asked_again: list[float] = []
        self.seen = 0
        self.reconciler = Reconciler(
            self.cache,
            Writer(api, self.cache, lambda: True),  # type: ignore[arg-type]
            lambda owner: None,
            lambda body: self.posted.append((body["reason"], body["message"])),
            lambda key, seconds: self.asked_again.append(seconds),
            self.metrics,
            Settings(),
            identity="test",
            minor_every=0.0,
            crowd=lambda: 0.0,
        )

    def watch(self, upto: int | None = None) -> None:
        """Deliver the changes that it has not seen, up to that number of all."""
        end = len(self.api.watched) if upto is None else min(upto, len(self.api.watched))
        for change in self.api.watched[self.seen : end]:
            tell(self.cache, change)
        self.seen = max(self.seen, end)

    def reconcile(self) -> Exception | None:
        """Reconcile the run once; what made it stop half way."""
        before = len(self.api.asked)
        try:
            asyncio.run(self.reconciler.reconcile(KEY))
        except (Superseded, ApiError, Unreachable) as error:
            return error
        finally:
            self.reconciles.append(self.api.asked[before:])
        return None

    def live(self, *others: Callable[[], None]) -> None:
        """Watch and reconcile, and let the others act, until nothing changes any more and nothing failed."""
        for _ in range(100):
            before = (self.api.version, len(self.api.asked))
            self.watch()
            failed = self.reconcile()
            for act in others:
                act()
            if failed is None and (self.api.version, len(self.api.asked)) == before:
                return
        raise AssertionError("the run never comes to rest")

    def unproven(self) -> list[Request]:
        """Every Job that was created or deleted in a reconcile before the run's version had been proven."""
        return [
            request
            for asked in self.reconciles
            for number, request in enumerate(asked)
            if request.resource == "jobs" and request.writes
            if not any(one.resource == "retrainruns/status" and one.verb == "patch" for one in asked[:number])
        ]


@dataclass
class Node:
    """The controllers' turn, and pods that succeed at once."""

    api: FakeCluster

    def __call__(self) -> None:
        self.api.controllers()
        for name, job in self.api.jobs().items():
            parts = parts_of(task_of(job))
            for pod in filter(is_active, self.api.pods(name)):
                self.api.end(pod, Ended(message=encode_message(result_of(parts[index_of(pod)]))))
        self.api.controllers()
