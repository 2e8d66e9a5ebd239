"""How far could the measured figures be off by luck? Confidence intervals by the circular block bootstrap.

Neighbouring bars share windows and outcomes, so 10,000 minutes are not 10,000 independent answers. Without these intervals
the gate would let models through on luck. A block is at least a lookback plus a horizon long, since bars further apart share
neither, and longer where the bars are seen to depend on each other for longer (`dependence`).

Intervals are percentiles of the resampled figures (`resampling`), with these exceptions and approximations:

- calibrationError is a sum of absolute values, so noise only adds to it; `calibration_bounds` takes that off.
- auc is computed to first order, from the placements of each bar among those of the other class (E. DeLong,
  D. DeLong, D. Clarke-Pearson, Comparing the Areas under Two or More Correlated ROC Curves, Biometrics 44,
  1988), so that a resample needs no sorting.
- winRate counts a trade in the block that has its entry; pnl and maxDrawdown are those of the path of bar returns that
  results from joining the blocks end to end.
- sharpe is not here: it is of days, and whole days are drawn for it (`sharpe`).

Every figure except the drawdown is made of sums over bars, which is what keeps a resample cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrain_api.measurement import METRICS
from retrain_trainer.measure.figures.backtest import Backtest
from retrain_trainer.measure.figures.metrics import auc, bin_of

from .calibration_bounds import calibration_bounds
from .resampling import RESAMPLES, SEED, Interval, Starts, around, block_length, bounds, draw, parts, totals

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[np.int8]

BAR_METRICS = tuple(metric for metric in METRICS if metric != "sharpe")
"""The gate's metrics that are measured bar by bar."""
_HIGHEST_LOG = 700.0


def intervals(
    probabilities: Floats,
    labels: Labels,
    backtest: Backtest,
    block_bars: int,
    bins: int = 15,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> dict[str, dict[int, Interval] | None]:
    """Bounds of each of BAR_METRICS at 90, 95 and 99 percent confidence.

    `probabilities` [bars] (NaN where there is no window) and `labels` [bars] (1, 0, or -1 for none) cover
    every test bar in time order, as does `backtest`. `block_bars` is the length of a block. A metric is None when
    there are fewer than FEWEST_BLOCKS blocks, or when it is undefined in more than a tenth of the resamples.
    """
    columns = _columns(probabilities, labels, backtest, bins)
    bars, block = labels.size, block_length(labels.size, block_bars)
    if block is None:
        return dict.fromkeys(BAR_METRICS)
    starts = draw(bars, block, seed, resamples)
    sums = {name: totals(column, starts, block) for name, column in columns.items()}
    labelled = _labelled(probabilities, labels)
    measured_auc = auc(probabilities[labelled], labels[labelled])
    figures = _figures(sums, np.nan if measured_auc is None else measured_auc)
    figures["maxDrawdown"] = _drawdowns(backtest.log_returns, starts, block)
    blocks = starts.shape[1]
    found = {name: bounds(figure, blocks) for name, figure in figures.items()}
    found["calibrationError"] = _of_calibration(columns, sums, blocks)
    return {name: found[name] for name in BAR_METRICS}


def _labelled(probabilities: Floats, labels: Labels) -> NDArray[np.bool_]:
    return (labels >= 0) & np.isfinite(probabilities)


def _columns(probabilities: Floats, labels: Labels, backtest: Backtest, bins: int) -> dict[str, Floats]:
    """The quantities that are summed over bars, one array [bars] each, with 0 in bars that do not count."""
    counts = _labelled(probabilities, labels)
    p = np.where(counts, probabilities, 0.0)
    up, called = counts & (labels == 1), counts & (p > 0.5)
    above, below = _placements(p, up, counts & ~up)
    gap = np.where(counts, p - up, 0.0)
    bin_index = bin_of(p, bins)
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
        "trades": np.bincount(backtest.entry_bars, minlength=labels.size),
        "wins": np.bincount(backtest.entry_bars[backtest.trade_returns > 0], minlength=labels.size),
    }
    gaps = {f"gap {i}": np.where(bin_index == i, gap, 0.0) for i in range(bins) if (bin_index == i).any()}
    return {name: column.astype(np.float64) for name, column in (columns | gaps).items()}


def _placements(p: Floats, up: NDArray[np.bool_], down: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Share of the downs below each up, and of the ups above each down; ties count half, and other bars hold 0."""
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


def _figures(total: Mapping[str, Floats], measured_auc: float) -> dict[str, Floats]:
    """Each metric except calibration error and drawdown [resamples]; NaN where a resample does not define it."""
    # Counts come from differences of cumulative sums and are rounded, so that an empty class is exactly 0.
    rows, ups = np.round(total["rows"]), np.round(total["ups"])
    placed = _ratio(total["ups placed"], ups) + _ratio(total["downs placed"], rows - ups)
    return {
        "accuracy": _ratio(total["right"], rows),
        "f1": _ratio(2 * total["hits"], np.round(total["calls and ups"])),
        "auc": np.clip(placed - measured_auc, 0.0, 1.0),
        "brier": _ratio(total["squared gap"], rows),
        "winRate": _ratio(total["wins"], np.round(total["trades"])),
        "pnl": np.expm1(np.minimum(total["log return"], _HIGHEST_LOG)),
    }


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    result: Floats = np.divide(numerator, denominator, out=np.full(numerator.size, np.nan), where=denominator > 0)
    return result


def _of_calibration(
    columns: Mapping[str, Floats], sums: Mapping[str, Floats], blocks: int
) -> dict[int, Interval] | None:
    """Intervals of the calibration error from the gaps of its bins."""
    bins = [name for name in columns if name.startswith("gap ")]
    return calibration_bounds(
        np.stack([sums[name] for name in bins]),
        np.round(sums["rows"]),
        [float(columns[name].sum()) for name in bins],
        int(columns["rows"].sum()),
        blocks,
    )


def _drawdowns(log_returns: Floats, starts: Starts, block: int) -> Floats:
    """Maximum drawdown [resamples] of the account along the path of each resample, as a share of its peak.

    `log_returns` [bars] is the change of the account's logarithm at each bar. A drawdown is not a sum,
    and walking along 1,000 resamples would read the whole test 1,000 times. Four numbers a block are enough instead: its
    end, highest point, lowest point (all from its start) and largest fall. They are computed once for every possible block
    and looked up for each resample; falls that reach over several blocks follow from them.
    """
    bars, blocks = log_returns.size, starts.shape[1]
    path = np.concatenate([[0.0], np.cumsum(around(log_returns, block))])
    whole = _extremes(path, block + 1)
    rest = _extremes(path, bars - (blocks - 1) * block + 1)
    falls = [_falls(part, whole, rest) for part in parts(starts)]
    return -np.expm1(-np.concatenate(falls))


def _falls(starts: Starts, whole: Floats, rest: Floats) -> Floats:
    """Largest falls of the log account [resamples]; `whole` and `rest` are [4, starts], as `_extremes` returns them."""
    end, top, bottom, fall = np.concatenate([whole[:, starts[:, :-1]], rest[:, starts[:, -1:]]], axis=2)
    # `offset` is where a block starts on the joined path. `peak` is the highest point up to a block's end, and `reached` the
    # highest before the block, at least the start at 0. The largest fall is within one block or from `reached` to a bottom.
    offset = np.cumsum(end, axis=1) - end
    peak = np.maximum.accumulate(offset + top, axis=1)
    reached = np.concatenate([np.zeros((starts.shape[0], 1)), peak[:, :-1]], axis=1)
    across = (reached - (offset + bottom)).max(axis=1)
    largest: Floats = np.maximum(across, fall.max(axis=1))
    return largest


def _extremes(path: Floats, points: int) -> Floats:
    """End, highest and lowest point (from the start) and largest fall of each run of `points` points: [4, runs].

    Two neighbouring runs join into a longer one, whose largest fall is in the left, in the right, or from the
    highest point of the left to the lowest of the right. Runs of 1, 2, 4, ... points join to any length, as in
    exponentiation by squaring: a block of b points costs log2(b) passes over the path instead of b.
    """
    # `power` holds runs of `length` points, doubled each time. `made` holds runs of `done` points, to which `power` is
    # appended wherever the binary form of the missing points - 1 has a 1.
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
    """Highest point, lowest point and largest fall of runs of `length` points joined with the runs that follow them."""
    runs = min(left[0].size, right[0].size - length)
    (top, bottom, fall), (next_top, next_bottom, next_fall) = (
        [values[:runs] for values in left],
        [values[length : length + runs] for values in right],
    )
    falls = np.maximum(np.maximum(fall, next_fall), top - next_bottom)
    return np.maximum(top, next_top), np.minimum(bottom, next_bottom), falls
