"""The status of a RetrainRun: what a person reads, and all that the operator remembers between two reconciles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import Field

from retrain_api.wire import Lenient, Terse, known_or

from .condition import Condition
from .notified import Notified
from .observation import ObservationStatus
from .symbol import SymbolStatus

State: TypeAlias = Literal[
    "Pending",
    "Suspended",
    "Checking",
    "Queued",
    "Training",
    "Evaluating",
    "AwaitingApproval",
    "Publishing",
    "Passed",
    "Promoted",
    "Rejected",
    "Skipped",
    "Failed",
]


FINAL_STATES: frozenset[str] = frozenset({"Passed", "Promoted", "Rejected", "Skipped", "Failed"})


PromotionState: TypeAlias = Literal["None", "AwaitingApproval", "Approved", "Declined", "Promoted"]


NEVER = "1970-01-01T00:00:00Z"
"""Release 0.1.0 gave it to the condition of a run that no operator had seen yet; such runs may still be stored."""


class GateStatus(Lenient):
    """The verdict on the run."""

    verdict: str = Field(description="Pass, Fail, Inconclusive, Suspect or Error.")
    passed: int = Field(description="Models that pass; those of one market count once.")
    required: int = Field(description="Models that must pass.")
    total: int = Field(description="Models judged.")
    outcome: str = Field(description="Ideal, Acceptable or NeedsMoreWork.")
    summary: str = Field(description="The verdict in one line.")
    judged_criteria: tuple[str, ...] = Field((), description="The criteria that were judged.")
    digest: str | None = Field(
        None, description="Identifies exactly these models and this judgement; an approval repeats it."
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

    state: Annotated[PromotionState, known_or(PromotionState, "None")] = Field(
        "None", description="How far the promotion is."
    )
    by: str | None = Field(None, description="Who approved or declined it; the gate when policy is Automatic.")
    at: str | None = Field(None, description="When.")
    models: tuple[PromotedModel, ...] = Field((), description="The promoted model files.")
    override: bool | None = Field(
        None,
        description="True where a model was promoted against the gate; its entry in models says who did so, and why.",
    )
    message: str | None = Field(None, description="What was not promoted, and why.")

    @property
    def override_note(self) -> str:
        """Which models were promoted against the gate, on whose authority and why; empty where none was."""
        against = [model for model in self.models if model.override]
        if not against:
            return ""
        symbols = ", ".join(model.symbol for model in against[:8]) + (" and others" if len(against) > 8 else "")
        authority = " and ".join(dict.fromkeys(str(model.override) for model in against[:8]))
        return f"{symbols} promoted by override, not by the gate: {authority}"


class ReportStatus(Lenient):
    """Where the report is."""

    number: int = Field(0, description="Number of the last report; a publication that was superseded has one too.")
    publish_key: str | None = Field(None, description="Key of what was published.")
    failed_key: str | None = Field(None, description="Which publication failed, with which pod fields and retry token.")
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
    job: str | None = Field(None, description="The Job that was publishing it when it was superseded.")


class Backups(Lenient):
    """Copies in other places."""

    key: str | None = Field(None, description="Key of what was delivered, at least to every required place.")
    failed_key: str | None = Field(None, description="Which delivery failed, with which pod fields and retry token.")
    ok: bool = Field(False, description="Whether every copy was made.")
    message: str = Field("", description="How it went, for each place.")


class RetrainRunStatus(Lenient):
    """The status as a whole."""

    observed_generation: int | None = Field(
        None, description="The generation of the spec that this status describes; 0 before any."
    )
    state: Annotated[State, known_or(State, "Pending")] = Field("Pending", description="Where the run is.")
    message: str = Field("", description="What that means, in a sentence.")
    trained: str = Field("", description="Trained symbols out of all, for the column.")
    progress: str | None = Field(
        None, description="Epochs of the symbols in training, or the reason why nothing goes on, for the column."
    )
    gate_summary: str = Field("", description="Passed models and verdict, for the column.")
    promoted: str = Field("", description="Promoted symbols, for the column.")
    trained_until: str | None = Field(
        None,
        description="Up to when the weights have learnt: the earliest of the symbols' times. `kubectl get -o wide` prints how long ago "
        "that is, as LEARNT.",
    )
    start_time: str | None = Field(None, description="When the work began.")
    as_of: str | None = Field(
        None,
        description="The time as of which all symbols are trained and measured: a bar is used where it had closed by then. "
        "It is data.until, or when the first training of this work was begun; a new rerun token, or a changed training, takes it anew. "
        "Retries, later phases and added symbols keep it.",
    )
    completion_time: str | None = Field(None, description="When the last work ended.")
    last_handled_rerun: str | None = Field(None, description="The rerun token that was acted upon.")
    last_handled_retry: str | None = Field(None, description="The retry token that was acted upon.")
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
    observation: ObservationStatus | None = Field(None, description="How the promoted models do since.")
    observed: str | None = Field(None, description="The same in a word, for the column.")
    transitions: int | None = Field(
        None, description="How many times something happened that people can be told of; absent where nobody is told."
    )
    notified: tuple[Notified, ...] | None = Field(None, description="Whom the operator has told what.")
    history: tuple[HistoryEntry, ...] = Field((), description="The last five judgements that were published.")

    @property
    def columns(self) -> tuple[str, ...]:
        """What `kubectl get` prints of it."""
        return self.state, self.trained, self.progress or "", self.gate_summary, self.promoted

    def symbol(self, name: str) -> SymbolStatus:
        """What is known of a symbol; a fresh entry where that is nothing."""
        return next((entry for entry in self.symbols if entry.symbol == name), SymbolStatus(symbol=name))


def is_finished_elsewhere(status: Mapping[str, Any]) -> bool:
    """Whether a newer release finished the run in a state that this one does not know: nothing is left to do here."""
    return status.get("state") not in (None, *get_args(State)) and is_finished(status)


def is_finished(status: Mapping[str, Any]) -> bool:
    """Whether the condition Finished holds, in a status as it is stored."""
    return any(one.get("type") == "Finished" and one.get("status") == "True" for one in status.get("conditions") or ())


UNSEEN: dict[str, Any] = {"observedGeneration": 0, "state": "Pending", "message": "Waits for the operator."}
"""The status of a run that no operator has seen yet. Generations begin at 1, so by kstatus the run is in progress; without
any status it would be taken for ready."""
