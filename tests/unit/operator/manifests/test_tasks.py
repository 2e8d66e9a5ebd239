"""The tasks of evaluate and publish Jobs: which champion they name; and of those after the promotion."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import Cluster, passing

from retrain_api.documents.encoding import decode_task, encode_task
from retrain_api.keys import evaluate_key
from retrain_api.measurement import Champion
from retrain_api.run import RetrainRun
from retrain_api.status.run import PromotedModel
from retrain_api.status.symbol import SymbolStatus
from retrain_operator.decide.run.judging import judgement_of
from retrain_operator.manifests.tasks import evaluate_item, notify_task, observe_task, publish_item, publish_task

NONE_IN_SERVICE = None
COMPARED = Champion(sha256="c" * 12, bars=9000, accuracy=0.6, difference=0.1)
UNREADABLE = Champion(sha256="c" * 12, note="it is not there")
BASELINE = {"uri": "s3://bucket/older.pt"}


def measured(champion: Champion | None, **promotion: Any) -> tuple[RetrainRun, SymbolStatus]:
    """A run whose one model passes, measured against a champion."""
    cluster = Cluster.of(symbols=["BTC-USD"], promotion={"policy": "Never"} | promotion)
    cluster.measurements = {"BTC-USD": passing().model_copy(update={"champion": champion})}
    cluster.to_the_end()
    return cluster.run, cluster.run.status.symbols[0]


def with_champion(entry: SymbolStatus, champion: str | None) -> SymbolStatus:
    assert entry.result is not None
    return entry.model_copy(update={"result": entry.result.model_copy(update={"champion": champion})})


@pytest.mark.parametrize(
    ("champion", "promotion", "promote", "override", "precondition"),
    [
        (COMPARED, {"requireImprovement": True}, True, False, "c" * 12),
        (COMPARED.model_copy(update={"sha256": "c" * 64}), {"requireImprovement": True}, True, False, "c" * 12),
        (NONE_IN_SERVICE, {"requireImprovement": True}, True, False, ""),
        (NONE_IN_SERVICE, {"requireImprovement": True, "baseline": BASELINE}, True, False, ""),
        (COMPARED, {"requireImprovement": True}, True, True, None),
        (UNREADABLE, {"requireImprovement": True}, True, True, None),
        (COMPARED, {"requireImprovement": True}, False, False, None),
        (COMPARED, {}, True, False, None),
        (COMPARED, {"baseline": BASELINE}, True, False, None),
        (NONE_IN_SERVICE, {}, True, False, None),
    ],
    ids=[
        "measured against a model in service",
        "measured by a release that kept the whole digest",
        "measured when none was in service",
        "a named baseline is not the champion",
        "promoted by a person against the gate",
        "promoted by a person though it could not be compared",
        "only reported",
        "no improvement asked for",
        "no improvement on the named baseline asked for",
        "neither asked for nor measured",
    ],
)
def test_what_must_be_an_improvement_names_the_champion_it_was_measured_against(
    champion: Champion | None, promotion: dict[str, Any], promote: bool, override: bool, precondition: str | None
) -> None:
    run, entry = measured(champion, **promotion)
    judgement = judgement_of(run, [entry])
    assert publish_item(run, entry, judgement, promote, override).champion == precondition
    symbols = ("BTC-USD",) if promote else ()
    task = publish_task(run, [entry], judgement, 1, "k" * 16, symbols, "gate", override)
    assert [item.champion for item in task.items] == [precondition]


@pytest.mark.parametrize("met", ["", "c" * 12])
def test_what_publish_met_in_service_is_measured_against_that_under_a_key_of_its_own(met: str) -> None:
    run, entry = measured(COMPARED, requireImprovement=True)
    item, again = evaluate_item(run, entry), evaluate_item(run, with_champion(entry, met))
    assert (item.champion, again.champion) == (None, met)
    assert again == item.model_copy(update={"champion": met, "evaluate_key": again.evaluate_key})
    assert again.evaluate_key == evaluate_key(run.spec, "BTC-USD", champion=met) != item.evaluate_key


def test_where_no_improvement_is_asked_for_any_more_the_model_in_service_is_compared() -> None:
    run, entry = measured(COMPARED)
    assert evaluate_item(run, with_champion(entry, "c" * 12)).champion is None


AT = "2026-11-28T03:00:00Z"


@pytest.mark.parametrize(
    ("criteria", "bar"),
    [
        ([{"metric": "accuracy", "atLeast": 0.6}, {"metric": "brier", "atMost": 0.3}], 0.6),
        ([{"metric": "calibrationError", "atMost": 0.05}], None),
    ],
    ids=["the gate's bar of accuracy", "a gate without one"],
)
def test_a_look_names_what_was_promoted_and_the_gates_bar(criteria: list[dict[str, Any]], bar: float | None) -> None:
    cluster = Cluster.of(symbols=["BTC-USD", "ETH-USD"], gate={"criteria": criteria})
    cluster.to_the_end()
    run = cluster.run
    assert run.status.promotion is not None and len(run.status.promotion.models) == 2
    task = observe_task(run, run.status.promotion.models, "look", AT)
    found = {entry.symbol: entry.result.model.sha256 for entry in run.status.symbols if entry.result}  # type: ignore[union-attr]
    assert {item.symbol: item.model for item in task.items} == found
    assert [item.data_uri for item in task.items] == [
        f"s3://bucket/features/features_{symbol}_1m_latest.parquet" for symbol in ("BTC-USD", "ETH-USD")
    ]
    assert (task.bar, task.as_of, task.observe_key, task.device) == (bar, AT, "look", "CPU")
    assert decode_task(encode_task(task)) == task


def test_a_look_at_a_model_that_is_being_trained_anew_leaves_its_digest_to_the_pointer() -> None:
    run, _ = measured(COMPARED)
    task = observe_task(run, [PromotedModel(symbol="BTC-USD", uri="s3://bucket/earlier.pt")], "look", AT)
    assert [(item.symbol, item.model) for item in task.items] == [("BTC-USD", "")]


def test_a_notification_has_a_key_that_no_other_run_has() -> None:
    run, _ = measured(COMPARED)
    task = notify_task(run, "ops", "3-Promoted", "improved-lstm: Promoted", "1 of 1 pass.", {"state": "Promoted"})
    assert (task.key, task.receiver, task.warning) == ("uid-1/3-Promoted", "ops", False)
    assert decode_task(encode_task(task)) == task
