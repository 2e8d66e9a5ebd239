"""How a promoted model does, in sentences: the same ones on terminal, page and report. A command stands between backticks."""

from __future__ import annotations

import shlex

from retrain_api.documents.references import RunRef
from retrain_api.formatting import bar as bound
from retrain_trainer.measure.observed.life import Life
from retrain_trainer.measure.observed.promise import Promise


def sentence(life: Life, symbol: str, store: str, run: RunRef) -> str:
    """The state with its reason, and what to do about it; `run` promoted the model."""
    if life.not_measurable:
        return f"NotMeasurable. {life.not_measurable}"
    found = life.totals
    assert found is not None
    if not life.record:
        return (
            f"Observing: no bar has been judged since its test. `spec.observation` in its run looks by itself, `{_look(run)}` makes a "
            "look on this machine, and `--candles FILE` judges the bars of a file now."
        )
    return f"{life.state}: {right(life)}{_AND[life.state](life)}{_then(life, symbol, store)}"


def _look(run: RunRef) -> str:
    """The command that looks once; a namespace of its own is to be named."""
    where = "" if run.namespace == "default" else f" -n {shlex.quote(run.namespace)}"
    return f"retrain observe {shlex.quote(run.name)}{where}"


def right(life: Life) -> str:
    """How often it was right, in words; it begins a sentence or follows a colon."""
    found = life.totals
    if found is None or found.accuracy is None:
        return "no bar could be judged yet"
    return f"right in {share(found.accuracy)} of the {found.bars:,} judged bars since its test"


def promised(promise: Promise) -> str:
    """What its test promised: 71.2 % (95 % interval 69.9 to 72.4 %); empty where nobody knows."""
    if promise.accuracy is None:
        return ""
    found = between(promise)
    return f"{share(promise.accuracy)}{f' (95 % interval {found})' if found else ''}"


def between(promise: Promise) -> str:
    """The promised interval: 69.9 to 72.4 %; its lower end alone where that is all that is known."""
    if promise.low is None:
        return ""
    if promise.high is None:
        return f"at least {share(promise.low)}"
    return f"{promise.low * 100:.1f} to {share(promise.high)}"


def asked(promise: Promise) -> str:
    """What it is held to, and by whom."""
    value = bound("accuracy", promise.bar or 0.0)
    return {
        "gate": f"the {value} that the gate asks for",
        "given": f"the {value} that was given",
        "majority": f"the {value} of always giving the same answer on its test",
    }[promise.bar_of]


def share(value: float) -> str:
    """A share in percent with one decimal."""
    return f"{value * 100:.1f} %"


def _observing(life: Life) -> str:
    return f"; more is said from {life.promise.min_bars:,} judged bars on."


def _holding(life: Life) -> str:
    return f", and nothing speaks for less than {asked(life.promise)}."


def _below(life: Life) -> str:
    low = life.promise.low
    less = "" if low is None else f", less than the {share(low)} at the lower end of what its test promised"
    return f"{less}, and nothing speaks for less than {asked(life.promise)}. It is a warning, which goes away by itself or becomes Decaying."


def _decaying(life: Life) -> str:
    return (
        f". On {life.alarmed} the bet that it is right less often than {asked(life.promise)} reached the alarm's line, as it ever "
        "does in one of twenty promoted runs that keep to it. That stays until another model stands."
    )


_AND = {"Observing": _observing, "Holding": _holding, "BelowPromise": _below, "Decaying": _decaying}


def _then(life: Life, symbol: str, store: str) -> str:
    if life.state != "Decaying":
        return ""
    return f" Go back with `retrain rollback {symbol} --artifacts {store} --reason TEXT`, or train anew."
