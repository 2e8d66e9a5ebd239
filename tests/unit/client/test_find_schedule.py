"""A schedule is found as a run is: on this machine first, then on the cluster; and its tokens are written where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from retrain_api.errors import DataError, NotFoundError
from retrain_api.names import ANNOTATION_RESUME, ANNOTATION_TRIGGER
from retrain_api.status.schedule import RetrainScheduleStatus
from retrain_client import find
from retrain_client.cluster.connection import Cluster
from retrain_client.cluster.schedule import ClusterSchedule, cluster_schedule
from retrain_client.local.schedules.folder import open_schedule_folder

PATH = "/apis/retrain.crpbot.dev/v1alpha1/namespaces/default/retrainschedules/weekly"


@dataclass
class Server:
    """Has one schedule, and remembers what it was asked for."""

    status: dict[str, Any] = field(default_factory=lambda: {"state": "Active"})
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def get(self, path: str) -> dict[str, Any]:
        """One object."""
        self.asked.append((path, None))
        if path != PATH:
            raise NotFoundError("NotFound", f"The API server refuses: {path}.")
        return {"metadata": {"name": "weekly", "namespace": "default", "uid": "1"}, "status": self.status}

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        """A merge patch."""
        self.asked.append((path, patch))
        return {}

    def namespace(self) -> str:
        """Of the context."""
        return "default"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(find, "Cluster", lambda *_: found)
    monkeypatch.setattr(find, "is_configured", lambda: True)
    return found


def test_here_first_then_on_the_cluster(server: Server, tmp_path: Path) -> None:
    assert isinstance(find.find_schedule("weekly", tmp_path), ClusterSchedule)
    open_schedule_folder(tmp_path, "default", "weekly").write_status(RetrainScheduleStatus(state="Paused"))
    assert find.find_schedule("weekly", tmp_path).status.state == "Paused"
    assert find.find_schedule("weekly", tmp_path, context="kind").status.state == "Active"


def test_one_that_is_nowhere_says_where_it_was_looked_for(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        find.find_schedule("daily", tmp_path)
    here, there = caught.value.message.splitlines()
    assert here.startswith(f"No schedule daily in namespace default was found in {tmp_path}; it holds none")
    assert there.startswith("The API server refuses")


def test_the_name_of_a_schedule_is_no_run_and_that_is_said(server: Server, tmp_path: Path) -> None:
    for options in ({}, {"context": "kind"}):
        with pytest.raises(NotFoundError, match="weekly is a schedule, not a run"):
            find.find_run("weekly", tmp_path, **options)
    open_schedule_folder(tmp_path, "default", "nightly").write_status(RetrainScheduleStatus())
    with pytest.raises(NotFoundError, match="nightly is a schedule"):
        find.find_run("nightly", tmp_path)


@pytest.mark.parametrize("name", ["../../etc", "UPPER", ""])
def test_a_name_that_no_schedule_has_leads_nowhere(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "is_configured", lambda: False)
    with pytest.raises(NotFoundError, match="No schedule"):
        find.find_schedule(name, tmp_path)


def test_a_token_is_written_for_that_very_object_under_a_manager_of_its_own(server: Server) -> None:
    found = cluster_schedule(cast(Cluster, server), "default", "weekly")
    found.annotate(ANNOTATION_TRIGGER, "now")
    found.annotate(ANNOTATION_RESUME, "go on")
    assert server.asked[1:] == [
        (
            f"{PATH}?fieldManager=retrain-trigger",
            {"metadata": {"uid": "1", "annotations": {ANNOTATION_TRIGGER: "now"}}},
        ),
        (
            f"{PATH}?fieldManager=retrain-resume",
            {"metadata": {"uid": "1", "annotations": {ANNOTATION_RESUME: "go on"}}},
        ),
    ]
    assert found.next_step() == "The operator acts on it: kubectl -n default get rts weekly -w"


def test_a_status_that_can_not_be_read_is_a_sentence(server: Server) -> None:
    server.status = {"failures": "many"}
    with pytest.raises(DataError, match="The status of weekly is not one that this release can read"):
        _ = cluster_schedule(cast(Cluster, server), "default", "weekly").status
