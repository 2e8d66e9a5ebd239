"""An operator that is newer than the definition of its schedules: what the API server does not keep is not written for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.control_plane import ControlPlane
from support.schedule_life import GROUP, RARELY, Schedules

SHIPPED = Path(__file__).resolve().parents[2] / "crds" / "retrainschedules.yaml"
APPLY = ("apply", "--server-side", "--force-conflicts", "-f")


@pytest.fixture
def older(control_plane: ControlPlane) -> Iterator[None]:
    """The definition of a release whose status counts no failures and has no result."""
    crd = yaml.safe_load(SHIPPED.read_text())
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    del status["failures"], status["result"]
    control_plane.kubectl(*APPLY, "-", input=yaml.safe_dump(crd))
    yield
    control_plane.kubectl(*APPLY, str(SHIPPED))


def written(schedules: Schedules) -> int:
    """How often a status was written here."""
    return sum(
        event["verb"] == "patch"
        and event["objectRef"]["resource"] == "retrainschedules"
        and event["objectRef"].get("namespace") == schedules.namespace
        for event in schedules.plane.audit()
        if "objectRef" in event
    )


@pytest.mark.usefixtures("older")
def test_a_status_that_is_not_kept_whole_is_not_written_for_ever(schedules: Schedules) -> None:
    schedules.create("nightly", schedule=RARELY, metadata={"annotations": {f"{GROUP}/trigger": "now"}})
    status = schedules.until_recent("nightly", "Promoted")
    assert "result" not in status, "the definition is not yet the older one"
    before = written(schedules)
    assert before < 30
    time.sleep(2)
    assert written(schedules) - before < 5
    assert len(schedules.ever_made()) == 1
