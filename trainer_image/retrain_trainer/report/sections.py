"""The report of a judgement as data, in the order of whoever trades: what was asked, the verdict, the account, then what it rests on.

`sections` is the one place that decides what a report says. `render` writes it as Markdown, and `html` makes a page with
plots of it.
"""

from __future__ import annotations

from .account import account
from .advice import next_steps
from .asked import asked
from .evidence import evidence
from .facts import Facts
from .luck import luck
from .promoted import predecessor
from .provenance import lineage
from .text import Section, bullets, markdown, plain, section, when
from .verdict import title, verdict

ASKED, VERDICT, ACCOUNT, EVIDENCE = "Asked", "Verdict", "Account", "Evidence"


def render(facts: Facts) -> str:
    """The whole report as Markdown."""
    parts = [f"# {title(facts)}", subtitle(facts)]
    for part in sections(facts):
        parts += [f"## {part.title}", *map(markdown, part.blocks)]
    return "\n\n".join(parts) + "\n"


def subtitle(facts: Facts) -> str:
    """The number of the report, the run it belongs to and when it was written."""
    run = facts.task.run
    return f"Report {facts.task.number} of {plain(run.namespace)}/{plain(run.name)}, {when(facts.written_at)}"


def sections(facts: Facts) -> list[Section]:
    """Everything that the report says, in its order; a part of which nothing is known is left out."""
    found = [
        section(ASKED, asked(facts)),
        section(VERDICT, *verdict(facts)),
        section("Next steps", bullets(next_steps(facts.task, facts.judgement, facts.evaluations))),
        section(ACCOUNT, *account(facts)),
        section(EVIDENCE, *evidence(facts)),
        section("Luck", *luck(facts)),
        section("Predecessor", *predecessor(facts)),
        section("Lineage", *lineage(facts)),
    ]
    return [part for part in found if part.blocks]
