"""Formats log lines: one JSON object a line, or plain text for a terminal.

Run, schedule, symbol and reason are fields of their own, so that a log collector can show everything about one run without
parsing sentences.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_FIELDS = ("run", "schedule", "symbol", "reason")


class JsonLines(logging.Formatter):
    """A record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """A record as a line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = [str(value) for name in _FIELDS if (value := getattr(record, name, None)) is not None]
        line, *rest = super().format(record).split("\n")
        return "\n".join([line + (f"  [{' '.join(fields)}]" if fields else ""), *rest])


def configure(form: str, level: str) -> None:
    """Log to stderr. Libraries log warnings and worse only, unless the level is debug."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("kopf", "aiohttp", "asyncio", "kubernetes"):
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    # kopf warns at each start that it can't handle signals in a thread. We handle them.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
