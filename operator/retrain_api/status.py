"""The status of a RetrainRun: what a person reads, and all that the operator remembers."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field

from .measurement import Measurement
from .schema import Lenient, Measured, Terse

State: TypeAlias = Literal[
    "Pending",
    "Suspended",
    "Queued",
    "Training",
    "Evaluating",
    "AwaitingApproval",
    "Publishing",
    "Passed",
    "Promoted",
    "Rejected",
    "Failed",
]
FINAL_STATES: frozenset[str] = frozenset({"Passed", "Promoted", "Rejected", "Failed"})

NEVER = "1970-01-01T00:00:00Z"
"""Time of the condition that a run has before the operator looked at it: it says that there is none."""

SymbolState: TypeAlias = Literal[
    "Pending", "Queued", "Training", "Trained", "Evaluating", "Evaluated", "Stopped", "Failed"
]


class Condition(Terse):
    """As in every Kubernetes API."""

    type: str = Field(description="What is meant.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field("", description="Why, in a sentence.")
    last_transition_time: str = Field(description="When status last changed.")


class Progress(Lenient):
    """How far a training is, read from its log; nothing is decided from it."""

    epoch: int = Field(description="The last finished epoch.")
    epochs: int = Field(description="Most epochs.")
    train_loss: Measured = Field(None, description="Loss on train.")
    validation_loss: Measured = Field(None, description="Loss on validation.")
    validation_accuracy: Measured = Field(None, description="Accuracy on validation.")
    learning_rate: Measured = Field(None, description="Learning rate used in that epoch.")


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


class SymbolResult(Lenient):
    """What training and evaluation of a symbol gave."""

    model: ModelRef | None = Field(None, description="The trained model.")
    epochs: int | None = Field(None, description="Epochs trained.")
    best_epoch: int | None = Field(None, description="The epoch whose weights were kept.")
    duration_seconds: Measured = Field(None, description="Time the training took.")
    resumed_epochs: int | None = Field(None, description="Epochs that a checkpoint saved from being trained again.")
    data: DataRef | None = Field(None, description="The data, pinned.")
    evaluate_key: str | None = Field(None, description="Key of the measurement.")
    metrics: Measurement | None = Field(None, description="The measurement on the test bars.")
    details_sha256: str | None = Field(
        None,
        alias="detailsSha256",
        description="First 16 hex digits of the sha256 of evaluation.json, the file with curves and intervals.",
    )


class SymbolStatus(Terse):
    """One symbol."""

    symbol: str = Field(description="Its name.")
    state: SymbolState = Field("Pending", description="How far it is.")
    train_key: str | None = Field(None, description="Key of its training.")
    job: str | None = Field(
        None, description="The Job at work, or the one that failed; none once the model is measured."
    )
    failed_key: str | None = Field(
        None, description="Which work failed, and with which pod fields; it is tried again when either changes."
    )
    attempts: int = Field(0, description="Pods started for the Job.")
    reason: str | None = Field(None, description="Why it waits or failed, in one CamelCase word.")
    message: str | None = Field(None, description="Why it waits or failed, in a sentence.")
    progress: Progress | None = Field(None, description="Progress of the training.")
    result: SymbolResult | None = Field(None, description="What it gave.")
    verdict: str | None = Field(None, description="Pass, Fail, Inconclusive, Suspect or Error.")
    reasons: tuple[str, ...] = Field((), description="Why the verdict, in plain words.")
    promoted: bool | None = Field(None, description="Whether this model was promoted.")

    @property
    def model_uri(self) -> str:
        """Where the trained model is; empty where there is none."""
        return self.result.model.uri if self.result is not None and self.result.model is not None else ""


class GateStatus(Lenient):
    """The verdict on the run."""

    verdict: str = Field(description="Pass, Fail, Inconclusive, Suspect or Error.")
    passed: int = Field(description="Models that pass.")
    required: int = Field(description="Models that must pass.")
    total: int = Field(description="Models judged.")
    outcome: str = Field(description="Ideal, Acceptable or NeedsMoreWork.")
    summary: str = Field(description="The verdict in one line.")
    judged_criteria: tuple[str, ...] = Field((), description="The criteria that were judged.")
    digest: str | None = Field(
        None, description="Names exactly these models and this judgement; an approval carries it."
    )


class PromotedModel(Lenient):
    """A model that a pointer names; the first 8 digits of its sha256 are in the file's name."""

    symbol: str = Field(description="Whose model.")
    uri: str = Field(description="The promoted file.")
    override: str | None = Field(
        None, description="Who promoted it against the gate, and why; the first 100 characters."
    )


class PromotionStatus(Terse):
    """What was promoted. It is never undone by a later judgement."""

    state: Literal["None", "AwaitingApproval", "Approved", "Declined", "Promoted"] = Field(
        "None", description="How far the promotion is."
    )
    by: str | None = Field(None, description="Who approved or declined it; the gate when policy is Automatic.")
    at: str | None = Field(None, description="When.")
    models: tuple[PromotedModel, ...] = Field((), description="The promoted model files.")
    override: bool | None = Field(
        None, description="True where a model was promoted against the gate; each such model says by whom, and why."
    )
    message: str | None = Field(None, description="What was not promoted, and why.")


class ReportStatus(Lenient):
    """Where the report is."""

    number: int = Field(0, description="How many reports this run has.")
    publish_key: str | None = Field(None, description="Key of what was published.")
    failed_key: str | None = Field(None, description="Which publication failed, and with which pod fields.")
    message: str | None = Field(None, description="Why it failed.")
    markdown: str | None = Field(None, description="The report as Markdown.")
    html: str | None = Field(None, description="The report as HTML.")

    @property
    def results(self) -> str | None:
        """All that was judged, as JSON: beside the report."""
        return None if self.markdown is None else self.markdown.removesuffix("report.md") + "results.json"


class HistoryEntry(Lenient):
    """One judgement that was published."""

    at: str = Field(description="When.")
    line: str = Field(description="The verdict in one line.")
    report: str | None = Field(None, description="Its report.")


class Backups(Lenient):
    """Copies in other places."""

    key: str | None = Field(None, description="Key of what was delivered, to each place that is required at least.")
    failed_key: str | None = Field(None, description="Which delivery failed, and with which pod fields.")
    ok: bool = Field(False, description="Whether every copy was made.")
    message: str = Field("", description="How it went, for each place.")


class RetrainRunStatus(Lenient):
    """The status as a whole."""

    observed_generation: int | None = Field(None, description="The generation of the spec that this speaks of.")
    state: State = Field("Pending", description="Where the run is.")
    message: str = Field("", description="What that means, in a sentence.")
    trained: str = Field("", description="Trained symbols of all, for the column.")
    gate_summary: str = Field("", description="Passed models and verdict, for the column.")
    promoted: str = Field("", description="Promoted symbols, for the column.")
    start_time: str | None = Field(None, description="When the work began.")
    completion_time: str | None = Field(None, description="When the last work ended.")
    last_handled_rerun: str | None = Field(None, description="The rerun token that was acted upon.")
    image: str | None = Field(None, description="The trainer image of all Jobs, fixed when the work began.")
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Conditions, as in every Kubernetes API.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    symbols: tuple[SymbolStatus, ...] = Field(
        (), description="Each symbol.", json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
    gate: GateStatus | None = Field(None, description="The verdict.")
    promotion: PromotionStatus | None = Field(None, description="What was promoted.")
    report: ReportStatus | None = Field(None, description="Where the report is.")
    backups: Backups | None = Field(None, description="Copies in other places.")
    history: tuple[HistoryEntry, ...] = Field((), description="The last five judgements that were published.")

    def symbol(self, name: str) -> SymbolStatus:
        """What is known of a symbol; a fresh entry where nothing is."""
        return next((entry for entry in self.symbols if entry.symbol == name), SymbolStatus(symbol=name))


UNSEEN: dict[str, Any] = {
    "state": "Pending",
    "message": "Waits for the operator.",
    "conditions": [
        {
            "type": "Reconciling",
            "status": "True",
            "reason": "Pending",
            "message": "Waits for the operator.",
            "lastTransitionTime": NEVER,
        }
    ],
}
"""The status of a run that no operator has seen yet. By kstatus a resource without conditions would be in order."""
