"""How far could the measured figures be off by luck? Confidence intervals by the moving-block bootstrap.

A block is a lookback and a horizon long, since bars that near share windows and horizons. Intervals are percentiles of
the resampled figures (`resampling`), with these exceptions and approximations:

- calibrationError is an absolute value, so noise only adds to it and resamples count that noise twice: their
  interval is moved by (measured - mean of the resamples), and cut at 0 and 1.
- auc is taken to first order, from the placements of each bar among those of the other class (E. DeLong,
  D. DeLong, D. Clarke-Pearson, Comparing the Areas under Two or More Correlated ROC Curves, Biometrics 44,
  1988): a resample needs no sorting.
- winRate counts a trade in the block that has its entry; pnl, sharpe and maxDrawdown are those of the path of
  bar returns that the blocks make when set side by side.

Every figure but the drawdown is made of sums over bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from retrain_api.measurement import METRICS

from .backtest import Backtest, sharpe_from_sums
from .metrics import auc, bin_of, calibration_error
from .resampling import RESAMPLES, Interval, Starts, block_length, bounds, draw, parts, totals

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int8]

_HIGHEST_LOG = 700.0


def intervals(
    probabilities: Floats,
    labels: Labels,
    backtest: Backtest,
    interval_ns: int,
    block_bars: int,
    bins: int = 15,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, dict[int, Interval] | None]:
    """Bounds of each metric of the gate at 90, 95 and 99 percent confidence.

    `probabilities` [bars] (NaN where there is no window) and `labels` [bars] (1, 0, or -1 for none) are of
    every test bar in time order, as is `backtest`. `block_bars` is lookback + horizon. A metric is None when
    there are fewer than FEWEST_BLOCKS blocks, or it is undefined in a tenth of the resamples.
    """
    columns = _columns(probabilities, labels, backtest, bins)
    bars, block = labels.size, block_length(labels.size, block_bars)
    if block is None:
        return dict.fromkeys(METRICS)
    starts = draw(bars, block, seed, resamples)
    sums = {name: totals(column, starts, block) for name, column in columns.items()}
    path = np.concatenate([[0.0], np.cumsum(backtest.log_returns)])
    labelled = _labelled(probabilities, labels)
    measured_auc = auc(probabilities[labelled], labels[labelled])
    figures = _figures(sums, bars, interval_ns, np.nan if measured_auc is None else measured_auc)
    figures["calibrationError"] = _recentred(
        figures["calibrationError"], probabilities[labelled], labels[labelled], bins
    )
    figures["maxDrawdown"] = _drawdowns(path, starts, block)
    return {name: bounds(figures[name], starts.shape[1]) for name in METRICS}


def _labelled(probabilities: Floats, labels: Labels) -> NDArray[np.bool_]:
    return (labels >= 0) & np.isfinite(probabilities)


def _columns(probabilities: Floats, labels: Labels, backtest: Backtest, bins: int) -> dict[str, Floats]:
    """What is added up over bars, one array [bars] for each, 0 in bars that do not count."""
    counts = _labelled(probabilities, labels)
    p = np.where(counts, probabilities, 0.0)
    up, called = counts & (labels == 1), counts & (p > 0.5)
    above, below = _placements(p, up, counts & ~up)
    gap = np.where(counts, p - up, 0.0)
    bin_index = bin_of(p, bins)
    returns = np.expm1(backtest.log_returns)
    columns = {
        "rows": counts,
        "right": counts & (called == up),
        "hits": called & up,
        "calls and ups": called.astype(np.float64) + up,
        "ups": up,
        "ups placed": above,
        "downs placed": below,
        "squared gap": gap**2,
        "log return": backtest.log_returns,
        "return": returns,
        "squared return": returns**2,
        "trades": np.bincount(backtest.entry_bars, minlength=labels.size),
        "wins": np.bincount(backtest.entry_bars[backtest.trade_returns > 0], minlength=labels.size),
    }
    gaps = {f"gap {i}": np.where(bin_index == i, gap, 0.0) for i in range(bins) if (bin_index == i).any()}
    return {name: column.astype(np.float64) for name, column in (columns | gaps).items()}


def _placements(p: Floats, up: NDArray[np.bool_], down: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Share of the downs below each up, and of the ups above each down, ties half; 0 elsewhere."""
    ups, downs = np.sort(p[up]), np.sort(p[down])
    above, below = np.zeros(p.size), np.zeros(p.size)
    if ups.size and downs.size:
        above[up] = _share_below(downs, p[up])
        below[down] = 1 - _share_below(ups, p[down])
    return above, below


def _share_below(ordered: Floats, values: Floats) -> Floats:
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    share: Floats = (left + right) / (2 * ordered.size)
    return share


def _figures(total: Mapping[str, Floats], bars: int, interval_ns: int, measured_auc: float) -> dict[str, Floats]:
    """Each metric but the drawdown [resamples], NaN where a resample does not define it."""
    rows, ups = np.round(total["rows"]), np.round(total["ups"])
    gaps = sum((np.abs(value) for name, value in total.items() if name.startswith("gap ")), np.zeros(rows.size))
    placed = _ratio(total["ups placed"], ups) + _ratio(total["downs placed"], rows - ups)
    return {
        "accuracy": _ratio(total["right"], rows),
        "calibrationError": _ratio(gaps, rows),
        "f1": _ratio(2 * total["hits"], np.round(total["calls and ups"])),
        "auc": np.clip(placed - measured_auc, 0.0, 1.0),
        "brier": _ratio(total["squared gap"], rows),
        "winRate": _ratio(total["wins"], np.round(total["trades"])),
        "pnl": np.expm1(np.minimum(total["log return"], _HIGHEST_LOG)),
        "sharpe": sharpe_from_sums(total["return"], total["squared return"], bars, interval_ns),
    }


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    result: Floats = np.divide(numerator, denominator, out=np.full(numerator.size, np.nan), where=denominator > 0)
    return result


def _recentred(resampled: Floats, probabilities: Floats, labels: Labels, bins: int) -> Floats:
    """Calibration errors moved so that their mean is the measured one."""
    defined = resampled[np.isfinite(resampled)]
    if not defined.size or not labels.size:
        return resampled
    excess = defined.mean() - calibration_error(probabilities, labels, bins)
    result: Floats = np.clip(resampled - excess, 0.0, 1.0)
    return result


def _drawdowns(path: Floats, starts: Starts, block: int) -> Floats:
    """Largest fall [resamples] of the account on the path of each resample, as a share of its peak.

    `path` [bars + 1] is the logarithm of the account before the first bar and after each. A block is known by
    its end, highest, lowest and largest fall, all measured from its start; from these the falls that reach
    over several blocks follow.
    """
    bars, blocks = path.size - 1, starts.shape[1]
    whole = _extremes(path, block + 1)
    rest = _extremes(path, bars - (blocks - 1) * block + 1)
    falls = [_falls(part, whole, rest) for part in parts(starts)]
    return -np.expm1(-np.concatenate(falls))


def _falls(starts: Starts, whole: Floats, rest: Floats) -> Floats:
    """Largest falls in logarithm [resamples]; `whole` and `rest` are [4, starts] as `_extremes` gives them."""
    end, top, bottom, fall = np.concatenate([whole[:, starts[:, :-1]], rest[:, starts[:, -1:]]], axis=2)
    offset = np.cumsum(end, axis=1) - end
    peak = np.maximum.accumulate(offset + top, axis=1)
    reached = np.concatenate([np.zeros((starts.shape[0], 1)), peak[:, :-1]], axis=1)
    across = (reached - (offset + bottom)).max(axis=1)
    largest: Floats = np.maximum(across, fall.max(axis=1))
    return largest


def _extremes(path: Floats, points: int) -> Floats:
    """End, highest, lowest (from the start) and largest fall of each run of `points` points: [4, runs].

    Two neighbouring runs make a longer one, whose largest fall is in the left, in the right, or from the
    highest of the left to the lowest of the right; runs of 1, 2, 4, ... points make any length.
    """
    single = (path, path, np.zeros(path.size))
    made, done = single, 1
    power, length = single, 1
    while done < points:
        if (points - 1) & length:
            made, done = _joined(made, power, done), done + length
        if 2 * length < points:
            power = _joined(power, power, length)
        length *= 2
    runs = path.size - points + 1
    top, bottom, fall = made
    origin = path[:runs]
    return np.stack([path[points - 1 :] - origin, top - origin, bottom - origin, fall])


def _joined(
    left: tuple[Floats, Floats, Floats], right: tuple[Floats, Floats, Floats], length: int
) -> tuple[Floats, Floats, Floats]:
    """Highest, lowest, largest fall of runs of `length` points followed by the runs after them."""
    runs = min(left[0].size, right[0].size - length)
    (top, bottom, fall), (next_top, next_bottom, next_fall) = (
        [values[:runs] for values in left],
        [values[length : length + runs] for values in right],
    )
    falls = np.maximum(np.maximum(fall, next_fall), top - next_bottom)
    return np.maximum(top, next_top), np.minimum(bottom, next_bottom), falls
