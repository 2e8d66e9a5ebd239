"""A run of this machine by its name: found, or named as missing, and never looked for outside the state folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrain_api.errors import NotFoundError
from retrain_api.status.observation import ObservationStatus
from retrain_api.status.run import RetrainRunStatus
from retrain_client.local.run import local_run
from retrain_client.local.state import open_folder


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """The state of one run, and another status two folders above, which is nobody's run."""
    for namespace, name in (("state/team", "nightly"), (".", "elsewhere")):
        open_folder(tmp_path, namespace, name).write_status(RetrainRunStatus(message=name))
    return tmp_path / "state"


def test_a_run_is_found_by_namespace_and_name(state_dir: Path) -> None:
    assert local_run(state_dir, "team", "nightly").status.message == "nightly"


@pytest.mark.parametrize(
    ("namespace", "name"), [("team", "weekly"), ("..", "elsewhere"), ("team", "../../elsewhere"), ("", "team/nightly")]
)
def test_what_no_run_can_be_named_is_not_found(state_dir: Path, namespace: str, name: str) -> None:
    with pytest.raises(NotFoundError, match=r"nightly -n team|holds nightly") as caught:
        local_run(state_dir, namespace, name)
    assert caught.value.reason == "RunNotFound"


@pytest.mark.parametrize(
    ("failed_key", "said"),
    [
        (None, "Run the same `retrain run -f FILE` again to carry it out."),
        (
            "1a2b",
            "Run the same `retrain run -f FILE` again to carry it out. `retrain observe nightly` looks again.",
        ),
    ],
)
def test_a_look_that_failed_is_made_again_by_a_look(state_dir: Path, failed_key: str | None, said: str) -> None:
    status = RetrainRunStatus(observation=ObservationStatus(failed_key=failed_key))
    open_folder(state_dir, "team", "nightly").write_status(status)
    assert local_run(state_dir, "team", "nightly").next_step() == said
