"""The images: what is in them, what is not, and that they need no writable root."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.kind_cluster import Cluster

OPERATOR, TRAINER = "retrain-operator:0.1.0", "retrain-trainer:0.1.0"
BOTH = pytest.mark.parametrize("image", [OPERATOR, TRAINER])
UNWANTED = ("gcc", "cc", "g++", "ld", "make", "pip", "pip3")


@pytest.fixture(autouse=True)
def built(cluster: Cluster) -> None:
    """The cluster comes with its images."""


def in_image(image: str, *command: str) -> subprocess.CompletedProcess[str]:
    """As a pod of ours runs it: a root that can't be written, no capability, a folder for scratch."""
    bounds = ["--read-only", "--cap-drop=ALL", "--tmpfs=/tmp", "--network=none"]
    return subprocess.run(["docker", "run", "--rm", *bounds, image, *command], capture_output=True, text=True)


def python(image: str, code: str) -> str:
    done = in_image(image, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@BOTH
def test_it_runs_as_the_fixed_user_and_says_what_it_is(image: str) -> None:
    assert python(image, "import os; print(os.getuid(), os.getgid())") == "65532 65532"
    found = subprocess.run(["docker", "inspect", image], capture_output=True, text=True, check=True)
    config = json.loads(found.stdout)[0]["Config"]
    assert config["User"] == "65532:65532"
    for label in ("title", "description", "licenses", "version", "revision"):
        assert config["Labels"][f"org.opencontainers.image.{label}"]


@BOTH
def test_no_compiler_no_installer_and_no_cache_is_left_in_it(image: str) -> None:
    code = f"import shutil; print([name for name in {UNWANTED} if shutil.which(name)])"
    assert python(image, code) == "[]"
    found = in_image(image, "sh", "-c", "ls /root/.cache /var/lib/apt/lists/*_Packages /var/cache/apt/archives/*.deb")
    assert found.stdout == ""


def test_the_operators_has_no_torch_and_begins(built: None) -> None:
    assert (
        python(OPERATOR, "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('numpy'))") == "None None"
    )
    done = in_image(OPERATOR, "python", "-m", "retrain_operator", "--help")
    assert done.returncode == 0
    assert "--namespaces" in done.stdout


def test_the_trainers_has_torch_git_and_rclone(built: None) -> None:
    code = "import shutil, torch; print(torch.zeros(2).sum().item(), all(map(shutil.which, ('git', 'rclone'))))"
    assert python(TRAINER, code) == "0.0 True"
    done = in_image(TRAINER, "python", "-m", "retrain_trainer", "--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("train", "evaluate", "publish", "deliver"))


def test_the_trainers_has_every_library_that_torch_links_and_not_what_no_task_uses(built: None) -> None:
    """Of torch's libraries one is loaded late, when linear algebra is done on a GPU."""
    code = (
        "import ctypes, importlib.util as u, pathlib, torch\n"
        "late = pathlib.Path(torch.__file__).parent / 'lib' / 'libtorch_cuda_linalg.so'\n"
        "print(u.find_spec('triton'), not late.exists() or ctypes.CDLL(str(late)) is not None)"
    )
    assert python(TRAINER, code) == "None True"
