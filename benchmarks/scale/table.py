"""Our figures and the peers', side by side; of several measurements of ours, the peers' ratios are to the median. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from .subjects import OURS

Line = Mapping[str, Any]

STORED: dict[int, dict[str, Line]] = {
    1: {
        "Argo (stored)": {"first_child_s": {"p50": 0.033}, "complete_s": {"max": 9.2}, "requests_per_run": 37},
        "JobSet (stored)": {"first_child_s": {"p50": 0.041}, "complete_s": {"max": 9.5}, "requests_per_run": 24},
    },
    100: {
        "Argo (stored)": {
            "first_child_s": {"p50": 1.0, "p99": 3.2},
            "complete_s": {"max": 27.2},
            "requests_per_run": 35.3,
            "cpu_ms_per_run": 70,
            "rss_peak_mib": 118,
            "status_bytes": 3200,
        },
        "JobSet (stored)": {
            "first_child_s": {"p50": 4.5, "p99": 8.5},
            "complete_s": {"max": 27.5},
            "requests_per_run": 11.0,
            "cpu_ms_per_run": 28.8,
            "rss_peak_mib": 83,
            "status_bytes": 500,
        },
    },
    1000: {
        "Argo (stored)": {
            "first_child_s": {"p50": 11.3, "p99": 25.8},
            "complete_s": {"max": 260},
            "requests_per_run": 24.5,
            "cpu_ms_per_run": 71,
            "rss_peak_mib": 392,
        },
        "JobSet (stored)": {
            "first_child_s": {"p50": 71, "p99": 129},
            "requests_per_run": 9.9,
            "cpu_ms_per_run": 28.5,
            "rss_peak_mib": 322,
        },
    },
}
"""Argo Workflows 3.7.3, tuned, and JobSet 0.10.1, measured once on 2 cores of another machine."""

ROWS: tuple[tuple[str, Callable[[Line], Any]], ...] = (
    ("requests a run", lambda line: line.get("requests_per_run")),
    ("first child, median s", lambda line: line.get("first_child_s", {}).get("p50")),
    ("first child, p99 s", lambda line: line.get("first_child_s", {}).get("p99")),
    ("last one complete, s", lambda line: line.get("complete_s", {}).get("max")),
    ("controller CPU a run, ms", lambda line: line.get("cpu_ms_per_run")),
    ("peak memory, MiB", lambda line: line.get("rss_peak_mib")),
    ("latest event after what it tells, s", lambda line: line.get("event_late_s", {}).get("max")),
    ("status of a finished one, bytes", lambda line: line.get("status_bytes")),
)


def table(lines: Sequence[Line]) -> str:
    """Markdown: for each N, our figures and the others', with theirs as a multiple of ours."""
    return "\n".join(_of(runs, lines) for runs in sorted({line["runs"] for line in lines}))


def _of(runs: int, lines: Sequence[Line]) -> str:
    of_these = [line for line in lines if line["runs"] == runs]
    ours = [line for line in of_these if line["subject"] == OURS]
    others = [(line["subject"], line) for line in of_these if line["subject"] != OURS] + [*STORED.get(runs, {}).items()]
    head = [f"N = {runs}", *(OURS for _ in ours), *(name for name, _ in others)]
    rows = [_row(name, [*map(read, ours)], [read(line) for _, line in others]) for name, read in ROWS]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]) + "\n"


def _row(name: str, ours: Sequence[float | None], others: Sequence[float | None]) -> list[str]:
    known = [value for value in ours if value is not None]
    middle = median(known) if known else None
    return [name, *map(_shown, ours), *(_beside(middle, other) for other in others)]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"


def _beside(ours: float | None, other: float | None) -> str:
    if ours is None or other is None:
        return _shown(other)
    return f"{_shown(other)} ({other / ours:.2f}x)" if ours else _shown(other)
