"""Why work waits: the operator's own reasons, then those that Kubernetes gives and that are passed on as they are."""

from .reason import bad, neutral

POD_PENDING = neutral("PodPending", "The Job was only just made.", "Wait a moment.")
DATA_LATE = neutral(
    "DataLate",
    "The preflight waits for the bars that `data.maxAge` and `data.minNewBars` ask for, no longer than `data.waitFor`.",
    "Nothing, or look at what writes the data.",
)
PARALLELISM = neutral("Parallelism", "Other symbols of this run train first.", "Nothing, or raise `spec.parallelism`.")
JOB_SUSPENDED = neutral(
    "JobSuspended",
    "Kueue, or somebody, suspended the Job; the message names the queue.",
    "Wait for room, or look at the queue with `kubectl describe workload`.",
)
RETRYING = neutral(
    "Retrying", "Its last pod failed, and the next one starts soon.", "Nothing; the message has the failure's reason."
)
TERMINATING = neutral(
    "Terminating",
    "An earlier pod of the same work is still ending.",
    "Nothing: the work goes on from what it saved. A pod that never ends is on a node that does not answer.",
)
QUOTA_EXCEEDED = neutral(
    "QuotaExceeded",
    "The namespace's quota has no room for the Job.",
    "Free or raise the quota; the Job is tried again until `pendingDeadlineSeconds`.",
)
AWAITING_APPROVAL = neutral(
    "AwaitingApproval", "A person must answer.", "[Approve or reject](gitops.md#answers-and-tokens-by-hand)."
)
SUSPENDED = neutral("Suspended", "`spec.suspend` is true.", "Set it to false.")
BACK_OFF = neutral("BackOff", "A process of a run on this machine failed, and the next one starts soon.", "Nothing.")
NO_FREE_CORE = neutral(
    "NoFreeCore", "All cores of this machine are busy with other symbols.", "Nothing, or run on a bigger machine."
)

# Kubernetes' own.
UNSCHEDULABLE = neutral(
    "Unschedulable",
    "No node takes the pod; the scheduler says what it lacks (`Insufficient nvidia.com/gpu`).",
    "Free or add a GPU node; check nodeSelector, tolerations, and whether the device plugin runs; or train on the CPU "
    "with `train.device: CPU`.",
)
FAILED_SCHEDULING = neutral("FailedScheduling", UNSCHEDULABLE.meaning, UNSCHEDULABLE.mend)
SCHEDULING_GATED = neutral(
    "SchedulingGated", "Something holds the pod back on purpose.", "Ask whoever set the scheduling gate."
)
CONTAINER_CREATING = neutral("ContainerCreating", "The container is being made.", "Wait a moment.")
_IMAGE = (
    "The image can't be pulled; the message has what the registry says.",
    "Correct `spec.pods.image`, or give `imagePullSecrets`.",
)
ERR_IMAGE_PULL = bad("ErrImagePull", *_IMAGE)
IMAGE_PULL_BACK_OFF = bad("ImagePullBackOff", *_IMAGE)
INVALID_IMAGE_NAME = bad("InvalidImageName", *_IMAGE)
ERR_IMAGE_NEVER_PULL = bad("ErrImageNeverPull", *_IMAGE)
REGISTRY_UNAVAILABLE = bad("RegistryUnavailable", *_IMAGE)
CREATE_CONTAINER_CONFIG_ERROR = bad(
    "CreateContainerConfigError",
    "A Secret, or a key in it, is missing; the message names it.",
    "Create the Secret in the run's namespace; no restart is needed.",
)
_VOLUME = ("A volume can't be mounted.", "Look at the claim that the message names.")
FAILED_MOUNT = bad("FailedMount", *_VOLUME)
FAILED_ATTACH_VOLUME = bad("FailedAttachVolume", *_VOLUME)
FAILED_CREATE = bad(
    "FailedCreate",
    "The Job exists and its pods are refused: quota, admission, a missing service account.",
    "Do what the message says; the Job controller tries again by itself.",
)
STOPPED = neutral("Stopped", "Kueue took the Job back into its queue.", JOB_SUSPENDED.mend)

PASSED_THROUGH = (SCHEDULING_GATED, CREATE_CONTAINER_CONFIG_ERROR)
"""Kubernetes gives these, and no code here needs their names."""
