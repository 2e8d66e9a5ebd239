"""Writes the tables of the pages in docs/ that list what the code defines: `make generate`.

Conditions, metrics and reasons are each defined once, in code; the pages have their tables between markers. With --check
it writes nothing and ends with 1 where a page differs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType

from retrain_api import reasons
from retrain_api.reasons.reason import Reason
from retrain_api.status.condition_types import CONDITION_TYPES, SCHEDULE_CONDITION_TYPES, ConditionType
from retrain_operator.controller.metrics import COUNTED_REASONS, Metrics
from retrain_operator.state.cache import Cache

DOCS = Path(__file__).resolve().parent
_MARKED = r"(<!-- generated: {name} -->\n).*?(<!-- end -->)"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; every cell is on one line."""
    lines = [head, *rows]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([text[0], "|" + "---|" * len(head), *text[1:]]) + "\n"


def condition_table(kinds: Sequence[ConditionType]) -> str:
    """Every condition type."""
    rows = [(kind.name, kind.true, kind.false, ", ".join(kind.reasons) or kind.shares) for kind in kinds]
    return table(("type", "True", "False", "reasons"), rows)


class Still:
    """A queue and watches at rest, for metrics that are only listed."""

    depth = 0

    def age(self, kind: str) -> float:
        """Nothing was heard."""
        return 0.0


def metric_table() -> str:
    """Every metric with its labels, as it was declared."""
    metrics = Metrics()
    metrics.observe(Still(), Still(), Cache(), lambda: False)
    return table(("metric", "labels", "what it measures"), _metrics(metrics))


def _metrics(metrics: Metrics) -> Iterator[tuple[str, str, str]]:
    # prometheus_client tells a collector's label names nowhere else before something is counted.
    for collector in metrics.registry._collector_to_names:
        (family,) = collector.describe()  # type: ignore[attr-defined]
        name = family.name + "_total" * (family.type == "counter")
        labels = ", ".join(collector._labelnames)  # type: ignore[attr-defined]
        yield f"`{name}`", labels, family.documentation


def reason_table(subject: ModuleType) -> str:
    """The reasons of a module, neighbours with the same meaning and mend in one row."""
    found = [value for value in vars(subject).values() if isinstance(value, Reason)]
    rows = [
        (", ".join(alike), meaning, mend)
        for (meaning, mend), alike in groupby(found, key=lambda reason: (reason.meaning, reason.mend))
    ]
    return table(("reason", "what it means", "what to do"), rows)


def parts() -> dict[str, dict[str, str]]:
    """For each page, what stands between each pair of markers."""
    return {
        "status.md": {"conditions": condition_table(CONDITION_TYPES)},
        "monitoring.md": {"metrics": metric_table(), "counted reasons": ", ".join(sorted(COUNTED_REASONS)) + "\n"},
        "troubleshooting.md": {
            "reasons, waits": reason_table(reasons.waits),
            "reasons, jobs": reason_table(reasons.jobs),
            "reasons, nodes": reason_table(reasons.nodes),
            "reasons, run": reason_table(reasons.run),
            "reasons, task": reason_table(reasons.task),
            "reasons, data": reason_table(reasons.data),
            "reasons, model": reason_table(reasons.model),
            "reasons, store": reason_table(reasons.store),
            "reasons, delivery": reason_table(reasons.delivery),
            "reasons, rejected": reason_table(reasons.rejected),
            "reasons, observation": reason_table(reasons.observation),
        },
        "schedules.md": {
            "conditions": condition_table(SCHEDULE_CONDITION_TYPES),
            "reasons, schedule": reason_table(reasons.schedule),
        },
    }


def generated(text: str, found: Mapping[str, str]) -> str:
    """A page with its generated parts as they should be. Raises ValueError where a marker is missing."""
    for name, part in found.items():
        pattern = _MARKED.format(name=re.escape(name))
        fresh = re.sub(pattern, lambda match, part=part: f"{match[1]}\n{part}\n{match[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
        if not re.search(pattern, text, flags=re.DOTALL):
            raise ValueError(f"the page has no part marked {name!r}")
        text = fresh
    return text


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    check, stale = "--check" in arguments, False
    for name, found in parts().items():
        page = DOCS / name
        before = page.read_text(encoding="utf-8")
        after = generated(before, found)
        if before == after:
            continue
        stale = True
        print(f"{'stale' if check else 'written'}: docs/{name}")
        if not check:
            page.write_text(after, encoding="utf-8")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
