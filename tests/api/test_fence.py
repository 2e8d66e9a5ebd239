"""What the fence before a plan's effects is built on, asked of a real API server, and that it holds there.

The API server in memory that other tests use (support.fake_api) gives the same answers to the same questions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from kubernetes.aio import client, config
from support.control_plane import ControlPlane
from support.fake_api import FakeApi
from support.planning import run_document

from retrain_api.run import parse_run
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan
from retrain_operator.kube.api import Api, ApiError, says_gone
from retrain_operator.kube.apply import Superseded, Writer
from retrain_operator.kube.paths import collection
from retrain_operator.state.cache import Cache
from retrain_operator.state.effects import Plan
from retrain_operator.state.view import RunView

T = TypeVar("T")
Body = dict[str, Any]
Answer = tuple[Any, ...]
ANOTHER = "11111111-2222-3333-4444-555555555555"


def on(plane: ControlPlane, act: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
    """What the operator's connection to the real API server brings."""

    async def connected() -> T:
        found = client.Configuration()
        await config.load_kube_config(config_file=str(plane.kubeconfig("admin")), client_configuration=found)
        api = Api(found)
        try:
            return await act(api)
        finally:
            await api.close()

    return asyncio.run(connected())


def document(namespace: str, **spec: Any) -> Body:
    """A run as somebody applies it."""
    body = run_document(**spec)
    return body | {"metadata": {"name": body["metadata"]["name"], "namespace": namespace}}


def job(namespace: str, owner: Body) -> Body:
    """A Job without pods, which a finalizer keeps where it is until it is taken off."""
    container = {"name": "main", "image": "none.invalid/none"}
    reference = {name: owner[name] for name in ("apiVersion", "kind")}
    reference |= {name: owner["metadata"][name] for name in ("name", "uid")}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "one",
            "namespace": namespace,
            "finalizers": ["test.retrain.crpbot.dev/kept"],
            "ownerReferences": [reference],
        },
        "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


@dataclass
class Questions:
    """The questions that the fence asks of an API server, one after the other; what it answers to each."""

    api: Api | FakeApi
    namespace: str

    async def ask(self) -> list[Answer]:
        """All answers, without what differs from run to run."""
        runs, jobs = collection("runs", self.namespace), collection("jobs", self.namespace)
        path = f"{runs}/improved-lstm"
        new = await self.api.create(runs, document(self.namespace))
        # Its first status; until then what is stored lacks the defaults that the schema shows.
        run = await self.api.merge(f"{path}/status", {"status": {"state": "Queued"}})
        meta, stale = run["metadata"], new["metadata"]["resourceVersion"]
        proof = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        patches: list[Body] = [
            {"metadata": proof},
            {"metadata": proof, "status": {"state": "Queued"}},
            {"metadata": proof | {"resourceVersion": stale}},
            {"metadata": proof | {"resourceVersion": stale, "uid": ANOTHER}},
            {"metadata": proof | {"uid": ANOTHER}},
        ]
        answers = [await self._heard(self.api.merge(f"{path}/status", patch), run) for patch in patches]
        made = await self.api.create(jobs, job(self.namespace, run))
        one, preconditions = f"{jobs}/one", {"preconditions": {"uid": made["metadata"]["uid"]}}
        foreground = {"propagationPolicy": "Foreground"}
        answers += [
            await self._heard(self.api.create(jobs, job(self.namespace, run))),
            await self._heard(self.api.get(f"{jobs}/none")),
            await self._heard(self.api.delete(f"{jobs}/none", foreground)),
            await self._heard(self.api.delete(one, foreground | {"preconditions": {"uid": ANOTHER}})),
            await self._heard(self.api.delete(one, foreground | preconditions)),
            await self._heard(self.api.delete(one, foreground | preconditions)),
            await self._heard(self.api.create(jobs, job(self.namespace, run))),
        ]
        await self.api.merge(one, {"metadata": {"finalizers": None}})
        # A schedule deletes a run in the version that it has judged.
        judged = {"propagationPolicy": "Background", "preconditions": proof | {"resourceVersion": stale}}
        answers.append(await self._heard(self.api.delete(path, judged)))
        await self.api.delete(path, judged | {"preconditions": proof})
        answers.append(await self._heard(self.api.merge(f"{path}/status", {"metadata": proof})))
        ids = {
            stale: "STALE",
            meta["resourceVersion"]: "VERSION",
            meta["uid"]: "RUN",
            made["metadata"]["uid"]: "JOB",
            self.namespace: "NAMESPACE",
        }
        return [tuple(_named(part, ids) for part in answer) for answer in answers]

    async def _heard(self, answer: Awaitable[Body], before: Body | None = None) -> Answer:
        """A refusal in the server's words, or what came: its kind, UID, whether it is marked, whether it is as before."""
        try:
            body = await answer
        except ApiError as error:
            return error.status, error.reason, error.message
        meta = body["metadata"]
        same = before is not None and meta["resourceVersion"] == before["metadata"]["resourceVersion"]
        return 200, body["kind"], meta["uid"], "deletionTimestamp" in meta, same


def _named(part: Any, ids: dict[str, str]) -> Any:
    for found, name in ids.items():
        part = part.replace(found, name) if isinstance(part, str) else part
    return part


def test_the_answers_that_the_fence_counts_on(control_plane: ControlPlane, namespace: str) -> None:
    real = on(control_plane, lambda api: Questions(api, namespace).ask())
    proven, unchanged, stale, stale_and_other, other = real[:5]
    assert proven == unchanged == (200, "RetrainRun", "RUN", False, True), "neither stored nor changed"
    assert stale[:2] == stale_and_other[:2] == (409, "Conflict")
    # On the status subresource a UID is not compared: the writer itself compares that of the answer.
    assert other == proven
    assert real[-2][:2] == (409, "Conflict"), "a run that has changed is not deleted"
    assert says_gone(ApiError(*real[-1]), "improved-lstm")
    assert asyncio.run(Questions(FakeApi(), namespace).ask()) == real


def test_a_proof_wakes_nobody(control_plane: ControlPlane, namespace: str) -> None:
    """A watch tells of a change before three proofs and of one after them, and of nothing between them."""
    runs = collection("runs", namespace)

    async def versions(api: Api, since: str) -> list[str]:
        watch = f"{runs}?watch=1&timeoutSeconds=1&resourceVersion={since}"
        lines = (await api.request("GET", watch)).splitlines()
        return [json.loads(line)["object"]["metadata"]["resourceVersion"] for line in lines]

    async def proven(api: Api) -> tuple[list[str], list[str]]:
        since = (await api.create(runs, document(namespace)))["metadata"]["resourceVersion"]
        path = f"{runs}/improved-lstm/status"
        meta = (await api.merge(path, {"status": {"state": "Queued"}}))["metadata"]
        for _ in range(3):
            await api.merge(path, {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}})
        last = (await api.merge(path, {"status": {"state": "Training"}}))["metadata"]["resourceVersion"]
        told = list[str]()
        while last not in told:
            told = await versions(api, since)
        return told, [meta["resourceVersion"], last]

    told, written = on(control_plane, proven)
    assert told == written


async def begun(api: Api, namespace: str) -> tuple[Writer, Body, Plan]:
    """A run whose status is written and whose Jobs are not: the plan that would create them."""
    writer = Writer(api, Cache(), lambda: True)
    body = await api.create(collection("runs", namespace), document(namespace))
    first = plan(parse_run(body), RunView(), datetime.now(UTC), Settings())
    await writer.carry_out(body, replace(first, create=()), lambda: None)
    body = writer.cache.runs[(namespace, "improved-lstm")].body
    second = plan(parse_run(body), RunView(), datetime.now(UTC), Settings())
    assert second.status == first.status and len(second.create) == 3
    return writer, body, second


@pytest.mark.parametrize("changed", [False, True])
def test_a_plan_whose_status_is_written_creates_jobs_for_the_run_that_it_was_made_from_and_for_no_other(
    control_plane: ControlPlane, namespace: str, changed: bool
) -> None:
    async def carried_out(api: Api) -> list[str]:
        writer, body, late = await begun(api, namespace)
        if changed:
            await api.merge(f"{collection('runs', namespace)}/improved-lstm", {"spec": {"suspend": True}})
            with pytest.raises(Superseded):
                await writer.carry_out(body, late, lambda: None)
        else:
            await writer.carry_out(body, late, lambda: None)
        listed = await api.get(collection("jobs", namespace))
        return [one["metadata"]["name"] for one in listed["items"]]

    assert len(on(control_plane, carried_out)) == (0 if changed else 3)
