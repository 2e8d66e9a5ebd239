"""How a schedule is."""

from .reason import bad

INVALID_SCHEDULE = bad(
    "InvalidSchedule",
    "The schedule breaks a rule of this release, or was stored under another release's rules.",
    "Correct the field; check that the CRD is of the same release.",
)
