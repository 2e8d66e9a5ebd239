"""Whatever a command meets: one sentence on stderr, and no traceback unless it is asked for."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest

from retrain_cli import main as command_line

REPORT = "retrain: retrain doctor failed in a way that has no name yet, at retrain_cli.main:"


@pytest.mark.parametrize(
    ("problem", "begins"),
    [
        (ValueError("words of a library"), REPORT),
        (RecursionError("maximum recursion depth exceeded"), REPORT),
        (ExceptionGroup("several", [ValueError("one"), KeyError("two")]), REPORT),
        (OSError(errno.ENOENT, "No such file", "/words of a library"), REPORT),
        (OSError(errno.ENOSPC, "No space left on device", "/home/x"), "retrain: No space is left to write /home/x; "),
        (MemoryError(), "retrain: There is not enough memory here; "),
    ],
)
def test_what_nobody_foresaw_is_one_sentence(
    problem: Exception, begins: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = after(problem, monkeypatch, capsys)
    assert said.startswith(begins) and said.endswith(".\n") and said.count("\n") == 1
    assert "words of a library" not in said
    if begins is REPORT:
        assert "please report it" in said and "LOG_LEVEL=debug in front of the command shows more" in said


def test_at_the_level_debug_the_traceback_comes_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    said = after(ValueError("words of a library"), monkeypatch, capsys)
    assert said.startswith("Traceback") and "words of a library" in said


def test_a_command_that_can_not_be_loaded_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(command: str) -> None:
        raise RuntimeError("words of a library")

    monkeypatch.setattr(command_line, "_module", missing)
    assert command_line.main(["doctor", "-f", "x"]) == 1
    assert capsys.readouterr().err.startswith(REPORT)


def after(problem: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    def run(_: object) -> int:
        raise problem

    module = SimpleNamespace(add_arguments=lambda parser: None, run=run)
    monkeypatch.setattr(command_line, "_module", lambda command: module)
    assert command_line.main(["doctor"]) == 1
    return capsys.readouterr().err
