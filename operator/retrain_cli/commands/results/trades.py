"""The trades of a report that is copied: its link is to a file beside it, so they are copied along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from retrain_api.errors import NotFoundError
from retrain_api.names import TRADES_FILE
from retrain_cli.inputs.results_file import read_stored

_LINKS = (f'href="{TRADES_FILE}"', f"]({TRADES_FILE})")
"""How report.html and report.md lead there."""


def with_trades(text: str, uri: str, place: Path, environ: Mapping[str, str]) -> tuple[str, dict[Path, str]]:
    """A report as it is to stand at `place`, and the file of trades for beside it.

    That is named after the report: a folder may hold several. There is none where the report at `uri` names none, or where it is gone.
    """
    beside = place.with_name(f"{place.stem}-{TRADES_FILE}")
    led = text
    for link in _LINKS:
        led = led.replace(link, link.replace(TRADES_FILE, quote(beside.name)))
    if led == text:
        return text, {}
    try:
        return led, {beside: read_stored(f"{uri.rpartition('/')[0]}/{TRADES_FILE}", environ)}
    except NotFoundError:
        return text, {}
