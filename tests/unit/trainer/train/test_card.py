"""The revision in a model card: of the image, or of the checkout, and never of a checkout that is somebody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from retrain_trainer.train.card import hardware, revision

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run([*GIT, "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "file").write_text("one")
    subprocess.run([*GIT, "-C", str(tmp_path), "add", "."], check=True)
    subprocess.run([*GIT, "-C", str(tmp_path), "commit", "-qm", "one"], check=True)
    subprocess.run([*GIT, "-C", str(tmp_path), "tag", "v1"], check=True)
    return tmp_path


def test_an_image_says_its_own(checkout: Path) -> None:
    assert revision({"RETRAIN_REVISION": "abc"}, checkout) == "abc"


@pytest.mark.parametrize("environ", [{}, {"RETRAIN_REVISION": "unknown"}, {"RETRAIN_REVISION": ""}])
def test_a_checkout_is_asked_and_its_changes_are_told(checkout: Path, environ: dict[str, str]) -> None:
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    head = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert revision(environ, checkout) == head
    (checkout / "file").write_text("two")
    assert revision(environ, checkout) == f"{head}-dirty"


def test_a_folder_inside_somebody_elses_checkout_has_none(checkout: Path) -> None:
    (checkout / "inside").mkdir()
    assert revision({}, checkout / "inside") is None


def test_without_git_there_is_none(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert revision({}, checkout) is None


def test_the_machine_has_no_name_in_it() -> None:
    assert set(hardware("CPU")) == {"device", "machine", "capability", "threads"}
