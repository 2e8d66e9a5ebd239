"""Runs that a newer release wrote, or whose CRD it brought, in the hands of this one: it does what it understands, says
what it ignores, and leaves alone what is finished.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.fake_cluster import FakeCluster
from support.planning import run_document
from support.replica import Node, Replica

from retrain_api import reasons

RUN = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/team/retrainruns/improved-lstm"
VAULT = {"name": "vault", "uri": "s3://vault/models/"}
NEWER: dict[str, dict[str, Any]] = {
    "a field of a section": {"training": {"warmupEpochs": 0}},
    "a section": {"hedging": {"every": "1d"}},
    "a field of a list's entry": {"backups": [VAULT | {"encrypt": False}]},
    "a list": {"mirrors": []},
}
PATHS = {
    "a field of a section": "spec.training.warmupEpochs",
    "a section": "spec.hedging",
    "a field of a list's entry": "spec.backups[0].encrypt",
    "a list": "spec.mirrors",
}


def stored(api: FakeCluster) -> Any:
    return api.objects[RUN]


def conditions(api: FakeCluster) -> dict[str, Any]:
    return {one["type"]: one for one in stored(api)["status"]["conditions"]}


def finished() -> tuple[FakeCluster, Replica]:
    """A promoted run of this release."""
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document(backups=[VAULT]))
    replica.live(Node(api), api.collect)
    assert stored(api)["status"]["state"] == "Promoted"
    replica.posted.clear()
    replica.metrics.states.clear()
    return api, replica


def stands(api: FakeCluster, replica: Replica) -> None:
    """Nothing of a finished run changes, and nothing is said or counted again."""
    before, jobs = copy.deepcopy(stored(api)["status"]), len(api.of("jobs"))
    version = api.version
    replica.live(Node(api))
    assert (stored(api)["status"], len(api.of("jobs"))) == (before, jobs)
    assert api.version == version
    assert (replica.posted, replica.metrics.states) == ([], [])


@pytest.mark.parametrize("name", NEWER)
def test_a_run_with_a_field_of_a_newer_crd_goes_its_way_and_says_what_is_ignored(name: str) -> None:
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document(**NEWER[name]))
    replica.live(Node(api), api.collect)
    ignored = conditions(api)["FieldsIgnored"]
    assert stored(api)["status"]["state"] == "Promoted"
    assert (ignored["status"], ignored["reason"]) == ("True", reasons.UNKNOWN_FIELDS)
    assert PATHS[name] in ignored["message"]
    assert len(replica.posted) == len(set(replica.posted))
    assert stored(api)["spec"] == run_document(**NEWER[name])["spec"]


def rewrite(api: FakeCluster, **parts: dict[str, Any]) -> None:
    """The stored run with other parts, as the API server shows it once the definition has other defaults."""
    body = copy.deepcopy(stored(api))
    for name, part in parts.items():
        body[name] = body.get(name, {}) | part
    api.store(RUN, body)


@pytest.mark.parametrize("name", NEWER)
def test_an_unknown_field_changes_nothing_of_a_finished_run(name: str) -> None:
    api, replica = finished()
    rewrite(api, spec=NEWER[name])
    stands(api, replica)


def test_what_was_ignored_when_a_run_ended_stays_said() -> None:
    """The operator of the newer release knows the field, and changes nothing of what is finished."""
    api = FakeCluster()
    older = Replica(api)
    api.put(run_document(hedging={"every": "1d"}))
    older.live(Node(api), api.collect)
    assert "FieldsIgnored" in conditions(api)
    body = copy.deepcopy(stored(api))
    del body["spec"]["hedging"]
    api.store(RUN, body)
    stands(api, Replica(api))


def test_a_state_of_a_newer_release_is_left_alone_once_it_is_finished() -> None:
    api, replica = finished()
    rewrite(api, status={"state": "Shelved"})
    stands(api, replica)


def test_a_state_of_a_newer_release_that_is_not_finished_reads_as_pending() -> None:
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document())
    rewrite(api, status={"state": "Shelving", "observedGeneration": 1, "conditions": []})
    replica.live(Node(api), api.collect)
    assert stored(api)["status"]["state"] == "Promoted"
    assert len(replica.posted) == len(set(replica.posted))


def test_a_symbol_in_a_state_of_a_newer_release_keeps_its_model() -> None:
    api, replica = finished()
    symbols = copy.deepcopy(stored(api)["status"]["symbols"])
    symbols[0]["state"] = "Observed"
    rewrite(api, status={"symbols": symbols})
    jobs = len(api.of("jobs"))
    replica.live(Node(api))
    assert [entry["state"] for entry in stored(api)["status"]["symbols"]] == ["Evaluated"] * 3
    assert (stored(api)["status"]["state"], len(api.of("jobs")), replica.posted) == ("Promoted", jobs, [])


def test_what_a_newer_release_wrote_into_the_status_of_a_finished_run_stays() -> None:
    api, replica = finished()
    hedged = {"type": "Hedged", "status": "True", "reason": "Covered", "lastTransitionTime": "2026-01-05T12:00:00Z"}
    known = stored(api)["status"]["conditions"]
    rewrite(api, status={"hedging": {"state": "Hedged"}, "conditions": [*known, hedged]})
    symbols = copy.deepcopy(stored(api)["status"]["symbols"])
    symbols[0]["shelvedKey"] = "k"
    rewrite(api, status={"symbols": symbols})
    stands(api, replica)


def test_a_value_that_only_a_newer_release_knows_fails_no_finished_run() -> None:
    """A new member of an enumeration can't be ignored: a run that is still to be done says so, one that is done stays."""
    api, replica = finished()
    rewrite(api, spec={"gate": {"criteria": [{"metric": "sharpeRatio", "atLeast": 1}]}})
    stands(api, replica)
    rewrite(api, metadata={"generation": 99})
    replica.live()
    assert conditions(api)["Stalled"]["reason"] == "InvalidRun"


def test_known_fields_are_still_held_to_their_rules() -> None:
    api = FakeCluster()
    replica = Replica(api)
    api.put(run_document(training={"warmupEpochs": 0, "epochs": 0}))
    replica.live()
    assert conditions(api)["Stalled"]["reason"] == "InvalidRun"
    assert "spec.training.epochs: must be at least 1" in stored(api)["status"]["message"]
    assert "warmupEpochs" not in stored(api)["status"]["message"]
