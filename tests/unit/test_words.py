"""Words that docs/glossary.md retired stay out of code and text.

A private word has to be explained to every reader, and a second word for one thing makes them look for a second thing.
Each word in these tables was replaced by the field's own; the replacement stands first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("operator", "trainer_image", "benchmarks", "tests")
TEXT = ("operator", "trainer_image", "benchmarks", "docs", "examples", "manifests")
SUFFIXES = (".md", ".py", ".yaml", ".lua")
EXEMPT = ("docs/experiments.md", "docs/glossary.md", "tests/unit/test_words.py")
"""What was tried is told as it was tried; the glossary and this file name the retired words."""

NAMES: dict[str, tuple[str, ...]] = {
    "requeue_at": ("look_again_at",),
    "requeue_after": ("look_later",),
    "resync": ("sweep", "sweeps", "sweeping"),
    "JobSnapshot and the like": ("SeenJob", "SeenPod", "SeenRun", "seen_job", "seen_pod", "seen_run"),
    "watch": ("class Feed",),
    "diagnostics": ("asides",),
    "unexplained": ("puzzle", "puzzles", "Puzzle"),
    "job selection": ("class Serving",),
    "Answer": ("class Word", "read_word", "write_word"),
    "Condition": ("class Said",),
    "TrainingData": ("class Problem", "problem_on"),
    "PreparedData": ("class Material", "load_material"),
    "StepIndex": ("class Moment",),
    "TrainContext": ("class Site",),
    "EvaluateContext": ("class Bench",),
    "Predictions": ("class Trial",),
    "Comparison": ("class Bout",),
    "state_dict_model": ("bare_model",),
    "log_format": ("narration",),
}
PHRASES: dict[str, tuple[str, ...]] = {
    "reconcile": ("look at a run", "look at one run", "looks at runs", "look at runs", "looked at again"),
    "on whose authority": ("by whose word",),
    "are always allowed": ("needs no leave",),
    "on record for good": ("told for good",),
    "wires together": ("these put together", "put together of"),
    "would change nothing that anyone waits for": ("tell nobody", "tells nobody", "whoever tells"),
    "they, of a person": ("he", "him", "his", "himself"),
}


def files(folders: tuple[str, ...]) -> Iterator[Path]:
    """The pages of the root, and all that people write in the folders."""
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md")
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES)


def lines_with(words: tuple[str, ...], text: str) -> list[int]:
    """Numbers of the lines in which one of the words stands by itself; sweep-seconds is another word than sweep."""
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
    if not pattern.search(text):
        return []
    return [number for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


@cache
def texts(folders: tuple[str, ...]) -> dict[str, str]:
    """Content of each file that is searched, by its path."""
    named = {str(path.relative_to(ROOT)): path for path in files(folders)}
    return {name: path.read_text() for name, path in named.items() if name not in EXEMPT}


def places(words: tuple[str, ...], folders: tuple[str, ...]) -> list[str]:
    """Where the words stand, as file:line."""
    return [f"{name}:{number}" for name, text in texts(folders).items() for number in lines_with(words, text)]


@pytest.mark.parametrize("instead", NAMES)
def test_a_retired_name_does_not_come_back(instead: str) -> None:
    assert places(NAMES[instead], (*CODE, "docs")) == []


@pytest.mark.parametrize("instead", PHRASES)
def test_a_retired_phrase_does_not_come_back(instead: str) -> None:
    assert places(PHRASES[instead], TEXT) == []


@pytest.mark.parametrize("words", [*NAMES.values(), *PHRASES.values()], ids=lambda words: words[0])
def test_the_search_finds_each_of_them(words: tuple[str, ...]) -> None:
    for word in words:
        assert lines_with(words, f"a line\nif {word}: and more\n") == [2]
        assert lines_with(words, f"{word}y un{word} {word}-seconds") == []


def test_the_search_reaches_every_room() -> None:
    found = {str(path.relative_to(ROOT)) for path in files((*CODE, *TEXT))}
    assert {"docs/operator.md", "tests/unit/test_words.py", "examples/README.md", "README.md"} <= found
    assert all((ROOT / name).is_file() for name in EXEMPT)
