"""`retrain retry`: try again what failed for a reason outside the run, such as an expired key, and nothing else.

A new rerun token would train everything anew, and a changed pod field would say something that is not meant.
"""

from __future__ import annotations

import argparse

from retrain_api import reasons
from retrain_api.errors import ConfigurationError
from retrain_api.names import ANNOTATION_RETRY
from retrain_cli.display.failures import failed_work
from retrain_cli.inputs.run_arguments import add_run_arguments, named_run
from retrain_client.handle import RunHandle, new_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `retrain retry` takes."""
    parser.description = (
        "Tries again what failed of a run, once its cause is mended: an expired key, say, or a node that was lost. What "
        "succeeded is kept, and what is at work goes on."
    )
    add_run_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would be tried again")


def run(args: argparse.Namespace) -> int:
    """Show what failed and set a new token.

    Raises ConfigurationError("NothingToRetry"), and what `named_run` and `RunHandle.annotate` raise.
    """
    found = named_run(args)
    failed = work_to_retry(found)
    print("\n".join([f"{found.name}: {found.status.state}", *(f"  {line}" for line in failed)]))
    if args.dry_run:
        print("This would be tried again. Nothing was changed.")
        return 0
    found.annotate(ANNOTATION_RETRY, new_token())
    when = " once spec.suspend is false" if found.status.state == "Suspended" else ""
    print(f"This is tried again{when}, and what succeeded is kept. {found.next_step()}")
    return 0


def work_to_retry(run: RunHandle) -> list[str]:
    """What failed, a line each. Raises ConfigurationError("NothingToRetry"), which says how the run stands."""
    if not run.is_current:
        raise _nothing(run, " yet: the operator has not seen it as it is now; wait until it has.")
    failed = failed_work(run.status)
    if failed and not _is_refused(run):
        return failed
    state = f"its state is {run.status.state}"
    if run.status.state == "Failed":
        raise _nothing(run, f": {state}: {run.status.message}")
    raise _nothing(run, f": nothing failed; {state}.")


def _is_refused(run: RunHandle) -> bool:
    """Whether the run is refused as a whole: only another spec, or another image, gets it to work again."""
    refusals = (reasons.INVALID_RUN, reasons.IMAGE_NOT_ALLOWED)
    return any(one.type == "Ready" and one.reason in refusals for one in run.status.conditions)


def _nothing(run: RunHandle, why: str) -> ConfigurationError:
    return ConfigurationError(reasons.NOTHING_TO_RETRY, f"{run.name} has nothing to retry{why}")
