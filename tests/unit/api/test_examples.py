"""The examples are valid as they stand, point to data that training accepts, and say what is in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retrain_api.cron import Cron
from retrain_api.names import LABEL_CPU_QUEUE, data_file_uri
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schedule import RetrainSchedule, parse_schedule
from retrain_api.spec.data import Split
from retrain_api.spec.run import RetrainRunSpec
from retrain_api.spec.training import Model, Training
from retrain_api.time import Question, Windows
from retrain_cli.inputs.locations import resolve_locations
from retrain_cli.inputs.run_file import documents, load_run_or_template, load_schedule
from retrain_trainer.data.dataset import load_dataset

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
DIGESTS = {
    "BTC-USD": "c4d0ce65bcb93d4ca3136620b07f7263cd6e2398162ac16f5c4c3f5618c53bf9",
    "ETH-USD": "2b319c8541e9a681dd3f405e6684ce01545e0fa22e31856e0ef2caefc5652e17",
    "SOL-USD": "b21fd65209e9f8bdd37fac67102a880a73fc412509e2e751aad9092802c72f5b",
}


def example(path: Path) -> RetrainRun:
    """The run in a file, or the one that a schedule makes."""
    return resolve_locations(load_run_or_template(path), path.parent)


def files_of(spec: RetrainRunSpec) -> list[str]:
    return [data_file_uri(spec.data.uri, spec.data.filename, symbol, spec.data.interval) for symbol in spec.symbols]


def test_the_examples_are_numbered_and_in_the_readme() -> None:
    assert [path.name[:2] for path in FILES] == [f"{number:02}" for number in range(1, len(FILES) + 1)]
    assert len(FILES) == 8
    readme = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"\]\((\d\d-[\w-]+\.yaml)\)", readme)) == {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_valid_and_its_local_data_is_there(path: Path) -> None:
    spec = example(path).spec
    if spec.data.uri.startswith("file://"):
        assert [uri for uri in files_of(spec) if not Path(uri.removeprefix("file://")).is_file()] == []
        assert spec.train.device == "CPU", "local examples run on any machine"
        assert spec.artifacts.uri == f"file://{ROOT}/.retrain/{path.stem[3:]}/", "in a folder that git ignores"


def test_no_two_examples_share_a_name() -> None:
    names = [example(path).metadata.name for path in FILES]
    assert len(set(names)) == len(names)


def test_the_default_model_example_keeps_every_default() -> None:
    spec = example(EXAMPLES / "02-default-model.yaml").spec
    assert (spec.model, spec.training) == (Model(), Training())


def test_the_quickstart_differs_from_it_in_size_alone() -> None:
    quick, real = (example(EXAMPLES / name).spec for name in ("01-quickstart.yaml", "02-default-model.yaml"))
    same = {"model": real.model, "training": real.training, "artifacts": real.artifacts}
    assert quick.model_copy(update=same) == real
    assert quick.model.hidden_size < real.model.hidden_size and quick.training.epochs < real.training.epochs


@pytest.mark.parametrize("symbol", DIGESTS)
def test_the_candles_are_those_the_readme_tells_of_and_training_accepts_them(symbol: str) -> None:
    path = EXAMPLES / "data" / f"candles_{symbol}_1m.parquet"
    assert sha256(path.read_bytes()).hexdigest() == DIGESTS[symbol]
    dataset = load_dataset(
        path,
        symbol=symbol,
        question=Question.parse("1m", 15, "Drop"),
        windows=Windows(60, Split(validation_percent=15, test_percent=15)),
        features=None,
    )
    warmup = 60
    assert f"| {path.name} | {symbol[:3]}USDT | {dataset.rows + warmup:,} |" in (path.parent / "README.md").read_text()
    assert (dataset.gaps, len(dataset.names), dataset.dropped, dataset.warnings) == (0, 31, (), ())


def test_the_weekly_example_learns_from_180_days_and_is_tested_on_14(tmp_path: Path) -> None:
    spec = example(EXAMPLES / "06-window.yaml").spec
    minutes = 1440 * 190
    close = 100 + np.sin(np.arange(minutes) / 70) + np.random.default_rng(1).normal(0, 0.01, minutes)
    opens = pa.array(np.datetime64("2026-01-01", "ms") + np.arange(minutes) * np.timedelta64(60_000, "ms"))
    prices = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": np.ones(minutes)}
    path = tmp_path / "features_BTC-USD_1m_latest.parquet"
    pq.write_table(pa.table({"timestamp": opens.cast(pa.timestamp("ms", tz="UTC")), **prices}), path)
    features = ["return_1", "deviation_20"]
    dataset = load_dataset(path, symbol="BTC-USD", question=spec.question, windows=spec.windows, features=features)
    days = {name: (rows.stop - rows.start) / 1440 for name, rows in vars(dataset.split).items()}
    purges = 2 * (60 + 15) / 1440
    assert days == {"train": pytest.approx(180 - 28 - purges), "validation": 14, "test": 14}
    assert (dataset.rows, dataset.last_bar) == (180 * 1440, "2026-07-09T23:59:00Z")


def test_the_schedule_is_the_mission() -> None:
    spec = load_schedule(EXAMPLES / "07-every-saturday.yaml").spec
    slot = Cron.parse(spec.schedule, spec.time_zone).after(datetime(2026, 11, 28, 3, tzinfo=UTC))
    assert slot == datetime(2026, 12, 5, 3, tzinfo=UTC)
    run = spec.run_template.spec
    assert run.symbols == ("BTC-USD", "ETH-USD", "SOL-USD")
    assert (run.promotion.policy, run.promotion.expires_after) == ("Automatic", "21d")
    assert run.observation and (run.observation.every, spec.when_decaying) == ("1d", "Retrain")
    assert spec.walk_forward and (spec.walk_forward.slots, spec.walk_forward.min_passed) == (6, 4)
    assert (run.data.window, run.split.test, run.preflight) == ("180d", "13d", "Always")
    labels = (EXAMPLES / "07-every-saturday.yaml").read_text()
    assert LABEL_CPU_QUEUE in labels, "a queue for GPUs never admits a preflight"


def test_the_observed_example_holds_models_to_the_gates_bar_and_tells_people() -> None:
    spec = example(EXAMPLES / "08-observed.yaml").spec
    assert spec.observation and (spec.observation.every, spec.observation.for_) == ("1d", "30d")
    assert [criterion.bound for criterion in spec.gate.criteria if criterion.metric == "accuracy"] == [0.68]
    told = {receiver.name: receiver.wants("Promoted") for receiver in spec.notify}
    assert told == {"team": True, "on-call": False} and all(receiver.wants("Decaying") for receiver in spec.notify)


@pytest.mark.parametrize("page", ["README.md", "docs/schedules.md"])
def test_the_runs_and_schedules_of_a_page_are_valid_as_they_are_printed(page: str) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    read = [document for block in blocks for document in documents(block, page)]
    kinds = {"RetrainRun": parse_run, "RetrainSchedule": parse_schedule}
    ours = [kinds[document["kind"]](document) for document in read if document.get("kind") in kinds]
    assert any(isinstance(each, RetrainSchedule) for each in ours)


def test_nothing_but_the_licensed_candles_is_copied() -> None:
    found = {path.name for path in (EXAMPLES / "data").iterdir()}
    assert found == {"LICENSE", "README.md", *(f"candles_{symbol}_1m.parquet" for symbol in DIGESTS)}
    for holder in ("typhonun/DcaTpStrategy", "TheSnowGuru/Market-Swarm-Agents-"):
        assert holder in (EXAMPLES / "data" / "README.md").read_text()
