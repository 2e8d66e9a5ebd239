"""Where source code spells out a reason as a literal, found in its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_WORD = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z0-9]*")


def is_word(node: ast.AST) -> bool:
    """Whether a node is a literal that could be a reason: one CamelCase word."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_WORD.fullmatch(node.value))


def _names_reason(name: str | None) -> bool:
    return name is not None and (name == "reason" or name.endswith("_reason"))


@dataclass
class Takers:
    """Of each function and class that takes a reason by position: at which. Errors inherit it from RetrainError."""

    positions: dict[str, set[int]] = field(default_factory=dict)
    parents: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, trees: Iterable[ast.Module]) -> Takers:
        """All that these modules define."""
        takers = cls()
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.ClassDef):
                takers._add_class(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
                takers._add(node.name, _parameters(node))
        return takers

    def _add(self, name: str, parameters: list[str]) -> None:
        self.positions.setdefault(name, set()).update(i for i, each in enumerate(parameters) if _names_reason(each))

    def _add_class(self, node: ast.ClassDef) -> None:
        self.parents[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
        fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
        self._add(node.name, [target.id for target in fields if isinstance(target, ast.Name)])
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                self.positions[node.name] = set()
                self._add(node.name, _parameters(each))

    def of_call(self, name: str) -> set[int]:
        """The positions of reasons among a call's arguments."""
        own = self.positions.get(name, set())
        return own or {place for parent in self.parents.get(name, []) for place in self.of_call(parent)}


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [each.arg for each in node.args.args if each.arg not in ("self", "cls")]


def literals(tree: ast.Module, takers: Takers) -> Iterator[ast.Constant]:
    """The words that stand where a reason is expected."""
    found: Mapping[tuple[int, int], ast.Constant] = {
        (word.lineno, word.col_offset): word
        for node in ast.walk(tree)
        for place in _places(node, takers)
        for word in _leaves(place)
    }
    yield from found.values()


def _leaves(node: ast.expr) -> Iterator[ast.Constant]:
    """The words that an expression may give: of `a if x else b` and `a or b` either one."""
    if isinstance(node, ast.Constant) and is_word(node):
        yield node
    elif isinstance(node, ast.IfExp):
        yield from (*_leaves(node.body), *_leaves(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (leaf for value in node.values for leaf in _leaves(value))
    elif isinstance(node, ast.Tuple | ast.Set | ast.List):
        yield from (leaf for value in node.elts for leaf in _leaves(value))


def _places(node: ast.AST, takers: Takers) -> Iterator[ast.expr]:
    """The expressions below this node that are reasons."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        yield from (node.args[place] for place in takers.of_call(name) if place < len(node.args))
        yield from (each.value for each in node.keywords if _names_reason(each.arg))
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "reason":
                yield value
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        yield from sides if any(map(_asks_for_reason, sides)) else ()
    elif isinstance(node, ast.Assign):
        yield from _assigned(node)
    elif isinstance(node, ast.Tuple):
        # Beside its sentence, as in `return "PodPending", "Waits to start."`
        yield from (first for first, second in zip(node.elts, node.elts[1:], strict=False) if _is_sentence(second))


def _assigned(node: ast.Assign) -> Iterator[ast.expr]:
    for target in node.targets:
        if isinstance(target, ast.Name) and _names_reason(target.id):
            yield node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=False)
            yield from (value for name, value in pairs if isinstance(name, ast.Name) and _names_reason(name.id))


def _asks_for_reason(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return any(isinstance(each, ast.Constant) and each.value == "reason" for each in node.args)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
    return _names_reason(name)


def _is_sentence(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):
        return any(map(_is_sentence, node.values))
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(node, ast.JoinedStr) or (isinstance(text, str) and " " in text)
