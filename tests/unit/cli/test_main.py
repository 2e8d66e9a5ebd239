"""The command line as a whole: what is mistyped is answered with what was meant."""

from __future__ import annotations

import pytest

from retrain_cli.main import COMMANDS, main


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("rnu",), "There is no command rnu; did you mean run?"),
        (("aprove", "nightly"), "There is no command aprove; did you mean approve?"),
        (("frobnicate",), "There is no command frobnicate; `retrain --help` lists what there is."),
        (("run", "-f", "x.yaml", "--reurn"), "There is no option --reurn; did you mean --rerun?"),
        (
            ("run", "-f", "x.yaml", "--fail-if-dome=1"),
            "There is no option --fail-if-dome=1; did you mean --fail-if-done?",
        ),
        (("run", "-f", "x.yaml", "--wonder"), "There is no option --wonder; `retrain run --help` lists what there is."),
        (("run", "-f", "x.yaml", "more"), "There is no argument more; `retrain run --help` lists what there is."),
    ],
)
def test_a_word_that_there_is_not_is_answered_with_the_nearest(
    given: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) == 2
    assert capsys.readouterr().err == f"retrain: {said}\n"


@pytest.mark.parametrize("command", [*COMMANDS])
def test_every_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: retrain {command} " in capsys.readouterr().out
