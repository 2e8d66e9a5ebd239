"""The command line as a whole: what is mistyped is answered with what was meant."""

from __future__ import annotations

import shlex

import pytest

from retrain_cli.display.examples import EXAMPLES, START
from retrain_cli.main import COMMANDS, main, parser_of


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
        (("run",), "retrain run needs -f/--file; `retrain run --help` shows how it is used."),
        ((), "retrain needs COMMAND; `retrain --help` shows how it is used."),
        (("logs", "nightly", "--phase", "trian"), "--phase can't be trian; did you mean train?"),
        (("init", "--device", "TPU"), "--device can't be TPU; did you mean GPU?"),
        (("completion", "fish"), "retrain completion shell can't be fish; write bash, zsh or tcsh."),
        (("gate", "rplay", "x"), "retrain gate COMMAND can't be rplay; did you mean replay?"),
        (
            ("logs", "nightly", "--tail", "few"),
            "argument --tail: few is not a number of lines; write one such as 20; `retrain logs --help` shows how it is used.",
        ),
        (("schedule", "run", "-f", "x.yaml", "--onec"), "There is no option --onec; did you mean --once?"),
        (
            ("schedule", "status", "weekly", "--wonder"),
            "There is no option --wonder; `retrain schedule status --help` lists what there is.",
        ),
        (("schedule", "tirgger", "weekly"), "retrain schedule COMMAND can't be tirgger; did you mean trigger?"),
        (
            ("schedule", "run"),
            "retrain schedule run needs -f/--file; `retrain schedule run --help` shows how it is used.",
        ),
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


@pytest.mark.parametrize("command", ["run", "status", "trigger", "resume"])
def test_every_command_of_a_schedule_has_its_help_and_its_own_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["schedule", command, "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and f"usage: retrain schedule {command} " in said
    examples = said.partition("examples:\n")[2].splitlines()
    assert examples and all(
        line.startswith(f"  retrain schedule {command} ") for line in examples if not line.startswith("  #")
    )


LINES = [(name, arguments) for name, examples in [("", START), *EXAMPLES.items()] for _, arguments in examples]


def test_every_command_has_examples() -> None:
    assert list(EXAMPLES) == list(COMMANDS)
    assert all(arguments.split()[0] == name for name, arguments in LINES if name)


@pytest.mark.parametrize(("name", "arguments"), LINES, ids=[arguments for _, arguments in LINES])
def test_every_example_is_printed_by_the_help_and_taken_as_it_is(
    name: str, arguments: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*filter(None, [name]), "--help"])
    line = f"  retrain {arguments}"
    assert f"\n{line}\n" in capsys.readouterr().out and len(line) <= 80
    words = shlex.split(arguments)
    args, unknown = parser_of([words[0]])[0].parse_known_args(words)
    assert (args.command, unknown) == (words[0], [])


def test_every_command_has_one_line_beside_its_name_in_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert all(f"    {name:<12}{text}" in lines for name, (_, text) in COMMANDS.items())
