"""The strip at the top of a report: what was asked, with all that it takes to ask the same again.

A verdict is worth nothing to whoever can't say what it is a verdict on. Fields that an older spec lacks are left out.
"""

from __future__ import annotations

from typing import Any

from retrain_api.formatting import counted, listed

from .facts import Document, Facts
from .text import Strip, code, plain, strip, when

_LONG = 160
"""A longer list of features stands with the lineage."""


def asked(facts: Facts) -> Strip:
    """Question, window, time, model, features, seed, fee and gate."""
    return strip(
        [
            ("Question", _question(facts)),
            ("Window", _window(facts)),
            ("Time", _as_of(facts)),
            ("Model", _model(facts)),
            ("Training", _training(facts)),
            ("Features", _features(facts)),
            ("Fee", _fee(facts)),
            ("Gate", listed([plain(one) for one in facts.judgement.judged_criteria])),
            ("Again", "The whole spec is in `results.json`, beside this report."),
        ]
    )


def _field(facts: Facts, path: str) -> Any:
    """A field of the spec; None where it is not set."""
    value: Any = facts.task.spec
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _question(facts: Facts) -> str:
    bars, interval = _field(facts, "label.horizonBars") or 15, _field(facts, "data.interval")
    of = f" of {plain(interval)}" if interval else ""
    flat = "count as down" if _field(facts, "label.ties") == "Down" else "are left out"
    return f"Is the close higher {bars} bar{'s' * (bars != 1)}{of} later? Unchanged closes {flat}."


def _window(facts: Facts) -> str:
    """How much of the file is used, and which parts of it chose and tested the model."""
    window, uri = _field(facts, "data.window"), _field(facts, "data.uri")
    used = f"The last {plain(window)} of" if window else "All bars of"
    parts = [
        f"{plain(length)} to {what}"
        for part, what in (("validation", "choose by"), ("test", "test on"))
        if (length := _part(facts, part))
    ]
    return f"{used} {code(uri) if uri else 'the file'}{'; ' * bool(parts)}{', '.join(parts)}"


def _part(facts: Facts, name: str) -> str:
    length, percent = _field(facts, f"split.{name}"), _field(facts, f"split.{name}Percent")
    return str(length or (f"{percent:g} %" if isinstance(percent, int | float) else ""))


def _as_of(facts: Facts) -> str:
    """The time that the run is of. One of the past reads a file that may have been corrected since."""
    until = _field(facts, "data.until")
    if until:
        return f"As of {when(str(until))}, as the file reads today."
    times = sorted({item.data.as_of for item in facts.task.items if item.data and item.data.as_of})
    return f"As of {' and '.join(map(when, times))}." if times else ""


def _model(facts: Facts) -> str:
    layers, units = _field(facts, "model.layers"), _field(facts, "model.hiddenSize")
    known = [
        f"{layers} layer{'s' * (layers != 1)}" if layers else "",
        f"{units} units" if units else "",
        "both directions" if _field(facts, "model.bidirectional") else "",
        _named(facts, "model.dropout", "dropout"),
        f"windows of {_field(facts, 'model.lookbackBars')} bars" if _field(facts, "model.lookbackBars") else "",
    ]
    found = [one for one in known if one]
    return f"LSTM, {', '.join(found)}" if found else ""


def _training(facts: Facts) -> str:
    epochs = _field(facts, "training.epochs")
    known = [
        f"at most {counted(epochs, 'epoch')}" if isinstance(epochs, int) and epochs else "",
        _named(facts, "training.batchSize", "batches of"),
        _named(facts, "training.learningRate", "learning rate"),
        _named(facts, "training.weightDecay", "weight decay"),
        _named(facts, "training.seed", "seed"),
    ]
    words = ", ".join(one for one in known if one)
    return words[:1].upper() + words[1:]


def _named(facts: Facts, path: str, name: str) -> str:
    value = _field(facts, path)
    return f"{name} {value:.10f}".rstrip("0").rstrip(".") if isinstance(value, int | float) else ""


def _features(facts: Facts) -> str:
    """What all models learnt from, where that is the same and short; else where to find it."""
    lines = list(dict.fromkeys(filter(None, (feature_line(facts, item.symbol) for item in facts.task.items))))
    if len(lines) == 1 and len(lines[0]) <= _LONG:
        return plain(lines[0])
    counts = [str(facts.cards.get(item.symbol, {}).get("featureSet", {}).get("count", "")) for item in facts.task.items]
    known = list(dict.fromkeys(filter(None, counts)))
    return f"{listed(known)} features, named under Lineage" if known else "Named under Lineage" * bool(lines)


def long_features(facts: Facts) -> list[tuple[str, str]]:
    """What each model learnt from, where the strip has no room for it."""
    lines = [(item.symbol, feature_line(facts, item.symbol)) for item in facts.task.items]
    if _features(facts) in {plain(line) for _, line in lines if line}:
        return []
    return [(symbol, f"learnt from {plain(line)}") for symbol, line in lines if line]


def feature_line(facts: Facts, symbol: str) -> str:
    """What a model learnt from; a card of release 0.1.0 has the names alone."""
    card: Document = facts.cards.get(symbol, {})
    names = card.get("features", [])
    known = f"{len(names)} feature{'s' * (len(names) != 1)}: {', '.join(map(str, names))}." if names else ""
    return str(card.get("featureSet", {}).get("sentence", known))


def _fee(facts: Facts) -> str:
    threshold = _field(facts, "evaluation.backtest.threshold")
    above = f"; a trade where up or down is above {threshold:g}" if isinstance(threshold, int | float) else ""
    return "" if facts.fee_bps is None else f"{facts.fee_bps:g} bps a fill{above}"
