"""Each result that is too good to be true gets a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from retrain_trainer.measure.leaks.suspicion import correlations, suspicions

RNG = np.random.default_rng(0)
RETURNS = RNG.normal(0, 1e-3, 500)
NOISE = RNG.normal(0, 1, (500, 2)).astype(np.float32)


def suspicions_of(
    accuracy: float = 0.6, auc: float | None = 0.6, win_rate: float | None = 0.6, trades: int = 100
) -> list[str]:
    return suspicions(accuracy, auc, win_rate, trades, ["rsi", "volume"], NOISE, RETURNS)


def test_an_honest_model_is_not_suspect() -> None:
    assert suspicions_of() == []
    assert suspicions_of(accuracy=0.97, auc=0.97, win_rate=0.97) == []
    assert suspicions_of(auc=None, win_rate=None, trades=0) == []


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"accuracy": 0.981}, ["Accuracy", "98.1 %"]),
        ({"auc": 0.9912}, ["AUC", "0.991"]),
        ({"win_rate": 1.0, "trades": 30}, ["Win rate over 30 trades", "100.0 %"]),
    ],
)
def test_an_incredible_figure_is_named_with_its_value(figures: dict, words: list[str]) -> None:
    (sentence,) = suspicions_of(**figures)
    assert all(word in sentence for word in words)


def test_a_few_lucky_trades_are_not_suspect() -> None:
    assert suspicions_of(win_rate=1.0, trades=29) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_feature_that_knows_the_future_is_named(sign: int) -> None:
    leaking = np.column_stack([NOISE, sign * RETURNS * 1e3 + 0.2 * NOISE[:, 0]])
    (sentence,) = suspicions(0.6, 0.6, 0.6, 100, ["rsi", "volume", "oracle"], leaking, RETURNS)
    assert "oracle" in sentence
    assert f"{sign * 0.98:.2f}"[:4] in sentence


def test_correlations_are_those_of_numpy_whatever_the_scale_and_the_missing_rows() -> None:
    values = np.column_stack([NOISE[:, 0] * 1e-3 + 60_000, NOISE[:, 1] + 500 * RETURNS]).astype(np.float64)
    returns = np.where(np.arange(500) % 7 == 0, np.nan, RETURNS)
    kept = np.isfinite(returns)
    expected = [np.corrcoef(values[kept, i], returns[kept])[0, 1] for i in range(2)]
    np.testing.assert_allclose(correlations(values, returns), expected, atol=1e-9)


def test_rows_are_read_in_chunks_that_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = correlations(NOISE, RETURNS)
    monkeypatch.setattr("retrain_trainer.measure.leaks.suspicion._CHUNK_ROWS", 64)
    np.testing.assert_allclose(correlations(NOISE, RETURNS), whole, atol=1e-12)


def test_a_constant_feature_has_no_correlation() -> None:
    constant = np.full((500, 1), 0.1, np.float32)
    assert correlations(constant, RETURNS).tolist() == [0.0]
    assert correlations(NOISE, np.full(500, 0.3)).tolist() == [0.0, 0.0]
    assert correlations(NOISE, np.full(500, np.nan)).tolist() == [0.0, 0.0]
