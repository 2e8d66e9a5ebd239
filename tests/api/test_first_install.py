"""From an empty cluster: crds/ by a command of its own, then any overlay, each at its first try; and away again, without the
CRD that others need.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.control_plane import ControlPlane
from support.operator_process import Runs
from support.planning import run_document

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = "crd/retrainruns.retrain.crpbot.dev"
OVERLAYS = ("base", "overlays/nvidia", "overlays/one-namespace")


@pytest.fixture(scope="module")
def control_plane(kube_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Without any definition."""
    plane = ControlPlane(kube_binaries, tmp_path_factory.mktemp("first-install"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


def test_each_overlay_applies_the_first_time_and_goes_without_the_definition(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", DEFINITION)
    space = yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "retrain"}})
    control_plane.kubectl("apply", "-f", "-", input=space)
    others = Runs(control_plane, "retrain")
    others.create(run_document() | {"metadata": {"name": "of-others"}})
    for place in OVERLAYS:
        folder = str(ROOT / "manifests" / place)
        control_plane.kubectl(
            "apply", "--server-side", "--dry-run=server" if place == OVERLAYS[2] else "-o=name", "-k", folder
        )
    taken = control_plane.kubectl("get", "rtr", "-n", "default", "-o", "name").stdout
    assert taken.strip() == "retrainrun.retrain.crpbot.dev/improved-lstm"
    control_plane.kubectl("delete", "--wait=false", "-k", str(ROOT / "manifests" / "overlays" / "nvidia"))
    assert control_plane.kubectl("get", DEFINITION, "-o", "jsonpath={.metadata.deletionTimestamp}").stdout == ""
    assert others.get("of-others")["metadata"]["name"] == "of-others"
