"""`python -m retrain_trainer train` as a Job's container runs it: interrupted, killed, and started again."""

from __future__ import annotations

import signal
from hashlib import sha256
from pathlib import Path

import pytest
from support.training_case import MODEL, Ended, TrainingSetup, interrupted, train

from retrain_api.documents.tasks import TrainTask
from retrain_api.names import validation_file

DROPOUT = MODEL.model_copy(update={"layers": 2, "dropout": 0.2})


def task_of(setup: TrainingSetup) -> TrainTask:
    """Long enough to be met in the middle of it, and one that dropout's random numbers matter to."""
    return setup.task(epochs=6, batch_size=4, model=DROPOUT)


@pytest.fixture(scope="module")
def whole_setup(tmp_path_factory: pytest.TempPathFactory) -> TrainingSetup:
    return TrainingSetup(tmp_path_factory.mktemp("whole") / "setup")


@pytest.fixture(scope="module")
def whole(whole_setup: TrainingSetup) -> Ended:
    """A training that nothing disturbed, with warnings as errors."""
    return train(whole_setup, task_of(whole_setup), PYTHONWARNINGS="error", PYTHONHASHSEED="1")


@pytest.fixture
def setup(tmp_path: Path) -> TrainingSetup:
    return TrainingSetup(tmp_path / "setup")


def left(setup: TrainingSetup, ended: Ended) -> None:
    """Model, card, pin, result and answers on validation are in the store, and nothing else, hidden or half-written."""
    name = f"lstm_BTC_USD_1m_{ended.result.model.sha256[:8]}"
    kept = [
        f"{setup.folder}{file}" for file in ("data.json", "result.json", validation_file(ended.result.model.sha256))
    ]
    assert setup.files() == [f"{name}.json", f"{name}.pt", *setup.pins(), *kept]
    assert sha256(setup.model_bytes(ended.result)).hexdigest() == ended.result.model.sha256


def test_a_training_ends_with_its_result(whole_setup: TrainingSetup, whole: Ended) -> None:
    assert (whole.code, whole.errors) == (0, "")
    assert whole.lines[0].startswith("BTC-USD: ") and "feature" in whole.lines[0]
    assert "later bars was not measured" in whole.lines[1]
    assert [line.split(":")[0] for line in whole.lines[2:-1]] == [f"Epoch {epoch}/6" for epoch in range(1, 7)]
    assert whole.lines[-1].startswith("BTC-USD training complete in ")
    assert (whole.result.epochs, whole.result.resumed_epochs) == (6, 0)
    left(whole_setup, whole)


def test_a_second_start_says_the_same_and_needs_nothing(whole_setup: TrainingSetup, whole: Ended) -> None:
    kept = whole_setup.file.read_bytes()
    whole_setup.file.unlink()
    again = train(whole_setup, task_of(whole_setup))
    whole_setup.file.write_bytes(kept)
    assert (again.code, again.message) == (0, whole.message)
    assert again.lines == [f"BTC-USD is already trained: {whole.result.model.uri}"]


def test_another_process_gives_the_same_bytes(setup: TrainingSetup, whole: Ended) -> None:
    ended = train(setup, task_of(setup), PYTHONHASHSEED="2", RETRAIN_PROGRESS="1", TZ="Asia/Tokyo")
    assert ended.result.model.sha256 == whole.result.model.sha256
    assert not any(line.startswith("Progress:") for line in whole.lines)


def test_sigterm_saves_and_the_next_start_gives_the_same_bytes(setup: TrainingSetup, whole: Ended) -> None:
    stopped = interrupted(setup, task_of(setup), "Epoch 2/6", signal.SIGTERM)
    assert stopped.code == 75
    assert stopped.failure.reason == "Interrupted"
    assert "Traceback" not in stopped.errors
    assert any("BTC-USD is saved in epoch" in line for line in stopped.lines)
    finished = sum(line.startswith("Epoch ") for line in stopped.lines)
    ended = train(setup, task_of(setup))
    assert ended.code == 0
    assert ended.lines[2].startswith(f"Resuming BTC-USD from epoch {finished + 1} ")
    assert ended.result.resumed_epochs == finished >= 2
    assert ended.result.model.sha256 == whole.result.model.sha256
    assert [*stopped.lines[:-1], *ended.lines[3:-1]] == whole.lines[:-1], "every epoch is said once, with its figures"
    left(setup, ended)


def test_a_killed_training_goes_on_to_the_same_bytes(setup: TrainingSetup, whole: Ended) -> None:
    killed = interrupted(setup, task_of(setup), "Epoch 3/6", signal.SIGKILL)
    assert (killed.code, killed.message) == (-signal.SIGKILL, "")
    ended = train(setup, task_of(setup))
    assert ended.code == 0
    assert ended.result.resumed_epochs >= 3
    assert ended.result.model.sha256 == whole.result.model.sha256
    left(setup, ended)
