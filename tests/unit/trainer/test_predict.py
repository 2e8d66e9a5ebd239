"""Predicting as a trading service does: the promoted model, the same probabilities as the evaluation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from support.training_case import CPU, LATER, LOOKBACK, RUN, TrainingSetup, candle_table, feature_table

from retrain_api.documents.references import FileRef
from retrain_api.documents.results import TrainResult
from retrain_api.errors import DataError, NotFoundError
from retrain_trainer import predict as prediction
from retrain_trainer.data.windows import window_ends
from retrain_trainer.measure.figures.score import probabilities, rows_for
from retrain_trainer.model import inference
from retrain_trainer.model.pointer import Pointer, TestPeriod
from retrain_trainer.predict import Predictor, load, load_promoted
from retrain_trainer.tasks import train as training_task
from retrain_trainer.tasks.interruption import Stop

MINUTE = 60_000_000_000


class Service:
    """A trained model of each kind of file, promoted by hand."""

    def __init__(self, root: Path, table: pd.DataFrame) -> None:
        self.setup, self.table = TrainingSetup(root), table
        self.setup.put(table)
        self.result: TrainResult = training_task.run(self.setup.task(), {}, lambda line: None, Stop())
        self.promote(self.result.model)

    @property
    def uri(self) -> str:
        return f"file://{self.setup.root}/artifacts/"

    def promote(self, model: FileRef, calibration: str = "Platt", expires_at: str | None = None) -> None:
        period = TestPeriod(first_bar="2025-05-01T00:00:00Z", last_bar="2025-05-02T00:00:00Z")
        pointer = Pointer(
            symbol="BTC-USD",
            model=model,
            run=RUN,
            test=period,
            calibration=calibration,
            promoted_at="2025-05-02T01:00:00Z",
            expires_at=expires_at,
            tested_until="2025-05-02T00:16:00Z" if expires_at else None,
        )
        self.setup.store.write("promoted/BTC-USD.json", pointer.encode())

    def predictor(self) -> Predictor:
        return load_promoted(self.uri, "BTC-USD", {})

    def evaluated(self, method: str = "Platt") -> pd.Series:
        """The evaluation's probabilities of the whole file, by time."""
        model = self.setup.model(self.result)
        candles, scaled = rows_for(model, self.setup.file, LATER)
        ends = window_ends(candles.timestamps, model.question.interval, LOOKBACK, slice(0, len(scaled)))
        found = probabilities(model, scaled, ends, method, CPU)
        return pd.Series(found, index=pd.to_datetime(candles.timestamps[ends], utc=True))


@pytest.fixture(scope="module")
def featured(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(tmp_path_factory.mktemp("featured") / "setup", feature_table())


@pytest.fixture(scope="module")
def candled(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(tmp_path_factory.mktemp("candled") / "setup", candle_table())


@pytest.fixture(params=["featured", "candled"])
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def promotions(featured: Service) -> Iterator[Service]:
    """A service whose pointer a test may change."""
    yield featured
    featured.promote(featured.result.model)


def test_probabilities_are_those_of_the_evaluation(service: Service) -> None:
    probabilities_of_bars = pd.Series(service.predictor().predict_all(service.table), index=service.table["timestamp"])
    expected = service.evaluated()
    assert len(expected) > 300
    np.testing.assert_allclose(probabilities_of_bars[expected.index], expected, atol=1e-6)
    assert probabilities_of_bars.drop(expected.index).isna().all()


def test_the_last_bar_needs_no_more_than_it_says(service: Service) -> None:
    predictor = service.predictor()
    needed = predictor.bars_needed
    assert predictor.predict(service.table.tail(needed)) == pytest.approx(service.evaluated().iloc[-1], abs=1e-5)
    for fewer in (needed - 1, 1, 0):
        with pytest.raises(DataError, match=f"needs the last {needed} bars of 1m without a gap") as caught:
            predictor.predict(service.table.tail(fewer))
        assert caught.value.reason == "TooFewBars"


def test_candles_are_enough_for_a_model_of_candles(candled: Service) -> None:
    assert candled.predictor().model.built_in
    assert candled.predictor().bars_needed == LOOKBACK + 60
    assert set(candled.table) == {"timestamp", "open", "high", "low", "close", "volume"}


def test_the_example_in_the_documentation_works(candled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (prediction.__doc__ or "").splitlines()
    code = "\n".join(line.strip() for line in lines if line.startswith("    "))
    assert code.count("\n") >= 3
    names = {"latest_candles": lambda symbol, bars: candled.table.tail(bars)}
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    exec(code.replace("s3://my-bucket/models/", candled.uri), names)  # type: ignore[arg-type]
    assert 0 < names["up"] < 1  # type: ignore[operator]


class Streamed:
    """A table that is known by Arrow's stream alone. Its own columns raise what polars raises."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = pa.Table.from_pandas(table, preserve_index=False)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def __getitem__(self, name: str) -> object:
        raise RuntimeError(name)


class Lazy:
    """A query that is computed on request."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def collect_schema(self) -> object:
        raise RuntimeError

    def collect(self) -> Streamed:
        return Streamed(self.table)

    def __getitem__(self, name: str) -> object:
        raise TypeError("a LazyFrame is not subscriptable")


def shifted(table: pd.DataFrame, zone: str | None) -> pd.Series:
    times = table["timestamp"]
    return times.dt.tz_localize(None) if zone is None else times.dt.tz_convert(zone)


@pytest.mark.parametrize(
    "as_given",
    [
        lambda table: table.assign(timestamp=shifted(table, None)),
        lambda table: table.assign(timestamp=shifted(table, "America/New_York")),
        lambda table: table.assign(timestamp=table["timestamp"].astype("datetime64[ms, UTC]")),
        lambda table: pa.Table.from_pandas(table),
        lambda table: {name: table[name].to_numpy() for name in table},
        lambda table: (
            {"timestamp": [time.to_pydatetime() for time in table["timestamp"]]}
            | {name: list(table[name]) for name in table if name != "timestamp"}
        ),
        lambda table: table.set_index(table.index + 7),
        lambda table: table.set_index("timestamp"),
        lambda table: table.set_index("timestamp").rename_axis(None),
        lambda table: table.set_index("timestamp").rename_axis("Date").tz_convert("America/New_York"),
        lambda table: table.set_index(
            pd.Index(table["timestamp"].dt.to_pydatetime(), dtype=object, name="timestamp")
        ).drop(columns="timestamp"),
        lambda table: Streamed(table),
        lambda table: Lazy(table),
    ],
    ids=[
        "without a zone",
        "New York",
        "milliseconds",
        "Arrow",
        "numpy",
        "plain Python",
        "another index",
        "times in the index",
        "times in an index without a name",
        "times in an index of another name and zone",
        "datetime objects in the index",
        "a stream of Arrow, as polars and DuckDB give it",
        "a table not computed yet, as polars has it",
    ],
)
def test_tables_of_all_kinds_give_the_same(candled: Service, as_given: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table, predictor = candled.table.tail(80), candled.predictor()
    assert predictor.predict(as_given(table)) == predictor.predict(table)


def test_after_a_gap_there_is_no_probability_until_a_window_is_complete(featured: Service) -> None:
    table = featured.table.drop(index=range(200, 210)).reset_index(drop=True)
    probabilities_of_bars = featured.predictor().predict_all(table)
    assert np.flatnonzero(np.isnan(probabilities_of_bars)).tolist() == [0, 1, 2, 3, 200, 201, 202, 203]
    with pytest.raises(DataError, match="without a gap"):
        featured.predictor().predict(table.head(202))
    assert 0 < featured.predictor().predict(table.head(205)) < 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda table: table.drop(columns="hint"), "MissingColumn"),
        (lambda table: table.drop(columns="timestamp"), "MissingColumn"),
        (lambda table: table.assign(hint=np.nan), "NotFinite"),
        (lambda table: table.assign(hint="high"), "NotNumeric"),
        (lambda table: table.assign(timestamp=range(len(table))), "TimestampType"),
        (lambda table: table.assign(timestamp="yesterday"), "TimestampType"),
        (lambda table: table.assign(timestamp=pd.NaT), "NotFinite"),
        (lambda table: table.iloc[::-1], "NotSorted"),
        (lambda table: pd.concat([table, table.tail(1)]), "RepeatedTimestamp"),
        (lambda table: table.iloc[::5], "WrongInterval"),
    ],
)
def test_unreadable_bars_are_refused(
    featured: Service, spoil: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    with pytest.raises(DataError) as caught:
        featured.predictor().predict(spoil(featured.table))
    assert caught.value.reason == reason


def test_a_number_of_milliseconds_is_refused_with_what_to_call(featured: Service) -> None:
    milliseconds = [int(time.timestamp() * 1000) for time in featured.table["timestamp"]]
    table = featured.table.assign(timestamp=milliseconds)
    with pytest.raises(DataError) as caught:
        featured.predictor().predict(table)
    assert caught.value.message == (
        "Column 'timestamp' of the table of bars holds int64; it must hold date and time (UTC): 1748563200000 looks like epoch "
        'milliseconds, which pandas.to_datetime(..., unit="ms", utc=True) converts.'
    )


def test_a_column_of_times_is_taken_before_an_index_of_times(candled: Service) -> None:
    table, predictor = candled.table.tail(80), candled.predictor()
    other = table.set_index(pd.date_range("1999-01-01", periods=len(table), freq="1D"))
    assert predictor.predict(other) == predictor.predict(table)


def test_a_missing_column_of_a_streamed_table_is_named(candled: Service) -> None:
    with pytest.raises(DataError, match="has no column 'close', which the model needs"):
        candled.predictor().predict(Streamed(candled.table.drop(columns="close")))


def test_the_artifacts_may_be_a_path_on_this_machine(featured: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(featured.setup.root)
    for place in ("artifacts", "artifacts/", str(featured.setup.root / "artifacts")):
        assert load_promoted(place, "BTC-USD", {}).sha256 == featured.result.model.sha256


def test_the_calibration_is_the_one_that_was_measured(promotions: Service) -> None:
    promotions.promote(promotions.result.model, calibration="None")
    probabilities_of_bars = promotions.predictor().predict_all(promotions.table)
    np.testing.assert_allclose(probabilities_of_bars[LOOKBACK - 1 :], promotions.evaluated("None"), atol=1e-6)
    assert not np.allclose(probabilities_of_bars[LOOKBACK - 1 :], promotions.evaluated("Platt"), atol=1e-4)


def test_nothing_promoted_is_an_error(featured: Service) -> None:
    with pytest.raises(NotFoundError, match="No model of ETH-USD is promoted in file://") as caught:
        load_promoted(featured.uri, "ETH-USD", {})
    assert caught.value.reason == "NotPromoted"


def test_a_symbol_of_another_spelling_is_answered_with_the_name_to_write(featured: Service) -> None:
    for given in ("eth-usd", "ETH/USD"):
        with pytest.raises(NotFoundError, match=f"No model of {given} is promoted in file://.*: write ETH-USD; "):
            load_promoted(featured.uri, given, {})


def test_other_bytes_than_were_promoted_are_refused(promotions: Service) -> None:
    promotions.promote(promotions.result.model.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(DataError, match="has other bytes than were promoted; restore it") as caught:
        promotions.predictor()
    assert caught.value.reason == "ModelChanged"


@pytest.mark.parametrize(
    ("expires", "now", "refused"),
    [
        (None, None, False),
        ("2025-05-23T00:16:00Z", None, True),
        ("9999-01-01T00:00:00Z", None, False),
        ("2025-05-23T00:16:00Z", datetime(2025, 5, 23, 0, 15, 59, tzinfo=UTC), False),
        ("2025-05-23T00:16:00Z", datetime(2025, 5, 23, 0, 16, tzinfo=UTC), True),
        ("2025-05-23T00:16:00Z", datetime(2025, 5, 23, 0, 16), True),
        ("2025-05-23T00:16:00Z", datetime(2025, 5, 23, 2, 15, tzinfo=timezone(timedelta(hours=2))), False),
    ],
)
def test_an_expired_model_is_refused_unless_it_is_asked_for(
    promotions: Service, expires: str | None, now: datetime | None, refused: bool
) -> None:
    promotions.promote(promotions.result.model, expires_at=expires)
    assert load_promoted(promotions.uri, "BTC-USD", {}, allow_expired=True, now=now).sha256
    if not refused:
        assert load_promoted(promotions.uri, "BTC-USD", {}, now=now).sha256
        return
    with pytest.raises(DataError) as caught:
        load_promoted(promotions.uri, "BTC-USD", {}, now=now)
    assert (caught.value.reason, caught.value.message) == (
        "Expired",
        "The promoted model of BTC-USD expired at 2025-05-23T00:16:00Z, and was tested up to 2025-05-02T00:16:00Z; promote a newer "
        "one, or pass allow_expired=True to load it all the same.",
    )


def test_a_missing_promoted_file_is_an_error(promotions: Service) -> None:
    promotions.promote(FileRef(uri=promotions.uri + "lstm_gone.pt", sha256="0" * 64))
    with pytest.raises(NotFoundError, match=r"lstm_gone\.pt does not exist"):
        promotions.predictor()


def test_a_file_on_this_machine_is_loaded(featured: Service, tmp_path: Path) -> None:
    data = featured.setup.model_bytes(featured.result)
    (tmp_path / "model.pt").write_bytes(data)
    table = featured.table
    expected = featured.predictor().predict(table)
    for place in (data, tmp_path / "model.pt", str(tmp_path / "model.pt")):
        assert load(place).predict(table) == expected
    assert load(data).sha256 == featured.result.model.sha256
    with pytest.raises(NotFoundError, match="There is no model file"):
        load(tmp_path / "nothing.pt")


def test_a_predictor_can_be_shared_between_threads(featured: Service) -> None:
    predictor, found = featured.predictor(), []
    expected = predictor.predict(featured.table)
    threads = [threading.Thread(target=lambda: found.append(predictor.predict(featured.table))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_prediction_leaves_torchs_threads_to_the_process(
    candled: Service, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's number of threads is the process's: what a prediction set would hold for every thread that starts then."""
    predictor, seen, forward = candled.predictor(), list[int](), inference.forward
    expected = predictor.predict_all(candled.table)

    def watched(*arguments: Any) -> torch.Tensor:
        with ThreadPoolExecutor(1) as another:
            seen.append(another.submit(torch.get_num_threads).result())
        return forward(*arguments)

    monkeypatch.setattr(inference, "forward", watched)
    np.testing.assert_array_equal(predictor.predict_all(candled.table), expected)
    assert len(seen) > 1 and set(seen) == {2}, "other threads, while it predicts in more than one batch"


def test_a_prediction_changes_neither_the_table_nor_the_model(candled: Service) -> None:
    predictor, table = candled.predictor(), candled.table.copy()
    before = replace(predictor).predict_all(table)
    assert table.equals(candled.table)
    np.testing.assert_array_equal(predictor.predict_all(table), before)
