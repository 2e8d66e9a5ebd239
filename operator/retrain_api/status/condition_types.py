"""The condition types of a run and of a schedule: when each is True and when False, and which reasons it takes.

Ready, Reconciling and Stalled follow kstatus. docs/status.md and docs/schedules.md are generated from here (`make generate`).
"""

from __future__ import annotations

from dataclasses import dataclass

from retrain_api import reasons
from retrain_api.reasons.reason import Reason

ANSWER_STALE = "AnswerStale"
CHECKED = "Checked"
HOLDING = "Holding"
NOTIFIED = "Notified"


@dataclass(frozen=True)
class ConditionType:
    """One type. `reasons` is empty where it takes the reason behind the state: any there is."""

    name: str
    true: str
    false: str
    reasons: tuple[Reason, ...] = ()
    shares: str = "as Ready"
    """What the docs say where there are no reasons of its own."""


CONDITION_TYPES: tuple[ConditionType, ...] = (
    ConditionType(
        "Ready",
        "Promoted, Passed or Skipped",
        "any other state; the message says why while the run works",
        shares="the reason behind the state",
    ),
    ConditionType("Reconciling", "there is work to do; absent otherwise", "never"),
    ConditionType("Stalled", "Rejected or Failed: a person must change something; absent otherwise", "never"),
    ConditionType("Finished", "the state is final", "it is not"),
    ConditionType(
        "FieldsIgnored",
        "the spec has fields that only a newer release knows, which the message names; absent otherwise",
        "never",
        (reasons.UNKNOWN_FIELDS,),
    ),
    ConditionType("Suspended", "`spec.suspend` stopped the run; absent otherwise", "never", (reasons.SUSPENDED,)),
    ConditionType(
        CHECKED,
        "the last preflight stops no symbol; absent where there was none",
        "it is at work, or stops some; Unknown where it ended without a result, which stops nobody",
        (
            reasons.ALL_CHECKED,
            reasons.CHECKING,
            reasons.DATA_LATE,
            reasons.NOT_ALL_CHECKED,
            reasons.PREFLIGHT_LOST,
        ),
    ),
    ConditionType(
        "Trained", "every symbol has a model", "one has none", (reasons.ALL_TRAINED, reasons.NOT_ALL_TRAINED)
    ),
    ConditionType(
        reasons.DATA_RESTATED,
        "days that an earlier training of a symbol read have other values now; absent otherwise ([more](measuring.md#the-rows-behind-a-model))",
        "never",
        (reasons.DATA_RESTATED,),
    ),
    ConditionType(
        "Evaluated", "every model has been measured", "one has not", (reasons.ALL_EVALUATED, reasons.NOT_ALL_EVALUATED)
    ),
    ConditionType(
        "GatePassed",
        "the verdict is Pass",
        "it is not; Unknown before there is one",
        (
            reasons.GATE_PASS,
            reasons.GATE_FAIL,
            reasons.GATE_INCONCLUSIVE,
            reasons.GATE_SUSPECT,
            reasons.GATE_ERROR,
            reasons.NOT_JUDGED,
        ),
    ),
    ConditionType(
        "Promoted",
        "models of this run were promoted, now or by an earlier judgement",
        "none was",
        (
            reasons.PROMOTED,
            reasons.PROMOTED_BY_OVERRIDE,
            reasons.NOT_PROMOTED,
            reasons.AWAITING_APPROVAL,
            reasons.APPROVED,
            reasons.DECLINED,
        ),
    ),
    ConditionType(
        ANSWER_STALE,
        "an annotation answers another judgement than the one of now, which the message names; absent otherwise",
        "never",
        (reasons.JUDGEMENT_CHANGED,),
    ),
    ConditionType("Reported", "the report has been written", "it has not", (reasons.REPORT_WRITTEN, reasons.NO_REPORT)),
    ConditionType(
        "BackedUp",
        "every copy was made, the report in Git included; absent where none was asked for",
        "at least one was not; the message says how it went for each place ([more](backups.md))",
        (reasons.COPIED, reasons.NOT_COPIED),
    ),
    ConditionType(
        HOLDING,
        "the promoted models keep their promise, or have kept it for `observation.for`; absent where nothing is observed",
        "one is right less often than the gate asks for, until another model stands; Unknown where too little is known "
        "([more](observation.md))",
        (
            reasons.HOLDING,
            reasons.HELD,
            reasons.BELOW_PROMISE,
            reasons.DECAYING,
            reasons.OBSERVING,
            reasons.NO_NEW_BARS,
            reasons.NOT_MEASURABLE,
            reasons.UNOBSERVED,
            reasons.SUSPENDED,
            reasons.NEWER_MODEL,
        ),
    ),
    ConditionType(
        NOTIFIED,
        "every receiver was told; absent where nobody is to be told",
        "one could not be told, and the message says why; Unknown while one is being told ([more](notifications.md))",
        (reasons.TOLD, reasons.TELLING, reasons.NOT_TOLD),
    ),
)

SCHEDULE_CONDITION_TYPES: tuple[ConditionType, ...] = (
    ConditionType(
        "Ready",
        "the schedule is accepted",
        "it is stalled",
        shares="the reason behind the state",
    ),
    ConditionType(
        "Stalled",
        "Invalid or Paused, or a run can't be made for good: a person must change something; absent otherwise",
        "never",
    ),
    ConditionType(
        "Proven",
        "at least `walkForward.minPassed` replays pass; absent where no proof is asked for",
        "fewer do; Unknown while they go on",
        (reasons.PROVEN, reasons.UNPROVEN, reasons.PROVING),
    ),
    ConditionType(
        NOTIFIED,
        "every receiver of `spec.notify` was told; absent where nobody is to be told",
        "one could not be told, and the message says why; Unknown while one is being told",
        (reasons.TOLD, reasons.TELLING, reasons.NOT_TOLD),
    ),
    ConditionType(
        "FieldsIgnored",
        "the spec has fields that only a newer release knows, which the message names; absent otherwise",
        "never",
        (reasons.UNKNOWN_FIELDS,),
    ),
)
