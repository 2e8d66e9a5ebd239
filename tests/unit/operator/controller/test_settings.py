"""Settings by flag and environment; log lines; what the kubelet and Prometheus get."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from support.bodies import run_body
from support.planning import START, Cluster

from retrain_api.status.run import RetrainRunStatus
from retrain_operator.controller.health import Health
from retrain_operator.controller.logs import JsonLines, TextLines
from retrain_operator.controller.metrics import Metrics
from retrain_operator.controller.reconcile import minor
from retrain_operator.controller.settings import read
from retrain_operator.decide.conditions import unreadable
from retrain_operator.kube.events import event_body
from retrain_operator.state.effects import Event


def test_a_flag_wins_over_its_variable_and_a_variable_over_the_default() -> None:
    environ = {"RETRAIN_WORKERS": "3", "RETRAIN_NAMESPACES": "a, b", "RETRAIN_TRAINER_IMAGE": "x:1"}
    settings = read(["--trainer-image", "y:2", "--lease-namespace", "own"], environ)
    assert (settings.workers, settings.namespaces, settings.trainer_image) == (3, ("a", "b"), "y:2")
    assert read([], {}).workers == 8


@pytest.mark.parametrize(
    ("argv", "environ", "seconds"),
    [
        (["--sweep-seconds=7"], {}, 7),
        ([], {"RETRAIN_SWEEP_SECONDS": "7"}, 7),
        ([], {"RETRAIN_SWEEP_SECONDS": "7", "RETRAIN_RESYNC_SECONDS": "8"}, 8),
        (["--sweep-seconds=7"], {"RETRAIN_RESYNC_SECONDS": "8"}, 7),
        (["--resync-seconds=8"], {"RETRAIN_SWEEP_SECONDS": "7"}, 8),
        ([], {}, 300),
    ],
)
def test_the_former_name_of_resync_seconds_still_works(
    argv: list[str], environ: dict[str, str], seconds: float
) -> None:
    assert read(argv, environ).resync_seconds == seconds


def test_a_former_name_is_checked_as_the_present_one_and_not_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--sweep-seconds=0"], ["--help"]):
        with pytest.raises(SystemExit):
            read(argv, {})
    printed = capsys.readouterr()
    assert "0 is not a finite number of at least 1" in printed.err
    assert "--resync-seconds" in printed.out and "sweep-seconds" not in printed.out


def test_what_decisions_go_by_is_handed_on() -> None:
    settings = read(["--allowed-images=a/*,b:1", "--evaluator-image=e:1", "--trainer-image=t:1"], {}).for_plan()
    assert (settings.default_image, settings.evaluator_image, settings.allowed_images) == ("t:1", "e:1", ("a/*", "b:1"))


WRONG = [
    (["--workers", "many"], {}, "'many' is not a whole number"),
    (["--workers", "0"], {}, "0 is not a finite number of at least 1"),
    (["--lease-seconds", "inf"], {}, "inf is not a finite number"),
    (["--lease-seconds", "nan"], {}, "nan is not a finite number"),
    (["--namespaces", "Team"], {}, "'Team' is not a valid Kubernetes name"),
    (["--lease-name", "a/b"], {}, "'a/b' is not a valid Kubernetes name"),
    (["--http-address", "8080"], {}, "'8080' is not of the form HOST:PORT"),
    (["--log-format", "xml"], {}, "'xml' is not one of json, text"),
    ([], {"RETRAIN_WORKERS": "x"}, "'x' is not a whole number"),
]


@pytest.mark.parametrize(("argv", "environ", "sentence"), WRONG)
def test_a_wrong_setting_is_one_sentence_and_code_2(
    argv: list[str], environ: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        read(argv, environ)
    assert exit.value.code == 2
    assert sentence in capsys.readouterr().err


def record(error: bool = False) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("odd")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord(
        "retrain_operator.controller.reconcile", logging.INFO, "f", 1, "create Job %s", ("a",), info
    )
    made.run, made.symbol = "team/run", "BTC-USD"
    return made


def test_a_json_line_has_run_and_symbol_as_fields_of_their_own() -> None:
    line = json.loads(JsonLines().format(record(error=True)))
    assert (line["run"], line["symbol"], line["message"], line["level"]) == (
        "team/run",
        "BTC-USD",
        "create Job a",
        "info",
    )
    assert "ValueError: odd" in line["exception"] and line["time"].endswith("Z")
    assert "reason" not in line


def test_a_text_line_names_the_run_on_its_first_line() -> None:
    first, *rest = TextLines().format(record(error=True)).splitlines()
    assert first.endswith("create Job a  [team/run BTC-USD]")
    assert rest[-1] == "ValueError: odd"


def asked(path: str, stuck: list[str], not_ready: list[str], notes: tuple[str, ...] = ()) -> tuple[int, str]:
    async def main() -> tuple[int, str]:
        health = Health("127.0.0.1:0", lambda: stuck, lambda: not_ready, Metrics().render, lambda: notes)
        await health.start()
        try:
            return await asyncio.to_thread(fetch, f"http://127.0.0.1:{health.port}{path}")
        finally:
            await health.stop()

    return asyncio.run(main())


def fetch(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


PROBES: list[tuple[str, list[str], list[str], int, str]] = [
    ("/readyz", [], [], 200, '"ready": true'),
    ("/readyz", [], ["missing right: list jobs.batch in all namespaces"], 503, "missing right: list jobs.batch"),
    ("/healthz", [], ["not ready"], 200, '"healthy": true'),
    ("/healthz", ["a reconcile has been hanging for 301 s"], [], 503, "a reconcile has been hanging"),
    ("/metrics", [], [], 200, "retrain_reconcile_duration_seconds_count 0.0"),
]


@pytest.mark.parametrize(("path", "stuck", "not_ready", "status", "words"), PROBES)
def test_probes(path: str, stuck: list[str], not_ready: list[str], status: int, words: str) -> None:
    answer = asked(path, stuck, not_ready)
    assert answer[0] == status
    assert words in answer[1]


def test_a_replica_that_goes_without_something_is_ready_and_says_what() -> None:
    status, text = asked("/readyz", [], [], ("schedules: off: no CRD",))
    assert (status, json.loads(text)) == (200, {"ready": True, "reasons": [], "notes": ["schedules: off: no CRD"]})


def statuses() -> list[RetrainRunStatus]:
    """A run from its start to its promotion, every status that was written."""
    cluster = Cluster.of()
    seen = [cluster.run.status]
    for _ in range(12):
        cluster.reconcile()
        seen.append(cluster.run.status)
        cluster.later(10)
        cluster.finish_all()
    return seen


def counted(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.render().decode().splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_a_run_is_counted_once_with_its_verdict_and_its_phases() -> None:
    metrics, seen = Metrics(), statuses()
    for before, after in itertools.pairwise(seen):
        metrics.wrote(before, after)
    values = counted(metrics)
    assert values['retrain_runs_finished_total{result="Promoted"}'] == 1
    assert values['retrain_verdicts_total{verdict="Pass"}'] == 1
    assert [
        values[f'retrain_phase_duration_seconds_count{{phase="{p}"}}'] for p in ("train", "evaluate", "publish")
    ] == [1] * 3


def test_a_failure_is_counted_under_a_known_reason_or_other() -> None:
    metrics = Metrics()
    for reason in ("OOMKilled", "SomethingThatATrainerMadeUp"):
        cluster = Cluster.of()
        cluster.settle()
        cluster.fail(cluster.job("BTC-USD"), reason=reason)
        before = cluster.run.status
        metrics.wrote(before, cluster.settle().status)
    values = counted(metrics)
    assert values['retrain_symbol_failures_total{reason="OOMKilled"}'] == 1
    assert values['retrain_symbol_failures_total{reason="Other"}'] == 1


def test_a_write_is_minor_when_only_a_symbols_small_steps_changed() -> None:
    seen = statuses()
    after = seen[-1]
    small = after.model_copy(update={"symbols": tuple(s.model_copy(update={"attempts": 7}) for s in after.symbols)})
    assert minor(after, small)
    assert not any(minor(a, b) for a, b in itertools.pairwise(seen) if a.state != b.state)


def test_what_the_next_plan_begins_with_is_no_small_step() -> None:
    """Of three measurements one was lost with its pod: it is asked for once the other two stand in the status, and nothing else happens
    until then. It waited for ten minutes, as what no column shows.
    """
    cluster = Cluster.of()
    while not cluster.of_phase("evaluate"):
        cluster.settle()
        for one in [one for one in cluster.jobs.values() if one.live and one.phase != "evaluate"]:
            cluster.finish(one)
    (job,) = cluster.of_phase("evaluate")
    cluster.finish(job)
    cluster.api.lose_pod(cluster.api.pods(job.name)[2])
    before, decided = cluster.run.status, cluster.plan()
    assert [entry.state for entry in decided.status.symbols] == ["Evaluated", "Evaluated", "Evaluating"]
    assert not decided.create and not minor(before, decided.status)


def test_an_event_is_named_by_what_it_says_so_that_it_is_there_once() -> None:
    def named(event: Event, **meta: Any) -> str:
        return str(event_body(run_body(**meta), event, "me", START)["metadata"]["name"])

    event = Event("Normal", "Training", "x" * 5000)
    assert named(event) == named(event)
    assert named(event) != named(Event("Normal", "Queued", "x"))
    assert named(event) != named(event, version="11")
    assert len(event_body(run_body(), event, "me", START)["message"]) == 1024


@pytest.mark.parametrize("name", ["run", "a" * 253, "a" * 229 + "-" + "b" * 20, "a" * 228 + ".-" + "b" * 20])
def test_an_event_has_a_name_that_the_api_server_takes_however_long_the_runs_name_is(name: str) -> None:
    body = run_body()
    body["metadata"]["name"] = name
    made = event_body(body, Event("Normal", "Training", "x"), "me", START)["metadata"]["name"]
    assert len(made) <= 253
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", made)


def test_a_run_that_cannot_be_read_fails_with_the_sentence_and_keeps_what_it_was() -> None:
    body = run_body() | {"status": {"promoted": "BTC-USD", "state": "Promoted"}}
    status = unreadable(body, "spec.newField: unknown field", START)
    assert (status.state, status.message, status.promoted) == ("Failed", "spec.newField: unknown field", "BTC-USD")
    assert {c.type: c.reason for c in status.conditions if c.status == "True"}["Stalled"] == "InvalidRun"
    assert unreadable({**body, "status": {"state": "Unheard"}}, "no", START).state == "Failed"
