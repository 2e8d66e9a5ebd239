"""`retrain retry`: what it says will be tried again, what it writes, and when there is nothing to try again."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.planning import Cluster, at_phase, passing

from retrain_api.errors import ConfigurationError
from retrain_api.status.notified import Notified
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.commands.runs import retry
from retrain_cli.display.failures import failed_work
from retrain_operator.decide.context import Settings
from retrain_operator.decide.run.plan import plan

BACKUP = {"name": "vault", "uri": "s3://vault/"}
REFUSED = ("CredentialsRefused", "The store refuses the key.", 77)


@dataclass
class Known:
    """A run with a status, and what was written of it."""

    status: RetrainRunStatus
    spec: Mapping[str, Any] | None = None
    is_current: bool = True
    name: str = "improved-lstm"
    written: list[tuple[str, str]] = field(default_factory=list)

    def user(self) -> str:
        raise AssertionError("a retry is signed by nobody")

    def annotate(self, name: str, value: str) -> None:
        self.written.append((name, value))

    def next_step(self) -> str:
        return "Somebody acts on it."


def failing(phase: str, **spec: Any) -> Cluster:
    """A run whose first Job of a phase failed, and whose other Jobs end well."""
    cluster, job = at_phase(phase, **spec)
    cluster.fail(job, *REFUSED)
    cluster.to_the_end()
    return cluster


def suspended() -> Cluster:
    cluster = failing("train", gate={"minPassed": 2})
    cluster.edit(suspend=True, promotion={"policy": "Never"}, gate={"minPassed": 1}, symbols=["BTC-USD", "NEW-USD"])
    cluster.settle()
    return cluster


def quorum_lost() -> Cluster:
    cluster = Cluster.of()
    cluster.settle()
    cluster.fail(cluster.job("BTC-USD"), *REFUSED)
    cluster.fail(cluster.job("ETH-USD"), *REFUSED)
    cluster.settle()
    return cluster


FAILED: dict[str, tuple[Callable[[], Cluster], list[str]]] = {
    "a training": (
        lambda: failing("train"),
        ["BTC-USD: training failed (CredentialsRefused): The store refuses the key."],
    ),
    "trainings, and what was stopped for them": (
        quorum_lost,
        [
            "BTC-USD: training failed (CredentialsRefused): The store refuses the key.",
            "ETH-USD: training failed (CredentialsRefused): The store refuses the key.",
            "SOL-USD: training was stopped (QuorumUnreachable): Stopped because minPassed can no longer be reached "
            "(gate.whenUnreachable is Stop).",
        ],
    ),
    "a measurement": (
        lambda: failing("evaluate", symbols=["BTC-USD"], gate={"minPassed": 1}),
        ["BTC-USD: measurement failed (CredentialsRefused): The store refuses the key."],
    ),
    "a publication": (
        lambda: failing("publish"),
        ["report and promotion failed: CredentialsRefused: The store refuses the key."],
    ),
    "a required copy": (
        lambda: failing("deliver", backups=[BACKUP | {"required": True}]),
        ["copies failed: CredentialsRefused: The store refuses the key."],
    ),
    "a copy": (
        lambda: failing("deliver", backups=[BACKUP]),
        ["copies failed: CredentialsRefused: The store refuses the key."],
    ),
}


def run(known: Known, monkeypatch: pytest.MonkeyPatch, dry_run: bool = False) -> int:
    monkeypatch.setattr(retry, "named_run", lambda args: known)
    return retry.run(argparse.Namespace(dry_run=dry_run))


@pytest.mark.parametrize("case", FAILED)
def test_what_will_be_tried_again_is_said_with_its_reason(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, lines = FAILED[case]
    known = Known(make().run.status)
    assert run(known, monkeypatch) == 0
    head, *said, last = capsys.readouterr().out.splitlines()
    assert head == f"improved-lstm: {known.status.state}"
    assert said == [f"  {line}" for line in lines]
    assert last == "This is tried again, and what succeeded is kept. Somebody acts on it."
    ((name, token),) = known.written
    assert name == "retrain.crpbot.dev/retry" and token.startswith("20")


@pytest.mark.parametrize("case", FAILED)
def test_it_says_exactly_what_the_plan_then_does(case: str) -> None:
    cluster = FAILED[case][0]()
    made = len(cluster.created)
    promised = len(failed_work(cluster.run.status))
    cluster.annotate(retry="one")
    cluster.settle()
    assert len(cluster.created) - made == promised


def test_what_failed_after_the_promotion_is_tried_again_too() -> None:
    cluster = Cluster.of()
    cluster.to_the_end()
    observation = ObservationStatus(state="Unobserved", message="StoreUnreachable: The store is away.", failed_key="a")
    told = (Notified(name="ops", failed_key="b", message="ReceiverFailed: It is away."), Notified(name="mail"))
    after = {"observation": observation, "notified": told}
    assert failed_work(cluster.run.status.model_copy(update=after)) == [
        "the look at the promoted models failed: StoreUnreachable: The store is away.",
        "ops was not told: ReceiverFailed: It is away.",
    ]


def test_two_retries_have_two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(failing("train").run.status)
    run(known, monkeypatch)
    run(known, monkeypatch)
    assert len(set(known.written)) == 2


def test_a_dry_run_changes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    known = Known(failing("train").run.status)
    assert run(known, monkeypatch, dry_run=True) == 0
    said = capsys.readouterr().out
    assert "training failed" in said and said.endswith("Nothing was changed.\n") and known.written == []


def test_of_a_suspended_run_it_says_when_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = suspended()
    assert cluster.run.status.state == "Suspended"
    assert run(Known(cluster.run.status), monkeypatch) == 0
    assert "once spec.suspend is false" in capsys.readouterr().out


def ended(accuracy: float = 0.71, **spec: Any) -> RetrainRunStatus:
    cluster = Cluster.of(**spec)
    cluster.measurements = dict.fromkeys(cluster.run.spec.symbols, passing(accuracy))
    cluster.to_the_end()
    return cluster.run.status


def queued() -> RetrainRunStatus:
    cluster = Cluster.of()
    cluster.settle()
    return cluster.run.status


def mended() -> RetrainRunStatus:
    """A publication failed, and the judgement went back to the one that was published before."""
    cluster = Cluster.of(promotion={"policy": "Never"})
    cluster.to_the_end()
    cluster.edit(gate={"minPassed": 1})
    cluster.settle()
    cluster.fail(next(job for job in cluster.of_phase("publish") if job.live), *REFUSED)
    assert cluster.settle().status.state == "Failed"
    cluster.edit(gate={})
    assert cluster.settle().status.state == "Passed"
    return cluster.run.status


def image_refused() -> RetrainRunStatus:
    """After a failure, of which the status still tells."""
    cluster = failing("train")
    cluster.edit(pods={"image": "elsewhere/image"})
    return plan(cluster.run, cluster.view(), cluster.now, Settings(allowed_images=("here/*",))).status


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (ended, r"^improved-lstm has nothing to retry: nothing failed; its state is Promoted\.$"),
        (lambda: ended(0.6), r"nothing failed; its state is Rejected\.$"),
        (queued, r"nothing failed; its state is Queued\.$"),
        (mended, r"nothing failed; its state is Passed\.$"),
        (RetrainRunStatus, r"nothing failed; its state is Pending\.$"),
        (
            image_refused,
            r"^improved-lstm has nothing to retry: its state is Failed: spec\.pods\.image elsewhere/image is not allowed",
        ),
    ],
    ids=["promoted", "rejected", "at work", "mended", "never seen", "refused as a whole"],
)
def test_where_nothing_failed_one_sentence_says_so(
    make: Callable[[], RetrainRunStatus], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known(make())
    with pytest.raises(ConfigurationError, match=said) as caught:
        run(known, monkeypatch)
    assert (caught.value.reason, known.written) == ("NothingToRetry", [])


def test_a_change_that_the_operator_has_not_seen_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known(failing("train").run.status, is_current=False)
    with pytest.raises(ConfigurationError, match="the operator has not seen it as it is now"):
        run(known, monkeypatch)
    assert known.written == []
