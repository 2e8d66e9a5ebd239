"""A measurement is judged by the rules that it was measured under: an upgrade publishes nothing again.

`tests/releases/judged.json` holds runs as release 0.1.0 judged and left them.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.planning import Cluster, Settings, approve, parse_run, passing, plan, task_of

from retrain_api.documents.tasks import PublishTask
from retrain_api.measurement import Champion
from retrain_api.run import RetrainRun
from retrain_operator.decide.run.judging import gate_digest, judgement_of
from retrain_operator.state.effects import Plan
from retrain_operator.state.view import RunView

LEFT: dict[str, dict[str, Any]] = json.loads((Path(__file__).parents[3] / "releases" / "judged.json").read_text())
WAITING = [name for name, run in LEFT.items() if run["status"]["state"] == "AwaitingApproval"]
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def left(name: str, **annotations: str) -> RetrainRun:
    """The run as it is stored, with answers to it."""
    document = copy.deepcopy(LEFT[name])
    document["metadata"]["annotations"] = {f"retrain.crpbot.dev/{verb}": text for verb, text in annotations.items()}
    return parse_run(document)


def planned(run: RetrainRun) -> Plan:
    """What is done about it once its Jobs are gone."""
    return plan(run, RunView(()), NOW, Settings(default_image="retrain-trainer:latest"))


def test_there_are_runs_of_every_verdict_and_some_that_wait() -> None:
    verdicts = {run["status"]["gate"]["verdict"] for run in LEFT.values()}
    assert verdicts == {"Pass", "Fail", "Inconclusive", "Suspect"} and len(WAITING) > 3


@pytest.mark.parametrize("name", LEFT)
def test_a_stored_judgement_keeps_its_digest_and_its_reasons(name: str) -> None:
    run = left(name)
    judgement = judgement_of(run, run.status.symbols)
    assert run.status.gate is not None
    assert gate_digest(judgement, run.status.symbols) == run.status.gate.digest
    assert [model.bare_reasons() for model in judgement.models] == [each.reasons for each in run.status.symbols]


@pytest.mark.parametrize("name", LEFT)
def test_nothing_that_has_ended_is_done_again(name: str) -> None:
    run = left(name)
    decided = planned(run)
    assert (decided.create, decided.delete, decided.events) == ((), (), ())
    assert (decided.status.state, decided.status.report) == (run.status.state, run.status.report)
    assert decided.status.promotion == run.status.promotion


@pytest.mark.parametrize("name", WAITING)
def test_an_approval_that_was_given_before_the_upgrade_promotes(name: str) -> None:
    before = left(name)
    assert before.status.gate is not None
    (job,) = planned(left(name, approve=f"{before.status.gate.digest} by Ann: looks right")).create
    task = task_of(job)
    assert isinstance(task, PublishTask)
    promoted = {item.symbol for item in task.items if item.promote}
    assert promoted == {each.symbol for each in before.status.symbols if each.verdict in ("Pass", "Suspect")}


@pytest.mark.parametrize("name", WAITING)
def test_that_it_was_judged_by_older_rules_is_said(name: str) -> None:
    assert "measured by an earlier release and " in planned(left(name)).status.message


# From rules 2 on


def judged_again(**changes: Any) -> tuple[str, str]:
    """The digests of a judgement before and after its measurement changes."""
    cluster = Cluster.of(symbols=["BTC-USD"], promotion={"policy": "Manual"})
    cluster.measurements = {"BTC-USD": passing().model_copy(update={"champion": OLD})}
    status = cluster.to_the_end().status
    result = status.symbols[0].result
    assert result is not None and result.metrics is not None and status.gate is not None
    fresh = result.model_copy(update={"metrics": result.metrics.model_copy(update=changes)})
    symbols = (status.symbols[0].model_copy(update={"result": fresh}),)
    return str(status.gate.digest), gate_digest(judgement_of(cluster.run, symbols), symbols)


OLD = Champion(sha256="a" * 12, bars=9_000, difference=0.01, p=0.001)


@pytest.mark.parametrize(
    "changes",
    [
        {"champion": OLD.model_copy(update={"sha256": "b" * 12})},
        {"champion": OLD.model_copy(update={"difference": 0.02})},
        {"trades": 601},
        {"bars": 9_001},
    ],
)
def test_a_measurement_that_differs_makes_an_approval_stale_although_every_sentence_is_the_same(changes: Any) -> None:
    before, after = judged_again(**changes)
    assert before != after


def test_the_same_measurement_keeps_it() -> None:
    before, after = judged_again()
    assert before == after


def test_a_sentence_that_is_put_otherwise_makes_no_approval_stale() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    cluster.measurements = {"BTC-USD": passing(0.6)}
    symbols = cluster.to_the_end().status.symbols
    judgement = judgement_of(cluster.run, symbols)
    model = judgement.models[0].model_copy(update={"reasons": ("it is not good enough",)})
    other = judgement.model_copy(update={"models": (model,), "summary": "none passes"})
    assert gate_digest(other, symbols) == gate_digest(judgement, symbols)


# What the message says of worth


@pytest.mark.parametrize("policy", ["Automatic", "Manual", "Never"])
def test_the_message_and_the_event_say_that_a_model_loses_money_and_that_a_rule_does_better(policy: str) -> None:
    cluster = Cluster.of(symbols=["USD1-USDT"], promotion={"policy": policy})
    good = passing()
    figures, rules = (
        good.metrics.model_copy(update={"pnl": -0.9999}),
        good.baselines.model_copy(update={"reversal": 0.72}),
    )
    cluster.measurements = {"USD1-USDT": good.model_copy(update={"metrics": figures, "baselines": rules})}
    status = cluster.to_the_end().status
    said = (
        "PnL after fees is below zero: USD1-USDT -100 %. "
        "A rule without training does as well or better: USD1-USDT 71 % (reversal 72 %)."
    )
    assert status.state == {"Automatic": "Promoted", "Manual": "AwaitingApproval", "Never": "Passed"}[policy]
    assert status.message.endswith(said) and cluster.events[-1].message == status.message


def test_it_is_said_whole_and_once_however_long_the_rest_is() -> None:
    names = [f"COIN{number}-USD" for number in range(64)]
    cluster = Cluster.of(symbols=names, gate={"minPassed": 1})
    worthless = passing().model_copy(update={"metrics": passing().metrics.model_copy(update={"pnl": -0.5})})
    cluster.measurements = dict.fromkeys(names[:40], worthless) | dict.fromkeys(names[40:], passing(0.5))
    message = cluster.to_the_end().status.message
    assert message.endswith(
        "PnL after fees is below zero: COIN0-USD -50 %, COIN1-USD -50 %, COIN2-USD -50 % and 37 more."
    )
    assert len(message) <= 1024


def test_of_a_model_that_is_rejected_its_worth_is_not_news() -> None:
    cluster = Cluster.of(symbols=["BTC-USD"])
    poor = passing(0.5)
    cluster.measurements = {
        "BTC-USD": poor.model_copy(update={"metrics": poor.metrics.model_copy(update={"pnl": -0.5})})
    }
    assert "PnL" not in cluster.to_the_end().status.message


# A Suspect that fails

FAILS = ("Accuracy is 99.0 %, above 97 %.",)


def failing_suspect() -> Cluster:
    cluster = Cluster.of(symbols=["BTC-USD"])
    model = passing(0.99)
    always = model.baselines.model_copy(update={"majority": 0.99})
    cluster.measurements = {"BTC-USD": model.model_copy(update={"suspicions": FAILS, "baselines": always})}
    return cluster


@pytest.mark.parametrize(("verb", "promoted"), [("approve", ""), ("override", "BTC-USD")])
def test_a_suspect_that_fails_is_promoted_by_an_override_alone(verb: str, promoted: str) -> None:
    cluster = failing_suspect()
    status = cluster.to_the_end().status
    assert (status.state, status.symbols[0].verdict) == ("Rejected", "Suspect")
    assert status.symbols[0].reasons[0] == "accuracy 99 % does not beat the majority baseline, 99 %"
    approve(cluster, verb)
    assert cluster.to_the_end().status.promoted == promoted
