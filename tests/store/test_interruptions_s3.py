"""SIGTERM in the middle of a request to a real S3 server: the task ends with 75, and the next start does it all."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from support.local_run import until
from support.publishing_case import measured, publish_item, publish_task
from support.remotes import configured, in_s3
from support.stopping import evaluation_of, interrupted, start, stop, trained_setup
from support.training_case import RUN, Ended, TrainingSetup, end

from retrain_api.documents.encoding import decode_message
from retrain_api.documents.references import FileRef
from retrain_api.documents.results import DeliverResult, EvaluateResult, PublishResult, Result, TrainResult
from retrain_api.documents.tasks import DeliverTarget, DeliverTask, Task
from retrain_api.spec.gate import Baseline
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store

Stalled = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def store(s3: Any, s3_root: str) -> Store:
    return open_store(s3_root, s3.environ(), 30)


@pytest.fixture
def environ(s3: Any, proxy: Any) -> dict[str, str]:
    """The processes reach the server through the proxy."""
    others = {"AWS_SESSION_TOKEN": "", "RETRAIN_DATA_AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**s3.environ(endpoint=proxy.endpoint), **others}


def stopped_in(setup: TrainingSetup, task: Task, environ: dict[str, str], stall: Any, **more: str) -> Ended:
    """A task that is asked to stop once the stalled request has been sent."""
    process = start(setup, task, task.kind, **environ, **more)

    def reached() -> bool:
        assert process.poll() is None, process.communicate()
        return bool(stall.reached.is_set())

    until(reached, f"{stall.method} {stall.part}")
    return stop(setup, process)


def run(setup: TrainingSetup, task: Task, environ: dict[str, str]) -> Result:
    """What an undisturbed process leaves."""
    ended = end(setup, start(setup, task, task.kind, **environ))
    assert ended.code == 0, ended.everything
    found = decode_message(ended.message)
    assert isinstance(found, TrainResult | EvaluateResult | PublishResult | DeliverResult)
    return found


def test_an_evaluation_remembers_nothing_that_did_not_happen(
    store: Store, environ: dict[str, str], stalled: Stalled, tmp_path: Path
) -> None:
    setup, trained = trained_setup(tmp_path / "setup")
    data = setup.model_bytes(trained)
    for key in ("model.pt", "old.pt"):
        store.write(key, data)
    trained = trained.model_copy(update={"model": FileRef(uri=store.uri_of("model.pt"), sha256=trained.model.sha256)})
    task = evaluation_of(trained, store.uri, baseline=Baseline(uri=store.uri_of("old.pt")))
    for request in (("GET", "model.pt", True), ("GET", "old.pt"), ("GET", "judged")):
        with stalled(*request) as stall:
            assert interrupted(stopped_in(setup, task, environ, stall)), request
        assert store.list("") == ["model.pt", "old.pt"]
    result = run(setup, task, environ)
    assert isinstance(result, EvaluateResult)
    assert result.measurement.judged_before == 0
    document = json.loads(store.read(result.details.uri.removeprefix(store.uri)).data)
    assert document["baseline"]["difference"] == 0 and "note" not in document["baseline"]


def test_a_publication_is_finished_by_the_next_start(
    store: Store, environ: dict[str, str], stalled: Stalled, tmp_path: Path
) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    task = publish_task(store, [publish_item(store, "BTC-USD", measured(0.7))])
    for request in (
        ("GET", "evaluation.json", True),
        ("PUT", "report.html"),
        ("GET", "lstm_BTC_USD"),
        ("PUT", "promoted/BTC-USD.json"),
        ("PUT", "published-"),
    ):
        with stalled(*request) as stall:
            assert interrupted(stopped_in(setup, task, environ, stall)), request
        assert not [key for key in store.list("reports/") if "published-" in key]
    result = run(setup, task, environ)
    assert isinstance(result, PublishResult)
    assert result.html and [model.symbol for model in result.promoted] == ["BTC-USD"]
    names = {key.rsplit("/", 1)[-1] for key in store.list("reports/")}
    assert names == {"report.html", "report.md", "results.json", f"published-{task.publish_key}.json"}


REPORT = "reports/default/nightly/uid/1/report.md"


def delivery(setup: TrainingSetup, uri: str) -> DeliverTask:
    """The report of a store on disk, to be copied to `uri` as far as that is possible."""
    setup.store.write(REPORT, b"# Report\n" * 1_000)
    return DeliverTask(
        run=RUN,
        artifacts_uri=setup.store.uri,
        files=(setup.store.uri_of(REPORT),),
        promoted=(),
        backups=(DeliverTarget(name="vault", uri=uri),),
    )


def copied(result: Result) -> bool:
    assert isinstance(result, DeliverResult)
    return [(target.name, target.ok, target.message) for target in result.targets] == [("vault", True, "")]


def test_a_copy_to_a_bucket_is_made_by_the_next_start(
    store: Store, environ: dict[str, str], stalled: Stalled, tmp_path: Path
) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    task = delivery(setup, store.uri)
    with stalled("PUT", "report.md") as stall:
        assert interrupted(stopped_in(setup, task, environ, stall))
    assert copied(run(setup, task, environ))
    assert store.read(REPORT).data == setup.store.read(REPORT).data


def test_a_copy_by_rclone_is_made_by_the_next_start(
    s3: Any, store: Store, proxy: Any, stalled: Stalled, tmp_path: Path, rclone: None
) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    identity = s3.environ()
    remote = in_s3("far", proxy.endpoint, identity["AWS_ACCESS_KEY_ID"], identity["AWS_SECRET_ACCESS_KEY"])
    environ = {"RETRAIN_RCLONE_CONFIG": str(configured(tmp_path / "rclone.conf", remote))}
    task = delivery(setup, store.uri.replace("s3://", "rclone://far/"))
    with stalled("PUT", "report.md") as stall:
        assert interrupted(stopped_in(setup, task, environ, stall))
    assert copied(run(setup, task, environ))
    assert store.read(REPORT).data == setup.store.read(REPORT).data


def training(setup: TrainingSetup, store: Store) -> Any:
    return setup.task(artifacts_uri=store.uri)


def test_a_training_ends_in_a_request_before_and_after_its_epochs(
    store: Store, environ: dict[str, str], stalled: Stalled, tmp_path: Path
) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    task = training(setup, store)
    for request in (("PUT", "data.json"), ("PUT", "lstm_BTC_USD")):
        with stalled(*request) as stall:
            assert interrupted(stopped_in(setup, task, environ, stall)), request
    result = run(setup, task, environ)
    assert isinstance(result, TrainResult) and result.resumed_epochs == 3
    assert not [key for key in store.list("") if "checkpoint-" in key]


def test_a_training_gives_up_a_checkpoint_that_hangs_before_its_grace_is_over(
    store: Store, environ: dict[str, str], stalled: Stalled, tmp_path: Path
) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    task = training(setup, store)
    with stalled("PUT", "checkpoint-") as stall:
        ended = stopped_in(setup, task, environ, stall, RETRAIN_GRACE_SECONDS="6")
    assert interrupted(ended)
    assert "could not be saved in time" in ended.failure.message
    result = run(setup, task, environ)
    assert isinstance(result, TrainResult) and result.resumed_epochs == 0
