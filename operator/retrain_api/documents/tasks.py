"""Task documents: what the operator asks of a Job, one kind for each phase.

A Job reads nothing else of its run: whatever a phase needs to know is a field here, so that a task can be read, stored
and repeated without the API server.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from retrain_api.measurement import Stored
from retrain_api.spec.data import Label, Split
from retrain_api.spec.evaluation import Evaluation
from retrain_api.spec.gate import Baseline
from retrain_api.spec.training import Model, Training
from retrain_api.time import Question, Windows, duration
from retrain_api.wire import Lenient

from .references import DataPin, FileRef, RunRef


class Task(Lenient):
    """What every task carries."""

    schema_version: Literal[1] = 1
    run: RunRef
    artifacts_uri: str


class TrainTask(Task):
    """Train one symbol's model.

    `as_of` is the run's `status.asOf`, such as 2026-11-28T12:00:00Z: only bars that had closed by then are learnt from. None in
    tasks of earlier releases, where the task's own clock takes its place.
    `max_age` is `data.maxAge` as it was written, and `recipe` (`retrain_api.keys.recipe`) says whose newest measured run the
    `min_new_bars` are counted from; empty in tasks of older releases, which are never skipped.
    """

    kind: Literal["train"] = "train"
    symbol: str
    train_key: str
    data_uri: str
    interval: str
    as_of: str | None = None
    features: tuple[str, ...] | None = None
    built_in: bool | None = None
    window: str | None = None
    label: Label
    split: Split
    model: Model
    training: Training
    device: Literal["GPU", "CPU"]
    max_age: str | None = None
    min_new_bars: int = 0
    recipe: str = ""

    @property
    def question(self) -> Question:
        """What the model is to predict. Raises ConfigurationError("BadInterval")."""
        return Question.parse(self.interval, self.label.horizon_bars, self.label.ties)

    @property
    def windows(self) -> Windows:
        """Which rows are used, and how they become windows and parts."""
        return Windows(self.model.lookback_bars, self.split, duration(self.window))


PREFLIGHT_SYMBOLS = 8
"""Symbols of one index of a preflight Job: eight refusals fit one message, the 64 of the largest run don't."""


class PreflightItem(Lenient):
    """One symbol to look at before it is trained. `recipe` says whose newest measured run its new bars are counted from."""

    symbol: str
    train_key: str
    recipe: str
    data_uri: str


class PreflightTask(Task):
    """Look at data and store before anything is trained; each index looks at eight symbols (JOB_COMPLETION_INDEX).

    What stops a symbol is a line of the result, whatever its cause: a preflight that ends without a result stops nobody.
    Times and lengths are written as in the spec: `until` RFC 3339, the others "2h" or "180d".
    """

    kind: Literal["preflight"] = "preflight"
    preflight_key: str
    items: tuple[PreflightItem, ...]
    interval: str
    features: tuple[str, ...] | None = None
    built_in: bool | None = None
    label: Label
    split: Split
    lookback_bars: int
    as_of: str | None = None
    until: str | None = None
    window: str | None = None
    max_age: str | None = None
    min_new_bars: int = 0
    wait_for: str | None = None

    @property
    def indexes(self) -> int:
        """How many indexes its Job has."""
        return -(-len(self.items) // PREFLIGHT_SYMBOLS)

    def items_of(self, index: int) -> tuple[PreflightItem, ...]:
        """The symbols that an index of the Job looks at; none where it has no such index."""
        return self.items[index * PREFLIGHT_SYMBOLS : (index + 1) * PREFLIGHT_SYMBOLS] if index >= 0 else ()

    @property
    def question(self) -> Question:
        """What the models are to predict. Raises ConfigurationError("BadInterval")."""
        return Question.parse(self.interval, self.label.horizon_bars, self.label.ties)

    @property
    def windows(self) -> Windows:
        """Which rows are used, and how they become windows and parts."""
        return Windows(self.lookback_bars, self.split, duration(self.window))


class EvaluateItem(Lenient):
    """One model to measure.

    `champion` is set where publish met another model in service than the model was measured against: the first 12 hex
    digits of its sha256, or "" for none. The model is compared with that one. `recipe` is what was tried
    (`retrain_api.keys.recipe`); empty in tasks of release 0.1.0.
    """

    symbol: str
    train_key: str
    evaluate_key: str
    model: FileRef
    data: DataPin
    champion: str | None = None
    recipe: str = ""


class EvaluateTask(Task):
    """Measure models; each index of the Job measures the item of its JOB_COMPLETION_INDEX.

    `as_of` is the run's `status.asOf`; None in tasks of earlier releases. Which bars are read is said by each item's pin.
    """

    kind: Literal["evaluate"] = "evaluate"
    items: tuple[EvaluateItem, ...]
    interval: str
    as_of: str | None = None
    features: tuple[str, ...] | None = None
    window: str | None = None
    label: Label
    split: Split
    lookback_bars: int
    evaluation: Evaluation
    baseline: Baseline | None = None
    device: Literal["GPU", "CPU"]

    @property
    def question(self) -> Question:
        """What the models predict. Raises ConfigurationError("BadInterval")."""
        return Question.parse(self.interval, self.label.horizon_bars, self.label.ties)


class PublishItem(Lenient):
    """One symbol of the judgement; model and evaluation are missing where a phase failed.

    `champion` is the model that must be in service for this one to take its place: the first 12 hex digits of its sha256,
    or "" for none. None asks for nothing.
    """

    symbol: str
    verdict: str
    reasons: tuple[str, ...] = ()
    train_key: str = ""
    evaluate_key: str = ""
    model: FileRef | None = None
    data: DataPin | None = None
    evaluation: FileRef | None = None
    measurement: Stored | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    duration_seconds: float | None = None
    promote: bool = False
    champion: str | None = None


class PublishTask(Task):
    """Write the report of a judgement, then promote the models that may be."""

    kind: Literal["publish"] = "publish"
    number: int
    publish_key: str
    judgement: dict[str, Any]
    items: tuple[PublishItem, ...]
    spec: dict[str, Any]
    approved_by: str | None = None
    override: bool = False
    expires_after: str | None = None
    started: str | None = None


class DeliverTarget(Lenient):
    """A location that receives a copy."""

    name: str
    uri: str
    required: bool = False


class DeliverTask(Task):
    """Copy the report and the promoted models to other places."""

    kind: Literal["deliver"] = "deliver"
    files: tuple[str, ...]
    promoted: tuple[FileRef, ...] = ()
    backups: tuple[DeliverTarget, ...] = ()
    git: dict[str, Any] | None = None


class ScoreSlot(Lenient):
    """A past slot of a symbol, until the next one (RFC 3339, UTC), and the model that was trained for it, if any.

    `promoted`: whether a run of that slot would have taken it into service.
    """

    slot: str
    until: str
    model: FileRef | None = None
    evaluation: FileRef | None = None
    promoted: bool = False


class ScoreItem(Lenient):
    """One symbol with its slots, the oldest first."""

    symbol: str
    data_uri: str
    slots: tuple[ScoreSlot, ...]


class ScoreTask(Task):
    """What the models of past slots answer on the bars that closed after their slots; each index is a symbol.

    `run.name` is the schedule and `run.uid` the key of its recipe: they say where the answers are kept. `evaluation` has the calibration
    and the rules of the account.
    """

    kind: Literal["score"] = "score"
    items: tuple[ScoreItem, ...]
    interval: str
    label: Label
    evaluation: Evaluation
    device: Literal["GPU", "CPU"]

    @property
    def question(self) -> Question:
        """What the models predict. Raises ConfigurationError("BadInterval")."""
        return Question.parse(self.interval, self.label.horizon_bars, self.label.ties)


OBSERVE_SYMBOLS = 8
"""Promoted symbols of one index of an observe Job: eight answers fit one message."""


class ObserveItem(Lenient):
    """One promoted symbol to look at. `model` is the sha256 of the model that the run promoted."""

    symbol: str
    data_uri: str
    model: str = ""


class ObserveTask(Task):
    """Judge the bars that have closed since the test of whatever model each symbol's pointer names; eight symbols an index.

    `bar` is the gate's bar of accuracy, None where it has none. `as_of` is the time of the look: bars that had not closed by then
    are not judged.
    """

    kind: Literal["observe"] = "observe"
    observe_key: str
    items: tuple[ObserveItem, ...]
    interval: str
    label: Label
    evaluation: Evaluation
    bar: float | None = None
    as_of: str
    device: Literal["GPU", "CPU"] = "CPU"

    @property
    def indexes(self) -> int:
        """How many indexes its Job has."""
        return -(-len(self.items) // OBSERVE_SYMBOLS)

    def items_of(self, index: int) -> tuple[ObserveItem, ...]:
        """The symbols that an index of the Job looks at; none where it has no such index."""
        return self.items[index * OBSERVE_SYMBOLS : (index + 1) * OBSERVE_SYMBOLS] if index >= 0 else ()

    @property
    def question(self) -> Question:
        """What the models predict. Raises ConfigurationError("BadInterval")."""
        return Question.parse(self.interval, self.label.horizon_bars, self.label.ties)


class NotifyTask(Task):
    """Tell one receiver one thing; the URL is in the environment (RETRAIN_NOTIFY_URL), and nowhere else.

    `key` is told once more at most: uid, number and word of the transition. `body` is what a person reads, `fields` the same for programs.
    """

    kind: Literal["notify"] = "notify"
    key: str
    receiver: str
    title: str
    body: str
    warning: bool = False
    fields: dict[str, Any] = {}


KnownTask: TypeAlias = (
    PreflightTask | TrainTask | EvaluateTask | PublishTask | DeliverTask | ObserveTask | NotifyTask | ScoreTask
)
AnyTask: TypeAlias = Annotated[KnownTask, Field(discriminator="kind")]
