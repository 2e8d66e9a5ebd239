"""Every reason that the Kubernetes of these tests gives a pod, a container or a Job stands in docs/troubleshooting.md, with what it
means and what to do; a reason that a newer Kubernetes brings fails here first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from support.kubernetes_source import module, reasons, version

from retrain_api.reasons import ALL

_OF_NODES = "of a Node, not of a pod"
_OF_SUCCESS = "of a Job that is complete"
_OF_RESIZING = "of a pod that is resized in place, which nobody does with these"
_TELLS = "an event that tells what is done, and explains no wait"
_PROBE = "of a probe or a hook: a trainer has neither"
LEFT_OUT = {
    **dict.fromkeys(("SuccessPolicy", "CompletionsReached"), _OF_SUCCESS),
    **dict.fromkeys(("Deferred", "Infeasible", "Error", "ResizePodInPlaceError"), _OF_RESIZING),
    **dict.fromkeys(("ResizeDeferred", "ResizeInfeasible", "ResizeCompleted"), _OF_RESIZING),
    **dict.fromkeys(("Created", "Started", "Failed", "Killing", "Pulling", "Pulled", "SandboxChanged"), _TELLS),
    **dict.fromkeys(("ExceededGracePeriod", "AlreadyMountedVolume", "SuccessfulAttachVolume"), _TELLS),
    **dict.fromkeys(("SuccessfulMountVolume", "FailedPodSandBoxStatus", "PossibleMemoryBackedVolumesOnDisk"), _TELLS),
    **dict.fromkeys(("VolumeResizeFailed", "VolumeResizeSuccessful", "FileSystemResizeFailed"), _TELLS),
    **dict.fromkeys(("VolumePermissionChangeInProgress", "FileSystemResizeSuccessful"), _TELLS),
    **dict.fromkeys(("Unhealthy", "ProbeWarning", "StartupProbe", "LivenessProbe"), _PROBE),
    **dict.fromkeys(("FailedPostStartHook", "FailedPreStopHook"), _PROBE),
    **dict.fromkeys(("NodeReady", "NodeNotReady", "NodeSchedulable", "NodeNotSchedulable", "Starting"), _OF_NODES),
    **dict.fromkeys(("KubeletSetupFailed", "Rebooted", "ContainerGCFailed", "ImageGCFailed", "CgroupV1"), _OF_NODES),
    **dict.fromkeys(("FailedNodeAllocatableEnforcement", "NodeAllocatableEnforced"), _OF_NODES),
    **dict.fromkeys(("InvalidDiskCapacity", "FreeDiskSpaceFailed", "KubeletReady", "KubeletNotReady"), _OF_NODES),
    "FailedValidation": "of a static pod",
    "Unknown": "a container's end in the kubelet's own log",
    "OutOf": "the beginning of OutOfcpu and its like",
}


@pytest.fixture(scope="module")
def found(require: Callable[[object, str], None]) -> dict[str, str]:
    require(shutil.which("go"), "Go is not installed; it downloads the source of Kubernetes")
    release = version()
    return reasons(module("k8s.io/kubernetes", f"v1.{release}"), module("k8s.io/api", f"v0.{release}"))


def test_every_reason_of_kubernetes_has_its_sentence_and_its_next_step(found: dict[str, str]) -> None:
    known = {str(reason): reason for reason in ALL}
    assert {word: place for word, place in found.items() if word not in known and word not in LEFT_OUT} == {}
    assert all(known[word].meaning and known[word].mend for word in found if word in known)


def test_what_is_left_out_is_a_reason_of_kubernetes_and_not_one_of_ours(found: dict[str, str]) -> None:
    assert sorted(set(LEFT_OUT) - set(found)) == []


@pytest.mark.parametrize(
    "word",
    [
        "UnexpectedAdmissionError",
        "OutOfmemory",
        "CrashLoopBackOff",
        "BackoffLimitExceeded",
        "Evicted",
        "SchedulerError",
    ],
)
def test_the_source_is_read_where_reasons_are(found: dict[str, str], word: str) -> None:
    assert word in found
