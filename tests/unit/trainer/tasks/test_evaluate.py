"""The evaluate command: the right bytes, measured once, against what is promoted today."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.contenders import hint_reader
from support.publishing_case import RUN
from torch import nn

from retrain_api.documents.encoding import encode_message
from retrain_api.documents.references import DataPin, FileRef
from retrain_api.documents.results import EvaluateResult
from retrain_api.documents.tasks import EvaluateItem, EvaluateTask
from retrain_api.errors import ConfigurationError, CredentialsError, DataError, NoDeviceError, NotFoundError
from retrain_api.model_times import times_in
from retrain_api.names import run_folder, validation_file
from retrain_api.observation.blocks import rule_in
from retrain_api.spec.data import Label, Split
from retrain_api.spec.evaluation import Evaluation
from retrain_api.spec.gate import Baseline
from retrain_api.time import Question, Windows
from retrain_api.wire import to_wire
from retrain_trainer.data.columns.timeline import iso_time
from retrain_trainer.data.dataset import load_dataset
from retrain_trainer.data.times import decided_after, times_of
from retrain_trainer.data.windows import fit_scaling
from retrain_trainer.measure.assess import windows_of_test
from retrain_trainer.measure.tries.try_record import decode
from retrain_trainer.model.calibration import Calibration
from retrain_trainer.model.file import ModelFile, load_model, save_model
from retrain_trainer.model.pointer import Pointer, TestPeriod
from retrain_trainer.store.base import Store
from retrain_trainer.store.open import open_store
from retrain_trainer.tasks import evaluate as evaluate_task
from retrain_trainer.train import validation_logits

LOOKBACK, HORIZON, ROWS = 5, 1, 3_000
FEATURES = ("hint", "noise")
KEYS = {"train_key": "a" * 16, "evaluate_key": "b" * 16}


def table() -> pd.DataFrame:
    """Candles whose next move one feature hints at, rightly in four bars of five, flat ones among them."""
    generator = np.random.default_rng(3)
    moves = generator.choice([-1, 0, 1], ROWS, p=[0.4, 0.2, 0.4]) * 0.1
    following = np.append(moves[1:], 0)
    told = np.where(generator.random(ROWS) < 0.8, np.sign(following), -np.sign(following))
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-05-30T00:00:00Z", periods=ROWS, freq="1min"),
            "close": 100 + np.cumsum(moves),
            "hint": told + generator.normal(0, 0.1, ROWS),
            "noise": generator.normal(size=ROWS),
        }
    )


class Stage:
    """Data, a model that reads the hint, and a task to measure it."""

    def __init__(self, folder: Path) -> None:
        (folder / "artifacts").mkdir()
        (folder / "data").mkdir()
        self.data = folder / "data" / "features_BTC-USD_1m_latest.parquet"
        table().to_parquet(self.data, index=False)
        self.store: Store = open_store(f"file://{folder}/artifacts/", {}, 1)
        self.dataset = load_dataset(
            self.data,
            symbol="BTC-USD",
            question=Question.parse("1m", HORIZON, "Drop"),
            windows=Windows(LOOKBACK, Split(validation_percent=15, test_percent=30)),
            features=None,
        )

    def model(self, hint: float = 4.0, features: tuple[str, ...] = FEATURES, **changes: Any) -> bytes:
        """A model file whose logit is `hint` times what the LSTM keeps of the last bar's hint."""
        columns = [self.dataset.names.index(name) for name in features]
        model = ModelFile(
            symbol="BTC-USD",
            question=Question.parse("1m", HORIZON, "Drop"),
            features=features,
            lookback=LOOKBACK,
            scaling=fit_scaling(np.ascontiguousarray(self.dataset.values[:, columns]), self.dataset.split.train),
            calibration=Calibration(float(np.log(2.0)), 1.0, float(np.log(2.0)), "Platt"),
            validation_end=int(self.dataset.candles.timestamps[self.dataset.split.validation.stop - 1]),
            training={"validationAccuracy": 0.79},
            network=hint_reader(features, "hint", hint),
        )
        return save_model(replace(model, **changes))

    def put(self, data: bytes, key: str = "model.pt") -> FileRef:
        self.store.write(key, data)
        return FileRef(uri=self.store.uri_of(key), sha256=sha256(data).hexdigest())

    def pin(self) -> DataPin:
        digest = sha256(self.data.read_bytes()).hexdigest()
        whole = {"first_bar": self.dataset.first_bar, "last_bar": self.dataset.last_bar, "rows": self.dataset.rows}
        return DataPin(uri=f"file://{self.data}", sha256=digest, **whole)  # type: ignore[arg-type]

    def task(self, model: FileRef, **changes: Any) -> EvaluateTask:
        task = EvaluateTask(
            run=RUN,
            artifacts_uri=self.store.uri,
            items=(EvaluateItem(symbol="BTC-USD", model=model, data=self.pin(), **KEYS),),
            interval="1m",
            label=Label(horizon_bars=HORIZON),
            split=Split(validation_percent=15, test_percent=30),
            lookback_bars=LOOKBACK,
            evaluation=Evaluation(),
            device="CPU",
        )
        return task.model_copy(update=changes)

    def promote(self, model: FileRef) -> None:
        """Today's pointer names `model`."""
        period = TestPeriod(first_bar="2025-05-01T00:00:00Z", last_bar="2025-05-02T00:00:00Z")
        pointer = Pointer(symbol="BTC-USD", model=model, run=RUN, test=period, promoted_at="2025-05-02T01:00:00Z")
        self.store.write("promoted/BTC-USD.json", pointer.encode())

    def document(self, result: EvaluateResult) -> Any:
        stored = self.store.read(result.details.uri.removeprefix(self.store.uri))
        assert sha256(stored.data).hexdigest() == result.details.sha256
        return json.loads(stored.data)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def run(task: EvaluateTask, **environ: str) -> EvaluateResult:
    return evaluate_task.run(task, environ, lambda line: None)


def test_a_model_that_knows_the_hint_is_measured_as_right_as_the_hint_is(stage: Stage) -> None:
    result = run(stage.task(stage.put(stage.model())))
    measured = result.measurement
    assert measured.metrics.accuracy == pytest.approx(0.8, abs=0.03)
    assert measured.baselines.logistic == pytest.approx(measured.metrics.accuracy, abs=0.02)
    assert measured.flat_bars > 100 and measured.champion is None
    assert encode_message(result)
    document = stage.document(result)
    assert document["measurement"] == to_wire(measured)
    assert document["training"] == {"validationAccuracy": 0.79}
    assert document["test"]["lastBar"] == stage.dataset.last_bar
    assert document["calibration"]["method"] == "Platt"
    assert "torch" in document["versions"]


def test_result_and_document_say_up_to_when_it_was_judged(stage: Stage) -> None:
    """Flat bars have no label, so the last judged outcome may lie before the last row's."""
    result, data = run(stage.task(stage.put(stage.model()))), stage.dataset
    assert result.times == times_of(data, LOOKBACK) == times_in(stage.document(result))
    _, labelled = windows_of_test(data, LOOKBACK)
    decided = int(data.candles.timestamps[labelled[-1]]) + decided_after(data.question)
    assert result.tested_until == iso_time(decided)
    assert run(stage.task(stage.put(stage.model()))) == result, "as it is read from the store"


def test_flat_bars_are_traded_but_not_measured(stage: Stage) -> None:
    measured = run(stage.task(stage.put(stage.model()))).measurement
    test = stage.dataset.split.test
    windows = test.stop - test.start - LOOKBACK + 1
    assert measured.bars + measured.flat_bars == windows - HORIZON
    assert measured.trades > (windows - measured.flat_bars) / (HORIZON + 1)


def test_without_calibration_only_the_loss_weight_is_taken_off(stage: Stage) -> None:
    model = stage.put(stage.model(hint=0.0))
    platt = run(stage.task(model))
    plain = run(stage.task(model, evaluation=Evaluation(calibration="None")).model_copy(update={"run": other_run()}))
    # The logit is 0 everywhere: with Platt log 2 - log 2 = 0, so 0.5; without it -log 2, so one third.
    truth = stage.document(plain)["baseRate"]
    assert plain.measurement.metrics.brier == pytest.approx(truth * (2 / 3) ** 2 + (1 - truth) / 9, abs=1e-3)
    assert platt.measurement.metrics.brier == pytest.approx(0.25, abs=1e-3)
    assert stage.document(plain)["calibration"]["method"] == "None"


def test_bars_before_the_window_change_no_measurement_and_no_comparison(stage: Stage) -> None:
    stage.promote(stage.put(stage.model(hint=0.5, lookback=LOOKBACK + 3), "older.pt"))
    model = stage.put(stage.model())
    plain = run(stage.task(model))
    older = table().assign(timestamp=lambda bars: bars["timestamp"] - pd.Timedelta(minutes=ROWS))
    older.loc[: ROWS - 100, ["close", "hint"]] = [-1.0, np.inf]
    pd.concat([older, table()]).to_parquet(stage.data, index=False)
    within = run(stage.task(model, window=f"{ROWS}m").model_copy(update={"run": other_run()}))
    assert plain.measurement.champion and plain.measurement.champion.bars > 500
    assert within.measurement == plain.measurement
    assert stage.document(within)["test"] == stage.document(plain)["test"]


def other_run() -> Any:
    return RUN.model_copy(update={"uid": "another"})


def test_a_stored_measurement_is_returned_without_data_or_model(stage: Stage) -> None:
    model = stage.put(stage.model())
    task = stage.task(model)
    first = run(task)
    stage.data.unlink()
    stage.store.delete("model.pt")
    assert run(task) == first


def test_a_measurement_of_another_model_is_made_again(stage: Stage) -> None:
    run(stage.task(stage.put(stage.model(hint=-4.0))))
    assert run(stage.task(stage.put(stage.model()))).measurement.metrics.accuracy > 0.7


@pytest.mark.parametrize("spoil", [b"{}", b"[]", b"not json", b"\xff"])
def test_a_damaged_measurement_is_made_again(stage: Stage, spoil: bytes) -> None:
    task = stage.task(stage.put(stage.model()))
    first = run(task)
    stage.store.write(first.details.uri.removeprefix(stage.store.uri), spoil)
    assert run(task).measurement == first.measurement


def gone(stage: Stage) -> None:
    stage.store.delete("model.pt")


def another(stage: Stage) -> None:
    stage.store.write("model.pt", stage.model(hint=1.0))


def overwritten(stage: Stage) -> None:
    table().iloc[1:].to_parquet(stage.data, index=False)


@pytest.mark.parametrize(
    ("change", "error", "reason", "words"),
    [
        (gone, NotFoundError, "ModelNotFound", "train again with a new retrain.crpbot.dev/rerun token"),
        (another, DataError, "ModelChanged", "other bytes than were trained"),
        (overwritten, DataError, "DataChanged", "a shifted split would test on trained bars"),
    ],
)
def test_a_model_or_data_other_than_was_trained_is_refused(
    stage: Stage, change: Callable[[Stage], None], error: type[Exception], reason: str, words: str
) -> None:
    task = stage.task(stage.put(stage.model()))
    change(stage)
    with pytest.raises(error, match=words) as failure:
        run(task)
    assert failure.value.reason == reason  # type: ignore[attr-defined]
    assert stage.store.list("runs/") == []


@pytest.mark.parametrize("index", ["1", "-1", "x", ""])
def test_an_index_without_an_item_is_refused(stage: Stage, index: str) -> None:
    with pytest.raises(ConfigurationError, match="items 0 to 0"):
        run(stage.task(stage.put(stage.model())), JOB_COMPLETION_INDEX=index)


def test_each_index_is_one_item(stage: Stage) -> None:
    models = [stage.put(stage.model(hint), f"model{hint}.pt") for hint in (4.0, -4.0)]
    items = tuple(
        EvaluateItem(symbol=name, train_key="a", evaluate_key=name, model=model, data=stage.pin())
        for name, model in zip(("BTC-USD", "ETH-USD"), models, strict=True)
    )
    task = stage.task(models[0]).model_copy(update={"items": items})
    results = [run(task, JOB_COMPLETION_INDEX=index) for index in ("0", "1")]
    assert [(result.symbol, result.model_sha256) for result in results] == [
        ("BTC-USD", models[0].sha256),
        ("ETH-USD", models[1].sha256),
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_reported_at_once(stage: Stage) -> None:
    with pytest.raises(NoDeviceError):
        run(stage.task(stage.put(stage.model()), device="GPU"))


def test_the_champion_is_measured_on_the_same_bars(stage: Stage) -> None:
    stage.promote(stage.put(stage.model(hint=-4.0), "champion.pt"))
    measured = run(stage.task(stage.put(stage.model()))).measurement
    champion = measured.champion
    assert champion and champion.note is None
    assert champion.bars == measured.bars
    assert champion.accuracy == pytest.approx(1 - measured.metrics.accuracy, abs=0.01)
    assert champion.difference == pytest.approx(measured.metrics.accuracy - champion.accuracy, abs=1e-3)
    assert champion.low is not None and champion.high is not None
    assert 0 < champion.low < champion.difference < champion.high


def test_a_champion_with_other_features_and_another_lookback_is_compared_too(stage: Stage) -> None:
    champion = stage.model(features=("hint",), lookback=40)
    stage.promote(stage.put(champion, "champion.pt"))
    measured = run(stage.task(stage.put(stage.model()))).measurement
    assert measured.champion and measured.champion.bars == measured.bars
    assert measured.champion.difference == pytest.approx(0, abs=0.02)


def test_bars_the_champion_has_learnt_from_are_left_out(stage: Stage) -> None:
    test = stage.dataset.split.test
    middle = (test.start + test.stop) // 2
    champion = stage.model(hint=2.0, validation_end=int(stage.dataset.candles.timestamps[middle]))
    stage.promote(stage.put(champion, "champion.pt"))
    found = run(stage.task(stage.put(stage.model()))).measurement.champion
    labels = stage.dataset.labels.values[middle + HORIZON + 1 :]
    assert found and found.bars == int((labels >= 0).sum())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"question": Question.parse("1m", 3, "Drop")},
            "it predicts something else (3 bars of 1m ahead with ties: Drop, while",
        ),
        ({"question": Question.parse("1m", HORIZON, "Down")}, "it predicts something else"),
        ({"question": Question.parse("5m", HORIZON, "Drop")}, "it predicts something else"),
        ({"validation_end": 2**62}, "and at least 100 are needed"),
    ],
)
def test_a_champion_that_cannot_be_compared_is_a_note(stage: Stage, change: dict[str, Any], words: str) -> None:
    model = stage.put(stage.model(**change), "champion.pt")
    stage.promote(model)
    champion = run(stage.task(stage.put(stage.model()))).measurement.champion
    assert champion and champion.difference is None and champion.sha256 == model.sha256[:12]
    assert champion.note and words in champion.note


@pytest.mark.parametrize("data", [b"not a model", None])
def test_a_champion_that_cannot_be_loaded_is_a_note(stage: Stage, data: bytes | None) -> None:
    model = stage.put(data or b"x", "champion.pt")
    stage.promote(model)
    if data is None:
        stage.store.delete("champion.pt")
    champion = run(stage.task(stage.put(stage.model()))).measurement.champion
    assert champion and champion.note and champion.sha256 == model.sha256[:12]


def test_a_damaged_pointer_is_a_note(stage: Stage) -> None:
    stage.store.write("promoted/BTC-USD.json", b"[]")
    champion = run(stage.task(stage.put(stage.model()))).measurement.champion
    assert champion and champion.note and "is not a pointer" in champion.note


def test_a_model_is_not_compared_with_itself(stage: Stage) -> None:
    model = stage.put(stage.model())
    stage.promote(model)
    assert run(stage.task(model)).measurement.champion is None


def test_it_is_fixed_how_the_model_will_be_observed_once_it_is_promoted(stage: Stage) -> None:
    """One answer of this model says nothing of the next, so a lookback and a horizon are long enough."""
    document = stage.document(run(stage.task(stage.put(stage.model()))))
    blocks = rule_in(document).blocks
    assert blocks is not None and blocks.length == document["blockLength"] == LOOKBACK + HORIZON
    assert 0 < blocks.correlation < 0.2 and 0 < blocks.deviation < 0.3


@pytest.mark.parametrize("there", [True, False])
def test_a_named_baseline_is_compared_in_the_evaluation_document(stage: Stage, there: bool) -> None:
    other = stage.put(stage.model(hint=-4.0), "old.pt")
    if not there:
        stage.store.delete("old.pt")
    result = run(stage.task(stage.put(stage.model()), baseline=Baseline(uri=other.uri)))
    compared = stage.document(result)["baseline"]
    assert compared["difference"] > 0.4 if there else "old.pt" in compared["note"]
    assert not there or 0.4 < compared["low"] < compared["difference"] < compared["high"]


class OldNetwork(nn.Module):
    """The original plan's network: an LSTM, its output at the last step, one linear layer, a sigmoid."""

    def __init__(self, features: int = 2, hidden: int = 64, layers: int = 2, outputs: int = 1) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=0.2)
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(hidden, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        output, _ = self.lstm(windows)
        return torch.sigmoid(self.fc(self.dropout(output[:, -1, :])))


def without_numbers() -> nn.Module:
    network = OldNetwork()
    nn.init.constant_(network.fc.bias, torch.nan)
    return network


def state_dict(network: nn.Module, wrapped: str | None = None) -> bytes:
    buffer = BytesIO()
    torch.save({wrapped: network.state_dict(), "epoch": 15} if wrapped else network.state_dict(), buffer)
    return buffer.getvalue()


def test_what_the_loss_keeps_beside_the_weights_is_left_aside(stage: Stage) -> None:
    buffer = BytesIO()
    kept = {"criterion.pos_weight": torch.tensor(1.2), "loss.weight": torch.ones(2), "pos_weight": torch.ones(1)}
    torch.save(OldNetwork().state_dict() | kept, buffer)
    named = Baseline(uri=stage.put(buffer.getvalue(), "old.pt").uri)
    compared = stage.document(run(stage.task(stage.put(stage.model()), baseline=named)))["baseline"]
    assert "difference" in compared


@pytest.mark.parametrize("wrapped", [None, "model_state_dict"])
def test_a_plain_state_dict_of_the_old_shape_is_a_baseline(stage: Stage, wrapped: str | None) -> None:
    torch.manual_seed(1)
    old = OldNetwork().eval()
    other = stage.put(state_dict(old, wrapped), "old.pt")
    named = Baseline(uri=other.uri, lookback_bars=7)
    compared = stage.document(run(stage.task(stage.put(stage.model()), baseline=named)))["baseline"]
    scaled = fit_scaling(stage.dataset.values, stage.dataset.split.train).apply(stage.dataset.values)
    _, judged = windows_of_test(stage.dataset, LOOKBACK)
    # A longer window reaches before the first test bar, as it may: its features are known by then.
    windows = np.stack([scaled[end - 6 : end + 1] for end in judged])
    with torch.no_grad():
        called = old(torch.from_numpy(windows)).squeeze(1).numpy() > 0.5
    right = called == (stage.dataset.labels.values[judged] == 1)
    assert compared["bars"] == len(judged) and compared["accuracy"] == pytest.approx(right.mean(), abs=1e-4)
    assert compared["low"] < compared["difference"] < compared["high"]
    assert "may have learnt from these bars" in compared["note"]


def test_a_plain_state_dict_is_compared_on_later_bars_than_it_has_learnt_from(stage: Stage) -> None:
    other = stage.put(state_dict(OldNetwork()), "old.pt")
    named = Baseline(uri=other.uri, trained_until=stage.dataset.last_bar[:10])
    compared = stage.document(run(stage.task(stage.put(stage.model()), baseline=named)))["baseline"]
    assert "which leaves 0 labelled test bars" in compared["note"] and "difference" not in compared
    earlier = Baseline(uri=other.uri, trained_until="2025-05-29")
    task = stage.task(stage.put(stage.model()), baseline=earlier).model_copy(update={"run": other_run()})
    compared = stage.document(run(task))["baseline"]
    assert "scaled like the new model's" in compared["note"] and "may have learnt" not in compared["note"]
    assert compared["difference"] > 0.1


@pytest.mark.parametrize(
    ("data", "trained_until", "words"),
    [
        (lambda: state_dict(OldNetwork(features=5)), None, "it expects 5 features, and this run has 2"),
        (
            lambda: state_dict(OldNetwork(outputs=3)),
            None,
            "weight of its linear layer has the shape 3x64, and 1x64 is needed",
        ),
        (
            lambda: state_dict(nn.LSTM(2, 8)),
            None,
            "not an LSTM followed by one linear layer: weight of its linear layer is missing",
        ),
        (lambda: state_dict(nn.GRU(2, 8)), None, "weight_ih_l0 of its LSTM has the shape 24x2, and 32x2 is needed"),
        (lambda: state_dict(without_numbers()), None, "some of its weights are not numbers"),
        (lambda: state_dict(nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 1))), None, "layers beyond an LSTM"),
        (lambda: state_dict(nn.Linear(2, 1)), None, "not an LSTM followed by one linear layer"),
        (lambda: state_dict(OldNetwork()), "2025-02-31", "2025-02-31 does not exist"),
        (lambda: b"not a model", None, "not a model file"),
    ],
)
def test_a_baseline_that_is_another_network_is_a_note(
    stage: Stage, data: Callable[[], bytes], trained_until: str | None, words: str
) -> None:
    named = Baseline(uri=stage.put(data(), "old.pt").uri, trained_until=trained_until)
    compared = stage.document(run(stage.task(stage.put(stage.model()), baseline=named)))["baseline"]
    assert words in compared["note"] and "difference" not in compared


def test_a_file_that_would_run_code_is_not_a_baseline(stage: Stage) -> None:
    buffer = BytesIO()
    torch.save(OldNetwork(), buffer)  # the whole object: reading it would import and run what it names
    named = Baseline(uri=stage.put(buffer.getvalue(), "old.pt").uri)
    compared = stage.document(run(stage.task(stage.put(stage.model()), baseline=named)))["baseline"]
    assert "not a model file" in compared["note"]


# How often the test bars have been used


def test_the_second_model_on_the_same_bars_counts_the_first(stage: Stage) -> None:
    first = run(stage.task(stage.put(stage.model(hint=1.0), "first.pt")))
    second = run(stage.task(stage.put(stage.model())).model_copy(update={"run": other_run()}))
    assert [result.measurement.judged_before for result in (first, second)] == [0, 1]
    assert stage.document(second)["measurement"]["judgedBefore"] == 1


def test_a_model_measured_again_on_the_same_bars_counts_once(stage: Stage) -> None:
    model = stage.put(stage.model())
    run(stage.task(model))
    again = run(stage.task(model).model_copy(update={"run": other_run()}))
    assert again.measurement.judged_before == 0
    assert len(stage.store.list("judged/BTC-USD/")) == 1


def tried(stage: Stage, hint: float, recipe: str, symbol: str = "BTC-USD") -> tuple[EvaluateResult, Any]:
    """A model that reads so much of the hint, measured as that recipe under that name, and its evaluation.json."""
    task = stage.task(stage.put(stage.model(hint), f"{symbol}-{hint}.pt"))
    item = task.items[0].model_copy(update={"recipe": recipe, "symbol": symbol})
    owner = RUN.model_copy(update={"uid": f"{symbol}-{recipe}"})
    result = run(task.model_copy(update={"items": (item,), "run": owner}))
    return result, stage.document(result)


def test_tries_are_counted_with_their_answers_under_any_name_and_a_recipe_once(stage: Stage) -> None:
    first, _ = tried(stage, 4.0, "r1")
    again, _ = tried(stage, 4.5, "r1")
    copied, document = tried(stage, 4.0, "r1-of-XBT", "XBT-USD")
    weak, against = tried(stage, -0.02, "r2")
    assert [each.measurement.judged_before for each in (first, again, copied, weak)] == [0, 0, 1, 2]
    assert document["luck"]["tries"] == 2 and document["luck"]["different"] == pytest.approx(1, abs=0.01), (
        "the same answers"
    )
    assert against["luck"]["tries"] == 3 and against["luck"]["realityCheck"] >= against["luck"]["pValue"]


def test_what_luck_explains_is_measured_and_recorded(stage: Stage) -> None:
    result, document = tried(stage, 4.0, "r1")
    luck = document["luck"]
    assert luck.keys() == {"tries", "different", "pValue", "realityCheck", "luck", "luckiest", "deflatedSharpe"}
    assert 0 < luck["pValue"] <= luck["realityCheck"] <= luck["luck"] < 1e-6, "right in four bars of five"
    assert result.measurement.luck == pytest.approx(luck["luck"], rel=0.1)
    (key,) = stage.store.list("judged/BTC-USD/")
    kept = decode(stage.store.read(key).data)
    assert kept is not None and kept.recipe == "r1" and kept.answers is not None and kept.days is not None
    assert kept.answers.right.sum() / document["test"]["bars"] == pytest.approx(document["test"]["accuracy"], abs=1e-4)


def test_a_damaged_record_is_a_line_in_the_log_and_a_try(stage: Stage) -> None:
    tried(stage, 4.0, "r1")
    (key,) = stage.store.list("judged/BTC-USD/")
    stage.store.write(key, b"{")
    lines: list[str] = []
    task = stage.task(stage.put(stage.model(1.0), "other.pt")).model_copy(update={"run": other_run()})
    result = evaluate_task.run(task, {}, lines.append)
    assert result.measurement.judged_before == 1 and result.measurement.luck is not None
    assert "BTC-USD: 1 damaged record of tests counted without their answers" in lines


def test_a_count_that_is_not_allowed_is_a_line_in_the_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise CredentialsError("AccessDenied", "not allowed to list judged/")

    monkeypatch.setattr(evaluate_task, "find_and_record", refused)
    lines: list[str] = []
    result = evaluate_task.run(stage.task(stage.put(stage.model())), {}, lines.append)
    assert result.measurement.judged_before is None and result.measurement.luck is None
    assert result.measurement.bars > 0
    assert any(
        "it is not known how often its test bars were used before (not allowed to list judged/)" in line
        for line in lines
    )


def test_validation_is_measured_beside_the_test(stage: Stage) -> None:
    document = stage.document(run(stage.task(stage.put(stage.model()))))
    validation, test = document["validation"], document["test"]
    assert validation.keys() == {"bars", "accuracy", "calibrationError", "loss", "baseRateLoss"}
    assert validation.keys() - {"baseRateLoss"} <= test.keys()
    assert validation["baseRateLoss"] == pytest.approx(np.log(2), abs=0.01), "half of the bars are up"
    assert validation["accuracy"] == pytest.approx(0.8, abs=0.05) and 200 < validation["bars"] < test["bars"]


def test_what_the_training_answered_on_validation_is_not_computed_again(stage: Stage) -> None:
    """A logit of 0 is no direction: an accuracy that no prediction of this model has shows whose answers were used."""
    model, folder = stage.put(stage.model()), run_folder(RUN.namespace, RUN.name, RUN.uid, KEYS["train_key"])
    bars = stage.document(run(stage.task(model)))["validation"]["bars"]
    for evaluate_key, answers, used in (
        ("other", np.zeros(bars), True),
        ("too-few", np.zeros(bars - 1), False),
        ("not-finite", np.full(bars, np.nan), False),
    ):
        validation_logits.keep(stage.store, folder, model.sha256, answers)
        item = stage.task(model).items[0].model_copy(update={"evaluate_key": evaluate_key})
        found = stage.document(run(stage.task(model, items=(item,))))["validation"]
        assert (found["accuracy"] < 0.7) is used, evaluate_key
    stage.store.write(folder + validation_file(model.sha256), b"damaged")
    item = stage.task(model).items[0].model_copy(update={"evaluate_key": "damaged"})
    assert stage.document(run(stage.task(model, items=(item,))))["validation"]["accuracy"] > 0.7


def test_the_file_round_trips_as_the_tests_assume(stage: Stage) -> None:
    assert load_model(stage.model()).features == FEATURES
