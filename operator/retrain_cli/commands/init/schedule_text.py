"""The text of a schedule around the run that `retrain init` would write. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from retrain_api.names import GROUP, SCHEDULE_KIND, VERSION
from retrain_api.schema.starter import every_field, scalar

from .run_text import SCHEMA_FILE, Start, commented, spec_lines
from .timing import Timing

_DEEPER = "    "


def schedule_text(start: Start, timing: Timing, full: bool, schema: bool) -> str:
    """The schedule; of its runs the lines that matter, or every field. `schema` says whether the schema's file lies beside it."""
    spec = every_field(start.spec()) if full else "\n".join(spec_lines(start)) + "\n"
    return "\n".join([*_head(start, schema), *_top(start), *_clock(timing)]) + "\n" + textwrap.indent(spec, _DEEPER)


def _head(start: Start, schema: bool) -> Iterator[str]:
    if schema:
        yield f"# yaml-language-server: $schema={SCHEMA_FILE}"
    yield f"# Here: retrain schedule run -f {start.file}    From cron: the same with --once    Check it: retrain doctor -f {start.file}"
    yield "# On a cluster: kubectl apply -f, with data and artifacts in s3:// or on a volume."


def _top(start: Start) -> Iterator[str]:
    yield from (
        f"apiVersion: {GROUP}/{VERSION}",
        f"kind: {SCHEDULE_KIND}",
        "metadata:",
        f"  name: {scalar(start.name)}",
    )


def _clock(timing: Timing) -> Iterator[str]:
    yield "spec:"
    yield commented(f'  schedule: "{timing.cron}"', f"{timing.often}: minute, hour, day, month, day of the week")
    yield commented("  timeZone: Etc/UTC", "or yours, such as Europe/Berlin")
    if timing.test is None:
        yield "  # The files are too short to prove the recipe on the past: a walkForward would need split.test, such as 14d."
    else:
        yield commented("  walkForward:", "the same on the past first: nothing is promoted before it passes there")
        yield commented(f"    slots: {timing.slots}", f"past slots, {timing.test} or more apart")
        yield commented(
            f"    minPassed: {timing.min_passed}", "of them must pass the gate; else each promotion waits for you"
        )
    yield "  runTemplate:"
    yield commented("    spec:", "of a RetrainRun")
