"""What a sentence says of another try is true wherever a person can read it.

A task's message is read while its Job is retried, after the last try, and of a copy that is never tried again; and a
failure is remembered, so that starting or applying the same run again does nothing. So a task promises nothing of the
kind: whether there is another try is said by who decides it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrain_api.reasons import ALL
from retrain_api.reasons.reason import Reason

ROOT = Path(__file__).resolve().parents[2]
TASKS = sorted((ROOT / "trainer_image" / "retrain_trainer").rglob("*.py"))
PROMISE = re.compile(
    r"\b(run|start|start it|started|try|tries|tried|apply|apply the run|evaluate|read it) again\b|\bbe retried\b|\bretrying\b"
)
LOGGED = {"patience.py": "%s: %s; retrying in %.1f s"}
"""Said by who decides, of a pause that follows."""
READ_ANEW = "was changed by another writer in the meantime; read it again."
"""To the caller of a conditional write, which does."""
COMMANDS = ("Conflict", "NothingToRetry", "JudgementChanged", "BadState", "StateNotRead", "StateNotWritten")
"""Reasons of commands that a person repeats."""


def sentences(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.mark.parametrize("path", TASKS, ids=[path.stem for path in TASKS])
def test_no_message_of_a_task_promises_another_try(path: Path) -> None:
    found = [text for text in sentences(path) if PROMISE.search(text)]
    assert [text for text in found if text != LOGGED.get(path.name) and not text.endswith(READ_ANEW)] == []


@pytest.mark.parametrize("reason", [reason for reason in ALL if reason not in COMMANDS])
def test_what_to_do_about_a_failure_is_a_retry_and_not_the_same_run_again(reason: Reason) -> None:
    by_itself = "tries again by itself" in reason.mend or "is tried again until" in reason.mend
    assert by_itself or not PROMISE.search(reason.mend)
    assert not re.search(r"then rerun|a rerun tries|any pod field", reason.mend)
