"""Which image a run's Jobs have, and what the operator's owner decides of it."""

from __future__ import annotations

import threading
from pathlib import Path

from support.control_plane import ControlPlane
from support.fates import Fates
from support.kubelet import Kubelet
from support.life import Life
from support.operator_process import OperatorProcess

ONE = {"symbols": ["BTC-USD"], "gate": {"minPassed": 1}}


def images(life: Life, phase: str = "") -> set[str]:
    return {job["spec"]["template"]["spec"]["containers"][0]["image"] for job in life.jobs(phase)}


def test_the_image_is_fixed_when_the_work_starts(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    release = threading.Event()
    kubelet.fate = Fates(hold={"train": release})
    with OperatorProcess(control_plane, namespace, tmp_path, image="trainer:old") as operator:
        life = Life(control_plane, namespace, kubelet, operator)
        life.create(**ONE)
        life.until_symbol("BTC-USD", state="Training")
        assert operator.stop() == 0
        operator.image = "trainer:new"
        operator.start()
        release.set()
        status = life.ends("Promoted")
        assert images(life) == {"trainer:old"} == {status["image"]}


def test_images_that_are_not_allowed_are_refused_and_the_evaluators_is_pinned(
    control_plane: ControlPlane, namespace: str, kubelet: Kubelet, tmp_path: Path
) -> None:
    kubelet.fate = Fates()
    flags = ("--allowed-images=ghcr.io/team/*", "--evaluator-image=ghcr.io/owner/judge:1")
    with OperatorProcess(control_plane, namespace, tmp_path, flags=flags) as operator:
        life = Life(control_plane, namespace, kubelet, operator)
        life.create(**ONE, pods={"image": "evil:1"})
        assert "evil:1" in life.ends("Failed")["message"]
        life.change(pods={"image": "ghcr.io/team/trainer:2"})
        life.ends("Promoted")
        assert images(life, "train") == {"ghcr.io/team/trainer:2"}
        assert images(life, "evaluate") | images(life, "publish") == {"ghcr.io/owner/judge:1"}
