"""How a schedule is, and what becomes of its slots."""

from .reason import bad, good, neutral

INVALID_SCHEDULE = bad(
    "InvalidSchedule",
    "The schedule breaks a rule of this release, or was stored under another release's rules.",
    "Correct the field; check that the CRD is of the same release.",
)
SCHEDULED = good("Scheduled", "The schedule is accepted; a run is made at its next slot.")
NO_SLOT = neutral(
    "NoSlot",
    "No time of the next fifty years fits `spec.schedule`, so no run is made.",
    "Correct the day and month that it names.",
)
PROVING = neutral(
    "Proving",
    "Past slots are being replayed. No run is made until they are over.",
    "Nothing; status.walkForward says how far it is.",
)
PROVEN = good("Proven", "At least `walkForward.minPassed` replays pass the gate as it is today.")
UNPROVEN = bad(
    "Unproven",
    "Fewer than `walkForward.minPassed` replays pass the gate as it is today. Runs are made, and what they would promote by "
    "themselves waits for a person.",
    "Read the replays' reports; change the recipe (it is proven anew) or the gate (what was measured is judged again).",
)
PAUSED = bad(
    "Paused",
    "`spec.pauseAfterFailures` runs failed in a row, so no more are made.",
    "Mend what the last one's message names, then `retrain schedule resume NAME`, or change the spec. A trigger tries one run, "
    "and the pause ends if it does not fail.",
)
RESUMED = good("Resumed", "A pause is over: slots count from now on.")
RUN_CREATED = good("RunCreated", "A run was made, for a slot, a trigger or a model that decays.")
RUN_DELETED = neutral(
    "RunDeleted",
    "Somebody deleted a run before it was over; it is not made again.",
    "Trigger one, where one is wanted.",
)
SLOT_MISSED = bad(
    "SlotMissed",
    "No run was made for a slot within `spec.startingDeadlineSeconds`: the operator was away, a run was still at work, a proof "
    "went on, or the API server refused it.",
    "Nothing, or raise the deadline. `retrain schedule trigger NAME` makes a run now.",
)
HISTORY_LIMIT = neutral(
    "HistoryLimit",
    "A run is over and older than those that `spec.runsHistoryLimit` or `spec.failedRunsHistoryLimit` keep, so it is deleted.",
)
