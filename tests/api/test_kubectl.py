"""What a person sees and does with kubectl alone, on a real API."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ControlPlane
from support.fates import Fates, fails, measured, succeeds
from support.job_controller import INDEX
from support.life import NAME, Life
from support.operator_process import Runs, until
from support.planning import run_document
from support.results import TIMES, task_of, trained

from retrain_api.schema.crd import schedule_spec_schema, spec_schema

LABEL = {"team": "alpha"}


def document(life: Life, **spec: Any) -> dict[str, Any]:
    """A run as a person writes it into a file."""
    return run_document(**spec) | {"metadata": {"name": NAME, "namespace": life.namespace}}


def apply(life: Life, body: dict[str, Any], *flags: str) -> str:
    """What `kubectl apply` says."""
    return life.plane.kubectl("apply", *flags, "-f", "-", input=yaml.safe_dump(body)).stdout


def say(life: Life, *args: str) -> str:
    """What kubectl prints, its runs of blanks as one."""
    return " ".join(life.plane.kubectl("-n", life.namespace, *args).stdout.split())


def label(life: Life) -> None:
    """Server-side apply of a label alone. Not with kubectl, which would take the file of an earlier apply over."""
    body = {"apiVersion": "retrain.crpbot.dev/v1alpha1", "kind": "RetrainRun"}
    meta = {"name": NAME, "namespace": life.namespace, "labels": LABEL}
    path = f"{life.runs.path(NAME)}?fieldManager=labeller"
    life.plane.request("PATCH", path, body | {"metadata": meta}, kind="apply-patch+yaml")


@contextmanager
def beside(life: Life, log: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """kubectl at work beside the test, its words in a file."""
    command = [str(life.plane.binaries / "kubectl"), f"--kubeconfig={life.plane.kubeconfig('admin')}"]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "-n", life.namespace, *args], stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rejecting() -> Fates:
    return Fates(evaluate=lambda item: succeeds(measured(item, accuracy=0.5)))


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
def test_applying_the_same_file_again_changes_nothing(life: Life, flags: tuple[str, ...]) -> None:
    apply(life, document(life), *flags)
    life.ends("Promoted")
    before = life.runs.get(NAME)
    said = apply(life, document(life), *flags)
    assert said.endswith(" unchanged\n" if not flags else " serverside-applied\n")
    assert life.runs.get(NAME) == before


def test_another_manager_s_label_stays_and_nobody_fights_over_it(life: Life) -> None:
    gate = threading.Event()
    life.kubelet.fate = Fates(hold={"train": gate})
    apply(life, document(life))
    life.ends("Training")
    label(life)
    gate.set()
    life.ends("Promoted")
    before = life.runs.get(NAME)
    label(life)
    apply(life, document(life))
    after = life.runs.get(NAME)
    assert (after["metadata"]["labels"], after) == (LABEL, before)
    assert len(life.made()) == len(set(life.made())) == 5, "three trainings, a measurement and a report"


def test_the_operator_owns_the_status_and_no_other_field(life: Life) -> None:
    apply(life, document(life), "--server-side", "--field-manager=person")
    life.ends("Promoted")
    text = life.plane.kubectl("-n", life.namespace, "get", "rtr", NAME, "-o", "yaml", "--show-managed-fields").stdout
    owned = {
        (entry.get("subresource", ""), part)
        for entry in yaml.safe_load(text)["metadata"]["managedFields"]
        if entry["manager"] != "person"
        for part in entry["fieldsV1"]
    }
    assert owned == {("status", "f:status")}


@pytest.mark.parametrize(
    ("fate", "final", "ready"), [(Fates(), "Promoted", "true"), (rejecting(), "Rejected", "false")]
)
def test_kubectl_wait_returns_when_a_run_is_finished_and_tells_whether_it_is_ready(
    life: Life, tmp_path: Path, fate: Fates, final: str, ready: str
) -> None:
    gate = threading.Event()
    fate.hold = {"publish": gate}
    life.kubelet.fate = fate
    apply(life, document(life))
    life.ends("Publishing")
    unmet = life.plane.kubectl(
        "-n", life.namespace, "wait", "--for=condition=Finished", f"rtr/{NAME}", "--timeout=0", check=False
    )
    assert unmet.returncode != 0
    with beside(life, tmp_path / "wait", "wait", "--for=condition=Finished", f"rtr/{NAME}", "--timeout=2m") as wait:
        gate.set()
        assert wait.wait(timeout=150) == 0, (tmp_path / "wait").read_text()
    assert life.status()["state"] == final
    assert "condition met" in say(life, "wait", f"--for=condition=Ready={ready}", f"rtr/{NAME}", "--timeout=0")


def test_wide_columns_say_how_long_ago_the_learning_ends_and_describe_says_it_of_the_bars(life: Life) -> None:
    apply(life, document(life))
    life.ends("Promoted")
    lines = life.plane.kubectl("-n", life.namespace, "get", "rtr", NAME, "-o", "wide").stdout.splitlines()
    head, row = (line.split() for line in lines)
    place = head.index("LEARNT")
    years, days = divmod((datetime.now(UTC) - datetime.fromisoformat(TIMES["trained_until"])).days, 365)
    assert row[place] in (f"{365 * years + days}d", f"{years}y{days}d", f"{years}y")
    described = say(life, "describe", "rtr", NAME)
    assert "Message: The oldest weights (BTC-USD) end 15 days before the last bar. Reason: AllTrained" in described
    assert f"Trained Until: {TIMES['trained_until']}" in described
    assert f"Tested Until: {TIMES['tested_until']}" in described


def test_a_watch_shows_the_states_in_their_order(life: Life, tmp_path: Path) -> None:
    log, gate = tmp_path / "watch", threading.Event()
    life.kubelet.fate = Fates(hold={"train": gate})
    with beside(life, log, "get", "retrainruns", "-w"):
        apply(life, document(life))
        life.ends("Training")
        gate.set()
        life.ends("Promoted")
        until(lambda: " Promoted " in log.read_text(), log.read_text)
    header, *rows = [line.split() for line in log.read_text().splitlines()]
    assert header == ["NAME", "STATE", "TRAINED", "PROGRESS", "GATE", "PROMOTED", "AGE"]
    order = ["Pending", "Queued", "Training", "Evaluating", "Publishing", "Promoted"]
    states = [order.index(row[1]) for row in rows if row[1] in order]
    assert states == sorted(states)
    assert {order.index("Training"), order.index("Promoted")} <= set(states)
    assert rows[-1][1:-1] == ["Promoted", "3/3", "3/3", "Pass", "BTC-USD,ETH-USD,SOL-USD"]


def test_a_watch_prints_no_row_twice_and_shows_how_far_the_trainings_are(life: Life, tmp_path: Path) -> None:
    log, gate = tmp_path / "watch", threading.Event()
    line = "Epoch 7/50: Train Loss=0.6543, Val Loss=0.6789, Val Acc=0.523, LR=0.001000"
    life.kubelet.fate = Fates(train=lambda task: succeeds(trained(task), log=(line,), hold=gate))
    with beside(life, log, "get", "retrainruns", "-w"):
        apply(life, document(life))
        until(lambda: " 7,7,7/50 " in log.read_text(), log.read_text)
        gate.set()
        life.ends("Promoted")
        until(lambda: " Promoted " in log.read_text(), log.read_text)
    rows = [tuple(line.split()[:-1]) for line in log.read_text().splitlines()]
    assert len(set(rows)) == len(rows), log.read_text()


def test_the_table_says_how_a_run_ended_and_the_wide_one_says_why(life: Life) -> None:
    life.kubelet.fate = rejecting()
    apply(life, document(life))
    message = life.ends("Rejected")["message"]
    for name in ("retrainruns", "retrainrun", "rtr", "all"):
        assert " Rejected 3/3 0/3 Fail " in say(life, "get", name)
    wide = say(life, "get", "rtr", "-o", "wide")
    assert wide.startswith("NAME STATE TRAINED PROGRESS GATE PROMOTED AGE LEARNT OBSERVED MESSAGE ")
    assert wide.endswith(message), "what is long comes last"


def test_the_wide_table_says_how_the_promoted_models_do(life: Life) -> None:
    life.create(observation={"every": "1d"})
    life.until(lambda status: status.get("observed") == "Holding")
    table = life.plane.kubectl("-n", life.namespace, "get", "rtr", "-o", "wide").stdout.splitlines()
    place = table[0].index("OBSERVED")
    assert table[1][place:].startswith("Holding  "), table


def test_describe_says_what_was_judged_how_each_model_did_and_what_happened(life: Life) -> None:
    phases = {"train": "Training", "evaluate": "Evaluating", "publish": "Publishing"}
    life.kubelet.fate = rejecting()
    # Pods that take no time can end before the first look at them, and a phase that nobody saw has no event.
    life.kubelet.fate.hold = gates = {phase: threading.Event() for phase in phases}
    apply(life, document(life))
    for phase, state in phases.items():
        life.ends(state)
        gates[phase].set()
    status = life.ends("Rejected")
    until(lambda: any(event["reason"] == "GateRejected" for event in life.runs.events(NAME)), life.operator.log_tail)
    text = say(life, "describe", "rtr", NAME)
    told = [status["message"], status["gate"]["summary"], status["report"]["markdown"], "Type: Stalled"]
    told += [reason for entry in status["symbols"] for reason in entry.get("reasons", [])]
    assert [words for words in told if words not in text] == []
    events = text.rpartition("Events:")[2]
    assert [reason for reason in (*phases.values(), "Warning GateRejected") if reason not in events] == []


def test_describe_says_why_nothing_happens(life: Life) -> None:
    life.kubelet.offer({})
    apply(life, document(life))
    life.until_symbol("SOL-USD", reason="Unschedulable")
    assert "Insufficient nvidia.com/gpu" in say(life, "describe", "rtr", NAME)
    assert "Insufficient nvidia.com/gpu" in say(life, "get", "rtr", "-o", "wide")


def test_what_failed_is_said_in_full_where_gitops_tools_look(life: Life) -> None:
    life.kubelet.fate = Fates(train=lambda task: None if task.symbol == "BTC-USD" else fails(78, "NoGPU", "No GPU."))
    apply(life, document(life))
    life.ends("Failed")
    stalled = say(life, "get", "rtr", NAME, "-o", 'jsonpath={.status.conditions[?(@.type=="Stalled")].message}')
    assert stalled == (
        "2 of 3 symbols failed, which leaves 1; 2 must pass. "
        "ETH-USD failed (NoGPU): No GPU; SOL-USD failed (NoGPU): No GPU."
    )


def test_the_job_of_a_symbol_leads_to_the_pods_whose_log_is_wanted(life: Life) -> None:
    """As docs/troubleshooting.md has it: once a model is measured, to the evaluation, with an index for each symbol."""
    apply(life, document(life))
    life.ends("Promoted")
    path = '{.status.symbols[?(@.symbol=="ETH-USD")].job}'
    job = say(life, "get", "rtr", NAME, "-o", f"jsonpath={path}")
    assert "-evaluate-" in job
    pods = yaml.safe_load(
        life.plane.kubectl(
            "-n", life.namespace, "get", "pods", "-l", f"batch.kubernetes.io/job-name={job}", "-o", "yaml"
        ).stdout
    )["items"]
    measured = {
        task_of(pod).items[int(pod["metadata"]["annotations"][INDEX])].symbol: pod["metadata"]["name"] for pod in pods
    }
    assert {symbol: name.removeprefix(job)[:3] for symbol, name in measured.items()} == {
        "BTC-USD": "-0-",
        "ETH-USD": "-1-",
        "SOL-USD": "-2-",
    }
    labels = f"retrain.crpbot.dev/run={NAME},retrain.crpbot.dev/phase=publish"
    assert f"{NAME}-publish-" in say(life, "get", "pods", "-l", labels)


def explained(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of the spec that has fields of its own, as kubectl names it."""
    inner = schema.get("items", schema)
    if "properties" in inner:
        yield path, inner["properties"]
        for name, child in inner["properties"].items():
            yield from explained(child, f"{path}.{name}")


EXPLAINED = dict(explained(spec_schema()))
OF_SCHEDULES = dict(explained(schedule_spec_schema()))


@pytest.mark.parametrize("path", ["", ".gate", ".gate.criteria", ".training", ".train"])
def test_kubectl_explains_every_field_in_words(control_plane: ControlPlane, path: str) -> None:
    text = " ".join(control_plane.kubectl("explain", f"retrainrun.spec{path}").stdout.split())
    described = {name: " ".join(field.get("description", "").split()) for name, field in EXPLAINED[path].items()}
    assert [name for name, words in described.items() if not words or words not in text] == []


@pytest.mark.parametrize("path", ["", ".walkForward", ".runTemplate", ".runTemplate.spec.training"])
def test_kubectl_explains_every_field_of_a_schedule_in_words(control_plane: ControlPlane, path: str) -> None:
    text = " ".join(control_plane.kubectl("explain", f"rts.spec{path}").stdout.split())
    described = {name: " ".join(field["description"].split()) for name, field in OF_SCHEDULES[path].items()}
    assert [name for name, words in described.items() if words not in text] == []


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("training.epochs", "50"),
        ("training.weightDecay", "0.00001"),
        ("training.deterministic", "false"),
        ("gate.whenUnreachable", "Stop"),
        ("train.gpu.resourceName", "nvidia.com/gpu"),
    ],
)
def test_kubectl_explains_what_holds_where_nothing_is_said(
    control_plane: ControlPlane, field: str, default: str
) -> None:
    text = " ".join(control_plane.kubectl("explain", f"retrainrun.spec.{field}").stdout.split())
    assert f"Default: {default}." in text


def test_no_field_is_left_without_words() -> None:
    assert "horizonBars" in EXPLAINED[".label"]
    described = (
        (f"{path}.{name}", field.get("description")) for path, of in EXPLAINED.items() for name, field in of.items()
    )
    assert [name for name, words in described if not words] == []


def test_a_run_that_no_operator_has_seen_waits_and_is_not_in_order(control_plane: ControlPlane, namespace: str) -> None:
    """By kstatus a resource whose generation nobody observed is in progress: a GitOps tool waits with its next wave."""
    # The answer to the creation itself: a moment later the operator of this module's other tests may have seen the run.
    made = Runs(control_plane, namespace).create(run_document())
    assert made["metadata"]["generation"] == 1
    assert made["status"] == {"observedGeneration": 0, "state": "Pending", "message": "Waits for the operator."}
