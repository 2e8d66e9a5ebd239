"""One symbol in the status of a run: how far it is, what its training and evaluation gave, and its verdict."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from retrain_api.measurement import Stored
from retrain_api.model_times import Times
from retrain_api.wire import Lenient, Measured, Terse, known_or

from .progress import Progress

SymbolState: TypeAlias = Literal[
    "Pending", "Queued", "Training", "Trained", "Evaluating", "Evaluated", "Stopped", "Skipped", "Failed"
]


class ModelRef(Lenient):
    """A model file."""

    uri: str = Field(description="Where it is.")
    sha256: str = Field(description="What it contains.")


class DataRef(Lenient):
    """The data a model was trained on."""

    sha256: str = Field(
        description="The first 32 hex digits of the feature file's sha256: enough that no other file has them."
    )
    version_id: str | None = Field(None, description="Its version, where the bucket has versions.")
    first_bar: str = Field(description="Time of its first bar.")
    last_bar: str = Field(description="Time of its last bar.")
    rows: int = Field(description="Bars in it.")


class FeaturesRef(Lenient):
    """What a model learnt from, in short; the model card and the report list it."""

    count: int = Field(description="How many features.")
    own: int = Field(0, description="How many of them are columns of the file beside the candles.")
    digest: str = Field(description="16 hex digits of all their names and of which are built in.")


class SymbolResult(Times):
    """What training and evaluation of a symbol gave; of its times, a run of more than 16 symbols, and a model that is
    Suspect, have the first alone: cards and pointers have all.
    """

    model: ModelRef | None = Field(None, description="The trained model.")
    epochs: int | None = Field(None, description="Epochs trained.")
    best_epoch: int | None = Field(None, description="The epoch whose weights were kept.")
    duration_seconds: Measured = Field(None, description="Time the training took.")
    resumed_epochs: int | None = Field(None, description="Epochs that a checkpoint saved from being trained again.")
    data: DataRef | None = Field(None, description="The data, pinned.")
    features: FeaturesRef | None = Field(
        None, description="What it learnt from; in a run of more than 16 symbols only the model card says so."
    )
    restated: str | None = Field(
        None,
        description="The first day and column that have other values than an earlier training read. Of a run's symbols, the first eight "
        "of which that is so have it; the report has all.",
    )
    champion: str | None = Field(
        None,
        description="First 12 hex digits of the sha256 of the model that the publication found in service instead of the "
        "one this model had been compared with; empty where none was. The model is measured again, against that one.",
    )
    evaluate_key: str | None = Field(None, description="Key of the measurement.")
    metrics: Stored | None = Field(None, description="The measurement on the test bars.")
    details_sha256: str | None = Field(
        None,
        alias="detailsSha256",
        description="First 16 hex digits of the sha256 of evaluation.json, the file with curves and intervals.",
    )


class SymbolStatus(Terse):
    """One symbol."""

    symbol: str = Field(description="Its name.")
    state: Annotated[SymbolState, known_or(SymbolState, "Pending")] = Field("Pending", description="How far it is.")
    train_key: str | None = Field(None, description="Key of its training.")
    job: str | None = Field(
        None,
        description="The last Job that worked on it; `kubectl logs -l batch.kubernetes.io/job-name=JOB` shows its log. An "
        "evaluation is one Job for several symbols, with an index for each in the order of the symbols it measures.",
    )
    failed_key: str | None = Field(
        None,
        description="Which work failed, with which pod fields and retry token; it is tried again when any of them changes.",
    )
    checked_key: str | None = Field(
        None, description="The training that its preflight let through; absent once there is a model."
    )
    attempts: int = Field(0, description="Pods started for the Job.")
    reason: str | None = Field(None, description="Why it waits or failed, in one CamelCase word.")
    message: str | None = Field(None, description="Why it waits or failed, in a sentence.")
    progress: Progress | None = Field(None, description="Progress of the training.")
    result: SymbolResult | None = Field(None, description="What it gave.")
    verdict: str | None = Field(None, description="Pass, Fail, Inconclusive, Suspect or Error.")
    reasons: tuple[str, ...] = Field(
        (), description="Why the verdict, in plain words; in a run of more than 16 symbols the first reason alone."
    )
    promoted: bool | None = Field(None, description="Whether this model was promoted.")

    @property
    def model_uri(self) -> str:
        """Where the trained model is; empty where there is none."""
        return self.result.model.uri if self.result is not None and self.result.model is not None else ""
