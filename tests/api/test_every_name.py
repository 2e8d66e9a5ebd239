"""Job names on the real API server: it takes the Job of every phase, whatever the length of the run's name or its schedule's.

Each Job is sent as a dry run. An Indexed Job's pods have the host name JOB-INDEX, which the server bounds as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from support.control_plane import ApiRefusal, ControlPlane
from support.planning import Cluster, run_document, task_of

from retrain_api.names import LABEL_SCHEDULE, decay_run, label_value, replay_run, slot_run, triggered_run
from retrain_api.run import RetrainRun, parse_run
from retrain_api.status.run import PromotedModel
from retrain_operator.manifests.jobs import manifest
from retrain_operator.manifests.tasks import notify_task, observe_task

JOBS = "/apis/batch/v1/namespaces/default/jobs?dryRun=All&fieldValidation=Strict"
RUNS = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default/retrainruns?dryRun=All&fieldValidation=Strict"
LONGEST = 253
BACKUPS = [{"name": "vault", "uri": "s3://vault/models/"}]


def symbols(count: int) -> list[str]:
    """So many; a single one is as long as a symbol may be."""
    return ["A" * 20 + "-" + "9" * 20] if count == 1 else [f"COIN{number:02d}-USD" for number in range(count)]


def tasks(count: int) -> dict[str, Any]:
    """The task of each phase, of a run of so many symbols."""
    cluster = Cluster.of(symbols=symbols(count), backups=BACKUPS)
    cluster.to_the_end()
    found = {task.kind: task for task in (task_of(made) for made in cluster.manifests.values())}
    models = [PromotedModel(symbol=symbol, uri="s3://bucket/a.pt") for symbol in cluster.run.spec.symbols]
    found["observe"] = observe_task(cluster.run, models, "look", "2026-11-28T03:00:00Z")
    found["notify"] = notify_task(cluster.run, "ops", "1-Promoted", "Promoted", "All pass.", {})
    return found


def named(length: int) -> str:
    """A name of that length, with dots where a name may have them."""
    return ("night.of-btc" * 22)[: length - 1] + "x"


def named_runs() -> Iterator[RetrainRun]:
    """A run of every length of name that there is."""
    run = parse_run(run_document(notify=[{"name": "ops", "secretName": "chat"}]))
    for length in range(1, LONGEST + 1):
        meta = run.metadata.model_copy(update={"name": named(length), "namespace": "default"})
        yield run.model_copy(update={"metadata": meta})


@pytest.mark.parametrize(
    ("phase", "count"),
    [("train", 1), ("evaluate", 10), ("evaluate", 64), ("publish", 1), ("deliver", 1), ("observe", 64), ("notify", 1)],
)
def test_the_api_server_takes_the_job_of_a_run_of_every_length(
    control_plane: ControlPlane, phase: str, count: int
) -> None:
    task, refused = tasks(count)[phase], []
    for run in named_runs():
        job = manifest(run, task, "key", "trainer:test", again=len(run.metadata.name) % 2 == 1)
        try:
            control_plane.request("POST", JOBS, job)
        except ApiRefusal as refusal:
            refused.append((len(run.metadata.name), refusal.message))
    assert refused == []


@pytest.mark.parametrize("length", [1, 43, 44, 63, 64, LONGEST])
def test_the_api_server_takes_a_run_of_that_name(control_plane: ControlPlane, length: int) -> None:
    document = run_document() | {"metadata": {"name": named(length)}}
    assert control_plane.request("POST", RUNS, document)["metadata"]["name"] == named(length)


WHEN = datetime(2026, 11, 28, 3, 0, 7, tzinfo=UTC)
SCHEDULE = "n" * 39 + "x"
"""As long as the name of a schedule may be."""
MADE = {
    "a slot": slot_run(SCHEDULE, WHEN),
    "a trigger": triggered_run(SCHEDULE, WHEN),
    "a decayed model": decay_run(SCHEDULE, "0123456789abcdef"),
    "a replay": replay_run(SCHEDULE, "0123456789abcdef", WHEN),
}


@pytest.mark.parametrize("name", MADE.values(), ids=MADE)
def test_the_api_server_takes_the_runs_of_the_longest_schedule_and_their_jobs(
    control_plane: ControlPlane, name: str
) -> None:
    metadata = {"name": name, "labels": {LABEL_SCHEDULE: SCHEDULE}}
    document = run_document() | {"metadata": metadata}
    made = control_plane.request("POST", RUNS, document)
    # Not cut: whoever looks for the Jobs of a run by its label gets them all, and no other's.
    assert label_value(name) == name and made["metadata"]["labels"] == {LABEL_SCHEDULE: SCHEDULE}
    for phase, count in (("train", 1), ("evaluate", 64), ("publish", 1)):
        run = parse_run(document | {"metadata": metadata | {"namespace": "default", "uid": "uid"}})
        job = manifest(run, tasks(count)[phase], "key", "trainer:test", again=False)
        control_plane.request("POST", JOBS, job)
