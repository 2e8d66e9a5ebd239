"""The shipped manifests as kubectl builds them, taken by a real API server in a server-side dry run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ControlPlane

from retrain_cli.commands.install.manifests import documents, manifests
from retrain_cli.inputs.run_file import documents as read

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
PLACES = ["approval", "base", *sorted(f"overlays/{path.name}" for path in (MANIFESTS / "overlays").iterdir())]
FOREIGN = {
    "monitoring.coreos.com/v1": {"ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"},
    "argoproj.io/v1alpha1": {"Application": "applications"},
    "kustomize.toolkit.fluxcd.io/v1": {"Kustomization": "kustomizations"},
}
"""Kinds of other projects: the API server of the tests takes whatever they say."""


def kubectl(plane: ControlPlane, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(plane.binaries / "kubectl"), f"--kubeconfig={plane.kubeconfig('admin')}", *words]
    return subprocess.run(command, input=given, text=True, capture_output=True, timeout=120)


def foreign(group_version: str, kind: str, plural: str) -> dict[str, Any]:
    group, version = group_version.split("/")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    meta = {"name": f"{plural}.{group}"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane) -> ControlPlane:
    """With the kinds and the namespaces that must be there before anything is put into them."""
    kinds = [foreign(group, kind, plural) for group, found in FOREIGN.items() for kind, plural in found.items()]
    names = ("retrain-system", "retrain-demo", "retrain", "argocd", "flux-system")
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]
    done = kubectl(control_plane, "apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(kinds + spaces))
    assert done.returncode == 0, done.stderr
    crds = [f"crd/{each['metadata']['name']}" for each in kinds]
    control_plane.establish(*crds)
    return control_plane


@pytest.mark.parametrize("place", PLACES)
def test_kubectl_builds_it_and_the_server_takes_it_without_a_warning(plane: ControlPlane, place: str) -> None:
    built = kubectl(plane, "kustomize", str(MANIFESTS / place))
    assert (built.returncode, built.stderr) == (0, "")
    taken = kubectl(plane, "apply", "--server-side", "--dry-run=server", "-k", str(MANIFESTS / place))
    assert (taken.returncode, taken.stderr) == (0, "")
    assert len(taken.stdout.splitlines()) == len(list(yaml.safe_load_all(built.stdout)))


@pytest.mark.parametrize("place", PLACES)
def test_the_command_line_carries_what_kubectl_builds_byte_for_byte(plane: ControlPlane, place: str) -> None:
    built = kubectl(plane, "kustomize", str(MANIFESTS / place)).stdout
    assert manifests(place.removeprefix("overlays/")) == built, "make generate"


def test_the_definitions_that_it_prints_are_those_that_kubectl_builds(plane: ControlPlane) -> None:
    built = kubectl(plane, "kustomize", str(ROOT / "crds")).stdout
    printed = "---\n".join(documents(None, "crds"))
    assert read(printed, "printed") == read(built, "built")  # as kubectl reads 1e-06, which PyYAML takes for text
    taken = kubectl(
        plane, "apply", "--server-side", "--dry-run=server", "-f", "-", given="---\n".join(documents(None, None))
    )
    assert (taken.returncode, taken.stderr) == (0, "")


@pytest.mark.parametrize("path", sorted((MANIFESTS / "samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_server_takes_every_sample(plane: ControlPlane, path: Path) -> None:
    taken = kubectl(plane, "apply", "--dry-run=server", "-f", str(path))
    assert (taken.returncode, taken.stderr) == (0, "")


def test_the_overlay_for_nvidia_puts_every_run_on_gpu_nodes(plane: ControlPlane) -> None:
    built = yaml.safe_load_all(kubectl(plane, "kustomize", str(MANIFESTS / "overlays" / "nvidia")).stdout)
    (run,) = [each for each in built if each["kind"] == "RetrainRun"]
    assert run["metadata"]["name"] == "improved-lstm"
    assert run["spec"]["symbols"] == ["BTC-USD", "ETH-USD", "SOL-USD"]
    assert run["spec"]["train"] == {"device": "GPU", "gpu": {"resourceName": "nvidia.com/gpu", "count": 1}}
    assert run["spec"]["pods"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert run["spec"]["pods"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


def test_every_pod_that_is_shipped_fits_a_restricted_namespace(plane: ControlPlane) -> None:
    """The kind overlay brings pods of its own; the server would warn of what the profile forbids."""
    label = {"pod-security.kubernetes.io/warn": "restricted"}
    meta = {"name": "retrain-demo", "labels": label}
    space = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    assert kubectl(plane, "apply", "-f", "-", given=space).returncode == 0
    for name in ("store.yaml", "sample-data.yaml"):
        path = MANIFESTS / "overlays" / "kind" / name
        taken = kubectl(plane, "apply", "--server-side", "--dry-run=server", "-f", str(path))
        assert (taken.returncode, taken.stderr) == (0, ""), name
