"""Nothing in the trainer can swallow a request to stop: by its type, and by how the code handles what it does not know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import retrain_api
import retrain_trainer
from retrain_api.errors import ERRORS_BY_EXIT_CODE, Interrupted, NamedEnd, RetrainError

ROOTS = [Path(package.__file__).parent for package in (retrain_api, retrain_trainer) if package.__file__]
TREES = {path.relative_to(root.parent): ast.parse(path.read_text()) for root in ROOTS for path in root.rglob("*.py")}
CATCH_IT = {"BaseException", "NamedEnd", "Interrupted"}
WHERE_A_TASK_ENDS = ("retrain_trainer/tasks/entry.py", "main")


def test_it_is_no_failure_among_failures() -> None:
    assert not issubclass(Interrupted, Exception)
    assert [error for error in ERRORS_BY_EXIT_CODE.values() if not issubclass(error, RetrainError)] == [Interrupted]
    assert all(issubclass(error, NamedEnd) for error in ERRORS_BY_EXIT_CODE.values())


def names(node: ast.expr | None) -> set[str]:
    """The types that a handler names; a bare one catches everything."""
    if node is None:
        return {"BaseException"}
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def swallowing(tree: ast.AST, function: str = "") -> Iterator[tuple[str, int]]:
    """Function and line of each place where a request to stop could get lost."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.ExceptHandler) and names(node.type) & CATCH_IT and not raises_again(node):
            yield inside, node.lineno
        if isinstance(node, ast.Try) and any(map(leaves, node.finalbody)):
            yield inside, node.lineno
        if (
            isinstance(node, ast.Call)
            and called(node) == "suppress"
            and {n for a in node.args for n in names(a)} & CATCH_IT
        ):
            yield inside, node.lineno
        if (
            isinstance(node, ast.FunctionDef)
            and node.name == "__exit__"
            and ast.unparse(node.returns or node) != "None"
        ):
            yield inside, node.lineno
        yield from swallowing(node, inside)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def leaves(statement: ast.stmt) -> bool:
    """Whether a statement leaves a `finally` block, which drops the exception on its way."""
    return any(isinstance(node, ast.Return | ast.Break | ast.Continue) for node in ast.walk(statement))


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def test_only_the_end_of_a_task_catches_it() -> None:
    found = [(path.as_posix(), name) for path, tree in TREES.items() for name, _ in swallowing(tree)]
    assert found == [WHERE_A_TASK_ENDS]


@pytest.mark.parametrize(
    "code",
    [
        "try: act()\nexcept BaseException: pass",
        "try: act()\nexcept: log()",
        "try: act()\nexcept (ValueError, Interrupted): log()",
        "def f():\n    try: act()\n    finally: return 1",
        "with suppress(BaseException): act()",
        "class C:\n    def __exit__(self, *_) -> bool: return True",
        "class C:\n    def __exit__(self, *_): return True",
    ],
)
def test_each_way_to_lose_it_is_seen(code: str) -> None:
    assert list(swallowing(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["try: act()\nexcept BaseException:\n    clean()\n    raise", "with suppress(OSError): act()"]
)
def test_what_passes_it_on_is_fine(code: str) -> None:
    assert not list(swallowing(ast.parse(code)))
