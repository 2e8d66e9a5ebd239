"""CRDs and manifests from the package alone; tests/api/test_overlays.py holds them against what kubectl builds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retrain_cli.commands.install.manifests import BASE, OVERLAYS, manifests
from retrain_cli.main import main

ROOT = Path(__file__).resolve().parents[3]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["manifests", *arguments]) == 0
    return [each["kind"] for each in yaml.safe_load_all(capsys.readouterr().out)]


def test_the_definitions_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = printed(capsys)
    assert kinds[:2] == ["CustomResourceDefinition"] * 2 and "Deployment" in kinds
    assert printed(capsys, "--only", "manifests") == kinds[2:]
    assert printed(capsys, "--only", "crds") == kinds[:2]


def test_the_definitions_are_those_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--only", "crds"]) == 0
    texts = [(ROOT / "crds" / f"{plural}.yaml").read_text() for plural in ("retrainruns", "retrainschedules")]
    assert capsys.readouterr().out == "---\n".join(texts)


def test_an_overlay_has_what_it_adds(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"PrometheusRule", "ConfigMap"} <= set(printed(capsys, "--overlay", "prometheus"))
    assert "ClusterRole" not in printed(capsys, "--overlay", "one-namespace")
    assert "Deployment" not in printed(capsys, "--overlay", "approval")


def test_there_is_one_for_each_overlay() -> None:
    folders = sorted(path.name for path in (ROOT / "manifests" / "overlays").iterdir())
    assert sorted(OVERLAYS) == sorted([*folders, "approval"])
    assert all(list(yaml.safe_load_all(manifests(name))) for name in (BASE, *OVERLAYS))


def test_an_overlay_that_there_is_not_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manifests", "--overlay", "nvida"]) == 2
    assert capsys.readouterr() == ("", "retrain: --overlay can't be nvida; did you mean nvidia?\n")
