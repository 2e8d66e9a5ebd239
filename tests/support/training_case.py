"""A training small enough for a test: training data without files, and a file, a task and a process around one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from retrain_api.documents.encoding import TASK_VARIABLE, TERMINATION_VARIABLE, decode_message, encode_task
from retrain_api.documents.references import RunRef
from retrain_api.documents.results import TaskFailure, TrainResult
from retrain_api.documents.tasks import Task, TrainTask
from retrain_api.spec.data import Label, Split
from retrain_api.spec.training import EarlyStopping, Model, Scheduler, Training
from retrain_trainer.model.file import ModelFile, load_model
from retrain_trainer.model.network import Architecture
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.train.learner import Learner, new_learner
from retrain_trainer.train.loop import Hooks, State, Stopped, fit
from retrain_trainer.train.step import StepSettings
from retrain_trainer.train.training_data import TrainingData

LOOKBACK, HORIZON, ROWS = 5, 1, 400
RUN = RunRef(namespace="default", name="nightly", uid="11111111-2222-3333-4444-555555555555")
CPU = torch.device("cpu")
AS_OF = "2026-01-01T00:00:00Z"
"""As of when the tasks of a test learn: after every bar of its files."""
LATER = 2**62
"""Nanoseconds since 1970, in the year 2116: by then every bar of a test has closed."""
MODEL = Model(hidden_size=4, layers=1, dropout=0.0, lookback_bars=LOOKBACK)
NEVER = EarlyStopping(patience=0)


def training(**changes: Any) -> Training:
    """Three epochs in float32 that nothing cuts short."""
    plain: dict[str, Any] = {"epochs": 3, "learning_rate": 0.01, "precision": "Float32", "early_stopping": NEVER}
    return Training(**(plain | changes))


def constant() -> Scheduler:
    return Scheduler(type="Constant")


def training_data(rows: int = 160, weight: float = 1.5, seed: int = 1) -> TrainingData:
    """Three features of noise, of which the first is above 0 more often where the label is up."""
    generator = np.random.default_rng(seed)
    targets = generator.random(rows) < 0.4
    features = generator.normal(size=(rows, 3)).astype(np.float32)
    features[:, 0] += targets
    ends = np.arange(LOOKBACK - 1, rows, dtype=np.int64)
    border = rows * 3 // 4
    return TrainingData(
        features=torch.from_numpy(features),
        targets=torch.from_numpy(targets.astype(np.float32)),
        train_ends=ends[:border],
        validation_ends=ends[border:],
        lookback=LOOKBACK,
        weight=weight,
    )


def architecture(**changes: Any) -> Architecture:
    shape = {"features": 3, "hidden_size": 4, "layers": 1, "dropout": 0.0, "bidirectional": True}
    return Architecture(**(shape | changes))


def stop_at(call: int) -> Callable[[], bool]:
    """Says stop when it is asked for the `call`-th time (from 0), and not before."""
    asked = count()
    return lambda: next(asked) == call


def trained(
    what: TrainingData, how: Training, shape: Architecture | None = None, hooks: Hooks | None = None
) -> tuple[Learner, State]:
    """A training from its beginning to its end."""
    learner = new_learner(shape or architecture(), how, CPU)
    return learner, fit(learner, what, how, State(), hooks or Hooks())


def fit_until(
    learner: Learner, what: TrainingData, how: Training, state: State, call: int, settings: StepSettings | None = None
) -> State:
    """Train until the `call`-th question whether to stop, or to the end; the state reached."""
    try:
        return fit(learner, what, how, state, Hooks(stop=stop_at(call)), settings)
    except Stopped as stopped:
        return stopped.state


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def feature_table(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Closes with flat bars among them, a feature that hints at the next move, and one of noise."""
    generator = np.random.default_rng(seed)
    moves = generator.choice([-1, 0, 1], rows, p=[0.4, 0.2, 0.4]) * 0.1
    following = np.append(moves[1:], 0)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-05-30T00:00:00Z", periods=rows, freq="1min"),
            "close": 100 + np.cumsum(moves),
            "hint": np.sign(following) + generator.normal(0, 0.8, rows),
            "noise": generator.normal(size=rows),
        }
    )


def candle_table(rows: int = 700, seed: int = 5) -> pd.DataFrame:
    """Candles and nothing else: the features are the built-in ones."""
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.001, rows)))
    opened = np.append(100.0, close[:-1])
    high, low = np.maximum(opened, close) * 1.0005, np.minimum(opened, close) * 0.9995
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-05-30T00:00:00Z", periods=rows, freq="1min"),
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "volume": generator.uniform(1, 10, rows),
        }
    )


@dataclass
class TrainingSetup:
    """A folder with a feature file and an artifacts store, and the train task between them."""

    root: Path
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "artifacts").mkdir(parents=True)
        (self.root / "data").mkdir()
        self.put(feature_table())

    @property
    def file(self) -> Path:
        return self.root / "data" / "features_BTC-USD_1m_latest.parquet"

    @property
    def message_file(self) -> Path:
        return self.root / "message.json"

    @property
    def store(self) -> Store:
        return open_store(f"file://{self.root}/artifacts/", {}, 1)

    def put(self, table: pd.DataFrame) -> None:
        table.to_parquet(self.file, index=False)

    def task(self, **changes: Any) -> TrainTask:
        """`changes` of training are those of `training()`, all others are fields of the task."""
        names = set(Training.model_fields)
        how = training(**{name: value for name, value in changes.items() if name in names})
        task = TrainTask(
            run=RUN,
            artifacts_uri=f"file://{self.root}/artifacts/",
            symbol="BTC-USD",
            train_key="a" * 16,
            data_uri=f"file://{self.file}",
            interval="1m",
            as_of=AS_OF,
            label=Label(horizon_bars=HORIZON),
            split=Split(),
            model=MODEL,
            training=how,
            device="CPU",
        )
        return task.model_copy(update={name: value for name, value in changes.items() if name not in names})

    @property
    def folder(self) -> str:
        """Of the task's checkpoints and result, in the store."""
        return f"runs/{RUN.namespace}/{RUN.name}/{RUN.uid}/{'a' * 16}/"

    def files(self) -> list[str]:
        """Every file in the artifacts folder, hidden ones too."""
        place = self.root / "artifacts"
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())

    def pins(self) -> list[str]:
        """The files that say which rows trainings began with."""
        return [name for name in self.files() if name.startswith("pins/")]

    def model(self, result: TrainResult) -> ModelFile:
        return load_model(self.model_bytes(result))

    def model_bytes(self, result: TrainResult) -> bytes:
        return self.store.read(result.model.uri.removeprefix(self.store.uri)).data

    def card(self, result: TrainResult) -> dict[str, Any]:
        key = result.model.uri.removeprefix(self.store.uri).removesuffix(".pt") + ".json"
        card: dict[str, Any] = json.loads(self.store.read(key).data)
        return card


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code, its lines on standard output, all of standard error, its message."""

    code: int
    lines: list[str]
    errors: str
    message: str

    @property
    def result(self) -> TrainResult:
        found = decode_message(self.message)
        assert isinstance(found, TrainResult), (self.code, self.lines, self.errors)
        return found

    @property
    def failure(self) -> TaskFailure:
        found = decode_message(self.message)
        assert isinstance(found, TaskFailure), (self.code, self.lines, self.errors)
        return found

    @property
    def everything(self) -> str:
        return "\n".join([*self.lines, self.errors, self.message])


SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-run",
    "AWS_SESSION_TOKEN": "token-of-the-run",
    "RETRAIN_DATA_AWS_SECRET_ACCESS_KEY": "secret-of-the-data",
}
"""In the environment of every process, and never to be seen in what it says or leaves."""

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
runpy.run_module("retrain_trainer", run_name="__main__", alter_sys=True)
"""


def environment(setup: TrainingSetup, task: Task | None, **more: str) -> dict[str, str]:
    """What a Job's container has, in a process of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    given = {} if task is None else {TASK_VARIABLE: encode_task(task)}
    own = {
        TERMINATION_VARIABLE: str(setup.message_file),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return kept | own | given | SECRETS | more


def start(
    setup: TrainingSetup, task: Task | None, *command: str, file_limit: int | None = None, **more: str
) -> subprocess.Popen[str]:
    """The trainer as the Job's container starts it; `file_limit` in bytes is what a full disk comes to."""
    setup.message_file.unlink(missing_ok=True)
    program = ["-m", "retrain_trainer"] if file_limit is None else ["-c", LIMITED, str(file_limit)]
    return subprocess.Popen(
        [sys.executable, *program, *(command or ("train",))],
        env=environment(setup, task, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(setup: TrainingSetup, process: subprocess.Popen[str], lines: list[str] | None = None) -> Ended:
    """What it said and left, once it is over; `lines` were read before. No secret is in any of it."""
    out, errors = process.communicate(timeout=120)
    message = setup.message_file.read_text() if setup.message_file.exists() else ""
    assert len(message.encode()) <= 4096
    ended = Ended(process.returncode, [*(lines or []), *out.splitlines()], errors, message)
    left = b"".join((setup.root / "artifacts" / name).read_bytes() for name in setup.files())
    for secret in SECRETS.values():
        assert secret not in ended.everything
        assert secret.encode() not in left
    return ended


def train(setup: TrainingSetup, task: Task | None, *command: str, file_limit: int | None = None, **more: str) -> Ended:
    """Run the trainer to its end."""
    return end(setup, start(setup, task, *command, file_limit=file_limit, **more))


def lines_until(process: subprocess.Popen[str], beginning: str) -> list[str]:
    """The lines said up to the first that begins so."""
    assert process.stdout is not None

    def said() -> Iterator[str]:
        for line in process.stdout or ():
            yield line.rstrip("\n")
            if line.startswith(beginning):
                return
        raise AssertionError(f"no line {beginning!r}: {process.communicate()}")

    return list(said())


def interrupted(setup: TrainingSetup, task: TrainTask, beginning: str, number: signal.Signals) -> Ended:
    """A training that gets a signal as soon as it has said a line that begins so."""
    process = start(setup, task)
    lines = lines_until(process, beginning)
    process.send_signal(number)
    return end(setup, process, lines)
