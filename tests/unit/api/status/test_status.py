"""The status is small, is read back as it was written, and the API server would take it."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from support import results
from support.planning import Cluster, run_document

from retrain_api.documents.references import Restated
from retrain_api.measurement import CRITERIA, METRICS, RULES, Baselines, Champion, Measurement, Metrics
from retrain_api.run import parse_run
from retrain_api.status.run import FINAL_STATES, RetrainRunStatus
from retrain_api.wire import to_wire

MARKETS = string.ascii_letters + string.digits + "-_"
"""64 letters, so that every symbol is a market of its own."""


def measured(accuracy: float, market: str) -> Measurement:
    """Everything that can be measured, with as many digits as a computer gives."""
    figures = dict.fromkeys(METRICS, 0.412345678) | {"accuracy": accuracy, "calibrationError": 0.0312345678}
    return Measurement(
        metrics=Metrics.model_validate(figures),
        near_bounds=tuple((0.6123456789, 0.6012345678, -0.5912345678) for _ in CRITERIA),
        baselines=Baselines(
            majority=0.5212345678, persistence=0.5012345678, reversal=0.5312345678, logistic=0.5412345678, p=0.0123456
        ),
        champion=Champion(
            sha256="c" * 12,
            bars=10_500,
            accuracy=0.6912345678,
            difference=0.0112345678,
            low=-0.0012345678,
            high=0.0212345678,
            p=0.0123456,
        ),
        bars=10_970,
        flat_bars=312,
        trades=1_234,
        calibration_error_expected=0.0123456789,
        judged_before=17,
        luck=0.12345,
        market=market,
        rules=RULES,
    )


def finished(symbols: int, accuracy: float, **spec: Any) -> RetrainRunStatus:
    names = [f"COIN{number}-USD" for number in range(symbols)] if symbols > 3 else ["BTC-USD", "ETH-USD", "SOL-USD"]
    cluster = Cluster.of(symbols=names[:symbols], preflight="Always", **spec)
    cluster.measurements = {name: measured(accuracy, MARKETS[place] * 14) for place, name in enumerate(names)}
    status = cluster.to_the_end().status
    assert status.state in FINAL_STATES
    return status


def size(status: RetrainRunStatus) -> int:
    return len(json.dumps(to_wire(status), separators=(",", ":"), ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("accuracy", "symbols", "limit"),
    [
        (0.7123456789, 1, 6_000),
        (0.7123456789, 3, 7_000),
        (0.7123456789, 64, 100_000),
        (0.5123456789, 1, 6_000),
        # Two reasons for each model, and the first of them once more in the message of the run. Each names its Job.
        (0.5123456789, 3, 7_500),
        (0.5123456789, 64, 100_000),
    ],
)
def test_a_status_is_small(accuracy: float, symbols: int, limit: int) -> None:
    status = finished(symbols, accuracy)
    assert all(entry.result and entry.result.metrics and entry.result.metrics.champion for entry in status.symbols)
    assert all(entry.result and entry.result.trained_until for entry in status.symbols)
    assert size(status) <= limit


def test_a_status_of_models_that_are_not_sure_is_small() -> None:
    """Three reasons for each model: both criteria are open, and how many more bars would settle it."""
    status = finished(64, 0.7123456789, gate={"confidencePercent": 95})
    assert status.gate is not None and status.gate.verdict == "Inconclusive"
    assert size(status) <= 100_000


def test_a_status_of_models_that_luck_explains_is_small() -> None:
    status = finished(64, 0.7123456789, gate={"maxLuckPercent": 5})
    assert status.gate is not None and status.gate.verdict == "Inconclusive"
    assert size(status) <= 100_000


@pytest.mark.parametrize(("symbols", "limit"), [(3, 8_000), (64, 100_000)])
def test_a_status_of_rewritten_data_is_small(symbols: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same long column was rewritten in every symbol's file, and three reasons stand with each model."""
    found = Restated(day="2026-11-20", column="moving_average_of_the_close_" * 4, as_of="2026-11-27T12:00:00Z")
    plain = results.trained
    monkeypatch.setattr(results, "trained", lambda task: plain(task).model_copy(update={"restated": found}))
    status = finished(symbols, 0.7123456789, gate={"confidencePercent": 95})
    assert any(one.type == "DataRestated" for one in status.conditions)
    assert size(status) <= limit


SUSPICION = (
    "Column 'close_5m' and 2 more know later bars (27.3 % of the next return, honest columns 1 %): a longer bar joined before it "
    "closed, a centred mean, a wrong shift or a label"
)


@pytest.mark.parametrize(("symbols", "limit", "whole"), [(3, 8_192, True), (16, 34_000, True), (64, 100_000, False)])
def test_a_status_of_suspect_models_is_small_and_names_the_column(symbols: int, limit: int, whole: bool) -> None:
    """The same column leaks in every symbol's file, as it does where one script makes them all."""
    names = [f"COIN{number}-USD" for number in range(symbols)]
    cluster = Cluster.of(symbols=names, preflight="Always")
    suspect = [measured(0.7123456789, MARKETS[place] * 14) for place in range(symbols)]
    update = {"suspicions": (SUSPICION,)}
    cluster.measurements = {name: one.model_copy(update=update) for name, one in zip(names, suspect, strict=True)}
    status = cluster.to_the_end().status
    assert status.gate is not None and status.gate.verdict == "Suspect"
    assert all(
        any("'close_5m' and 2 more know later bars" in reason for reason in entry.reasons) for entry in status.symbols
    )
    assert all(any(SUSPICION in reason for reason in entry.reasons) is whole for entry in status.symbols)
    assert size(status) <= limit


def test_a_status_is_small_after_many_judgements() -> None:
    cluster = Cluster.of(symbols=[f"COIN{number}-USD" for number in range(64)], preflight="Always")
    cluster.measurements = dict.fromkeys(cluster.run.spec.symbols, measured(0.7, ""))
    for bar in range(55, 65):
        cluster.edit(gate={"criteria": [{"metric": "accuracy", "atLeast": bar / 100}]})
        cluster.to_the_end()
    assert size(cluster.run.status) <= 100_000


@pytest.mark.parametrize("accuracy", [0.7123456789, 0.5, float("nan")])
def test_a_status_is_read_back_as_it_was_written(accuracy: float) -> None:
    status = finished(3, accuracy)
    wire = json.loads(json.dumps(to_wire(status), allow_nan=False))
    run = parse_run(run_document() | {"status": wire})
    assert run.status == status and to_wire(run.status) == wire


def test_a_status_of_a_newer_release_is_read() -> None:
    document = run_document() | {
        "status": {"state": "Training", "new": 1, "symbols": [{"symbol": "BTC-USD", "new": 2}]}
    }
    assert parse_run(document).status.symbol("BTC-USD").state == "Pending"


def test_a_symbol_that_nothing_is_known_of() -> None:
    assert RetrainRunStatus().symbol("BTC-USD").model_dump(exclude_defaults=True) == {"symbol": "BTC-USD"}


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_final_states_are_states(state: str) -> None:
    assert RetrainRunStatus.model_validate({"state": state}).state == state


@pytest.mark.parametrize(("symbols", "shown"), [(16, 2), (17, 1)])
def test_many_symbols_have_their_first_reason_and_a_count_of_the_others(symbols: int, shown: int) -> None:
    for entry in finished(symbols, 0.5123456789).symbols:
        own = [reason for reason in entry.reasons if "in the report" not in reason]
        assert len(own) == shown
        assert entry.reasons[shown:] == (() if shown == 2 else ("and 1 more reason in the report",))
