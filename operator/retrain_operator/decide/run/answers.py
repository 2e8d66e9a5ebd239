"""Answers to a judgement that is not the one of now. They do nothing, and the status says so.

Without a word of it, whoever approved waits for a promotion that will not come: the digest that they copied was that of
other models, or the gate was changed while they looked. What is told is told again in each status, and by one event: the
condition of before remembers which answers were told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrain_api.approval import Answer, read_answer
from retrain_api.names import ANNOTATION_APPROVE, ANNOTATION_OVERRIDE, ANNOTATION_REJECT
from retrain_api.run import RetrainRun
from retrain_api.status.condition_types import ANSWER_STALE
from retrain_api.status.run import RetrainRunStatus

from .judging import Decision
from .publications import override_note

_VERBS = {ANNOTATION_OVERRIDE: "overrides", ANNOTATION_APPROVE: "approves", ANNOTATION_REJECT: "rejects"}
_DIGEST = re.compile("[0-9a-f]{16}")
_SIGNATURE = 100
"""Characters of a signature that are repeated; an annotation may have 256 KB."""


@dataclass(frozen=True)
class StaleAnswer:
    """`subject` names the answer, `sentence` says of it what is wrong and which judgement there is now."""

    subject: str
    sentence: str

    def told_in(self, status: RetrainRunStatus) -> bool:
        """Whether the status tells of this very answer."""
        return any(one.type == ANSWER_STALE and self.subject in one.message for one in status.conditions)


def stale_answers(run: RetrainRun, decision: Decision, agreed: str) -> tuple[StaleAnswer, ...]:
    """The answers that name another judgement than the one of now, where an answer could still decide something."""
    if run.spec.promotion.policy == "Never":
        return ()
    others = [(name, answer) for name, answer in _answers(run) if answer.digest != agreed]
    return tuple(
        _stale(name, answer, agreed) for name, answer in others if _could_decide(name, answer, decision, run.status)
    )


def still_stale(run: RetrainRun) -> tuple[StaleAnswer, ...]:
    """Of a run without a judgement: the answers that the status told of before and that still stand."""
    found = (_stale(name, answer, None) for name, answer in _answers(run))
    return tuple(one for one in found if one.told_in(run.status))


def _answers(run: RetrainRun) -> Iterator[tuple[str, Answer]]:
    for name in _VERBS:
        answer = read_answer(run.metadata.annotation(name))
        if answer.digest:
            yield name, answer


def _could_decide(name: str, answer: Answer, decision: Decision, status: RetrainRunStatus) -> bool:
    """An override goes beyond what the gate promotes, unless it was carried out before; the others decide what is undecided."""
    if decision.by is None:
        return True
    carried_out = any(entry.line.endswith(override_note(answer.signature)) for entry in status.history)
    return name == ANNOTATION_OVERRIDE and not decision.override and not carried_out


def _stale(name: str, answer: Answer, agreed: str | None) -> StaleAnswer:
    by = f" by {answer.signature[:_SIGNATURE]}" if answer.name or answer.reason else ""
    subject = f"{name} ({answer.digest[:32]}{by})"
    wrong = f"{_VERBS[name]} a judgement that has changed" if _DIGEST.fullmatch(answer.digest) else "names no judgement"
    return StaleAnswer(subject, f"{subject} {wrong}; {f'now: {agreed}' if agreed else 'there is none now'}.")
