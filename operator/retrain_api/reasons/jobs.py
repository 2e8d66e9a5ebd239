"""How a pod or a Job ended without a result, and what the API server said of a Job that it refuses."""

from .reason import bad

OOM_KILLED = bad(
    "OOMKilled",
    "It needed more memory than its limit.",
    "Raise `spec.<phase>.resources.limits.memory`; only what failed is done again.",
)
EPHEMERAL_STORAGE = bad(
    "EphemeralStorage",
    "It wrote more than the node or its limit allows.",
    "Raise `ephemeral-storage`, or use another node.",
)
_ROOM = (
    "The node needed the room; this does not count as a failed try.",
    "Give it a priority class, or requests that match its use.",
)
EVICTED = bad("Evicted", *_ROOM)
PREEMPTED = bad("Preempted", *_ROOM)
NODE_LOST = bad(
    "NodeLost",
    "The pod is on a node that does not answer, or that is gone.",
    "If the node will not come back, delete the Node object: the training goes on elsewhere from its checkpoint. Where "
    "nodes are lost often, raise `spec.<phase>.backoffLimit`; where it failed, [retry](#try-again-what-failed).",
)
_NEVER_BEGAN = ("Its process could not start; the message says why.", "Correct the image, or what its pod asks for.")
START_ERROR = bad("StartError", *_NEVER_BEGAN)
CONTAINER_CANNOT_RUN = bad("ContainerCannotRun", *_NEVER_BEGAN)
DEADLINE_EXCEEDED = bad(
    "DeadlineExceeded",
    "It ran longer than `activeDeadlineSeconds`.",
    "Raise it; the training goes on from its checkpoint.",
)
PENDING_DEADLINE_EXCEEDED = bad(
    "PendingDeadlineExceeded",
    "No pod ran within `pendingDeadlineSeconds`; the message says what it waited for.",
    "See [It waits](#it-waits), then [retry](#try-again-what-failed).",
)
RESULT_LOST = bad(
    "ResultLost",
    "The pod was deleted before its result was read; where the symbol failed, twice.",
    "Nothing while it waits: the result is read from the store. Where it failed, the image is no trainer: look at "
    "`spec.pods.image`.",
)
_NO_SENTENCE = (
    "The process ended and left no message.",
    "Read [the log of its Job](#the-log-of-a-job).",
)
POD_FAILED = bad("PodFailed", *_NO_SENTENCE)
JOB_FAILED = bad("JobFailed", *_NO_SENTENCE)
SYMBOL_FAILED = bad("SymbolFailed", *_NO_SENTENCE)
_TRIED_OUT = (
    "The Job's pods failed for good, or as often as `spec.<phase>.backoffLimit` allows.",
    _NO_SENTENCE[1],
)
BACKOFF_LIMIT_EXCEEDED = bad("BackoffLimitExceeded", *_TRIED_OUT)
POD_FAILURE_POLICY = bad("PodFailurePolicy", *_TRIED_OUT)
FAILED_INDEXES = bad("FailedIndexes", *_TRIED_OUT)
MAX_FAILED_INDEXES_EXCEEDED = bad("MaxFailedIndexesExceeded", *_TRIED_OUT)
NAME_TAKEN = bad(
    "NameTaken",
    "A Job of that name, or of a schedule a run, exists and belongs to something else.",
    "Delete it, or give the run or the schedule another name.",
)
_REFUSED = (
    "The API server refuses the Job for good; the message has what it says.",
    "Correct the field it names (often a volume that pod security forbids).",
)
FORBIDDEN = bad("Forbidden", *_REFUSED)
INVALID = bad("Invalid", *_REFUSED)
