"""Why a run failed as a whole."""

from .reason import bad, neutral

QUORUM_UNREACHABLE = bad(
    "QuorumUnreachable",
    "So many symbols failed that `minPassed` can't be reached; the rest was stopped.",
    "Mend what failed first; `gate.whenUnreachable: Continue` keeps the rest going.",
)
SKIPPED = neutral(
    "Skipped",
    "So many symbols have nothing new to learn that `minPassed` can't be reached: nothing was trained. This is no failure.",
    "Nothing: the next run looks again. `data.minNewBars` says how many new bars there must be.",
)
ALL_FAILED = bad("AllFailed", "Every symbol failed.", "Read the message: it has each one's reason.")
PUBLISH_FAILED = bad(
    "PublishFailed",
    "The models are measured, and the report or the promotion failed.",
    "Mend what the message names, then [retry](#try-again-what-failed).",
)
BACKUP_FAILED = bad(
    "BackupFailed",
    "A copy that the run requires was not made.",
    "Mend what the message names, then [retry](#try-again-what-failed).",
)
IMAGE_NOT_ALLOWED = bad(
    "ImageNotAllowed",
    "`spec.pods.image` is not among `--allowed-images`.",
    "Use one that is, or ask the operator's owner.",
)
RECONCILE_FAILED = bad(
    "ReconcileFailed",
    "The operator failed on this run in a way that has no name yet. It tries again by itself; the other runs go on.",
    "Report it with the place that the message names; `--log-level debug` writes the traceback to the operator's log.",
)
INVALID_RUN = bad(
    "InvalidRun",
    "The run breaks a rule of this release, or was stored under another release's rules.",
    "Correct the field; check that the CRD is of the same release.",
)
