"""A person's word on a judgement: how it is written, and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_api.approval import Answer, read_answer, write_answer
from retrain_api.errors import ConfigurationError

DIGEST = "0123456789abcdef"
ACCOUNT = "system:serviceaccount:team:robot"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, Answer("", "", "")),
        ("", Answer("", "", "")),
        ("   ", Answer("", "", "")),
        (DIGEST, Answer(DIGEST, "", "")),
        (f"{DIGEST} by Ann", Answer(DIGEST, "Ann", "")),
        (f"{DIGEST}\tby Ann: yes\n", Answer(DIGEST, "Ann", "yes")),
        (f"{DIGEST} by Ann:", Answer(DIGEST, "Ann", "")),
        (f" {DIGEST}  by  Ann: looks right ", Answer(DIGEST, "Ann", "looks right")),
        (f"{DIGEST} by Ann: see: the report", Answer(DIGEST, "Ann", "see: the report")),
        (f"{DIGEST} by {ACCOUNT}: the nightly check", Answer(DIGEST, ACCOUNT, "the nightly check")),
    ],
    ids=[
        "no annotation",
        "an empty one",
        "blanks",
        "only a digest",
        "no reason",
        "a tab and a line break",
        "a colon without a reason",
        "blanks all over",
        "a colon in the reason",
        "colons in the name",
    ],
)
def test_a_name_ends_at_the_first_colon_that_a_blank_follows(text: str | None, word: Answer) -> None:
    assert read_answer(text) == word


@given(
    st.from_regex(r"[A-Za-z0-9_.@:/-]{1,40}", fullmatch=True).filter(lambda name: not name.endswith(":")),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(str.strip),
)
def test_what_is_written_is_read_again(name: str, reason: str) -> None:
    word = read_answer(write_answer(DIGEST, name, reason))
    assert (word.digest, word.name, word.reason) == (DIGEST, name, " ".join(reason.split()))


def test_a_reason_stays_on_one_line() -> None:
    assert write_answer(DIGEST, "ann", "looks\n  right") == f"{DIGEST} by ann: looks right"


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [("ann", " ", "--reason is empty"), ("ann: x", "why", "can't sign"), ("", "why", "can't sign")],
)
def test_a_word_needs_a_name_and_a_reason(name: str, reason: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        write_answer(DIGEST, name, reason)
