"""What `retrain approve` and `retrain reject` share: is there a question, what is it about, and the answer."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from retrain_api.approval import read_word, write_word
from retrain_api.errors import ConfigurationError
from retrain_api.names import ANNOTATION_APPROVE, ANNOTATION_OVERRIDE, ANNOTATION_REJECT, file_name
from retrain_api.status import FINAL_STATES, GateStatus, RetrainRunStatus
from retrain_api.wording import headline

from .known_runs import KnownRun, add_run_arguments, find_run
from .narration import figures

ANNOTATIONS = {"approve": ANNOTATION_APPROVE, "reject": ANNOTATION_REJECT, "override": ANNOTATION_OVERRIDE}
_SAID = {"approve": "Approved", "reject": "Rejected", "override": "Overridden"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, and why."""
    add_run_arguments(parser)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with your name")
    parser.add_argument("--dry-run", action="store_true", help="show what would be answered, and change nothing")


def answer(args: argparse.Namespace, verb: str) -> int:
    """Answer the run's question in the caller's name.

    Raises ConfigurationError where there is nothing to answer, SoftwareError("JudgementChanged"), and what
    `find_run` raises.
    """
    run = find_run(args)
    gate = question(run, verb)
    word = write_word(gate.digest or "", run.user(), args.reason)
    print("\n".join(shown(run.name, run.status, gate)))
    if args.dry_run:
        print(f"Nothing was changed. It would be: {ANNOTATIONS[verb]}: '{word}'")
        return 0
    run.annotate(ANNOTATIONS[verb], word)
    print(f"{_SAID[verb]} by {read_word(word).signed}. {run.carried_out()}")
    return 0


def question(run: KnownRun, verb: str) -> GateStatus:
    """The judgement to answer. Raises ConfigurationError("NothingToAnswer") with what is the case instead."""
    status = run.status
    told = f"its state is {status.state}"
    if not run.current:
        raise _nothing(run, "has changed and was not looked at since; wait for the operator, then look again.")
    if status.gate is None or status.gate.digest is None:
        raise _nothing(run, f"has no judgement yet; {told}.")
    if verb == "override":
        _require_overridable(run, status)
    elif status.state != "AwaitingApproval":
        hint = " To promote against the gate: --override." if verb == "approve" and status.state == "Rejected" else ""
        raise _nothing(run, f"waits for nobody's answer; {told}.{hint}")
    return status.gate


def _require_overridable(run: KnownRun, status: RetrainRunStatus) -> None:
    promotion = status.promotion
    measured = [entry for entry in status.symbols if entry.state == "Evaluated"]
    if status.state not in FINAL_STATES | {"AwaitingApproval"}:
        raise _nothing(run, f"is at work; its state is {status.state}.")
    if (run.spec or {}).get("promotion", {}).get("policy") == "Never":
        raise _nothing(run, "promotes nothing, because promotion.policy is Never; an override does not lift that.")
    if promotion is not None and promotion.state == "Declined":
        raise _nothing(run, f"was rejected by {promotion.by}; take that annotation away first.")
    if not measured:
        raise _nothing(run, "has no measured model.")
    if all(entry.promoted for entry in measured):
        raise _nothing(run, "has promoted every measured model already.")


def _nothing(run: KnownRun, what: str) -> ConfigurationError:
    return ConfigurationError("NothingToAnswer", f"{run.name} {what}")


def shown(name: str, status: RetrainRunStatus, gate: GateStatus) -> Iterator[str]:
    """What the answer is about: the judgement, and a line for each model."""
    yield f"{name}: {gate.verdict}, {gate.outcome}. {headline(gate.summary)}. Judgement {gate.digest}"
    for entry in status.symbols:
        yield f"  {entry.symbol}: {entry.verdict or entry.state}{figures(entry)}   {file_name(entry.model_uri)}".rstrip()
