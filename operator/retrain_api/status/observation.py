"""How a promoted model does: the part of a run's status that looks at the bars since."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from retrain_api.wire import Lenient, Measured, Terse, known_or

ObservedState: TypeAlias = Literal[
    "Observing",
    "Holding",
    "Held",
    "BelowPromise",
    "Decaying",
    "NoNewBars",
    "NotMeasurable",
    "Unobserved",
    "Suspended",
    "Superseded",
]
"""Of a symbol, and of the run as a whole. Unobserved: the last look failed, so nobody knows."""


class ObservedSymbol(Terse):
    """One promoted model since its test."""

    symbol: str = Field(description="Whose model.")
    state: Annotated[ObservedState, known_or(ObservedState, "Observing")] = Field(
        "Observing", description="How it does."
    )
    model: str = Field("", description="First 12 hex digits of the sha256 of the model that is observed.")
    bars: int | None = Field(None, description="Judged bars since its test.")
    accuracy: Measured = Field(None, description="Share of them in which it was right.")
    promised: Measured = Field(None, description="Accuracy on its test bars.")
    wealth: Measured = Field(None, description="Of the bet against the gate's bar: an alarm at 20 times the symbols.")
    message: str = Field("", description="What is to be said beside it.")


class ObservationStatus(Lenient):
    """The promoted models since their tests."""

    state: Annotated[ObservedState, known_or(ObservedState, "Observing")] = Field(
        "Observing", description="The worst of the symbols'; the others' where they are superseded."
    )
    since: str | None = Field(None, description="When it became that.")
    message: str = Field("", description="What that means, and what to do, in a sentence.")
    models: str | None = Field(
        None, description="Digest of the promoted models that this is about; of others it begins anew."
    )
    bar: float | None = Field(
        None,
        description="Accuracy that they were held to at the last look that could judge all of them; absent where that is the majority of "
        "each test.",
    )
    began: str | None = Field(None, description="When they were promoted: `observation.for` counts from here.")
    key: str | None = Field(None, description="The look that was read last.")
    last_time: str | None = Field(
        None, description="The last look, read or failed: it judged the bars that had closed by then."
    )
    next_time: str | None = Field(None, description="When they are looked at next; absent where that is over.")
    sees: str | None = Field(
        None,
        description="How long until a fall of ten points below the bar would show, such as 3d; absent where unknown.",
    )
    failed_key: str | None = Field(
        None, description="The last look where it failed, for a symbol at least: with which pod fields and retry token."
    )
    symbols: tuple[ObservedSymbol, ...] = Field(
        (), description="Each promoted symbol.", json_schema_extra={"x-kubernetes-list-type": "atomic"}
    )
