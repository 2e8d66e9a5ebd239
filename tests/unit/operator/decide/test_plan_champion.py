"""Where publish met another champion, the model is measured again, against that one, and judged and published anew."""

from __future__ import annotations

import pytest
from support.planning import Cluster, approve, passing, published, reread, task_of

from retrain_api.documents.results import NotPromoted, PublishResult
from retrain_api.documents.tasks import EvaluateItem, PublishItem
from retrain_api.keys import evaluate_key
from retrain_api.measurement import Champion, Measurement
from retrain_operator.state.view import JobView

OLD, A, B = "0" * 12, "a" * 12, "b" * 12


def against(champion: str, difference: float | None = 0.01) -> Measurement:
    p, note = (0.001, None) if difference else (None, "too few bars")
    compared = Champion(sha256=champion, bars=9000, difference=difference, p=p, note=note)
    return passing().model_copy(update={"champion": compared if champion else None})


def improving(*symbols: str, **promotion: str) -> Cluster:
    """A run that asks for an improvement on the old model, up to its publish Job."""
    cluster = Cluster.of(symbols=list(symbols), promotion={"requireImprovement": True} | promotion)
    cluster.measurements = dict.fromkeys(symbols, against(OLD))
    return until_publication(cluster)


def until_publication(cluster: Cluster) -> Cluster:
    for _ in range(5):
        cluster.settle()
        if publication(cluster):
            return cluster
        cluster.finish_all()
    raise AssertionError("it never publishes")


def publication(cluster: Cluster) -> JobView | None:
    return next((job for job in cluster.of_phase("publish") if job.live), None)


def refused(cluster: Cluster, **met: str) -> PublishResult:
    """The publish Job ends: these symbols met those champions, the rest is promoted."""
    job = publication(cluster)
    assert job is not None
    whole = published(task_of(cluster.manifests[job.name]))
    symbols = {name.replace("_", "-"): champion for name, champion in met.items()}
    outcome = whole.model_copy(
        update={
            "promoted": tuple(model for model in whole.promoted if model.symbol not in symbols),
            "not_promoted": tuple(
                NotPromoted(symbol=symbol, reason="ChampionChanged", message="measured again", champion=champion)
                for symbol, champion in symbols.items()
            ),
        }
    )
    cluster.finish(job, [outcome])
    cluster.settle()
    return outcome


def evaluating(cluster: Cluster) -> list[EvaluateItem]:
    """What the evaluate Job at work measures."""
    (job,) = (job for job in cluster.of_phase("evaluate") if job.live)
    return list(task_of(cluster.manifests[job.name]).items)


def publishing(cluster: Cluster) -> dict[str, PublishItem]:
    job = publication(cluster)
    assert job is not None
    return {item.symbol: item for item in task_of(cluster.manifests[job.name]).items}


def test_the_publication_asks_for_the_champion_of_the_measurement() -> None:
    assert publishing(improving("BTC-USD"))["BTC-USD"].champion == OLD


@pytest.mark.parametrize("met", [A, ""])
def test_a_refused_model_is_measured_again_under_a_key_that_names_what_publish_met(met: str) -> None:
    cluster = improving("BTC-USD")
    refused(cluster, BTC_USD=met)
    status = cluster.run.status
    assert status.state == "Evaluating" and not status.promotion.models
    (item,) = evaluating(cluster)
    assert item.champion == met
    assert item.evaluate_key == evaluate_key(cluster.run.spec, "BTC-USD", None, met)
    assert reread(status).symbols[0].result.champion == met
    assert not [job for job in cluster.of_phase("train") if job.live], "nothing is trained again"


def test_a_model_that_beats_the_new_champion_too_is_promoted() -> None:
    cluster = improving("BTC-USD")
    refused(cluster, BTC_USD=A)
    cluster.measurements = {"BTC-USD": against(A)}
    until_publication(cluster)
    assert publishing(cluster)["BTC-USD"].champion == A
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Promoted", "BTC-USD")
    assert [entry.line.split(",")[0] for entry in status.history] == ["Pass", "Pass"]
    assert status.report.number == 2


@pytest.mark.parametrize(("difference", "reason"), [(-0.14, "GateRejected"), (None, "GateInconclusive")])
def test_a_model_that_is_no_improvement_on_it_is_rejected(difference: float | None, reason: str) -> None:
    cluster = improving("BTC-USD")
    refused(cluster, BTC_USD=A)
    cluster.measurements = {"BTC-USD": against(A, difference)}
    status = cluster.to_the_end().status
    assert (status.state, status.promoted) == ("Rejected", "")
    assert next(each for each in status.conditions if each.type == "Finished").reason == reason


def test_it_goes_on_as_long_as_others_promote_and_there_and_back_is_measured_each_time() -> None:
    cluster = improving("BTC-USD")
    keys = [publishing(cluster)["BTC-USD"].evaluate_key]
    for met in (A, OLD, B, ""):
        refused(cluster, BTC_USD=met)
        cluster.measurements = {"BTC-USD": against(met)}
        until_publication(cluster)
        item = publishing(cluster)["BTC-USD"]
        assert item.champion == met
        keys.append(item.evaluate_key)
    assert len(set(keys)) == len(keys)
    assert cluster.to_the_end().status.state == "Promoted"


def test_a_champion_that_returns_finds_its_measurement_and_is_published_again() -> None:
    cluster = improving("BTC-USD")
    for met in (A, B, A):
        refused(cluster, BTC_USD=met)
        cluster.measurements = {"BTC-USD": against(met)}
        until_publication(cluster)
        assert publishing(cluster)["BTC-USD"].champion == met
    assert cluster.to_the_end().status.state == "Promoted"


def test_refused_by_the_champion_it_was_just_measured_against_the_run_ends() -> None:
    """Only where that champion's file is gone: the plan must come to rest, not publish for ever."""
    cluster = improving("BTC-USD")
    refused(cluster, BTC_USD=A)
    cluster.measurements = {"BTC-USD": against(B)}
    until_publication(cluster)
    refused(cluster, BTC_USD=A)
    assert cluster.to_the_end().status.state == "Passed"


def test_the_other_symbols_stay_promoted_and_are_not_measured_again() -> None:
    cluster = improving("BTC-USD", "ETH-USD")
    refused(cluster, BTC_USD=A)
    assert [item.symbol for item in evaluating(cluster)] == ["BTC-USD"]
    assert cluster.run.status.promoted == "ETH-USD"
    cluster.measurements = {"BTC-USD": against(A), "ETH-USD": against(OLD)}
    status = cluster.to_the_end().status
    assert status.state == "Promoted" and set(status.promoted.split(",")) == {"BTC-USD", "ETH-USD"}
    assert len(cluster.pointers["ETH-USD"]) <= 2 and len(set(cluster.pointers["ETH-USD"])) == 1


def test_other_refusals_are_not_measured_again() -> None:
    cluster = improving("BTC-USD")
    job = publication(cluster)
    assert job is not None
    older = NotPromoted(symbol="BTC-USD", reason="OlderTest", message="Tested on older bars.")
    whole = published(task_of(cluster.manifests[job.name]))
    cluster.finish(job, [whole.model_copy(update={"promoted": (), "not_promoted": (older,)})])
    status = cluster.settle().status
    assert status.state == "Passed" and status.message.endswith("BTC-USD: Tested on older bars."), status.message


def test_a_person_who_overrides_promotes_it_whatever_is_in_service() -> None:
    cluster = improving("BTC-USD", policy="Manual")
    cluster.finish_all()
    cluster.settle()
    approve(cluster, "override", " by Ann: a trial")
    cluster.settle()
    assert publishing(cluster)["BTC-USD"].champion is None


def test_a_new_training_knows_nothing_of_the_champion_that_an_earlier_one_met() -> None:
    cluster = improving("BTC-USD")
    refused(cluster, BTC_USD=A)
    cluster.annotate(rerun="again")
    until_publication(cluster)
    assert cluster.run.status.symbols[0].result.champion is None


def test_the_evaluate_job_of_before_is_not_taken_for_the_second_measurement() -> None:
    cluster = improving("BTC-USD")
    before = {job.name for job in cluster.of_phase("evaluate")}
    refused(cluster, BTC_USD=A)
    (job,) = (job for job in cluster.of_phase("evaluate") if job.live)
    assert job.name not in before
    cluster.start(job)
    assert cluster.settle().status.state == "Evaluating"
