"""Installed without its extras: a command that needs one says which, before anything starts, and ends with 2."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml

from retrain_api.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[3]
REQUIRED = (
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions.py", "typing_inspection"),
    *("yaml", "rich", "markdown_it", "mdurl", "pygments", "cronsim", "tzdata"),
)
"""What pip installs without an extra."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with these alone."""
    folder = tmp_path_factory.mktemp("packages")
    installed = Path(next(path for path in site.getsitepackages() if (Path(path) / "pydantic").exists()))
    for name in REQUIRED:
        (folder / name).symlink_to(installed / name)
    return folder


def retrain(small: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(small, folder, "-m", "retrain_cli.main", *arguments)


def python(small: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Without the packages of this environment."""
    path = os.pathsep.join(map(str, (small, ROOT / "operator", ROOT / "trainer_image")))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-S", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = {
        "apiVersion": "retrain.crpbot.dev/v1alpha1",
        "kind": "RetrainRun",
        "metadata": {"name": "nightly"},
        "spec": {
            "symbols": ["BTC-USD"],
            "data": {"uri": "file://./data/"},
            "artifacts": {"uri": "file://./models/"},
        },
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    (tmp_path / "config").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]\n"
        "users: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (("run", "-f", "run.yaml"), "torch", "trainer"),
        (("features", "candles.parquet", "-o", "features.parquet"), "pyarrow", "trainer"),
        (("import", "candles.csv", "--symbol", "BTC-USD", "-o", "data"), "pyarrow", "trainer"),
        (("report", "nightly", "--context", "x"), "kubernetes", "operator"),
        (("retry", "nightly", "--kubeconfig", "config"), "kubernetes", "operator"),
        (("approve", "nightly", "--reason", "why", "--context", "x"), "kubernetes", "operator"),
        (("completion", "bash"), "shtab", "completion"),
    ],
)
def test_a_command_that_needs_an_extra_names_it(
    small: Path, folder: Path, command: tuple[str, ...], module: str, extra: str
) -> None:
    (folder / "candles.csv").write_text("timestamp,open,high,low,close,volume\n")
    ended = retrain(small, folder, *command)
    sentence = f"retrain: {module} is not installed here; install retrain-operator[{extra}], then try again.\n"
    assert (ended.returncode, ended.stderr) == (2, sentence)
    assert not (folder / ".retrain").exists()


def test_the_operator_says_so_too(small: Path, folder: Path) -> None:
    ended = python(small, folder, "-m", "retrain_operator", "--help")
    said = "retrain-operator: kubernetes is not installed here; install retrain-operator[operator], then try again.\n"
    assert (ended.returncode, ended.stderr) == (2, said)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("--help",), 0),
        (("history", "nightly"), 1),
        (("report", "nightly"), 1),
        (("compare", "a", "b"), 1),
        (("logs", "nightly"), 1),
        (("ls", "--json"), 0),
        (("explain", "spec.model"), 0),
        (("manifests", "--overlay", "nvidia"), 0),
    ],
)
def test_other_commands_need_none(small: Path, folder: Path, command: tuple[str, ...], code: int) -> None:
    ended = retrain(small, folder, *command)
    assert ended.returncode == code
    assert "not installed" not in ended.stderr
    assert "no name yet" not in ended.stderr


def test_every_requirement_of_an_extra_is_known() -> None:
    """`retrain run` asks for them before it starts."""
    modules = {"prometheus-client": "prometheus_client"}
    for extra, known in EXTRAS.items():
        wanted = [line.split(";")[0] for line in requires("retrain-operator") or () if f"extra == '{extra}'" in line]
        names = {line.split(">")[0].split("=")[0].strip() for line in wanted}
        assert {modules.get(name, name) for name in names} <= {*known}


def test_the_release_is_told() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "retrain_cli.main", "--version"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, f"retrain {version('retrain-operator')}\n")
