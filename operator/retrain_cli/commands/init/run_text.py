"""The text of the run: the lines that matter, or every field. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from retrain_api.names import GROUP, KIND, VERSION
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schema.starter import every_field, scalar
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire

from .choice import USUAL
from .timing import Timing

SCHEMA_FILE = "retrain.schema.json"
OBSERVED_EVERY = "1d"
_COMMENT_COLUMN = 40
# On two cores the default model takes an hour for three symbols of 51 days, this one a minute; see docs/performance.md.
_SMALL_MODEL = {"hiddenSize": 32, "layers": 1, "dropout": 0.1, "lookbackBars": 30}
_SHORT_TRAINING = {"epochs": 6, "batchSize": 256}
_MODEL = {"hiddenSize": 128, "layers": 3, "dropout": 0.35, "lookbackBars": 60}
_TRAINING = {"epochs": 50, "batchSize": 32}


@dataclass(frozen=True)
class Start:
    """What a run begins with. `file` is what its first lines call it; `own` are the feature columns of the files' own.

    `guessed` says that the symbols stand for those that nobody has named yet.
    """

    name: str
    file: str
    symbols: tuple[str, ...]
    uri: str = "file://./data/"
    filename: str = USUAL
    interval: str = "1m"
    device: str = "CPU"
    own: tuple[str, ...] = ()
    guessed: bool = False
    timing: Timing | None = None
    """Of a run that a schedule makes."""

    @property
    def run(self) -> RetrainRun:
        """The run. Raises ConfigurationError("InvalidRun") with a sentence for each field that no run can have."""
        head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": self.name}}
        return parse_run({**head, "spec": self.spec()})

    def spec(self) -> dict[str, Any]:
        """The fields of the spec that are written in the short form, as JSON-like data."""
        small = self.device == "CPU"
        data = {"uri": self.uri, "filename": self.filename, "interval": self.interval} | self._freshness()
        parts = {"validation": self.timing.test, "test": self.timing.test} if self.timing and self.timing.test else None
        return {
            "symbols": list(self.symbols),
            "data": {name: value for name, value in data.items() if (name, value) != ("filename", USUAL)},
            **({"split": parts} if parts else {}),
            "artifacts": {"uri": "file://./artifacts/"},
            "label": {"horizonBars": 15},
            "model": _SMALL_MODEL if small else _MODEL,
            "training": _SHORT_TRAINING if small else _TRAINING,
            "gate": {"criteria": [to_wire(criterion) for criterion in Gate().criteria]},
            "promotion": {"policy": "Automatic"}
            | ({"expiresAfter": self.timing.expires_after} if self.timing and self.timing.test else {}),
            **({"observation": {"every": OBSERVED_EVERY}} if self.timing else {}),
            "train": {"device": self.device},
        }

    def _freshness(self) -> dict[str, Any]:
        if self.timing is None:
            return {}
        window = {"window": self.timing.window} if self.timing.window else {}
        return window | {"maxAge": self.timing.max_age, "minNewBars": self.timing.min_new_bars}


def quorum(start: Start) -> str:
    """How many models must pass, in words."""
    required, count = start.run.spec.required, len(start.symbols)
    if count == 1:
        return "the model must"
    return "both models must" if required == count == 2 else f"{required} of the {count} models must"


def short_text(start: Start, schema: bool) -> str:
    """The lines that matter, each with what it does; `schema` says whether the schema's file lies beside it."""
    lines = [*_head(start, schema), "# Every other field, with its default: retrain init --full -o full.yaml"]
    return "\n".join([*lines, *_top(start), *spec_lines(start)]) + "\n"


def full_text(start: Start, schema: bool) -> str:
    """Every field, each with what it is and its default."""
    lines = [
        *_head(start, schema),
        "# Every field with its default; a # stands before those that are unset, and all but symbols, data.uri and artifacts.uri may go.",
    ]
    return "\n".join([*lines, *_top(start)]) + "\n" + every_field(start.spec())


def _head(start: Start, schema: bool) -> Iterator[str]:
    if schema:
        yield f"# yaml-language-server: $schema={SCHEMA_FILE}"
    yield f"# Check it: retrain doctor -f {start.file}    Run it here: retrain run -f {start.file}"


def _top(start: Start) -> list[str]:
    return [f"apiVersion: {GROUP}/{VERSION}", f"kind: {KIND}", "metadata:", f"  name: {scalar(start.name)}", "spec:"]


def spec_lines(start: Start) -> Iterator[str]:
    """The lines of the spec in the short form."""
    spec = start.spec()
    yield commented(f"  symbols: {scalar(spec['symbols'])}", _whose(start))
    yield "  data:"
    yield commented(f"    uri: {scalar(start.uri)}", "a relative location is one beside this file")
    if "filename" in spec["data"]:
        yield f"    filename: {scalar(start.filename)}"
    yield commented(f"    interval: {scalar(start.interval)}", "time between two bars")
    if start.own:
        yield commented("    #builtIn: true", "the 31 built-in features, beside the files' own")
    yield from _times(start)
    yield "  artifacts:"
    yield commented("    uri: file://./artifacts/", "models and reports; s3://bucket/path/ for a cluster")
    yield "  label:"
    yield commented("    horizonBars: 15", f"is the close higher 15 bars of {start.interval} later?")
    if start.device == "CPU":
        yield "  # Smaller than the default, to be quick without a GPU; without the next two lines it is the default."
    yield f"  model: {scalar(spec['model'])}"
    yield commented(f"  training: {scalar(spec['training'])}", "at most so many epochs")
    yield commented("  gate:", f"{quorum(start)} reach this: gate.minPassed")
    yield "    criteria:"
    yield from (f"      - {scalar(criterion)}" for criterion in spec["gate"]["criteria"])
    yield "  promotion:"
    yield commented("    policy: Automatic", "Manual waits for your approval, Never only measures")
    if "expiresAfter" in spec["promotion"]:
        yield commented(
            f"    expiresAfter: {spec['promotion']['expiresAfter']}",
            "a service refuses a model that is older than that",
        )
    if "observation" in spec:
        yield "  observation:"
        yield commented(f"    every: {OBSERVED_EVERY}", "so often: do promoted models keep their promise?")
    yield "  train:"
    yield commented(f"    device: {start.device}", "GPU or CPU; it never changes by itself")


def _times(start: Start) -> Iterator[str]:
    """What the runs of a schedule say of time, below data."""
    timing = start.timing
    if timing is None:
        return
    if timing.window:
        yield commented(f"    window: {timing.window}", "learn from the newest bars alone, as long as this")
    yield commented(f"    maxAge: {timing.max_age}", "a file whose newest bar is older fails")
    yield commented(f"    minNewBars: {timing.min_new_bars}", "with fewer new bars a symbol is skipped")
    if timing.test:
        yield "  split:"
        yield commented(f"    validation: {timing.test}", "the bars that choose the epoch")
        yield commented(f"    test: {timing.test}", "the bars that judge the model, never seen before")


def _whose(start: Start) -> str:
    return "put yours here; each has a model of its own" if start.guessed else "each has a model of its own"


def commented(text: str, comment: str) -> str:
    """A line with what it does."""
    return f"{text:<{_COMMENT_COLUMN - 1}} # {comment}"
