"""Result documents: what a Job answers, one kind for each phase, and the failure that any of them may end with."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from retrain_api.measurement import Stored
from retrain_api.model_times import Times
from retrain_api.wire import Lenient, Measured, Terse

from .references import DataPin, FeatureSet, FileRef, LookAheadRef, Restated


class Result(Lenient):
    """What every result carries."""

    schema_version: Literal[1] = 1


class Refusal(Lenient):
    """A symbol that is not to be trained, and why. `skipped`: nothing is wrong with it, there is only nothing new to learn."""

    symbol: str
    reason: str
    message: str
    skipped: bool = False


class PreflightResult(Result):
    """The symbols that a training would fail for or learn nothing new from; one that is not named may be trained."""

    kind: Literal["preflight"] = "preflight"
    preflight_key: str
    refused: tuple[Refusal, ...] = ()


class TrainResult(Times, Result):
    """A trained model."""

    kind: Literal["train"] = "train"
    symbol: str
    train_key: str
    model: FileRef
    data: DataPin
    epochs: int
    best_epoch: int
    duration_seconds: float
    resumed_epochs: int = 0
    validation_loss: Measured = None
    validation_accuracy: Measured = None
    warnings: tuple[str, ...] = ()
    features: FeatureSet | None = None
    look_ahead: LookAheadRef | None = None
    restated: Restated | None = None


class EvaluateResult(Times, Result):
    """A measured model; `details` is its evaluation document: curves, intervals, equity."""

    kind: Literal["evaluate"] = "evaluate"
    symbol: str
    evaluate_key: str
    model_sha256: str
    measurement: Stored
    details: FileRef


class Promoted(Lenient):
    """A model that its pointer now names; `uri` and `sha256` are empty where the message had no room for them."""

    symbol: str
    uri: str = ""
    sha256: str = ""
    previous: str | None = None


class NotPromoted(Lenient):
    """A model that passed and was still not promoted.

    With ChampionChanged, `champion` is the model in service instead of the one that it was measured against: the first 12
    hex digits of its sha256, or "" where none is.
    """

    symbol: str
    reason: str
    message: str
    champion: str = ""


class PublishResult(Result):
    """The report, and which models were promoted."""

    kind: Literal["publish"] = "publish"
    publish_key: str
    markdown: str
    results: str
    html: str | None = None
    promoted: tuple[Promoted, ...] = ()
    not_promoted: tuple[NotPromoted, ...] = ()


class Delivered(Lenient):
    """How one copy went."""

    name: str
    ok: bool
    message: str = ""


class DeliverResult(Result):
    """How the copies went."""

    kind: Literal["deliver"] = "deliver"
    targets: tuple[Delivered, ...] = ()


class Looked(Terse):
    """One symbol of a look: the numbers over the whole record of the model that the pointer names.

    `model` is its sha256, or "" where nothing is promoted. `run` is the UID of the run that promoted it, and `promoted_at` when; with
    `rolled_back` a person went back to it after the run's own promotion. `problem` says why it can't be measured, or could not be this time
    (`reason`); the numbers are then those of what is known. `newest` is when the newest closed bar of the file closed (RFC 3339).
    `wealth` and `promise` are natural logarithms, of the bets against the bar and against the promise, `peak` the highest of `wealth`.
    """

    symbol: str
    model: str = ""
    run: str = ""
    promoted_at: str | None = None
    rolled_back: bool = False
    reason: str = ""
    problem: str = ""
    newest: str | None = None
    blocks: int = 0
    bars: int = 0
    right: int = 0
    accuracy: Measured = None
    calibration_error: Measured = None
    pnl: Measured = None
    promised: Measured = None
    wealth: float = 0.0
    peak: float = 0.0
    promise: float | None = None
    late: int = 0
    """Judged blocks of which the file has other bars now, late or restated. They stay as they were judged."""
    days_to_see: Measured = None


class ObserveResult(Result):
    """What a look found, for the symbols of one index."""

    kind: Literal["observe"] = "observe"
    observe_key: str
    symbols: tuple[Looked, ...] = ()


class NotifyResult(Result):
    """A receiver was told; `scheme` is all of its URL that is repeated."""

    kind: Literal["notify"] = "notify"
    key: str
    scheme: str = ""


class ScoreResult(Result):
    """What the models of past slots answered on later bars; `scores` is the file that has it."""

    kind: Literal["score"] = "score"
    symbol: str
    scores: FileRef


class TaskFailure(Result):
    """Why a task ended without a result."""

    kind: Literal["failure"] = "failure"
    reason: str
    message: str


KnownResult: TypeAlias = (
    PreflightResult
    | TrainResult
    | EvaluateResult
    | PublishResult
    | DeliverResult
    | ObserveResult
    | NotifyResult
    | ScoreResult
    | TaskFailure
)
AnyResult: TypeAlias = Annotated[KnownResult, Field(discriminator="kind")]
