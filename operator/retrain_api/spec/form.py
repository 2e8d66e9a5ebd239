"""What a form of a text is: its pattern, the sentence for any other text, and the answers to likely ones.

From one form come the API server's CEL rule, the check of `retrain run`, and the sentence that both answer with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from retrain_api.wire import FieldError, is_admission, rule


@dataclass(frozen=True)
class Hint:
    """An answer to one way of writing something wrong.

    `found` is a pattern of the whole text, in the syntax that Python and RE2 share. In `sentence`, {} stands for the text as it
    should have been written: with the letters of `case`, the replacements made in turn, and cut to `length` characters.
    """

    found: str
    sentence: str
    case: Literal["", "lower", "upper"] = ""
    replace: tuple[tuple[str, str], ...] = ()
    length: int = 0

    def mended(self, text: str) -> str:
        """The text as it should have been written."""
        text = {"": text, "lower": text.lower(), "upper": text.upper()}[self.case]
        for old, new in self.replace:
            text = text.replace(old, new)
        return text[: self.length] if self.length else text

    def cel(self) -> str:
        """The CEL expression of the sentence."""
        mended = "self" + {"": "", "lower": ".lowerAscii()", "upper": ".upperAscii()"}[self.case]
        mended += "".join(f".replace({_quoted(old)}, {_quoted(new)})" for old, new in self.replace)
        mended += f".substring(0, {self.length})" if self.length else ""
        return f" + {mended} + ".join(_quoted(part) for part in self.sentence.split("{}"))


@dataclass(frozen=True)
class Form:
    """The form of a text: a pattern of the whole text, the sentence for any other text, and answers to the likely ones."""

    pattern: str
    sentence: str
    hints: tuple[Hint, ...] = ()

    def answer(self, text: str | int) -> str:
        """What is wrong with the text; empty where it has the form, and for the numbers that some fields take as well."""
        if not isinstance(text, str) or re.fullmatch(self.pattern, text):
            return ""
        hint = next((hint for hint in self.hints if re.fullmatch(hint.found, text)), None)
        return hint.sentence.replace("{}", hint.mended(text)) if hint else self.sentence

    @property
    def rule(self) -> dict[str, str]:
        """The CEL rule of a string field."""
        entry = rule(_matches(self.pattern), self.sentence)
        if not self.hints:
            return entry
        chosen = "".join(f"{_matches(hint.found)} ? {hint.cel()} : " for hint in self.hints)
        return entry | {"messageExpression": chosen + _quoted(self.sentence)}

    @property
    def rule_of_text_or_integer(self) -> dict[str, str]:
        """The CEL rule of a field that takes integers too."""
        entry = self.rule
        return entry | {"rule": f"type(self) != string || {entry['rule']}"}

    @property
    def check(self) -> Check:
        """What makes a field of a model have this form, here and in the schema."""
        return Check(self.rule, self.answer)

    @property
    def added_check(self) -> Check:
        """The same of a form that is stricter than in the first release."""
        return Check(self.rule, self.answer, added=True)


@dataclass(frozen=True, eq=False)
class Check:
    """Annotates a field: its CEL rule for the API server, and the same check here.

    `broken` gives the sentence for a wrong value, and an empty one for a right one. Where a rule came after the first release
    (`added`), a run that is stored already may break it: only what is written now is held to it.
    """

    cel: dict[str, str]
    broken: Callable[[Any], str]
    added: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = dict(handler(schema))
        return found | {"x-kubernetes-validations": [*found.get("x-kubernetes-validations", ()), self.cel]}

    def _checked(self, value: Any, info: ValidationInfo) -> Any:
        answer = "" if self.added and not is_admission(info) else self.broken(value)
        if answer:
            raise FieldError(self.cel | {"message": answer})
        return value


def _matches(pattern: str) -> str:
    return f"self.matches({_quoted(f'^({pattern})$')})"


def _quoted(text: str) -> str:
    """A CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return (
        "'"
        + escaped.replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\v", "\\v")
        .replace("\f", "\\f")
        .replace("\r", "\\r")
        + "'"
    )
