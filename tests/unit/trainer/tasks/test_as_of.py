"""As of when a training learns: later bars, later clocks and later tries change no byte of the model and no figure."""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.later_bars import disturbed
from support.training_case import RUN, TrainingSetup, candle_table, feature_table

from retrain_api.documents.references import DataPin
from retrain_api.documents.results import EvaluateResult, TrainResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask, TrainTask
from retrain_api.spec.data import Label, Split
from retrain_api.spec.evaluation import Evaluation
from retrain_api.spec.training import Model
from retrain_api.time import Interval
from retrain_trainer.tasks import evaluate as evaluation_task
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "data"
ROWS, KNOWN = 460, 420


def table(interval: str, rows: int = ROWS) -> pd.DataFrame:
    length = pd.Timedelta(Interval.parse(interval).nanoseconds, "ns")
    bars = feature_table(rows)
    return bars.assign(timestamp=pd.date_range(bars["timestamp"][0], periods=rows, freq=length))


def written(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def closing(bars: pd.DataFrame, interval: str, rows: int = KNOWN) -> pd.Timestamp:
    """When the last of the first so many bars closes."""
    return bars["timestamp"][rows - 1] + pd.Timedelta(Interval.parse(interval).nanoseconds, "ns")


def run(setup: TrainingSetup, task: TrainTask) -> TrainResult:
    return training_task.run(task, {}, setup.log.append, Stop())


def measured(setup: TrainingSetup, task: TrainTask, trained: TrainResult) -> dict[str, object]:
    """The evaluation document of what was trained, without what names files and bytes."""
    item = EvaluateItem(
        symbol=task.symbol,
        train_key=task.train_key,
        evaluate_key="b" * 16,
        model=trained.model,
        data=trained.data.model_copy(update={"as_of": None}),  # a status has no room for it
    )
    asked = EvaluateTask(
        run=RUN,
        artifacts_uri=setup.store.uri,
        items=(item,),
        interval=task.interval,
        as_of=task.as_of,
        label=task.label,
        split=task.split,
        lookback_bars=task.model.lookback_bars,
        evaluation=Evaluation(),
        device="CPU",
    )
    found = evaluation_task.run(asked, {}, setup.log.append)
    assert isinstance(found, EvaluateResult)
    document = json.loads(setup.store.read(found.details.uri.removeprefix(setup.store.uri)).data)
    return {
        name: part for name, part in document.items() if name not in ("model", "data", "predictions", "tries", "luck")
    }


def figures(folder: Path, bars: pd.DataFrame, interval: str, until: pd.Timestamp) -> tuple[str, dict[str, object]]:
    """The model file's digest, and every figure of it."""
    setup = TrainingSetup(folder)
    setup.put(bars)
    task = setup.task(interval=interval, as_of=written(until), epochs=1)
    trained = run(setup, task)
    return trained.model.sha256, measured(setup, task, trained)


@pytest.mark.parametrize("interval", ["1m", "1h", "1d"])
@pytest.mark.parametrize("inside", [0.0, 0.4], ids=["at a close", "inside a bar"])
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_later_bars_change_no_byte_of_a_model_and_no_figure(interval: str, inside: float, data: st.DataObject) -> None:
    bars = table(interval)
    until = closing(bars, interval) + inside * pd.Timedelta(Interval.parse(interval).nanoseconds, "ns")
    with TemporaryDirectory() as folder:
        alone = figures(Path(folder) / "alone", bars[:KNOWN], interval, until)
        among = figures(Path(folder) / "among", disturbed(bars, KNOWN, data), interval, until)
    assert alone == among


@pytest.mark.parametrize("clock", [0, 2**62], ids=["1970", "2116"])
def test_a_node_whose_clock_leaps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: int) -> None:
    bars = table("1m")
    until = closing(bars, "1m", ROWS)
    right = figures(tmp_path / "right", bars, "1m", until)
    monkeypatch.setattr(time, "time_ns", lambda: clock)
    assert figures(tmp_path / "wrong", bars, "1m", until) == right


def test_a_retry_of_an_interrupted_training_reads_the_bars_that_it_began_with(tmp_path: Path) -> None:
    """Whatever its task says by now: the pin, which the first try wrote, decides."""
    setup, bars = TrainingSetup(tmp_path / "setup"), table("1m")
    setup.put(bars)
    first = run(setup, setup.task(as_of=written(closing(bars, "1m"))))
    setup.store.delete(f"{setup.folder}result.json")
    again = run(setup, setup.task(as_of=written(closing(bars, "1m", ROWS))))
    assert (again.model, again.data) == (first.model, first.data) and again.data.rows == KNOWN
    assert first.data.as_of == written(closing(bars, "1m"))


def test_a_task_without_a_time_takes_its_own_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a Job of an earlier release has it. A training that began before pins had a time goes on with all of its bars."""
    setup, bars = TrainingSetup(tmp_path / "setup"), table("1m")
    setup.put(bars)
    clock = closing(bars, "1m", ROWS - 3)
    monkeypatch.setattr(time, "time_ns", lambda: clock.value)
    result = run(setup, setup.task(as_of=None))
    assert (result.data.rows, result.data.as_of) == (ROWS - 3, written(clock))
    assert any("3 bars are left out" in line for line in setup.log)
    earlier = DataPin.model_validate(result.data.model_dump() | {"as_of": None, "rows": ROWS, "last_bar": last(bars)})
    key = "c" * 16
    setup.store.write(
        f"{setup.folder.replace('a' * 16, key)}data.json", earlier.model_dump_json(by_alias=True).encode()
    )
    assert run(setup, setup.task(as_of=None, train_key=key)).data == earlier


def last(bars: pd.DataFrame) -> str:
    return written(bars["timestamp"].iloc[-1])


@pytest.mark.parametrize("until", ["2025-06-20T00:00:00Z", "2025-06-20T09:30:30Z"], ids=["a day", "inside a bar"])
def test_a_replay_of_last_week_on_todays_file_gives_last_weeks_model(tmp_path: Path, until: str) -> None:
    """Real candles: once as the file stood then, with its last bar forming, and once as it has grown since."""
    whole = pq.read_table(EXAMPLES / "candles_BTC-USD_1m.parquet")
    opens = whole.column("timestamp").to_pandas()
    until_then = int((opens <= pd.Timestamp(until)).sum())
    start = until_then - 4_000
    then = whole.slice(start, 4_000).to_pandas()
    then.loc[3_999, ["open", "high", "low", "close"]] = then.loc[3_999, "open"]  # what had been traded by then
    models = {}
    for name, bars in {"last week": pa.Table.from_pandas(then), "today": whole.slice(start)}.items():
        setup = TrainingSetup(tmp_path / name)
        pq.write_table(bars, setup.file)
        task = setup.task(as_of=until, label=Label(horizon_bars=15), split=Split(), epochs=2)
        task = task.model_copy(update={"model": Model(hidden_size=4, layers=1, dropout=0.1, lookback_bars=20)})
        result = run(setup, task)
        models[name] = (
            result.model.sha256,
            setup.model_bytes(result),
            result.data.last_bar,
            measured(setup, task, result),
        )
    assert models["last week"] == models["today"]
    assert pd.Timestamp(models["today"][2]) + pd.Timedelta("1min") == pd.Timestamp(until).floor("1min")


def test_candles_of_a_day_whose_last_bar_forms_lose_it(tmp_path: Path) -> None:
    setup = TrainingSetup(tmp_path / "setup")
    bars = candle_table(700)
    setup.put(bars)
    result = run(setup, setup.task(as_of=written(bars["timestamp"][699] + pd.Timedelta("59s")), epochs=1))
    assert result.data.last_bar == written(bars["timestamp"][698])
