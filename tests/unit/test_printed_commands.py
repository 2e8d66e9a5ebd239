"""Commands that a page prints are there, with each option that they are given, and so is each target of make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support.places import ROOT

from retrain_cli.main import COMMANDS, parser_of

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
"""All but the changelog, which may name what is gone."""

_SPAN = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(r"^(?:\S*/)?retrain$")


def printed(text: str) -> Iterator[str]:
    """Commands of a page: what stands between backticks, and the lines of its blocks of code."""
    yield from (
        line.strip() for line in text.splitlines() if line.startswith("    ") and not line.strip().startswith("#")
    )
    yield from (span for span in _SPAN.findall(text) if span.startswith(("retrain ", "make ")))


def calls(text: str) -> Iterator[list[str]]:
    """Words of each call of `retrain`, wherever it stands in its line."""
    for command in printed(text):
        for part in re.split(r" \| |[;&`]|\$\(", command.partition("  #")[0]):
            words = part.replace('"', " ").replace("'", " ").split()
            at = next((index for index, word in enumerate(words) if _WORD.match(word)), None)
            if at is not None and len(words) > at + 1:
                yield words[at + 1 :]


@cache
def parser() -> argparse.ArgumentParser:
    return parser_of(COMMANDS)[0]


def unknown(words: list[str]) -> list[str]:
    """Commands and options of a call that there are not. A command is followed by its own ones, as in `retrain schedule run`."""
    here, rest = parser(), list(words)
    while rest and (inner := _inner(here)):
        if rest[0].startswith("-") or not rest[0].islower():
            break
        names = rest.pop(0).split("|")
        if missing := [name for name in names if name not in inner]:
            return missing
        here = inner[names[0]]
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return [option for option in options if option not in here._option_string_actions]


def _inner(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (action for action in of._actions if isinstance(action, argparse._SubParsersAction))
    return next((dict(action.choices) for action in found), {})


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_printed_command_is_there_with_its_options(page: Path) -> None:
    assert [(words, wrong) for words in calls(page.read_text()) if (wrong := unknown(words))] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_printed_target_of_make_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line.split() for line in printed(page.read_text()) if line.startswith("make ")]
    assert {words[1] for words in lines} <= targets


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("    retrain run -f a.yaml --rerun  # anew\n", []),
        ("    retrain rum -f a.yaml\n", ["rum"]),
        ("say `retrain report NAME --opens`.", ["--opens"]),
        ("`retrain schedule trigger|resume NAME`", []),
        ("`retrain schedule trigger|resumed NAME`", ["resumed"]),
        ("    cd /srv && .venv/bin/retrain schedule run --twice >>log\n", ["--twice"]),
    ],
)
def test_the_search_finds_what_is_wrong(text: str, wrong: list[str]) -> None:
    (words,) = calls(text)
    assert unknown(words) == wrong
