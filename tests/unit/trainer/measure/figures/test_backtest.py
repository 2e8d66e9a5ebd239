"""The backtest against cases computed by hand, and properties that must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrain_trainer.measure.figures.backtest import Backtest, held_over, max_drawdown, pnl_without, run, select

MINUTE = 60 * 10**9
NAN = float("nan")


def bars(count: int, gap_after: int | None = None) -> np.ndarray:
    """Timestamps a minute apart, with one missing minute after a bar."""
    times = np.arange(count, dtype=np.int64) * MINUTE
    if gap_after is not None:
        times[gap_after + 1 :] += MINUTE
    return times


def traded(
    p: list[float], close: list[float], horizon: int = 1, threshold: float = 0.5, fee_bps: float = 0.0
) -> Backtest:
    return run(np.array(p), np.array(close), bars(len(p)), MINUTE, horizon, threshold, fee_bps)


def test_a_long_and_a_short_by_hand() -> None:
    # long: signal at 0, bought at 100 (bar 1), sold at 110 (bar 3); short: signal at 3, 120 (bar 4) to 90 (bar 6)
    result = traded([0.9, NAN, NAN, 0.2, NAN, NAN, NAN], [50, 100, 104, 110, 120, 100, 90], 2, fee_bps=100)
    assert (result.trades, result.longs, result.shorts) == (2, 1, 1)
    assert result.entry_bars.tolist() == [1, 4]
    np.testing.assert_allclose(result.trade_returns, [0.10 - 0.02, 0.25 - 0.02])
    account = 1.08
    np.testing.assert_allclose(
        result.equity,
        [1, 0.99, 1.03, account, account * 0.99, account * (1 + 20 / 120 - 0.01), account * 1.23],
    )
    assert result.pnl == pytest.approx(1.08 * 1.23 - 1)
    assert result.win_rate == 1.0
    assert result.fees_paid == pytest.approx(0.02 + 1.08 * 0.02)
    assert result.max_drawdown == pytest.approx(0.01)  # the fee of the first fill, from 1, and of the third
    assert result.exposure == pytest.approx(4 / 7)


@pytest.mark.parametrize(
    ("p", "threshold", "side"),
    [
        (0.51, 0.5, 1),
        (0.49, 0.5, -1),
        (0.5, 0.5, 0),
        (0.6, 0.6, 0),
        (0.61, 0.6, 1),
        (0.39, 0.6, -1),
        (0.41, 0.6, 0),
        (NAN, 0.5, 0),
    ],
)
def test_side_of_a_signal(p: float, threshold: float, side: int) -> None:
    trades = select(np.array([p, NAN, NAN]), bars(3), MINUTE, 1, threshold)
    assert trades.sides.tolist() == ([side] if side else [])


@pytest.mark.parametrize(
    ("count", "gap_after", "horizon", "expected"),
    [
        (7, None, 2, [(1, 3), (3, 5), (5, 6)]),  # the last is closed at the last bar
        (7, None, 1, [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]),
        (8, 3, 2, [(1, 3), (5, 7)]),  # a gap after bar 3: none is filled or held over it
        (8, 2, 3, [(1, 2), (4, 7)]),  # closed early, at the last bar before the gap
        (2, None, 1, []),
        (1, None, 1, []),
        (0, None, 1, []),
    ],
)
def test_trades_neither_overlap_nor_span_a_gap(
    count: int, gap_after: int | None, horizon: int, expected: list[tuple[int, int]]
) -> None:
    trades = select(np.full(count, 0.9), bars(count, gap_after), MINUTE, horizon, 0.5)
    assert list(zip(trades.entries.tolist(), trades.exits.tolist(), strict=True)) == expected


def test_a_move_over_a_gap_is_never_earned() -> None:
    close = np.array([100.0, 100, 100, 500, 500, 500])
    assert run(np.full(6, 0.9), close, bars(6, gap_after=2), MINUTE, 3, 0.5, 0.0).pnl == 0.0


def test_without_a_trade_nothing_is_earned() -> None:
    result = traded([0.5, 0.5, NAN, 0.5], [1, 2, 3, 4])
    assert (result.trades, result.win_rate) == (0, None)
    assert (result.pnl, result.max_drawdown, result.fees_paid, result.exposure) == (0.0, 0.0, 0.0, 0.0)
    assert result.equity.tolist() == [1.0] * 4


def test_a_short_loses_no_more_than_the_account() -> None:
    result = traded([0.1, NAN, NAN], [1, 1, 3])
    assert result.pnl == pytest.approx(-1.0)
    assert result.max_drawdown == pytest.approx(1.0)


def test_a_trade_that_earns_less_than_its_fees_is_lost() -> None:
    assert traded([0.9, NAN, NAN], [1, 1, 1.001], fee_bps=10).win_rate == 0.0
    assert traded([0.9, NAN, NAN], [1, 1, 1.0021], fee_bps=10).win_rate == 1.0


@pytest.mark.parametrize(
    ("equity", "expected"), [([1, 2, 1, 3, 2.4], 0.5), ([0.8, 1.0], 0.2), ([1, 1.5, 2], 0.0), ([], 0.0)]
)
def test_drawdown_by_hand(equity: list[float], expected: float) -> None:
    assert max_drawdown(np.log(equity)) == pytest.approx(expected)


@st.composite
def markets(draw: st.DrawFn) -> dict[str, object]:
    count = draw(st.integers(1, 40))
    chances = st.one_of(st.just(NAN), st.floats(0, 1))
    steps = draw(arrays(np.int64, count, elements=st.sampled_from([1, 1, 1, 2])))
    return {
        "probabilities": draw(arrays(np.float64, count, elements=chances)),
        "close": draw(arrays(np.float64, count, elements=st.floats(50, 90))),
        "timestamps": np.cumsum(steps) * MINUTE,
        "interval_ns": MINUTE,
        "horizon_bars": draw(st.integers(1, 8)),
        "threshold": draw(st.sampled_from([0.5, 0.7])),
        "fee_bps": draw(st.sampled_from([0.0, 10.0, 250.0])),
    }


@given(markets())
def test_the_account_ends_at_the_pnl_and_compounds_the_trades(market: dict) -> None:
    result = run(**market)
    assert result.equity[-1] - 1 == pytest.approx(result.pnl)
    assert np.prod(1 + result.trade_returns) - 1 == pytest.approx(result.pnl)
    assert 0 <= result.max_drawdown <= 1
    assert 0 <= result.exposure < 1
    assert result.trades == result.longs + result.shorts == result.entry_bars.size


@given(markets())
def test_constant_prices_lose_exactly_the_fees(market: dict) -> None:
    result = run(**market | {"close": np.full(market["close"].size, 64.0)})
    fee = market["fee_bps"] / 10_000
    assert result.pnl == pytest.approx((1 - 2 * fee) ** result.trades - 1)
    assert result.fees_paid == pytest.approx(-result.pnl)


@given(markets())
def test_the_other_way_round_without_fees_each_trade_earns_the_opposite(market: dict) -> None:
    forward = run(**market | {"fee_bps": 0.0})
    backward = run(**market | {"fee_bps": 0.0, "probabilities": 1 - market["probabilities"]})
    if np.isin(market["probabilities"], [0.3, 0.7]).any():
        return  # rounding of 1 - p decides at the threshold itself
    if forward.trades == backward.trades:
        np.testing.assert_allclose(forward.trade_returns, -backward.trade_returns, atol=1e-9)


@given(markets())
def test_the_trades_are_those_of_the_rules_followed_bar_by_bar(market: dict) -> None:
    p, times, horizon = market["probabilities"], market["timestamps"], market["horizon_bars"]
    expected, free = [], 0
    for signal in range(p.size):
        entry = signal + 1
        side = int(p[signal] > market["threshold"]) - int(1 - p[signal] > market["threshold"])
        if side == 0 or entry < free:
            continue
        end = signal
        while end + 1 < p.size and times[end + 1] - times[end] == MINUTE and end < entry + horizon:
            end += 1
        if end > entry:
            expected.append((entry, end, side))
            free = end
    trades = select(p, times, MINUTE, horizon, market["threshold"])
    assert list(zip(trades.entries.tolist(), trades.exits.tolist(), trades.sides.tolist(), strict=True)) == expected


@given(markets(), st.integers(1, 39))
def test_what_comes_later_changes_nothing_before_it(market: dict, cut: int) -> None:
    full, shorter = run(**market), {k: v[:cut] if isinstance(v, np.ndarray) else v for k, v in market.items()}
    if cut >= market["close"].size:
        return
    part = run(**shorter)
    settled = max(cut - 1, 1)  # at its last bar the shorter market closes what the longer one holds
    np.testing.assert_allclose(part.equity[: settled - 1], full.equity[: settled - 1])


@pytest.mark.parametrize(
    ("gap_after", "held"), [(None, [False, False, True, True, False]), (2, [False, False, True, False, False])]
)
def test_which_bars_a_trade_was_held_over(gap_after: int | None, held: list[bool]) -> None:
    # long: signal at 0, bought at the close of bar 1, sold at that of bar 3, or of bar 2 where a gap follows
    times = bars(5, gap_after)
    result = run(np.array([0.9, *[NAN] * 4]), np.full(5, 100.0), times, MINUTE, 2)
    assert result.exposure * 5 == sum(held)
    assert held_over(result, np.arange(5), times, MINUTE, 2).tolist() == held


def test_no_bar_is_held_over_without_a_trade() -> None:
    result = traded([NAN] * 4, [100, 90, 80, 70])
    assert not held_over(result, np.arange(4), bars(4), MINUTE, 1).any()


def test_the_pnl_without_a_bar_is_that_of_a_price_that_stood_still_there() -> None:
    jumped = traded([0.1, NAN, NAN, NAN], [100, 100, 10, 10], 2)
    still = traded([0.1, NAN, NAN, NAN], [100, 100, 100, 100], 2)
    assert jumped.pnl == pytest.approx(0.9)
    assert pnl_without(jumped, np.array([2])) == pytest.approx(still.pnl)
