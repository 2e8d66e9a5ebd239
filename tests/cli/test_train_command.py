"""`python -m retrain_trainer train` as a Job's container runs it: interrupted, killed, and started again."""

from __future__ import annotations

import signal
from hashlib import sha256
from pathlib import Path

import pytest
from retrain_api.documents import TrainTask
from support.training_case import MODEL, Ended, Site, interrupted, train

DROPOUT = MODEL.model_copy(update={"layers": 2, "dropout": 0.2})


def task_of(site: Site) -> TrainTask:
    """Long enough to be met in the middle of it, and one that dropout's random numbers matter to."""
    return site.task(epochs=6, batch_size=4, model=DROPOUT)


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("whole") / "site")


@pytest.fixture(scope="module")
def whole(whole_site: Site) -> Ended:
    """A training that nothing disturbed, with warnings as errors."""
    return train(whole_site, task_of(whole_site), PYTHONWARNINGS="error", PYTHONHASHSEED="1")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def left(site: Site, ended: Ended) -> None:
    """Model, card, pin and result are in the store, and nothing else, hidden or half-written."""
    name = f"lstm_BTC_USD_1m_{ended.result.model.sha256[:8]}"
    assert site.files() == [f"{name}.json", f"{name}.pt", f"{site.folder}data.json", f"{site.folder}result.json"]
    assert sha256(site.model_bytes(ended.result)).hexdigest() == ended.result.model.sha256


def test_a_training_ends_with_its_result(whole_site: Site, whole: Ended) -> None:
    assert (whole.code, whole.errors) == (0, "")
    assert [line.split(":")[0] for line in whole.lines[:-1]] == [f"Epoch {epoch}/6" for epoch in range(1, 7)]
    assert whole.lines[-1].startswith("BTC-USD training complete in ")
    assert (whole.result.epochs, whole.result.resumed_epochs) == (6, 0)
    left(whole_site, whole)


def test_a_second_start_says_the_same_and_needs_nothing(whole_site: Site, whole: Ended) -> None:
    kept = whole_site.file.read_bytes()
    whole_site.file.unlink()
    again = train(whole_site, task_of(whole_site))
    whole_site.file.write_bytes(kept)
    assert (again.code, again.message) == (0, whole.message)
    assert again.lines == [f"BTC-USD is trained already: {whole.result.model.uri}"]


def test_another_process_gives_the_same_bytes(site: Site, whole: Ended) -> None:
    ended = train(site, task_of(site), PYTHONHASHSEED="2", RETRAIN_PROGRESS="1", TZ="Asia/Tokyo")
    assert ended.result.model.sha256 == whole.result.model.sha256
    assert not any(line.startswith("Progress:") for line in whole.lines)


def test_sigterm_saves_and_the_next_start_gives_the_same_bytes(site: Site, whole: Ended) -> None:
    stopped = interrupted(site, task_of(site), "Epoch 2/6", signal.SIGTERM)
    assert stopped.code == 75
    assert stopped.failure.reason == "Interrupted"
    assert "Traceback" not in stopped.errors
    assert any("BTC-USD is saved in epoch" in line for line in stopped.lines)
    finished = sum(line.startswith("Epoch ") for line in stopped.lines)
    ended = train(site, task_of(site))
    assert ended.code == 0
    assert ended.lines[0].startswith(f"Resuming BTC-USD from epoch {finished + 1} ")
    assert ended.result.resumed_epochs == finished >= 2
    assert ended.result.model.sha256 == whole.result.model.sha256
    assert [*stopped.lines[:-1], *ended.lines[1:-1]] == whole.lines[:-1], "every epoch is said once, with its figures"
    left(site, ended)


def test_a_killed_training_goes_on_to_the_same_bytes(site: Site, whole: Ended) -> None:
    killed = interrupted(site, task_of(site), "Epoch 3/6", signal.SIGKILL)
    assert (killed.code, killed.message) == (-signal.SIGKILL, "")
    ended = train(site, task_of(site))
    assert ended.code == 0
    assert ended.result.resumed_epochs >= 3
    assert ended.result.model.sha256 == whole.result.model.sha256
    left(site, ended)
