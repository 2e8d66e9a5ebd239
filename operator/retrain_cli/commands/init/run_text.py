"""The text of the run: the lines that matter, or every field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retrain_api.names import GROUP, KIND, VERSION
from retrain_api.run import RetrainRun, parse_run
from retrain_api.schema.starter import every_field, scalar
from retrain_api.spec.gate import Gate
from retrain_api.wire import to_wire

from .choice import USUAL

SCHEMA_FILE = "retrain.schema.json"
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

    @property
    def run(self) -> RetrainRun:
        """The run. Raises ConfigurationError("InvalidRun") with a sentence for each field that no run can have."""
        head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": self.name}}
        return parse_run({**head, "spec": self.spec()})

    def spec(self) -> dict[str, Any]:
        """The fields of the spec that are written in the short form, as JSON-like data."""
        small = self.device == "CPU"
        data = {"uri": self.uri, "filename": self.filename, "interval": self.interval}
        return {
            "symbols": list(self.symbols),
            "data": {name: value for name, value in data.items() if (name, value) != ("filename", USUAL)},
            "artifacts": {"uri": "file://./artifacts/"},
            "label": {"horizonBars": 15},
            "model": _SMALL_MODEL if small else _MODEL,
            "training": _SHORT_TRAINING if small else _TRAINING,
            "gate": {"criteria": [to_wire(criterion) for criterion in Gate().criteria]},
            "promotion": {"policy": "Automatic"},
            "train": {"device": self.device},
        }


def quorum(start: Start) -> str:
    """How many models must pass, in words."""
    required, count = start.run.spec.required, len(start.symbols)
    if count == 1:
        return "the model must"
    return "both models must" if required == count == 2 else f"{required} of the {count} models must"


def short_text(start: Start, schema: bool) -> str:
    """The lines that matter, each with what it does; `schema` says whether the schema's file lies beside it."""
    lines = [*_head(start, schema), "# Every other field, with its default: retrain init --full -o full.yaml"]
    return "\n".join([*lines, *_top(start), *_spec(start, start.spec())]) + "\n"


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


def _spec(start: Start, spec: Mapping[str, Any]) -> Iterator[str]:
    yield _line(f"  symbols: {scalar(spec['symbols'])}", _whose(start))
    yield "  data:"
    yield _line(f"    uri: {scalar(start.uri)}", "a relative location is one beside this file")
    if "filename" in spec["data"]:
        yield f"    filename: {scalar(start.filename)}"
    yield _line(f"    interval: {scalar(start.interval)}", "time between two bars")
    if start.own:
        yield _line("    #builtIn: true", "the 31 built-in features, beside the files' own")
    yield "  artifacts:"
    yield _line("    uri: file://./artifacts/", "models and reports; s3://bucket/path/ for a cluster")
    yield "  label:"
    yield _line("    horizonBars: 15", f"is the close higher 15 bars of {start.interval} later?")
    if start.device == "CPU":
        yield "  # Smaller than the default, to be quick without a GPU; without the next two lines it is the default."
    yield f"  model: {scalar(spec['model'])}"
    yield _line(f"  training: {scalar(spec['training'])}", "at most so many epochs")
    yield _line("  gate:", f"{quorum(start)} reach this: gate.minPassed")
    yield "    criteria:"
    yield from (f"      - {scalar(criterion)}" for criterion in spec["gate"]["criteria"])
    yield "  promotion:"
    yield _line("    policy: Automatic", "Manual waits for your approval, Never only measures")
    yield "  train:"
    yield _line(f"    device: {start.device}", "GPU or CPU; it never changes by itself")


def _whose(start: Start) -> str:
    return "put yours here; each has a model of its own" if start.guessed else "each has a model of its own"


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COMMENT_COLUMN - 1}} # {comment}"
