"""What a node does with a pod: it refuses it, loses sight of it, or can't start a container. All words are Kubernetes' own."""

from .reason import bad, neutral

_NO_ROOM = (
    "The node had less room than the scheduler thought, and refused the pod. This does not count as a failed try.",
    "Nothing; where it goes on, look with `kubectl describe node` at what else is on the node.",
)
OUT_OFCPU = neutral("OutOfcpu", *_NO_ROOM)
OUT_OFMEMORY = neutral("OutOfmemory", *_NO_ROOM)
OUT_OFPODS = neutral("OutOfpods", *_NO_ROOM)
OUT_OF_RESOURCE = neutral("OutOfResource", *_NO_ROOM)
VOLUME_ATTACHMENT_LIMIT_EXCEEDED = neutral("VolumeAttachmentLimitExceeded", *_NO_ROOM)
UNEXPECTED_ADMISSION_ERROR = neutral(
    "UnexpectedAdmissionError",
    "The node could not give the pod its devices, most often because its GPU plugin is not up yet after a reboot. This does "
    "not count as a failed try.",
    "Nothing; where it goes on, look at the device plugin's pod on that node.",
)
TOPOLOGY_AFFINITY_ERROR = neutral(
    "TopologyAffinityError",
    "The node's topology manager found no place for devices and processors together. This does not count as a failed try.",
    "Nothing; where it goes on, ask for fewer GPUs or processors, or relax the node's topology policy.",
)
NODE_SHUTDOWN = neutral(
    "NodeShutdown",
    "The node is being shut down and takes no pods. This does not count as a failed try.",
    "Nothing: it goes on on another node.",
)
_OTHER_NODE = (
    "The node has changed since the scheduler chose it, and refused the pod. This does not count as a failed try.",
    "Nothing; where it goes on, check `spec.pods.nodeSelector` and the tolerations.",
)
NODE_AFFINITY = neutral("NodeAffinity", *_OTHER_NODE)
NODE_NAME = neutral("NodeName", *_OTHER_NODE)
NODE_PORTS = neutral("NodePorts", *_OTHER_NODE)
TAINT_TOLERATION = neutral("TaintToleration", *_OTHER_NODE)
INVALID_NODE_INFO = neutral("InvalidNodeInfo", *_OTHER_NODE)
UNKNOWN_REASON = neutral("UnknownReason", *_OTHER_NODE)
UNEXPECTED_PREDICATE_FAILURE_TYPE = neutral("UnexpectedPredicateFailureType", *_OTHER_NODE)
CONTAINER_STATUS_UNKNOWN = neutral(
    "ContainerStatusUnknown",
    "The node lost sight of the container, most often because it was restarted. This does not count as a failed try.",
    "Nothing: it goes on from its checkpoint.",
)
_NOT_HERE = (
    "Nodes of this kind do not take the pod, and never will.",
    "Correct what the message names in `spec.pods`, or choose other nodes with `spec.pods.nodeSelector`.",
)
POD_OS_SELECTOR_NODE_LABEL_DOES_NOT_MATCH = bad("PodOSSelectorNodeLabelDoesNotMatch", *_NOT_HERE)
POD_OS_NOT_SUPPORTED = bad("PodOSNotSupported", *_NOT_HERE)
INIT_CONTAINER_RESTART_POLICY_FORBIDDEN = bad("InitContainerRestartPolicyForbidden", *_NOT_HERE)
SUPPLEMENTAL_GROUPS_POLICY_NOT_SUPPORTED = bad("SupplementalGroupsPolicyNotSupported", *_NOT_HERE)
POD_LEVEL_RESOURCES_NOT_SUPPORTED = bad("PodLevelResourcesNotSupported", *_NOT_HERE)
SYSCTL_FORBIDDEN = bad("SysctlForbidden", *_NOT_HERE)
APP_ARMOR = bad("AppArmor", *_NOT_HERE)

CONTAINER_FAILED = bad(
    "ContainerFailed",
    "A container beside the trainer failed, so that the trainer never started.",
    "Read the message: it names the container. See [meshes and injectors](#meshes-and-injectors).",
)
POD_INITIALIZING = neutral("PodInitializing", "The containers before the trainer are at work.", "Wait a moment.")
_BESIDE = (
    "A container of the pod can't start; the message names it and says why.",
    "Look with `kubectl describe pod`; a container that a mesh or an injector puts there is "
    "[its owner's to mend](#meshes-and-injectors).",
)
CRASH_LOOP_BACK_OFF = bad("CrashLoopBackOff", *_BESIDE)
CREATE_CONTAINER_ERROR = bad("CreateContainerError", *_BESIDE)
RUN_CONTAINER_ERROR = bad("RunContainerError", *_BESIDE)
KILL_CONTAINER_ERROR = bad("KillContainerError", *_BESIDE)
PRE_CREATE_HOOK_ERROR = bad("PreCreateHookError", *_BESIDE)
PRE_START_HOOK_ERROR = bad("PreStartHookError", *_BESIDE)
POST_START_HOOK_ERROR = bad("PostStartHookError", *_BESIDE)
IMAGE_INSPECT_ERROR = bad("ImageInspectError", *_BESIDE)
_SANDBOX = (
    "The node can't set up the pod: its network, or the container runtime.",
    "Look at the node: `kubectl describe node`, and the network plugin's pod on it.",
)
CREATE_POD_SANDBOX_ERROR = bad("CreatePodSandboxError", *_SANDBOX)
CONFIG_POD_SANDBOX_ERROR = bad("ConfigPodSandboxError", *_SANDBOX)
KILL_POD_SANDBOX_ERROR = bad("KillPodSandboxError", *_SANDBOX)
FAILED_CREATE_POD_SAND_BOX = bad("FailedCreatePodSandBox", *_SANDBOX)
NETWORK_NOT_READY = bad("NetworkNotReady", *_SANDBOX)
FAILED_PREPARE_DYNAMIC_RESOURCES = bad(
    "FailedPrepareDynamicResources",
    "The node can't prepare the devices that the pod claims.",
    "Look at the claim and the driver that the message names.",
)
FAILED_MAP_VOLUME = bad("FailedMapVolume", "A volume can't be mounted.", "Look at the claim that the message names.")
SCHEDULER_ERROR = bad(
    "SchedulerError", "The scheduler failed at the pod.", "Look at the scheduler's log; it tries again by itself."
)

_UNREADY = (
    "The node can't bring the pod up, or look after it; the message says what it lacks.",
    "Look with `kubectl describe pod` and `kubectl describe node`; the node tries again by itself.",
)
FAILED_CREATE_POD_CONTAINER = bad("FailedCreatePodContainer", *_UNREADY)
INSPECT_FAILED = bad("InspectFailed", *_UNREADY)
FAILED_SYNC = bad("FailedSync", *_UNREADY)
FAILED_KILL_POD = bad("FailedKillPod", *_UNREADY)
FAILED_MOUNT_ON_FILESYSTEM_MISMATCH = bad("FailedMountOnFilesystemMismatch", *_UNREADY)
SIGNATURE_VALIDATION_FAILED = bad(
    "SignatureValidationFailed", "The node does not trust the image's signature.", "Sign the image, or use one that is."
)
_AS_NODE_LOST = ("Kubernetes' word for a lost or stopping node; shown as NodeLost.", "As for NodeLost.")
DELETION_BY_TAINT_MANAGER = neutral("DeletionByTaintManager", *_AS_NODE_LOST)
DELETION_BY_POD_GC = neutral("DeletionByPodGC", *_AS_NODE_LOST)
TERMINATED = neutral("Terminated", *_AS_NODE_LOST)
SHUTDOWN = neutral("Shutdown", *_AS_NODE_LOST)
_AS_PREEMPTED = (
    "Kubernetes' word for a pod that made room for a more important one; shown as Preempted.",
    "As for Preempted.",
)
PREEMPTION_BY_SCHEDULER = neutral("PreemptionByScheduler", *_AS_PREEMPTED)
PREEMPTION_BY_KUBE_SCHEDULER = neutral("PreemptionByKubeScheduler", *_AS_PREEMPTED)
PREEMPTING = neutral("Preempting", *_AS_PREEMPTED)
_AS_EVICTED = ("Kubernetes' word for a pod that was taken off its node; shown as Evicted.", "As for Evicted.")
EVICTION_BY_EVICTION_API = neutral("EvictionByEvictionAPI", *_AS_EVICTED)
TERMINATION_BY_KUBELET = neutral("TerminationByKubelet", *_AS_EVICTED)

PASSED_THROUGH_FROM_NODES = (
    SIGNATURE_VALIDATION_FAILED,
    POD_OS_SELECTOR_NODE_LABEL_DOES_NOT_MATCH,
    POD_OS_NOT_SUPPORTED,
    INIT_CONTAINER_RESTART_POLICY_FORBIDDEN,
    SUPPLEMENTAL_GROUPS_POLICY_NOT_SUPPORTED,
    POD_LEVEL_RESOURCES_NOT_SUPPORTED,
    SYSCTL_FORBIDDEN,
    APP_ARMOR,
    CRASH_LOOP_BACK_OFF,
    CREATE_CONTAINER_ERROR,
    RUN_CONTAINER_ERROR,
    KILL_CONTAINER_ERROR,
    PRE_CREATE_HOOK_ERROR,
    PRE_START_HOOK_ERROR,
    POST_START_HOOK_ERROR,
    IMAGE_INSPECT_ERROR,
    CREATE_POD_SANDBOX_ERROR,
    CONFIG_POD_SANDBOX_ERROR,
    KILL_POD_SANDBOX_ERROR,
    SCHEDULER_ERROR,
)
"""Kubernetes gives these, and no code here needs their names."""
