"""What `retrain approve` and `retrain reject` share: find the judgement that waits, show it, and answer it.

An answer carries the judgement's digest, so it holds for exactly the models that were shown, and for no later ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from retrain_api import reasons
from retrain_api.approval import read_answer, write_answer
from retrain_api.errors import ConfigurationError
from retrain_api.formatting import headline
from retrain_api.names import ANNOTATION_APPROVE, ANNOTATION_OVERRIDE, ANNOTATION_REJECT, file_name
from retrain_api.status.condition_types import ANSWER_STALE
from retrain_api.status.run import FINAL_STATES, GateStatus, RetrainRunStatus
from retrain_cli.display.summary import figures
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import RunHandle

ANNOTATIONS = {"approve": ANNOTATION_APPROVE, "reject": ANNOTATION_REJECT, "override": ANNOTATION_OVERRIDE}
_PAST_TENSE = {"approve": "Approved", "reject": "Rejected", "override": "Overridden"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, and why."""
    add_run_arguments(parser)
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded with your name")
    parser.add_argument("--dry-run", action="store_true", help="show the answer without giving it")


def answer(args: argparse.Namespace, verb: str) -> int:
    """Answer the run's judgement in the caller's name.

    Raises ConfigurationError where there is nothing to answer, SoftwareError("JudgementChanged"), and what
    `named_run` raises.
    """
    run = named_run(args)
    gate = judgement_to_answer(run, verb)
    annotation = write_answer(gate.digest or "", run.user(), args.reason)
    print("\n".join(judgement_lines(run.name, run.status, gate)))
    if args.dry_run:
        print(f"Nothing was changed. The answer would be: {ANNOTATIONS[verb]}: '{annotation}'")
        return 0
    run.annotate(ANNOTATIONS[verb], annotation)
    print(f"{_PAST_TENSE[verb]} by {read_answer(annotation).signature}. {run.next_step()}")
    return 0


def judgement_to_answer(run: RunHandle, verb: str) -> GateStatus:
    """The judgement that the run waits on. Raises ConfigurationError("NothingToAnswer"), which says what state it is in."""
    status = run.status
    state = f"its state is {status.state}"
    if not run.is_current:
        raise _nothing(
            run, "has changed and the operator has not seen the change yet; wait until it has, then look at it again."
        )
    if status.gate is None or status.gate.digest is None:
        raise _nothing(run, f"has no judgement yet; {state}.")
    if verb == "override":
        _require_overridable(run, status)
    elif status.state != "AwaitingApproval":
        hint = " To promote against the gate: --override." if verb == "approve" and status.state == "Rejected" else ""
        raise _nothing(run, f"is not waiting for an answer; {state}.{hint}")
    return status.gate


def _require_overridable(run: RunHandle, status: RetrainRunStatus) -> None:
    promotion = status.promotion
    measured = [entry for entry in status.symbols if entry.state == "Evaluated"]
    if status.state not in FINAL_STATES | {"AwaitingApproval"}:
        raise _nothing(run, f"is still at work; its state is {status.state}.")
    if (run.spec or {}).get("promotion", {}).get("policy") == "Never":
        raise _nothing(run, "promotes nothing because promotion.policy is Never; an override does not change that.")
    if promotion is not None and promotion.state == "Declined":
        raise _nothing(run, f"was rejected by {promotion.by}; remove that annotation first.")
    if not measured:
        raise _nothing(run, "has no measured model.")
    if all(entry.promoted for entry in measured):
        raise _nothing(run, "has already promoted every measured model.")


def _nothing(run: RunHandle, why: str) -> ConfigurationError:
    return ConfigurationError(reasons.NOTHING_TO_ANSWER, f"{run.name} {why}")


def judgement_lines(name: str, status: RetrainRunStatus, gate: GateStatus) -> Iterator[str]:
    """What is being answered: the judgement, a line for each model, and what is wrong with an earlier answer."""
    yield f"{name}: {gate.verdict}, {gate.outcome}. {headline(gate.summary)}. Judgement {gate.digest}"
    for entry in status.symbols:
        yield f"  {entry.symbol}: {entry.verdict or entry.state}{figures(entry)}   {file_name(entry.model_uri)}".rstrip()
    yield from (condition.message for condition in status.conditions if condition.type == ANSWER_STALE)
