"""`retrain approve` and `retrain reject`: what can be answered, what is shown, and what is written."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.planning import Cluster, approve, passing

from retrain_api.errors import ConfigurationError
from retrain_api.status.run import RetrainRunStatus
from retrain_cli.commands.decisions import answering

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


@dataclass
class Known:
    """A run with a status, and what was written of it."""

    status: RetrainRunStatus
    spec: Mapping[str, Any] | None = None
    is_current: bool = True
    name: str = "improved-lstm"
    written: dict[str, str] = field(default_factory=dict)

    def user(self) -> str:
        return "system:serviceaccount:team:robot"

    def annotate(self, name: str, value: str) -> None:
        self.written[name] = value

    def next_step(self) -> str:
        return "Somebody acts on it."


def ended(accuracy: float = 0.71, **spec: Any) -> Cluster:
    cluster = Cluster.of(**spec)
    cluster.measurements = dict.fromkeys(SYMBOLS, passing(accuracy))
    cluster.to_the_end()
    return cluster


def waiting() -> Known:
    return Known(ended(promotion={"policy": "Manual"}).run.status)


def rejected() -> Known:
    return Known(ended(0.6).run.status)


def promoted() -> Known:
    return Known(ended().run.status)


def training() -> Known:
    cluster = Cluster.of()
    cluster.settle()
    return Known(cluster.run.status)


def declined() -> Known:
    cluster = ended(promotion={"policy": "Manual"})
    approve(cluster, "reject", " by Bob: no")
    return Known(cluster.to_the_end().status)


def changed() -> Known:
    return Known(waiting().status, is_current=False)


def never() -> Known:
    return Known(ended(0.6).run.status, spec={"promotion": {"policy": "Never"}})


def answered(known: Known, verb: str, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> int:
    monkeypatch.setattr(answering, "named_run", lambda args: known)
    given = {"reason": "looks right", "dry_run": False} | arguments
    return answering.answer(argparse.Namespace(**given), verb)


@pytest.mark.parametrize(
    ("make", "verb"), [(waiting, "approve"), (waiting, "reject"), (waiting, "override"), (rejected, "override")]
)
def test_the_answer_is_bound_to_the_judgement_and_signed(
    make: Any, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = make()
    assert answered(known, verb, monkeypatch) == 0
    gate = known.status.gate
    signed = "system:serviceaccount:team:robot: looks right"
    assert known.written == {f"retrain.crpbot.dev/{verb}": f"{gate.digest} by {signed}"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"improved-lstm: {gate.verdict}") and lines[0].endswith(f"Judgement {gate.digest}")
    assert [line.split(":")[0].strip() for line in lines[1:4]] == list(SYMBOLS)
    assert all("accuracy" in line and line.endswith(".pt") for line in lines[1:4])
    assert lines[4].endswith(f" by {signed}. Somebody acts on it.")


def test_what_is_wrong_with_an_earlier_answer_is_shown_before_the_new_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = ended(promotion={"policy": "Manual"})
    approve(cluster, digest="0123456789abcdef")
    known = Known(cluster.to_the_end().status)
    assert answered(known, "approve", monkeypatch) == 0
    *_, earlier, last = capsys.readouterr().out.splitlines()
    digest = known.status.gate.digest if known.status.gate else None
    assert earlier.endswith(f"approves a judgement that has changed; now: {digest}.")
    assert last.startswith("Approved by ")


def test_a_dry_run_changes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    known = waiting()
    assert answered(known, "approve", monkeypatch, dry_run=True) == 0
    assert known.written == {} and "Nothing was changed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "verb", "said"),
    [
        (
            rejected,
            "approve",
            r"is not waiting for an answer; its state is Rejected. To promote against the gate: --over",
        ),
        (rejected, "reject", r"is not waiting for an answer; its state is Rejected\.$"),
        (promoted, "approve", r"is not waiting for an answer; its state is Promoted\.$"),
        (promoted, "override", r"has already promoted every measured model\.$"),
        (training, "approve", r"has no judgement yet; its state is Queued\.$"),
        (training, "override", r"has no judgement yet"),
        (declined, "override", r"was rejected by Bob: no; remove that annotation first\.$"),
        (changed, "approve", r"has changed and the operator has not seen the change yet"),
        (never, "override", r"promotion\.policy is Never; an override does not change that"),
    ],
)
def test_where_there_is_nothing_to_answer_one_sentence_says_why(
    make: Any, verb: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = make()
    with pytest.raises(ConfigurationError, match=said) as caught:
        answered(known, verb, monkeypatch)
    assert (caught.value.reason, known.written) == ("NothingToAnswer", {})


def test_a_reason_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="--reason is empty"):
        answered(waiting(), "approve", monkeypatch, reason=" ")
