"""The runs that a schedule makes: what they take from the template, and what a replay leaves out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from support.schedule_world import a_schedule, schedule_document

from retrain_api.keys import proof_key
from retrain_api.run import parse_run
from retrain_api.schedule import parse_schedule
from retrain_operator.manifests.runs import replay_manifest, replay_spec, slot_manifest

SLOT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
OUTWARD = {
    "data": {"uri": "s3://bucket/features/", "minNewBars": 500, "maxAge": "2h", "waitFor": "1h", "window": "180d"},
    "promotion": {"policy": "Automatic", "requireImprovement": True, "expiresAfter": "21d"},
    "backups": [{"name": "vault", "uri": "s3://vault/"}],
    "report": {"git": {"url": "https://git.example/reports.git"}},
    "observation": {"every": "1d"},
    "notify": [{"name": "ops", "secretName": "ops"}],
}


def test_a_slots_run_is_the_template_as_of_the_slot() -> None:
    manifest = slot_manifest(a_schedule(), SLOT)
    run = parse_run(manifest)
    assert run.metadata.name == "weekly-202611280300" and run.metadata.namespace == "team"
    assert run.spec.data.until == "2026-11-28T03:00:00Z" and run.spec.data.min_new_bars == 1
    template = a_schedule().spec.run_template.spec
    assert run.spec.model_copy(update={"data": template.data}) == template


def test_a_slot_in_another_zone_is_written_in_utc() -> None:
    berlin = SLOT.astimezone(timezone(timedelta(hours=1)))
    assert slot_manifest(a_schedule(), berlin) == slot_manifest(a_schedule(), SLOT)


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (1, 1), (1440, 1440)])
def test_a_slots_run_learns_only_from_something_new(asked: int, given: int) -> None:
    schedule = a_schedule(template={"data": {"uri": "s3://bucket/features/", "minNewBars": asked}})
    assert parse_run(slot_manifest(schedule, SLOT)).spec.data.min_new_bars == given


@pytest.mark.parametrize(("policy", "approved"), [("Automatic", "Manual"), ("Manual", "Manual"), ("Never", "Never")])
def test_without_a_proof_what_would_be_promoted_waits_for_a_person(policy: str, approved: str) -> None:
    schedule = a_schedule(template={"promotion": {"policy": policy}})
    assert slot_manifest(schedule, SLOT, approval=True)["spec"]["promotion"]["policy"] == approved
    assert slot_manifest(schedule, SLOT)["spec"]["promotion"]["policy"] == policy


def test_a_run_has_labels_and_annotations_of_the_template_alone() -> None:
    document = schedule_document({"labels": {"argocd.argoproj.io/instance": "app"}, "annotations": {"who": "flux"}})
    assert "annotations" not in slot_manifest(parse_schedule(document), SLOT)["metadata"]
    given = {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}, "annotations": {"team": "quants"}}
    document["spec"]["runTemplate"]["metadata"] = given
    metadata = slot_manifest(parse_schedule(document), SLOT)["metadata"]
    assert metadata["labels"] == given["labels"] | {"retrain.crpbot.dev/schedule": "weekly"}
    assert metadata["annotations"] == given["annotations"]


def test_the_owner_is_the_schedule_and_blocks_nothing() -> None:
    (owner,) = slot_manifest(a_schedule(), SLOT)["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "name": "weekly",
        "uid": "uid-s",
        "controller": True,
    }


def test_a_replay_measures_and_does_nothing_else() -> None:
    schedule = a_schedule(template=OUTWARD)
    template = schedule.spec.run_template.spec
    run = parse_run(replay_manifest(schedule, proof_key(template), SLOT))
    assert run.metadata.name == f"weekly-wf-{proof_key(template)[:6]}-202611280300"
    assert run.spec.data.until == "2026-11-28T03:00:00Z" and run.spec.data.window == "180d"
    assert (run.spec.data.min_new_bars, run.spec.data.max_age, run.spec.data.wait_for) == (0, None, None)
    assert (run.spec.promotion.policy, run.spec.promotion.require_improvement) == ("Never", False)
    assert run.spec.backups == () and run.spec.report.git is None
    assert run.spec.observation is None and run.spec.notify == ()


def test_all_replays_and_the_template_are_one_recipe() -> None:
    template = a_schedule(template=OUTWARD).spec.run_template.spec
    replays = [replay_spec(template, until) for until in ("2026-11-28T03:00:00Z", "2026-11-14T03:00:00Z")]
    assert {proof_key(spec) for spec in replays} == {proof_key(template)}


RECIPES: list[tuple[dict[str, Any], bool]] = [
    ({"training": {"epochs": 7}}, True),
    ({"model": {"lookbackBars": 30}}, True),
    ({"symbols": ["BTC-USD"]}, True),
    ({"split": {"test": "7d"}}, True),
    ({"data": {"uri": "s3://bucket/features/", "window": "90d"}}, True),
    ({"data": {"uri": "s3://bucket/features/", "minNewBars": 9, "maxAge": "2h", "waitFor": "1h"}}, False),
    ({"pods": {"image": "trainer:2"}}, False),
    ({"gate": {"criteria": [{"metric": "accuracy", "atLeast": 0.5}]}}, False),
    ({"promotion": {"policy": "Manual"}}, False),
    ({"parallelism": 1}, False),
    ({"symbols": ["SOL-USD", "ETH-USD", "BTC-USD"]}, False),
]


@pytest.mark.parametrize(("changed", "another"), RECIPES, ids=lambda case: str(case))
def test_another_recipe_needs_another_proof(changed: dict[str, Any], another: bool) -> None:
    before = proof_key(a_schedule().spec.run_template.spec)
    assert (proof_key(a_schedule(template=changed).spec.run_template.spec) != before) == another
