"""Completion: the script is one that the shell takes, and it knows every command and option."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from shutil import which

import pytest

from retrain_cli.main import COMMANDS, main

Require = Callable[[object, str], None]


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str], require: Require) -> None:
    require(which("bash"), "there is no bash here")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    asked = "COMP_WORDS=(retrain {}); COMP_CWORD={}; _shtab_retrain; printf '%s\\n' \"${{COMPREPLY[@]}}\""

    def completed(*words: str) -> set[str]:
        asking = f"{script}\n{asked.format(' '.join(words), len(words))}"
        done = subprocess.run(["bash", "-c", asking], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert completed("ro") == {"rollback"}
    assert completed("run", "--fail") == {"--fail-if-done"}
    assert completed("schedule", "tr") == {"trigger"}
    assert completed("schedule", "run", "--on") == {"--once"}
    assert completed("''") >= set(COMMANDS)


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_the_other_shells_have_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "rollback" in capsys.readouterr().out
