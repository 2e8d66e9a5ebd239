"""Scripts that a stranger runs first: any POSIX shell must do, as README asks for a Debian without more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "scripts" / "install.sh"
Require = Callable[[object, str], None]


@pytest.mark.parametrize("checked_by", [["dash", "-n"], [str(Path(sys.executable).parent / "shellcheck")]])
def test_the_installation_is_posix_shell(checked_by: list[str], require: Require) -> None:
    require(which(checked_by[0]), f"{Path(checked_by[0]).name} is not installed")
    assert INSTALL.read_text().startswith("#!/bin/sh\n")
    done = subprocess.run([*checked_by, INSTALL], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_cannot_install_it_says_and_what_it_can() -> None:
    done = subprocess.run(["sh", INSTALL, "everything"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "install: everything is nothing that can be installed; demo and all are\n"
