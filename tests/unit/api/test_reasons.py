"""Every reason has its one place: what it is on the wire, that nobody spells one out, that each is used."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from support.reason_literals import Takers, is_word, literals

from retrain_api import errors, reasons
from retrain_api.errors import DataError
from retrain_api.reasons import ALL, nodes, waits
from retrain_api.reasons.reason import Polarity, Reason
from retrain_api.spec.notify import ScheduleTold, Told
from retrain_api.status.observation import ObservedState
from retrain_api.status.run import PromotionStatus, State
from retrain_api.status.schedule import ProofState, ScheduleState
from retrain_api.status.symbol import SymbolState

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = (ROOT / "operator", ROOT / "trainer_image")
SOURCES = {path: ast.parse(path.read_text()) for folder in PACKAGES for path in sorted(folder.rglob("*.py"))}
TAKERS = Takers.of(SOURCES.values())
OUTSIDE = {path: tree for path, tree in SOURCES.items() if path.parent.name != "reasons"}

STATES = {
    *get_args(State),
    *get_args(SymbolState),
    *get_args(PromotionStatus.model_fields["state"].annotation),
    *get_args(ScheduleState),
    *get_args(ProofState),
    *get_args(ObservedState),
    *get_args(Told),
    *get_args(ScheduleTold),
}
"""Words that are a state as well: a literal of theirs is a reason only where one is expected."""
OTHER_MEANINGS = {
    ("controller.py", "Superseded"): "a kind of error that is counted",
    ("metrics.py", "Superseded"): "the same kind, begun at zero",
    ("promoted_metrics.py", "Told"): "how a notification ended",
    ("criteria.py", "Distance"): "a heading",
    ("evidence.py", "Model"): "a heading",
    ("lived.py", "Promised"): "a heading",
    ("lived.py", "Wealth"): "a heading",
    ("account.py", "Drawdown"): "a heading",
    ("account.py", "PnL"): "a heading",
    ("account.py", "Trades"): "a heading",
    ("page.py", "PnL"): "a heading",
    ("asked.py", "Again"): "a heading",
    ("facts.py", "Model"): "a heading",
    ("facts.py", "Training"): "a heading",
    ("facts.py", "Question"): "a heading",
    ("facts.py", "Fee"): "a heading",
}


def spelled_out(name: str, tree: ast.Module, takers: Takers) -> list[str]:
    """Reasons that a module has as literals: where one is expected, or a word that is no state and is registered."""
    registered = set(map(str, ALL)) - STATES
    words = {word.value for word in literals(tree, takers)}
    words |= {node.value for node in ast.walk(tree) if is_word(node) and node.value in registered}  # type: ignore[attr-defined]
    return sorted(word for word in map(str, words) if (name, word) not in OTHER_MEANINGS)


def test_no_module_spells_out_a_reason() -> None:
    found = {str(path.relative_to(ROOT)): spelled_out(path.name, tree, TAKERS) for path, tree in OUTSIDE.items()}
    assert {path: words for path, words in found.items() if words} == {}


def test_each_exception_to_that_still_stands() -> None:
    found = {
        (path.name, node.value)  # type: ignore[attr-defined]
        for path, tree in OUTSIDE.items()
        for node in ast.walk(tree)
        if is_word(node)
    }
    assert set(OTHER_MEANINGS) <= found


@pytest.mark.parametrize(
    "source",
    [
        'raise DataError("Odd", f"It is odd: {x}.")',
        'raise store.Lost("Odd", sentence)',
        'Note("Odd", sentence)',
        'failed(context, "Odd", sentence)',
        'Note(reason="Odd", message=sentence)',
        'pod.replace(waiting_reason="Odd")',
        'pod.replace(waiting_reason="Odd" if late else None)',
        'entry.update({"state": state, "reason": "Odd"})',
        'again = error.reason == "Odd"',
        'again = body.get("reason") in ("Odd", None)',
        'reason = why or "Odd"',
        'reason, message = "Odd", sentence',
        'why = ("Odd", "It is odd.")',
        'table = ((r"odd|strange", DataError, "Odd", "It is odd."),)',
        'anywhere = ["NotSorted"]',
    ],
)
def test_a_literal_is_found_wherever_a_reason_stands(source: str) -> None:
    defined = """
class RetrainError(Exception):
    def __init__(self, reason: str, message: str) -> None: ...
class DataError(RetrainError): ...
class Lost(DataError): ...
class Note:
    reason: str
    message: str
def failed(context, reason, message): ...
"""
    takers = Takers.of([ast.parse(defined)])
    assert spelled_out("here.py", ast.parse(source), takers) in (["Odd"], ["NotSorted"])


@pytest.mark.parametrize(
    "source",
    [
        'state = "Training"',
        'raise DataError(reasons.NOT_SORTED, "It is not sorted.")',
        'head = ["Model", "Verdict"]',
        'same = error.reason == reasons.NOT_SORTED and state == "Odd"',
    ],
)
def test_other_words_are_left_alone(source: str) -> None:
    assert spelled_out("here.py", ast.parse(source), TAKERS) == []


def used() -> Iterator[str]:
    """Names of constants that code outside the registry and the tables of the docs refers to."""
    for path, tree in OUTSIDE.items():
        if path.parts[-2:] == ("status", "condition_types.py"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "reasons":
                yield node.attr


def test_every_reason_is_used_or_passed_through() -> None:
    names = {value: name for name, value in vars(reasons).items() if isinstance(value, Reason)}
    named = set(used())
    idle = {reason for reason in ALL if names[reason] not in named}
    assert idle == {*waits.PASSED_THROUGH, *nodes.PASSED_THROUGH_FROM_NODES}


def test_the_tree_of_errors_is_drawn_with_their_exit_codes() -> None:
    drawn = re.findall(r"── (\w+) +(\d+) ", errors.__doc__ or "")
    shown = {name: int(code) for name, code in drawn if name != "Conflict"}
    assert shown == {error.__name__: code for code, error in errors.ERRORS_BY_EXIT_CODE.items()}


def test_every_word_is_registered_once_under_its_own_name() -> None:
    assert len(ALL) == len(set(ALL))
    for name, value in vars(reasons).items():
        if isinstance(value, Reason):
            assert name == re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", value).upper()
            assert value in ALL


@pytest.mark.parametrize("reason", ALL)
def test_a_reason_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    assert reason.polarity in get_args(Polarity)
    for sentence in (reason.meaning, reason.mend):
        assert sentence.endswith(".")
        assert "|" not in sentence
        assert "\n" not in sentence


def test_on_the_wire_and_in_another_process_it_is_the_plain_word() -> None:
    reason = reasons.NOT_SORTED
    assert json.dumps({"reason": reason}) == '{"reason": "NotSorted"}'
    for copied in (str(reason), copy.deepcopy(reason), pickle.loads(pickle.dumps(reason))):
        assert type(copied) is str
        assert copied == reason == DataError(reason, "").reason
    assert {"NotSorted": 1}[reason] == 1
