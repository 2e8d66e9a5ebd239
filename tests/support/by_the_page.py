"""Every test figure by docs/figures.md, with numpy, pandas and scikit-learn alone; nothing of the project is imported, nor torch.

    python by_the_page.py ARTIFACTS RESULTS FEATURES

reads results.json, evaluation.json, the model file, predictions.parquet and the feature file, and prints the figures as JSON.
"""

import json
import math
import pickle
import sys
import zipfile
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

BARS_OF_THE_MEAN = 20
RESAMPLES, SEED = 1_000, 0

# The model file


def read_model(path):
    with zipfile.ZipFile(path) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("/data.pkl")]
        return Weights(archive, name.removesuffix("data.pkl")).load()


class Weights(pickle.Unpickler):
    """A pickle whose tensors are numbers in other files of the archive."""

    def __init__(self, archive, folder):
        super().__init__(archive.open(folder + "data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        known = {"_rebuild_tensor_v2": tensor, "OrderedDict": dict, "FloatStorage": "<f4"}
        return known[name]

    def persistent_load(self, reference):
        _, kind, key, _, _ = reference
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), kind)


def tensor(storage, offset, size, stride, *_):
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).copy()


def logits(model, windows):
    """Of windows [n, lookback, features]."""
    shape, weights = model["architecture"], model["weights"]
    inputs = windows.astype(float)
    for layer in range(shape["layers"]):
        directions = [one_way(inputs, weights, f"l{layer}")]
        if shape["bidirectional"]:
            directions.append(one_way(inputs[:, ::-1], weights, f"l{layer}_reverse")[:, ::-1])
        inputs = np.concatenate(directions, axis=2)
    hidden = shape["hidden_size"]
    last = inputs[:, -1, :hidden]
    if shape["bidirectional"]:
        last = np.concatenate([last, inputs[:, 0, hidden:]], axis=1)
    return (last @ weights["head.weight"].T.astype(float) + weights["head.bias"])[:, 0]


def one_way(inputs, weights, name):
    into, within, one, other = (
        weights[f"lstm.{part}_{name}"].astype(float) for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    state = cell = np.zeros((len(inputs), within.shape[1]))
    outputs = []
    for step in range(inputs.shape[1]):
        gates = inputs[:, step] @ into.T + state @ within.T + one + other
        enter, forget, candidate, out = np.split(gates, 4, axis=1)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
        state = sigmoid(out) * np.tanh(cell)
        outputs.append(state)
    return np.stack(outputs, axis=1)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


# Bars, labels, parts


def parts(rows, lookback, horizon, validation, test):
    purge = lookback + horizon
    first_test = rows - rows * test // 100
    end_validation = first_test - purge
    first_validation = end_validation - rows * validation // 100
    return range(0, first_validation - purge), range(first_validation, end_validation), range(first_test, rows)


def labels_of(close, times, horizon, interval, ties):
    """1 up, 0 not up, NaN none; and which bars are flat."""
    label, flat = np.full(len(close), np.nan), np.zeros(len(close), bool)
    for row in range(len(close) - horizon):
        if times[row + horizon] - times[row] == horizon * interval:
            label[row] = close[row + horizon] > close[row]
            flat[row] = close[row + horizon] == close[row]
    if ties == "Drop":
        label[flat] = np.nan
    return label, flat


def ends_of(part, times, lookback, interval):
    return np.array(
        [row for row in part[lookback - 1 :] if times[row] - times[row - lookback + 1] == (lookback - 1) * interval]
    )


def platt(values, label):
    """Slope and intercept that fit the smoothed targets best; the slope is never below 0."""
    up, down = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (up + 1) / (up + 2), 1 / (down + 2))
    spread = values.std()
    scaled = ((values - values.mean()) / spread)[:, None]
    fit = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000)
    fit.fit(
        np.concatenate([scaled, scaled]),
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = fit.coef_[0, 0] / spread
    if slope <= 0:
        return 0.0, math.log(target.mean() / (1 - target.mean()))
    return slope, fit.intercept_[0] - slope * values.mean()


# Figures


def calibration_error(p, label, bins):
    index = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs((p - label)[index == bin_].sum()) for bin_ in range(bins)) / len(p)


def expected_calibration_error(p, bins):
    rng = np.random.default_rng(SEED)
    ordered = p[np.argsort(np.minimum((p * bins).astype(int), bins - 1), kind="stable")]
    return np.mean([calibration_error(ordered, rng.random(len(p)) < ordered, bins) for _ in range(200)])


def rules(close, scaled, label, train, judged):
    """The answers of the baselines at the judged rows."""
    truth = label[judged]
    mean = pd.Series(close).rolling(BARS_OF_THE_MEAN, min_periods=1).mean().to_numpy()
    distance = close - mean
    distance[abs(distance) <= 1e-10 * close] = 0
    fit = LogisticRegression(C=1, tol=1e-10, max_iter=10_000).fit(scaled[train], label[train])
    return {
        "majority": (truth == (truth.mean() >= 0.5)).astype(float),
        "persistence": agreement(np.diff(close, prepend=close[0])[judged], truth),
        "reversal": agreement(-distance[judged], truth),
        "logistic": (fit.predict(scaled[judged]) == truth).astype(float),
    }


def agreement(direction, truth):
    return np.where(direction == 0, 0.5, (direction > 0) == (truth == 1))


def backtest(p, close, times, interval, horizon, threshold, fee):
    """Log returns of the account by bar, the position held over each, and entry and return of each trade."""
    bars = len(p)
    gap_after = [row + 1 == bars or times[row + 1] - times[row] != interval for row in range(bars)]
    last = [next(row for row in range(start, bars) if gap_after[row]) for start in range(bars)]
    log_returns, position, trades, free = np.zeros(bars), np.zeros(bars, int), [], 0
    for signal in range(bars):
        side = int(p[signal] > threshold) - int(1 - p[signal] > threshold)
        if signal < free or side == 0 or signal + 2 > last[signal]:
            continue
        entry, end = signal + 1, min(signal + 1 + horizon, last[signal])
        value = math.log(1 - fee)
        log_returns[entry] += value
        for bar in range(entry + 1, end + 1):
            paid = 2 * fee if bar == end else fee
            worth = math.log(max(1 + side * (close[bar] / close[entry] - 1) - paid, 1e-9))
            log_returns[bar] += worth - value
            value, position[bar] = worth, side
        trades.append((entry, max(1 + side * (close[end] / close[entry] - 1) - 2 * fee, 1e-9) - 1))
        free = end - 1  # a signal at the bar before the exit is filled at the exit's own close
    return log_returns, position, trades


def drawdown(log_returns):
    account = np.concatenate([[0.0], np.cumsum(log_returns)])
    return 1 - math.exp(-(np.maximum.accumulate(account) - account).max())


# Intervals


def asked_length(series):
    """Bars of a block that a series (NaN where a bar does not count) asks for."""
    known = np.isfinite(series)
    places = np.flatnonzero(known)
    n, longest = len(places), (places[-1] - places[0] + 1) // 10
    values = np.where(known, series - series[known].mean(), 0.0)
    quiet = max(5, math.isqrt(round(math.log10(n))))
    bars = len(series)
    covariance = []
    for lag in range(min(longest + quiet, bars - 1) + 1):
        pairs = known[lag:] & known[: bars - lag]
        total = (values[lag:] * values[: bars - lag]).sum()
        covariance.append(total / pairs.sum() * (1 - lag / bars) if pairs.any() else 0.0)
    r = np.array(covariance) / covariance[0]
    loud = abs(r[1:]) >= 2 * math.sqrt(math.log10(n) / n)
    last = next(
        (lag for lag in range(len(loud) - quiet + 1) if not loud[lag : lag + quiet].any()), len(loud) - quiet + 1
    )
    b = min(2 * max(last, 1), longest)
    k = np.arange(1, b + 1)
    w = np.minimum(1, 2 * (1 - k / b))
    slope, level = 2 * (w * k * r[1 : b + 1]).sum(), 1 + 2 * (w * r[1 : b + 1]).sum()
    return max(1, min(math.ceil((1.5 * slope**2 / level**2 * n) ** (1 / 3)), longest))


def drawn(bars, block):
    """The bars of each resample [resamples, bars]: blocks of neighbours, the last one cut."""
    starts = np.random.default_rng(SEED).integers(0, bars, size=(RESAMPLES, math.ceil(bars / block)), dtype=np.int32)
    picked = (starts[:, :, None] + np.arange(block)) % bars  # after the last bar comes the first one
    return picked.reshape(RESAMPLES, -1)[:, :bars], starts.shape[1]


def tail(confidence, blocks):
    """Share of the resamples that is left out on each side."""
    wide = student.ppf((1 + confidence / 100) / 2, 2 / 3 * (blocks - 1)) * math.sqrt(blocks / (blocks - 1))
    return NormalDist().cdf(-wide)


def interval(resampled, confidence, blocks):
    outside = 100 * tail(confidence, blocks)
    return np.percentile(resampled, [outside, 100 - outside]).tolist()


def paired(ours, theirs, judged, block):
    """The p-value of a lead and its 95 % interval, from the bars between the first and the last judged one."""
    gap, known = np.full(judged[-1] - judged[0] + 1, np.nan), np.zeros(judged[-1] - judged[0] + 1)
    gap[judged - judged[0]], known[judged - judged[0]] = ours - theirs, 1
    block = max(block, asked_length(gap))
    gap = np.nan_to_num(gap)
    picked, blocks = drawn(len(gap), block)
    resampled = gap[picked].sum(axis=1) / known[picked].sum(axis=1)
    lead = (ours - theirs).mean()
    centred = (resampled - resampled.mean()) * math.sqrt(blocks / (blocks - 1))
    return {
        "pValue": (1 + (centred >= lead - 1e-12).sum()) / (1 + RESAMPLES),
        "interval": interval(resampled, 95, blocks),
    }


def shifted(p, label, block):
    """The p-value against the majority: how often calls that were moved are right as often."""
    called, labelled, bars = np.isfinite(p), np.isfinite(label), len(p)

    def accuracy(shift):
        up, known = np.roll(p > 0.5, -shift), np.roll(called, -shift) & labelled
        return ((up == (label == 1)) & known).sum() / max(known.sum(), 1)

    shifts = range(block, bars - block + 1)
    return (1 + sum(accuracy(shift) >= accuracy(0) - 1e-12 for shift in shifts)) / (1 + len(shifts))


def luck(p, truth, at, bars, block, majority, different):
    """What luck explains, given as how many different models the tries count."""
    called = (p > 0.5).astype(float)
    both = 2 * (called - called.mean()) * (truth - truth.mean())
    lead, blocks = both.mean(), (at[-1] - at[0] + 1) // block
    expected = truth.mean() * called.mean() + (1 - truth.mean()) * (1 - called.mean())
    sums = np.bincount((at - at[0]) // block, weights=both - lead)
    error = math.sqrt(blocks / (blocks - 1) * (sums**2).sum()) / len(at)
    t, d = lead / error, blocks - 1
    z = math.copysign((8 * d + 1) / (8 * d + 3) * math.sqrt(d * math.log1p(t**2 / d)), t)
    p_value = max(math.erfc(z / math.sqrt(2)) / 2, majority - 1 / (2 + bars - 2 * block))
    q, euler = NormalDist().inv_cdf, 0.5772156649
    ahead = 0 if different < 1.5 else (1 - euler) * q(1 - 1 / different) + euler * q(1 - 1 / (different * math.e))
    return {
        "pValue": p_value,
        "realityCheck": min(1, p_value * different),
        "luck": min(1, 5 * p_value * different * (different + 1)),
        "luckiest": expected + error * ahead,
    }


def calibration_interval(p, truth, at, picked, blocks, bins):
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps, count = np.zeros((bins, picked.shape[1])), np.zeros(picked.shape[1])
    gaps[index, at], count[at] = p - truth, 1
    rows = count[picked].sum(axis=1)
    sums = np.stack([gap[picked].sum(axis=1) for gap in gaps])
    means = gaps.sum(axis=1) / len(p)
    error, resampled = abs(means).sum(), abs(sums).sum(axis=0) / rows
    low, high = interval(resampled - 2 * (resampled.mean() - error), 95, blocks)
    reading = np.quantile(abs(sums - means[:, None] * rows).sum(axis=0) / rows, 1 - tail(95, blocks))
    low = min(low, math.sqrt(max(error**2 - reading**2, 0)))
    return [min(max(low, 0), 1), min(max(high, 0), 1)]


# All together


def figures(artifacts, results, features):
    item = results["items"][0]
    spec = results["spec"]
    place = item["evaluation"]["uri"].split("/artifacts/")[1]
    bars = pd.read_parquet((artifacts / place).with_name("predictions.parquet"))
    model = read_model(artifacts / item["model"]["uri"].split("/artifacts/")[1])
    horizon, lookback = spec["label"]["horizonBars"], spec["model"]["lookbackBars"]
    minute = 60 * 10**9

    table = pd.read_parquet(features)
    close = table["close"].to_numpy(float)
    times = table["timestamp"].dt.as_unit("ns").astype("int64").to_numpy()
    percent = spec["split"]
    train, validation, test = parts(len(table), lookback, horizon, percent["validationPercent"], percent["testPercent"])
    label, flat = labels_of(close, times, horizon, minute, spec["label"]["ties"])
    values = table[model["features"]].to_numpy(np.float32)
    learnt = values[train.start : train.stop].astype(float)
    scaled = (values - learnt.mean(axis=0).astype(np.float32)) / learnt.std(axis=0).astype(np.float32)
    ends = {
        name: ends_of(part, times, lookback, minute)
        for name, part in zip("tve", (train, validation, test), strict=True)
    }
    judged = ends["e"][np.isfinite(label[ends["e"]])]

    def outputs(rows):
        return logits(model, np.stack([scaled[row - lookback + 1 : row + 1] for row in rows]))

    fitted = ends["v"][np.isfinite(label[ends["v"]])]
    weight = math.log(model["positive_weight"])
    slope, intercept = platt(outputs(fitted) - weight, label[fitted])
    computed = np.full(len(test), np.nan)
    computed[ends["e"] - test.start] = outputs(ends["e"])
    probability = sigmoid(slope * (computed - weight) + intercept)

    recorded = bars["probability"].to_numpy()  # from here on the recorded ones, so that every digit can be compared
    at = judged - test.start
    p, truth = recorded[at], label[judged].astype(int)
    right = (p > 0.5) == (truth == 1)
    bins, trading = spec["evaluation"]["calibrationBins"], spec["evaluation"]["backtest"]
    returns, position, trades = backtest(
        recorded,
        close[test.start :],
        times[test.start :],
        minute,
        horizon,
        trading["threshold"],
        trading["feeBps"] / 10_000,
    )
    answers = rules(close, scaled, label, ends["t"][np.isfinite(label[ends["t"]])], judged)
    series = np.full((3, len(test)), np.nan)
    series[0, at], series[1, at], series[2, at] = right, (p - truth) ** 2, p
    block = max(lookback + horizon, math.ceil(len(test) / 2_000), *map(asked_length, series))
    picked, blocks = drawn(len(test), block)
    known = np.isin(np.arange(len(test)), at)
    hits, error = np.zeros(len(test)), np.zeros(len(test))
    hits[at], error[at] = right, (p - truth) ** 2
    entered, won = np.zeros(len(test)), np.zeros(len(test))
    for entry, gained in trades:
        entered[entry], won[entry] = 1, gained > 0
    counted = known[picked].sum(axis=1)
    against_majority = shifted(recorded, label[test.start :], block)
    resampled = {
        "accuracy": hits[picked].sum(axis=1) / counted,
        "brier": error[picked].sum(axis=1) / counted,
        "winRate": won[picked].sum(axis=1) / entered[picked].sum(axis=1),
        "pnl": np.expm1(returns[picked].sum(axis=1)),
        "maxDrawdown": np.array([drawdown(each) for each in returns[picked]]),
    }
    return {
        "columns": {
            "logit": abs(computed - bars["logit"]).max(),
            "probability": abs(probability - bars["probability"]).max(),
            "label": int(
                (bars["label"].replace(-1, np.nan).fillna(2) != pd.Series(label[test.start :]).fillna(2)).sum()
            ),
            "flat": int((bars["flat"] != flat[test.start :]).sum()),
            "judged": int((bars["judged"] != known).sum()),
            "position": int((bars["position"] != position).sum()),
            "bar_return": abs(bars["bar_return"] - np.expm1(returns)).max(),
            **{name: int((bars[f"{name}_right"].to_numpy()[at] != said).sum()) for name, said in answers.items()},
        },
        "calibration": {"slope": slope, "intercept": intercept, "log_weight": weight},
        "metrics": {
            "accuracy": right.mean(),
            "calibrationError": calibration_error(p, truth, bins),
            "brier": brier_score_loss(truth, p),
            "auc": roc_auc_score(truth, p),
            "f1": f1_score(truth, p > 0.5),
            "winRate": np.mean([gained > 0 for _, gained in trades]),
            "pnl": np.expm1(returns.sum()),
            "maxDrawdown": drawdown(returns),
        },
        "loss": log_loss(truth, p),
        "calibrationErrorExpected": expected_calibration_error(p, bins),
        "bars": len(judged),
        "trades": len(trades),
        "baselines": {name: said.mean() for name, said in answers.items()},
        "block": block,
        "intervals": {name: interval(found, 95, blocks) for name, found in resampled.items()}
        | {"calibrationError": calibration_interval(p, truth, at, picked, blocks, bins)},
        "against": {name: paired(right, bars[f"{name}_right"].to_numpy()[at], at, block) for name in answers},
        "majority": against_majority,
        "luck": {tries: luck(p, truth, at, len(test), block, against_majority, tries) for tries in (1, 7)},
        "modules": sorted(
            name for name in sys.modules if name.split("_")[0] == "retrain" or name.split(".")[0] == "torch"
        ),
    }


if __name__ == "__main__":
    found = figures(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), sys.argv[3])
    print(json.dumps(found, default=float))
